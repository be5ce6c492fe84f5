// Whether the statements that came with an attestation are genuine, are about the same model, and do not contradict it; the
// twin of attestations/attachments.py. Called after the attestation itself was believed.

import { sha256 } from "../bytes.js";
import { malformed } from "../errors.js";
import { notChecked } from "../findings.js";
import { COUNTERSIGNATURE, EVAL_PLAN, MODEL_SIGNING, NOTICE, PROVENANCE, parseStatementEnvelope } from "./frame.js";
import { checkCountersignature, checkNotice } from "./later.js";
import { checkModelSigning, checkPlan, checkProvenance } from "./named.js";

// { checks, hidden, opened } of a case, see case.js.
export async function examine(one) {
  const attached = [];
  for (const envelope of one.parts.unverifiedStatements) {
    const statement = await parseStatementEnvelope(envelope);
    if (statement.type === MODEL_SIGNING) {
      const words = `a statement of the type ${MODEL_SIGNING} has no place among a bundle's statements`;
      throw malformed("bundle.statement", words);
    }
    attached.push({ envelope, digest: await sha256(envelope.unverifiedPayload), ...statement });
  }
  const ofType = (type) => attached.filter((each) => each.type === type);
  const origin = await checkProvenance(one, ofType(PROVENANCE));
  const named = [await checkPlan(one, ofType(EVAL_PLAN)), origin.check, await checkModelSigning(one)];
  const signed = await all(ofType(COUNTERSIGNATURE), (each) => checkCountersignature(one, each));
  const heard = await all(ofType(NOTICE), (each) => checkNotice(one, each));
  const nobody = notChecked("countersignature", "no independent evaluator has signed");
  const nothing = notChecked("notices", "no notice came with it; of a later one only a fresh status can tell");
  const checks = [...named, ...(signed.length > 0 ? signed : [nobody]), ...(heard.length > 0 ? heard : [nothing])];
  return { checks, hidden: origin.hidden, opened: origin.opened };
}

async function all(items, work) {
  const found = [];
  for (const item of items) {
    found.push(await work(item));
  }
  return found;
}
