// One file of evidence, taken apart; nothing in it is verified yet. The twin of attestations/bundle.py.

import { isObject, parseJson } from "./canonical.js";
import { fromBase64 } from "./bytes.js";
import { decodeText, shown } from "./documents.js";
import { parseEnvelope } from "./dsse.js";
import { malformed } from "./errors.js";

const MEDIA_TYPE = "application/vnd.tuneproof.evidence.v1+json";
const SIGSTORE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const MAX_BYTES = 16 * 1024 * 1024;
const MAX_PART = 8 * 1024 * 1024;
const MAX_TOKEN = 64 * 1024;
const MAX_STATUS = 1024 * 1024;
const MAX_STATEMENTS = 64;
const MAX_TIMESTAMPS = 8;
const MAX_DISCLOSURES = 4096;
const OPTIONAL = ["model", "plan", "job", "statements", "timestamps", "status", "disclosures"];

export function parseBundle(unverified) {
  const value = parseJson(unverified, "the bundle", MAX_BYTES);
  const document = members(value, "bundle", ["mediaType", "primary"], OPTIONAL);
  if (document.mediaType !== MEDIA_TYPE) {
    throw malformed("bundle.media_type", `must be ${MEDIA_TYPE}`, "bundle.mediaType");
  }
  refuseEmptyParts(document, OPTIONAL, "bundle");
  const model = document.model === undefined ? {} : members(document.model, "bundle.model", [], ["manifest", "oms"]);
  refuseEmptyParts(model, ["manifest", "oms"], "bundle.model");
  const job = document.job === undefined ? {} : members(document.job, "bundle.job", ["record"]);
  refuseEmptyParts(job, ["record"], "bundle.job");
  return {
    envelope: parseSigstore(document.primary, "bundle.primary"),
    unverifiedManifest: part(model.manifest, "bundle.model.manifest"),
    unverifiedPlan: part(document.plan, "bundle.plan"),
    unverifiedJobRecord: part(job.record, "bundle.job.record"),
    unverifiedOms: model.oms === undefined ? undefined : parseSigstore(model.oms, "bundle.model.oms"),
    unverifiedStatements: items(document, "statements", MAX_STATEMENTS).map((one, place) =>
      parseSigstore(one, `bundle.statements[${place}]`),
    ),
    unverifiedTimestamps: items(document, "timestamps", MAX_TIMESTAMPS).map((one, place) =>
      timestamp(one, `bundle.timestamps[${place}]`),
    ),
    unverifiedStatus: status(document.status),
    unverifiedDisclosures: items(document, "disclosures", MAX_DISCLOSURES),
  };
}

// An empty part, or null, and an absent one would be two forms of the same bundle.
function refuseEmptyParts(document, keys, at) {
  for (const key of keys.filter((one) => Object.hasOwn(document, one))) {
    const part = document[key];
    const empty = !part || (typeof part === "object" && Object.keys(part).length === 0);
    if (empty) {
      throw malformed("bundle.empty", "must be left out where there is nothing in it", `${at}.${key}`);
    }
  }
}

function items(document, key, most) {
  const found = Object.hasOwn(document, key) ? document[key] : [];
  if (!Array.isArray(found)) {
    throw malformed("document.type", "must be an array", `bundle.${key}`);
  }
  if (found.length > most) {
    throw malformed("document.too_many", `has ${found.length} items; at most ${most} are accepted`, `bundle.${key}`);
  }
  return found;
}

function timestamp(unverified, at) {
  const found = members(unverified, at, ["over", "rfc3161"]);
  const over = decodeText("Digest", found.over, `${at}.over`);
  if (typeof found.rfc3161 !== "string") {
    throw malformed("document.type", "must be a string", `${at}.rfc3161`);
  }
  return { over, token: fromBase64(found.rfc3161, `${at}.rfc3161`, MAX_TOKEN) };
}

function status(unverified) {
  if (unverified === undefined) {
    return undefined;
  }
  if (typeof unverified !== "string" || [...unverified].length > MAX_STATUS) {
    throw malformed("document.text", `must be a JWT of 1 to ${MAX_STATUS} characters`, "bundle.status");
  }
  return unverified;
}

// The envelope in a Sigstore bundle v0.3 with a public key's hint, as every statement is kept.
export function parseSigstore(unverified, at) {
  const bundle = members(unverified, at, ["mediaType", "verificationMaterial", "dsseEnvelope"]);
  if (bundle.mediaType !== SIGSTORE_MEDIA_TYPE) {
    throw malformed("bundle.media_type", `must be ${SIGSTORE_MEDIA_TYPE}`, `${at}.mediaType`);
  }
  const materialAt = `${at}.verificationMaterial`;
  const material = members(bundle.verificationMaterial, materialAt, ["publicKey", "tlogEntries"]);
  if (!Array.isArray(material.tlogEntries) || material.tlogEntries.length > 0) {
    throw malformed("bundle.tlog_entries", "must be empty", `${materialAt}.tlogEntries`);
  }
  const { hint } = members(material.publicKey, `${materialAt}.publicKey`, ["hint"]);
  const envelope = parseEnvelope(bundle.dsseEnvelope, `${at}.dsseEnvelope`);
  if (envelope.keyId === "" || envelope.keyId !== hint) {
    throw malformed("bundle.hint", "the key hint and the envelope's keyid must be the same", materialAt);
  }
  return envelope;
}

function members(unverified, at, required, optional = []) {
  if (!isObject(unverified)) {
    throw malformed("document.type", "must be an object", at);
  }
  const missing = required.filter((key) => !Object.hasOwn(unverified, key)).sort();
  if (missing.length > 0) {
    throw malformed("document.missing_field", `the field '${missing[0]}' is missing`, at);
  }
  const unknown = Object.keys(unverified).filter((key) => !required.includes(key) && !optional.includes(key)).sort();
  if (unknown.length > 0) {
    throw malformed("document.unknown_field", `the field ${shown(unknown[0])} is not known here`, at);
  }
  return unverified;
}

function part(unverified, at) {
  if (unverified === undefined) {
    return undefined;
  }
  if (typeof unverified !== "string") {
    throw malformed("document.type", "must be a string", at);
  }
  return fromBase64(unverified, at, MAX_PART);
}
