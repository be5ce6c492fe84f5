// ECDSA P-256 keys and their signatures through WebCrypto, as strictly as attestations/keys.py reads them.
//
// A key is named by the SHA-256 of its PEM text. There is one PEM text of a P-256 key and one DER form of a signature, and
// nothing else is read: WebCrypto takes r and s side by side, so the DER is taken apart here.

import { concat, fromBase64, sha256, utf8 } from "./bytes.js";
import { EvidenceError, malformed } from "./errors.js";

const MAX_PEM_CHARACTERS = 1024;
const HEAD = "-----BEGIN PUBLIC KEY-----\n";
const FOOT = "-----END PUBLIC KEY-----\n";
// SubjectPublicKeyInfo of id-ecPublicKey on prime256v1 with an uncompressed point, up to the point's coordinates (RFC 5480).
const P256 = [
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
  0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
const SPKI_LENGTH = P256.length + 64;
const MAX_DER_SIGNATURE = 80;

// { keyId, cryptoKey } of a PEM text.
export async function loadPublicKey(unverifiedPem) {
  if ([...unverifiedPem].length > MAX_PEM_CHARACTERS) {
    throw malformed("key.too_large", "a P-256 key in PEM is far shorter");
  }
  const der = derOf(unverifiedPem);
  if (der.length !== SPKI_LENGTH || !P256.every((byte, place) => der[place] === byte)) {
    throw malformed("key.kind", "only ECDSA keys on the curve P-256 are accepted");
  }
  try {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const cryptoKey = await crypto.subtle.importKey("spki", der, algorithm, false, ["verify"]);
    return { keyId: await publicKeyId(unverifiedPem), cryptoKey };
  } catch {
    throw malformed("key.not_pem", "the key is no public key in PEM");
  }
}

export function publicKeyId(pem) {
  return sha256(utf8(pem));
}

function derOf(pem) {
  const body = pem.startsWith(HEAD) && pem.endsWith(FOOT) ? pem.slice(HEAD.length, -FOOT.length) : null;
  if (body === null) {
    throw malformed("key.not_pem", "the key is no public key in PEM");
  }
  const text = body.replaceAll("\n", "");
  const lines = text.match(/.{1,64}/g) ?? [];
  if (body !== lines.map((line) => `${line}\n`).join("")) {
    throw malformed("key.not_canonical", "the PEM text is not in its usual form: 64 columns, one newline at its end");
  }
  try {
    return fromBase64(text, "", MAX_PEM_CHARACTERS);
  } catch (error) {
    if (error instanceof EvidenceError) {
      throw malformed("key.not_pem", "the key is no public key in PEM");
    }
    throw error;
  }
}

// Whether the key made this DER signature over SHA-256 of the message.
export async function verifies(key, signature, message) {
  const raw = signature.length <= MAX_DER_SIGNATURE ? rawSignature(signature) : null;
  return raw !== null && crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key.cryptoKey, raw, message);
}

// Whether the key made these 64 bytes, r and s side by side as in a JWT (RFC 7518 section 3.4).
export async function verifiesRaw(key, signature, message) {
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  return signature.length === 64 && crypto.subtle.verify(algorithm, key.cryptoKey, signature, message);
}

// r and s as 64 bytes, or null where the bytes are not the one DER form of two positive numbers below 2^256.
function rawSignature(der) {
  if (der.length < 8 || der[0] !== 0x30 || der[1] !== der.length - 2) {
    return null;
  }
  const first = integerAt(der, 2);
  const second = first === null ? null : integerAt(der, first.end);
  return second === null || second.end !== der.length ? null : concat([first.bytes, second.bytes]);
}

function integerAt(der, start) {
  const length = der[start + 1];
  const end = start + 2 + length;
  if (der[start] !== 0x02 || !(length >= 1 && length <= 33) || end > der.length) {
    return null;
  }
  const content = der.subarray(start + 2, end);
  const padded = content[0] === 0;
  const negative = content[0] >= 0x80;
  const needless = padded && (length === 1 || content[1] < 0x80);
  if (negative || needless || (length === 33 && !padded)) {
    return null;
  }
  const digits = padded ? content.subarray(1) : content;
  const bytes = new Uint8Array(32);
  bytes.set(digits, 32 - digits.length);
  return { bytes, end };
}
