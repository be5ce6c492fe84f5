// DSSE v1.0.2: the signature is over PAE(type, payload), and what was verified is what is read. The twin of attestations/dsse.py.

import { isObject, record } from "./canonical.js";
import { concat, fromBase64, utf8 } from "./bytes.js";
import { decode } from "./documents.js";
import { cryptographic, malformed } from "./errors.js";
import { verifies } from "./keys.js";

export const IN_TOTO_PAYLOAD_TYPE = "application/vnd.in-toto+json";
const MAX_PAYLOAD = 8 * 1024 * 1024;
const MAX_SIGNATURES = 16;
const MAX_SIGNATURE_TEXT = 200;

export function pae(payloadType, payload) {
  const kind = utf8(payloadType);
  return concat([utf8(`DSSEv1 ${kind.length} `), kind, utf8(` ${payload.length} `), payload]);
}

// The trusted key that signed the payload under its type, or null.
export async function signerOf(envelope, keys) {
  const message = pae(envelope.payloadType, envelope.unverifiedPayload);
  for (const key of keys) {
    if (await verifies(key, envelope.signature, message)) {
      return key;
    }
  }
  return null;
}

// The payload of an envelope for several signers, if at least `threshold` different trusted keys signed it.
export async function verifyThreshold(envelope, keys, threshold) {
  const message = pae(envelope.payloadType, envelope.unverifiedPayload);
  const signers = new Set();
  for (const key of keys) {
    for (const signature of envelope.signatures) {
      if (await verifies(key, signature.der, message)) {
        signers.add(key.keyId);
      }
    }
  }
  if (threshold < 1 || signers.size < threshold) {
    const words = `${signers.size} of the trusted keys signed it; at least ${threshold} must`;
    throw cryptographic("signature.threshold", words);
  }
  return envelope.unverifiedPayload;
}

// An envelope of exactly one signature: { unverifiedPayload, payloadType, keyId, signature }.
export function parseEnvelope(unverified, path) {
  const { unverifiedPayload, payloadType, signatures } = parseSigned(unverified, path, MAX_PAYLOAD);
  if (signatures.length !== 1) {
    throw malformed("signature.count", "must hold exactly one signature", `${path}.signatures`);
  }
  return { unverifiedPayload, payloadType, keyId: signatures[0].keyId, signature: signatures[0].der };
}

// The same for several signers.
export function parseThresholdEnvelope(unverified, path, maxBytes) {
  const envelope = parseSigned(unverified, path, maxBytes);
  if (envelope.signatures.length > MAX_SIGNATURES) {
    throw malformed("signature.count", `must hold at most ${MAX_SIGNATURES} signatures`, `${path}.signatures`);
  }
  return envelope;
}

function parseSigned(unverified, path, maxBytes) {
  if (!isObject(unverified)) {
    throw malformed("document.type", "must be an object", path);
  }
  if (typeof unverified.payload !== "string") {
    throw malformed("document.type", "must be a string", `${path}.payload`);
  }
  const rest = Object.entries(unverified).filter(([key]) => key !== "payload");
  const frame = decode("_EnvelopeFrame", record(rest), path);
  const unverifiedPayload = fromBase64(unverified.payload, `${path}.payload`, maxBytes);
  const signatures = frame.signatures
    .slice(0, MAX_SIGNATURES + 1)
    .map((one, place) => parseSignature(one, `${path}.signatures[${place}].sig`));
  return { unverifiedPayload, payloadType: frame.payloadType, signatures };
}

function parseSignature(unverified, path) {
  if (unverified.sig.length > MAX_SIGNATURE_TEXT) {
    throw malformed("signature.too_long", "is too long for a P-256 signature", path);
  }
  return { keyId: unverified.keyid ?? "", der: fromBase64(unverified.sig, path, MAX_SIGNATURE_TEXT) };
}
