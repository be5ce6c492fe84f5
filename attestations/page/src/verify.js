// Whether a stranger may believe a bundle: the argument of attestations/verify.py, step by step, with the same codes.
//
// Nothing here touches the page, the network or the clock. What a browser cannot check (the model's files, RFC 3161
// timestamps, the buyer's policy) says NOT_CHECKED and why. A document that cannot be read at all is an EvidenceError.

import { boundPlan, checkSubject } from "./binding.js";
import { parseBundle } from "./bundle.js";
import { sha256 } from "./bytes.js";
import { parseDisclosures, verifyItem } from "./disclosure.js";
import { IN_TOTO_PAYLOAD_TYPE, signerOf } from "./dsse.js";
import { CRYPTOGRAPHIC, EvidenceError, cryptographic, malformed } from "./errors.js";
import { broken, notChecked, overall, passed, rejected, stale } from "./findings.js";
import { expected } from "./kinds.js";
import { parseMoment } from "./moments.js";
import { rowName } from "./numbers/claims.js";
import { parseStatement } from "./statement.js";
import { examine } from "./statements/attachments.js";
import { checkStatus } from "./status_list.js";
import { GET_NEWEST, believed, freshness, keysOf, parseTrust } from "./trust.js";
import { recompute } from "./numbers/recompute.js";

const CLOCK_TOLERANCE = 5 * 60 * 1000;

const NOT_YET = [
  notChecked("log.inclusion", "the evidence is in no transparency log, so a second version for others would not show"),
  notChecked("log.completeness", "nothing shows that no other run of this plan exists"),
];

// The report on the bytes of a bundle under the bytes of a trust root, as of `now` (milliseconds since 1970). `status` are the
// bytes of a newer status list than the bundle's own.
export async function verify({ bundle, trust, status, now }) {
  const root = await expected("trust", trust, () => parseTrust(trust));
  const parts = await expected("bundle", bundle, () => parseBundle(bundle)); // step 1
  const key = await signerOf(parts.envelope, keysOf(root, "issuer")); // step 2
  if (key === null) {
    const why = "the trust root knows no key for the evidence, or somebody changed it";
    const words = `no trusted key made this signature over these bytes: ${why}; ${GET_NEWEST}`;
    const rest = notChecked("statement", "nothing in the bundle is believed without a valid signature");
    return report([broken("signature", words), rest]);
  }
  if (parts.envelope.payloadType !== IN_TOTO_PAYLOAD_TYPE) {
    throw malformed("statement.payload_type", `the payload type must be ${IN_TOTO_PAYLOAD_TYPE}`);
  }
  const opened = await parseDisclosures(parts.unverifiedDisclosures);
  const shown = await read(parts, opened); // step 3
  const { subject, predicate, planned } = shown;
  const attestation = await sha256(parts.envelope.unverifiedPayload);
  const known = { parts, subject, predicate, planned, root, now, attestation, hidden: shown.hidden };
  const attached = await examine({ ...known, openings: opened.provenance });
  const newest = status === undefined ? parts.unverifiedStatus : await expected("status", status, () => tokenIn(status));
  const again = recompute(planned, predicate);
  const checks = [
    passed("signature", `signed by the trusted key ${key.keyId.slice(0, 16)}…`),
    ...whoAndWhen(root, key, predicate), // step 4
    await signingTime(parts, root),
    ...(await checkSubject(parts, subject, predicate)), // steps 5 and 6
    ...shown.bound, // step 7
    ...attached.checks,
    disclosures(shown, opened, attached),
    await checkStatus(predicate.status, newest, keysOf(root, "status"), now), // step 8
    ...again.checks, // steps 9, 10 and 11
    outcome(predicate, again),
    validity(predicate, now), // step 12
    freshness(root, now),
  ];
  const hidden = [...shown.hidden, ...shown.hiddenInPlan, ...attached.hidden];
  const found = report([...checks, ...NOT_YET]);
  return { ...found, ...again, checks: found.checks, level: levelOf(checks), keyId: key.keyId, subject, predicate, planned, hidden };
}

// 0, signed by the issuer; null where it is not, or where somebody else may have had the key.
function levelOf(checks) {
  const believedBy = ["signature", "issuer", "key.validity"];
  return checks.every((check) => !believedBy.includes(check.code) || check.status === "PASS") ? 0 : null;
}

