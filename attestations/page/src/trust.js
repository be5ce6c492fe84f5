// The trust root: which keys are believed, for what, and in which time. The twin of attestations/trust.py, both formats.

import { isObject, parseJson } from "./canonical.js";
import { decode } from "./documents.js";
import { parseThresholdEnvelope, verifyThreshold } from "./dsse.js";
import { malformed } from "./errors.js";
import { broken, notChecked, passed, stale } from "./findings.js";
import { loadPublicKey, publicKeyId } from "./keys.js";
import { parseMoment } from "./moments.js";

const MEDIA_TYPE = "application/vnd.tuneproof.trust.v1+json";
const PAYLOAD_TYPE = "application/vnd.tuneproof.trust-root.v2+json";
const MAX_BYTES = 256 * 1024;
const MAX_KEYS = 64;
const MAX_AUTHORITIES = 16;
// What helps where a signature was made by a key that the trust root does not know.
export const GET_NEWEST = "get the issuer's newest trust root (`tuneproof trust update`)";
const ISSUER_OWN = ["root", "issuer", "status"];

// The trust root in a file: { version, issuer, keys, threshold, … }, each key with its `cryptoKey` beside what it says.
export async function parseTrust(unverified) {
  const value = parseJson(unverified, "the trust root", MAX_BYTES);
  if (isObject(value) && Object.hasOwn(value, "payloadType")) {
    return parseSigned(value);
  }
  const file = decode("_FileV1", value, "trust");
  const root = { ...file, threshold: 0, timestampAuthorities: [] };
  refuseOtherFormat(file);
  return loaded(root);
}

function refuseOtherFormat(file) {
  if (file.mediaType !== MEDIA_TYPE) {
    throw malformed("trust.media_type", `the media type must be ${MEDIA_TYPE}`, "trust");
  }
  const later = (key) => key.role !== "issuer" || key.compromisedAt !== undefined || key.owner !== undefined;
  if (file.keys.some(later)) {
    const words = "a trust root of format 1 has keys in the role issuer alone, without compromisedAt and owner";
    throw malformed("trust.format_1", words, "trust");
  }
}

async function parseSigned(value) {
  const envelope = parseThresholdEnvelope(value, "trust", MAX_BYTES);
  if (envelope.payloadType !== PAYLOAD_TYPE) {
    throw malformed("trust.payload_type", `must be ${PAYLOAD_TYPE}`, "trust.payloadType");
  }
  const payload = parseJson(envelope.unverifiedPayload, "the trust root's payload", MAX_BYTES);
  const root = await loaded({ ...decode("TrustRoot", payload, "trust") });
  if (root.threshold < 1) {
    throw malformed("trust.threshold", "must be at least 1", "trust.threshold");
  }
  await verifyThreshold(envelope, countingRootKeys(root), root.threshold);
  return root;
}

// What the dataclasses refuse beyond their shapes, with every key read once.
async function loaded(root) {
  const keys = [];
  for (const [place, key] of root.keys.entries()) {
    const at = `trust.keys[${place}]`;
    if ((await publicKeyId(key.publicKeyPem)) !== key.keyId) {
      throw malformed("trust.key_id", "the key id is not the SHA-256 of the PEM text", at);
    }
    refuseBadKey(key, at);
    keys.push({ ...key, ...(await loadPublicKey(key.publicKeyPem)) });
  }
  const distinct = new Set(keys.map((key) => key.keyId)).size;
  if (keys.length === 0 || keys.length > MAX_KEYS || distinct !== keys.length) {
    throw malformed("trust.keys", `there are 1 to ${MAX_KEYS} keys, each once`, "trust");
  }
  if (root.version < 1) {
    throw malformed("trust.version", "must be at least 1", "trust.version");
  }
  refuseBadAuthorities(root.timestampAuthorities);
  const made = { ...root, keys };
  if (made.threshold > 0 || made.createdAt !== undefined || made.expiresAt !== undefined) {
    refuseUnsignable(made);
  }
  return made;
}

function refuseBadKey(key, at) {
  refuseBackwards(key.validFrom, key.validUntil, "the key", at);
  if (key.compromisedAt !== undefined) {
    parseMoment(key.compromisedAt);
  }
  if (key.owner === undefined && !ISSUER_OWN.includes(key.role)) {
    throw malformed("trust.owner", `a key in the role ${key.role} needs the owner that it belongs to`, at);
  }
}

function refuseBadAuthorities(authorities) {
  authorities.forEach((one) => refuseBackwards(one.validFrom, one.validUntil, "the timestamp authority", "trust"));
  const distinct = new Set(authorities.map((one) => one.id)).size;
  if (authorities.length > MAX_AUTHORITIES || distinct !== authorities.length) {
    const words = `there are at most ${MAX_AUTHORITIES} timestamp authorities, each under its own id`;
    throw malformed("trust.timestamp_authorities", words, "trust");
  }
}

function refuseUnsignable(root) {
  if (root.createdAt === undefined || root.expiresAt === undefined) {
    throw malformed("trust.validity", "a signed trust root says when it was made and when it expires", "trust");
  }
  refuseBackwards(root.createdAt, root.expiresAt, "the trust root", "trust");
  const usable = countingRootKeys(root).length;
  if (root.threshold < 1 || root.threshold > usable) {
    const words = `the threshold is ${root.threshold}; it must be 1 to ${usable}, the root keys that count at this time`;
    throw malformed("trust.threshold", words, "trust");
  }
}

function refuseBackwards(start, end, what, at) {
  if (parseMoment(start) > parseMoment(end)) {
    throw malformed("trust.validity", `${what} ends before it begins`, at);
  }
}

export function covers(key, at) {
  return parseMoment(key.validFrom) <= at && at <= parseMoment(key.validUntil);
}

export function keysOf(root, role) {
  return root.keys.filter((key) => key.role === role);
}

function countingRootKeys(root) {
  const made = parseMoment(root.createdAt);
  return keysOf(root, "root").filter((key) => key.compromisedAt === undefined && covers(key, made));
}

// Whether what a key signed is believed as signed in the key's time. The page proves no time, so a compromised key is not
// believed for anything: at best it is undetermined.
export function believed(key, claimed) {
  const at = parseMoment(claimed);
  if (!covers(key, at)) {
    const words = `the key is believed from ${key.validFrom} to ${key.validUntil} only; the statement says ${claimed}`;
    return broken("key.validity", words);
  }
  if (key.compromisedAt === undefined) {
    return passed("key.validity", `the key was valid on ${claimed}`);
  }
  if (at < parseMoment(key.compromisedAt)) {
    const words = `the key was compromised on ${key.compromisedAt}, and nothing proves that this was signed before`;
    return stale("key.validity", words);
  }
  return broken("key.validity", `the key was compromised on ${key.compromisedAt}, before this was signed`);
}

// Whether this trust root may still be the newest one.
export function freshness(root, now) {
  if (root.expiresAt === undefined) {
    const words = `version ${root.version} of the trust root names no expiry, so nobody can tell whether a newer one exists`;
    return notChecked("trust.root", words);
  }
  if (parseMoment(root.expiresAt) < now) {
    const words = `version ${root.version} of the trust root expired on ${root.expiresAt}; get its successors`;
    return stale("trust.root", words);
  }
  return passed("trust.root", `version ${root.version} of the trust root holds until ${root.expiresAt}`);
}
