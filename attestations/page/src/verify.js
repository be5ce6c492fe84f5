// Whether a stranger may believe a bundle: the argument of attestations/verify.py, step by step, with the same codes.
//
// Nothing here touches the page, the network or the clock. What a browser cannot check (the model's files, RFC 3161
// timestamps, the buyer's policy) says NOT_CHECKED and why. A document that cannot be read at all is an EvidenceError.

import { parseBundle } from "./bundle.js";
import { sha256 } from "./bytes.js";
import { IN_TOTO_PAYLOAD_TYPE, signerOf } from "./dsse.js";
import { malformed } from "./errors.js";
import { broken, notChecked, overall, passed, rejected, stale } from "./findings.js";
import { parseMoment } from "./moments.js";
import { rowKey, same } from "./rules.js";
import { parseManifest, parsePlan, parseStatement } from "./statement.js";
import { believed, keysOf, parseTrust } from "./trust.js";
import { recompute } from "./numbers/recompute.js";

const CLOCK_TOLERANCE = 5 * 60 * 1000;

const NOT_YET = [
  notChecked("time.signing", "when it was signed is the issuer's word; no timestamp authority vouches for it"),
  notChecked("log.inclusion", "the evidence is in no transparency log, so a second version for others would not show"),
  notChecked("log.completeness", "nothing shows that no other run of this plan exists"),
  notChecked("countersignature", "no independent evaluator has signed"),
  notChecked("status", "whether it was withdrawn later cannot be seen offline"),
];

// The report on the bytes of a bundle under the bytes of a trust root, as of `now` (milliseconds since 1970).
export async function verify({ bundle, trust, now }) {
  const root = await parseTrust(trust);
  const parts = parseBundle(bundle); // step 1
  const key = await signerOf(parts.envelope, keysOf(root, "issuer")); // step 2
  if (key === null) {
    const words = "no trusted key made this signature over these bytes";
    const rest = notChecked("statement", "nothing in the bundle is believed without a valid signature");
    return report([broken("signature", words), rest]);
  }
  if (parts.envelope.payloadType !== IN_TOTO_PAYLOAD_TYPE) {
    throw malformed("statement.payload_type", `the payload type must be ${IN_TOTO_PAYLOAD_TYPE}`);
  }
  const { subject, predicate } = parseStatement(parts.envelope.unverifiedPayload); // step 3
  const checks = [passed("signature", `signed by the trusted key ${key.keyId.slice(0, 16)}…`)];
  checks.push(...whoAndWhen(root, key, predicate)); // step 4
  checks.push(...(await what(parts, subject, predicate))); // steps 5 and 6
  const bound = await boundPlan(parts, predicate); // step 7
  checks.push(...bound.checks);
  const again = recompute(bound.planned, predicate); // steps 8, 9 and 10
  checks.push(...again.checks, outcome(predicate, again), validity(predicate, now)); // steps 10 and 11
  const found = report([...checks, ...NOT_YET]);
  return { ...found, ...again, checks: found.checks, level: 0, keyId: key.keyId, subject, predicate, planned: bound.planned };
}

function report(checks) {
  return { checks, exitCode: overall(checks), level: null, judged: [], findings: [] };
}

function whoAndWhen(root, key, predicate) {
  const issuer =
    predicate.issuer.id === root.issuer
      ? passed("issuer", `the issuer is ${root.issuer}, as the trust root says`)
      : broken("issuer", "the statement names another issuer than the trust root");
  return [issuer, believed(key, predicate.issuedAt)];
}

async function what(parts, subject, predicate) {
  const manifest = predicate.model?.manifest;
  if (manifest === undefined) {
    return aboutJob(parts, subject);
  }
  const content = parts.unverifiedManifest;
  const bound = content !== undefined && (await sha256(content)) === subject.digest.sha256;
  if (!bound || hasContent(parts.unverifiedJobRecord)) {
    const unbound = "the model was not compared: the bundle's manifest is not the subject's";
    const words = "the manifest in the bundle is not the one that was signed for";
    return [broken("subject", words), notChecked("model.files", unbound)];
  }
  const listed = await parseManifest(content);
  const counted = listed.files.length === manifest.files && listed.totalBytes === BigInt(manifest.bytes);
  if (listed.dirHash !== manifest.digest.dirHash || !counted) {
    return [broken("subject", "the statement's dirHash, file count or size is not that of its manifest")];
  }
  const words = `it is about the manifest of ${manifest.files} files, ${manifest.bytes} bytes`;
  const files = "a web page is given no model directory to compare; `tuneproof verify --model` compares it";
  return [passed("subject", words), notChecked("model.files", files)];
}

async function aboutJob(parts, subject) {
  const content = parts.unverifiedJobRecord;
  const bound = content !== undefined && (await sha256(content)) === subject.digest.sha256;
  if (!bound || hasContent(parts.unverifiedManifest)) {
    return [broken("subject", "the job record in the bundle is not the one that was signed for")];
  }
  return [passed("subject", "it is about the record of a job that made no model")];
}