// A status list as it is served: one line of ASCII.
function tokenIn(bytes) {
  if (bytes.some((byte) => byte > 0x7f)) {
    throw malformed("status.not_jwt", "the status list is none: it is not ASCII text");
  }
  return new TextDecoder().decode(bytes).trim();
}

// Statement and plan with what the bundle opens of them; where an opening does not fit, without any, and `misfit` says why.
async function read(parts, opened) {
  try {
    const stated = parseStatement(parts.envelope.unverifiedPayload, opened.predicate);
    const bound = await boundPlan(parts, stated.predicate, opened.plan);
    if (bound.planned === undefined && opened.plan.length > 0) {
      throw cryptographic("disclosure.not_hidden", "values of a plan are opened that is not there");
    }
    for (const item of opened.items) {
      await verifyItem(item, stated.predicate.outputs);
    }
    return { ...stated, ...bound };
  } catch (error) {
    if (!(error instanceof EvidenceError) || error.exitCode !== CRYPTOGRAPHIC) {
      throw error;
    }
    const stated = parseStatement(parts.envelope.unverifiedPayload, []);
    return { ...stated, ...(await boundPlan(parts, stated.predicate, [])), misfit: error.message };
  }
}

function disclosures(shown, opened, attached) {
  if (shown.misfit !== undefined) {
    return broken("disclosures", shown.misfit);
  }
  const hidden = [...shown.hidden, ...shown.hiddenInPlan, ...attached.hidden];
  const seen = shown.opened.length + opened.plan.length + attached.opened.length;
  let words = hidden.length > 0 ? `${hidden.length} values are hidden` : "nothing is hidden from this reader";
  if (hidden.length > 0) {
    const more = hidden.length > 5 ? ` and ${hidden.length - 5} more` : "";
    words += `: ${hidden.slice(0, 5).join(", ")}${more}`;
  }
  words += seen > 0 ? `; ${seen} hidden values are opened here` : "";
  words += opened.items.length > 0 ? `; ${opened.items.length} single answers are shown as they were kept` : "";
  return passed("disclosures", words);
}

// Timestamps (RFC 3161) are X.509 and CMS, which the page does not read: as on a command line without that extra.
async function signingTime(parts, root) {
  const code = "time.signing";
  const others = [...parts.unverifiedStatements, ...(parts.unverifiedOms === undefined ? [] : [parts.unverifiedOms])];
  const elsewhere = await Promise.all(others.map((envelope) => sha256(envelope.signature)));
  const stamps = parts.unverifiedTimestamps.filter((one) => !elsewhere.includes(one.over));
  if (stamps.length === 0) {
    return notChecked(code, "the time of signing is the issuer's word; no timestamp proves it");
  }
  if (root.timestampAuthorities.length === 0) {
    return notChecked(code, "the trust root names no timestamp authority, so no timestamp was checked");
  }
  const signature = await sha256(parts.envelope.signature);
  if (stamps.some((one) => one.over !== signature)) {
    return broken(code, "a timestamp does not hold: it is over another signature");
  }
  return notChecked(code, "there is a timestamp, and a web page does not check it; `tuneproof verify` does");
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

// Which dates of the statement cannot all be true: who back-dates one forgets another.
function impossibleTimes({ tuning, issuedAt }) {
  const ended = tuning?.finishedAt;
  if (ended === undefined) {
    return undefined;
  }
  if (parseMoment(ended) - parseMoment(issuedAt) > CLOCK_TOLERANCE) {
    return `it is dated ${issuedAt}, before the end of the tuning that it tells of, ${ended}`;
  }
  if (tuning.startedAt !== undefined && parseMoment(tuning.startedAt) > parseMoment(ended)) {
    return `its tuning began on ${tuning.startedAt}, and ended before that`;
  }
  return undefined;
}

function validity(predicate, now) {
  const impossible = impossibleTimes(predicate);
  if (impossible !== undefined) {
    return rejected("validity", impossible);
  }
  const begin = Math.max(parseMoment(predicate.validFrom), parseMoment(predicate.issuedAt));
  if (begin - now > CLOCK_TOLERANCE) {
    return stale("validity", `it begins at ${predicate.validFrom}, which this clock has not reached`);
  }
  if (now > parseMoment(predicate.validUntil)) {
    return stale("validity", `it ended at ${predicate.validUntil}; ask for newer evidence`);
  }
  return passed("validity", `valid until ${predicate.validUntil}`);
}
