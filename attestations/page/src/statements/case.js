// The one way in which a signature on an attached statement is believed; the twin of attestations/statements/case.py.
//
// A case is what is known by now: { parts, predicate, subject, planned, root, now, attestation, hidden, openings }.

import { signerOf } from "../dsse.js";
import { broken, stale } from "../findings.js";
import { parseMoment } from "../moments.js";
import { GET_NEWEST, believed } from "../trust.js";

export const CLOCK_TOLERANCE = 5 * 60 * 1000;

// What a reader calls the statement that a check is about.
const NAMES = {
  "plan.statement": "the signed plan",
  provenance: "the provenance",
  "model.signing": "model.sig",
  countersignature: "the countersignature",
  notices: "the notice",
};

// { key } in one of these roles that made the signature in its time, or { finding } of what is wrong, under this code.
export async function believe(one, envelope, code, roles, claimed) {
  if (parseMoment(claimed) - one.now > CLOCK_TOLERANCE) {
    return { finding: stale(code, `is dated ${claimed}, which this clock has not reached`) };
  }
  const key = await signerOf(envelope, one.root.keys.filter((each) => roles.includes(each.role)));
  if (key === null) {
    return { finding: broken(code, await whyNobody(one, envelope, roles, NAMES[code])) };
  }
  const found = believed(key, claimed);
  return found.status === "PASS" ? { key } : { finding: { ...found, code } };
}

async function whyNobody(one, envelope, roles, what) {
  const other = await signerOf(envelope, one.root.keys.filter((each) => !roles.includes(each.role)));
  if (other === null) {
    const why = `the trust root knows no key for ${what}, or somebody changed it`;
    return `no trusted key made its signature over these bytes: ${why}; ${GET_NEWEST}`;
  }
  return `${what} is signed by a key in the role ${other.role}, which may not say this`;
}
