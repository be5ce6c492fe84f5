// The in-toto Statement v1 around a resilience predicate, the manifest, the job's record and the plan: the signed documents.

import { isObject, parseJson } from "./canonical.js";
import { sha256, utf8 } from "./bytes.js";
import { disclose } from "./disclosure.js";
import { decode } from "./documents.js";
import { malformed } from "./errors.js";

const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE = "https://tuneproof.example/spec/resilience/v0.1";
const MAX_STATEMENT = 8 * 1024 * 1024;
const MAX_DOCUMENT = 4 * 1024 * 1024;

// The attestation in signed bytes, with the hidden values that these openings show: { subject, predicate, hidden, opened }.
export function parseStatement(unverified, openings) {
  const value = parseJson(unverified, "the statement", MAX_STATEMENT);
  if (!isObject(value)) {
    throw malformed("document.type", "must be an object", "statement");
  }
  const shown = disclose(value.predicate ?? null, openings, "predicate");
  const fields = Object.keys(value).sort().join(" ");
  if (fields !== "_type predicate predicateType subject") {
    const words = "has exactly _type, subject, predicateType and predicate";
    throw malformed("statement.fields", words, "statement");
  }
  if (value._type !== STATEMENT_TYPE) {
    throw malformed("statement.type", `must be ${STATEMENT_TYPE}`, "statement._type");
  }
  if (value.predicateType !== PREDICATE_TYPE) {
    throw malformed("statement.predicate_type", `must be ${PREDICATE_TYPE}`, "statement.predicateType");
  }
  if (!Array.isArray(value.subject) || value.subject.length !== 1) {
    throw malformed("statement.subject", "must be an array of exactly one subject", "statement.subject");
  }
  const subject = decode("Subject", value.subject[0], "statement.subject[0]");
  const predicate = decode("ResiliencePredicate", shown.tree, "predicate");
  refuseOtherSubject(subject, predicate);
  return { subject, predicate, hidden: shown.hidden, opened: shown.opened };
}

function refuseOtherSubject(subject, predicate) {
  const manifest = predicate.model?.manifest;
  const { sha256: digest, dirHash } = subject.digest;
  const ofModel = () =>
    subject.name === "model-manifest" && digest === manifest.digest.sha256 && dirHash === manifest.digest.dirHash;
  const ofJob = () => subject.name === "job-record" && dirHash === undefined;
  if (!(manifest === undefined ? ofJob() : ofModel())) {
    const words = "the subject is not the model, or the job, that the predicate is about";
    throw malformed("statement.subject", words);
  }
}

// { planned, hidden } of the bytes of a plan, with the hidden values that these openings show.
export function parsePlan(unverified, openings) {
  const shown = disclose(parseJson(unverified, "the plan", MAX_DOCUMENT), openings, "plan");
  return { planned: decode("Plan", shown.tree, "plan"), hidden: shown.hidden };
}

// The manifest with what follows from its files: { files, dirHash, totalBytes }.
export async function parseManifest(unverified) {
  const { files } = decode("Manifest", parseJson(unverified, "the manifest", MAX_DOCUMENT), "manifest");
  const lines = files.map((entry) => `${entry.sha256}  ${entry.name}\n`).join("");
  const totalBytes = files.reduce((sum, entry) => sum + BigInt(entry.size), 0n);
  return { files, dirHash: await sha256(utf8(lines)), totalBytes };
}