function hasContent(part) {
  return part !== undefined && part.length > 0;
}

async function boundPlan(parts, predicate) {
  const content = parts.unverifiedPlan;
  if (predicate.plan === undefined) {
    const words = "the bundle holds a plan that the statement does not name";
    const none = notChecked("plan", "the job ended before it had a plan");
    return { checks: [content === undefined ? none : broken("plan", words)] };
  }
  if (content === undefined || (await sha256(content)) !== predicate.plan.digest.sha256) {
    return { checks: [broken("plan", "the plan in the bundle is not the one that was signed for")] };
  }
  const planned = parsePlan(content);
  const strays = straysFrom(planned, predicate);
  if (strays.length > 0) {
    return { planned, checks: [rejected("plan", `the plan is about another ${strays.join(", ")}`)] };
  }
  const words = `${planned.rows.length} rows, their margins and the gate were fixed in the plan`;
  return { planned, checks: [passed("plan", words), planTime(planned, predicate)] };
}

function planTime(planned, predicate) {
  const began = predicate.tuning?.startedAt;
  if (began === undefined) {
    const words = "the statement does not say when the tuning began, so the plan may be younger";
    return notChecked("plan.time", words);
  }
  const words = `made on ${planned.createdAt}, the tuning began on ${began}, by the issuer's clock`;
  return passed("plan.time", words);
}

// What the statement says otherwise than its plan. Where a gate has decided, saying nothing is saying otherwise.
function straysFrom(planned, predicate) {
  const { model, data, tuning } = predicate;
  const decided = predicate.outcome.gate !== undefined;
  const served = model?.served;
  const pairs = [
    ["base", planned.base.manifest, model?.base.manifest],
    ["data set", planned.datasets, data?.datasets],
    ["chat template", planned.decoding.chatTemplate, served?.chatTemplate],
  ];
  const strays = pairs
    .filter(([, wanted, said]) => !same(said, wanted) && (decided || said !== undefined))
    .map(([name]) => name);
  if (served !== undefined && !same(served.systemPrompt, planned.decoding.systemPrompt)) {
    strays.push("system prompt");
  }
  if (tuning !== undefined && tuning.method !== (planned.tuning.technique ?? tuning.method)) {
    strays.push("technique");
  }
  if (tuning !== undefined && tuning.seed !== (planned.seeds.training ?? tuning.seed)) {
    strays.push("seed");
  }
  const made = parseMoment(planned.createdAt);
  const began = tuning?.startedAt;
  if (began !== undefined && made - parseMoment(began) > CLOCK_TOLERANCE) {
    strays.push("time: it was made after the tuning began");
  }
  const said = [predicate.issuedAt, ...(predicate.reviews ?? []).map((one) => one.at)];
  if (said.some((at) => made - parseMoment(at) > CLOCK_TOLERANCE)) {
    strays.push("time: it was made after what it should have fixed");
  }
  return strays;
}

export function rowName(row) {
  const [metric, suite, slice] = rowKey(row);
  return slice === "*" ? `${metric} on ${suite}` : `${metric} on ${suite} / ${slice}`;
}

function outcome(predicate, again) {
  const { status, error } = predicate.outcome;
  const reviewed = (predicate.reviews ?? []).length > 0;
  if (status === "released") {
    const who = reviewed ? "a review released the model that the gate had held" : "the gate released the model";
    return passed("outcome", `${who}${reservations(again.judged)}`);
  }
  if (status === "blocked") {
    const reasons = (again.decision?.reasons ?? []).join("; ");
    const who = reviewed ? "a review blocked the model that the gate had held" : "the gate blocked the model";
    return rejected("outcome", reasons ? `${who}: ${reasons}` : who);
  }
  const why = error === undefined ? "" : `: ${error.message} (${error.code})`;
  return rejected("outcome", `the job ${status === "cancelled" ? "was cancelled" : "failed"}${why}`);
}

function reservations(judged) {
  const named = (rows) => rows.map((row) => rowName(row.registered)).join(", ");
  const worse = judged.filter((row) => row.verdict === "regressed");
  const unseen = judged.filter(
    (row) => row.registered.role === "gating" && ["not_measurable", "not_run"].includes(row.verdict),
  );
  const lost = worse.length > 0 ? `, though it regressed (its policy lets that pass): ${named(worse)}` : "";
  const open = `, though it was not measured (its policy lets that pass): ${named(unseen)}`;
  return `${lost}${unseen.length > 0 ? open : ""}`;
}

function validity(predicate, now) {
  const begin = Math.max(parseMoment(predicate.validFrom), parseMoment(predicate.issuedAt));
  if (begin - now > CLOCK_TOLERANCE) {
    return stale("validity", `it begins at ${predicate.validFrom}, which this clock has not reached`);
  }
  if (now > parseMoment(predicate.validUntil)) {
    return stale("validity", `it ended at ${predicate.validUntil}; ask for newer evidence`);
  }
  return passed("validity", `valid until ${predicate.validUntil}`);
}
