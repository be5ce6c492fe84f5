// What became of an attestation after it was issued, by a signed status list (IETF Token Status List); the twin of
// attestations/status.py. A list that is missing, expired or another one leaves the state undetermined, never valid.

import { isObject, parseRelaxedJson } from "./canonical.js";
import { fromBase64Url, utf8 } from "./bytes.js";
import { decode, shown } from "./documents.js";
import { EvidenceError, cryptographic, malformed } from "./errors.js";
import { broken, notChecked, passed, rejected, stale } from "./findings.js";
import { NotZlib, TooLarge, inflate } from "./inflate.js";
import { verifiesRaw } from "./keys.js";
import { expected } from "./kinds.js";
import { parseMoment } from "./moments.js";
import { believed } from "./trust.js";

const CODE = "status";
const TYPE = "statuslist+jwt";
const BITS = 2;
const MAX_STATES = 2 ** 20;
const MAX_TOKEN = 1024 * 1024;
const MAX_REASONS = 4096;
const MAX_LIFE = 7 * 24 * 3600;
const MAX_HEADER = 1024;
const HAND_OVER = "and give it as the status list (`--status FILE`)";
const LAST_SECOND = 253402300799;
const CLOCK_TOLERANCE = 5 * 60;
const URI = /^[^\x00-\x1f\x7f]{1,200}$/u;
const INDEX = /^(?:0|[1-9][0-9]{0,6})$/;
const VALID = 0;
const SUSPENDED = 2;
const SUPERSEDED = 3;
const WORDS = ["valid", "revoked", "suspended", "superseded"];

// The finding on the entry that a statement names. `keys` are those in the role status, `now` in milliseconds.
export async function checkStatus(ref, unverifiedJwt, keys, now) {
  if (ref === undefined) {
    return notChecked(CODE, "the statement names no status list, so a later withdrawal is not known");
  }
  if (unverifiedJwt === undefined || keys.length === 0) {
    const newer = "ask for a newer trust root: this one names no key for status lists";
    const get = keys.length === 0 ? newer : `get ${ref.uri} ${HAND_OVER}`;
    return stale(CODE, `whether it was withdrawn since is not known; ${get}`);
  }
  try {
    const { listed, key } = await expected("status", utf8(unverifiedJwt), () => readList(unverifiedJwt, keys));
    return doubtAbout(key, listed) ?? notThisList(ref, listed, now / 1000) ?? finding(ref, listed, now / 1000);
  } catch (error) {
    if (error instanceof EvidenceError && error.exitCode === 1) {
      return broken(CODE, error.sentence);
    }
    throw error;
  }
}

async function readList(unverifiedJwt, keys) {
  if (unverifiedJwt.length > MAX_TOKEN) {
    throw malformed("status.too_large", `a status list has at most ${MAX_TOKEN} characters`);
  }
  const parts = unverifiedJwt.split(".");
  if (parts.length !== 3) {
    throw malformed("status.not_jwt", "a status list is three parts with dots between them");
  }
  const hint = readHeader(exact(parts[0], "status.header", MAX_HEADER));
  const unverifiedClaims = exact(parts[1], "status.claims", MAX_TOKEN);
  const signature = exact(parts[2], "status.signature", 64);
  if (signature.length !== 64) {
    throw malformed("status.signature", "an ES256 signature has 64 bytes", "status.signature");
  }
  const key = await signerAmong(keys, signature, utf8(`${parts[0]}.${parts[1]}`));
  if (hint !== undefined && hint !== key.keyId) {
    throw malformed("status.kid", "names another key than the one that signed", "status.header.kid");
  }
  return { listed: readClaims(unverifiedClaims), key };
}

function exact(unverified, path, maxBytes) {
  if (unverified.length > Math.floor((maxBytes * 4 + 2) / 3)) {
    throw malformed("base64.too_large", `holds more than ${maxBytes} bytes`, path);
  }
  const content = fromBase64Url(unverified);
  if (content === null) {
    throw malformed("base64.not_exact", "is no exact base64url without padding", path);
  }
  return content;
}

// The key hint, if there is one. The algorithm is that of the keys: the header may only agree.
function readHeader(unverified) {
  const header = parseRelaxedJson(unverified, "the status list's header", MAX_HEADER, 2);
  if (!isObject(header)) {
    throw malformed("document.type", "must be an object", "status.header");
  }
  const fields = Object.keys(header).filter((key) => key !== "kid").sort().join(" ");
  if (fields !== "alg typ" || header.alg !== "ES256" || header.typ !== TYPE) {
    const words = `must hold "alg": "ES256" and "typ": "${TYPE}", may hold "kid", and nothing else`;
    throw malformed("status.header", words, "status.header");
  }
  if (header.kid !== undefined && header.kid !== null && typeof header.kid !== "string") {
    throw malformed("document.type", "must be a string", "status.header.kid");
  }
  return header.kid ?? undefined;
}

async function signerAmong(keys, signature, message) {
  for (const key of keys) {
    if (await verifiesRaw(key, signature, message)) {
      return key;
    }
  }
  throw cryptographic("status.signature", "no trusted status key signed the status list");
}

function readClaims(signed) {
  const claims = parseRelaxedJson(signed, "the status list", MAX_TOKEN, 4);
  refuseStrange(claims, "status", ["exp", "iat", "status_list", "sub", "ttl"], ["log", "reasons"]);
  const packed = claims.status_list;
  refuseStrange(packed, "status.status_list", ["bits", "lst"], []);
  if (packed.bits !== BITS) {
    throw malformed("status.bits", `must be ${BITS}`, "status.status_list.bits");
  }
  const [issued, expires, ttl] = ["iat", "exp", "ttl"].map((name) => seconds(claims[name], `status.${name}`));
  const listed = {
    uri: text(claims.sub, "status.sub"),
    issued,
    expires,
    ttl,
    states: readStates(text(packed.lst, "status.status_list.lst")),
    reasons: readReasons(Object.hasOwn(claims, "reasons") ? claims.reasons : Object.create(null)),
  };
  refuseImpossible(listed);
  return listed;
}

function refuseImpossible({ uri, issued, expires, ttl, states, reasons }) {
  if (!URI.test(uri)) {
    throw malformed("status.uri", "must be 1 to 200 printable characters", "status.sub");
  }
  if (states.length === 0 || states.length > MAX_STATES) {
    throw malformed("status.states", `a list has 1 to ${MAX_STATES} states of ${BITS} bits`);
  }
  if (expires <= issued || expires - issued > MAX_LIFE) {
    throw malformed("status.life", "a list ends after its beginning and within 7 days");
  }
  if (ttl === 0 || ttl > expires - issued) {
    throw malformed("status.ttl", "is positive and no longer than the list's life", "status.ttl");
  }
  for (const [index, reason] of reasons) {
    const at = `status.reasons.${index}`;
    if (index >= states.length || states[index] === VALID) {
      throw malformed("status.reasons", "gives a reason for an entry that is valid or not there", at);
    }
    if (reason.supersededBy !== undefined && states[index] !== SUPERSEDED) {
      throw malformed("status.reasons", "names a successor, but the entry is not superseded", at);
    }
  }
}

function readStates(unverified) {
  const path = "status.status_list.lst";
  const packed = inflated(exact(unverified, path, MAX_TOKEN), path, (MAX_STATES * BITS) / 8);
  const states = new Uint8Array(packed.length * 4);
  packed.forEach((byte, place) => {
    for (let i = 0; i < 4; i += 1) {
      states[4 * place + i] = (byte >> (2 * i)) & 3;
    }
  });
  return states;
}

// The bytes of exactly one zlib stream.
function inflated(unverified, path, maxBytes) {
  try {
    return inflate(unverified, maxBytes);
  } catch (error) {
    if (error instanceof TooLarge) {
      throw malformed("status.too_large", `holds more than ${maxBytes} bytes when decompressed`, path);
    }
    if (error instanceof NotZlib) {
      throw malformed("status.not_zlib", "is not exactly one whole zlib stream", path);
    }
    throw error;
  }
}

function readReasons(unverified) {
  if (!isObject(unverified) || Object.keys(unverified).length > MAX_REASONS) {
    throw malformed("status.reasons", `must be an object of at most ${MAX_REASONS}`, "status.reasons");
  }
  return new Map(
    Object.entries(unverified).map(([index, reason]) => {
      if (!INDEX.test(index)) {
        throw malformed("status.reasons", "has a key that is no index of an entry", "status.reasons");
      }
      return [Number(index), decode("StateReason", reason, `status.reasons.${index}`)];
    }),
  );
}

// Why the key is not to be believed at the time that the list claims; nothing proves that time.
function doubtAbout(key, listed) {
  const found = believed(key, moment(listed.issued));
  if (found.status === "PASS") {
    return undefined;
  }
  return { ...found, code: CODE, sentence: `the status list does not count: ${found.sentence}` };
}

function notThisList(ref, listed, now) {
  if (listed.uri !== ref.uri) {
    return stale(CODE, `the status list is another one than ${ref.uri}; get that ${HAND_OVER}`);
  }
  if (listed.issued - now > CLOCK_TOLERANCE) {
    return stale(CODE, `the status list is of ${moment(listed.issued)}, which this clock has not reached`);
  }
  return undefined;
}

function finding(ref, listed, now) {
  const expired = now >= listed.expires;
  if (ref.idx >= listed.states.length) {
    return stale(CODE, `the status list has no entry ${ref.idx}, so the state is not known`);
  }
  const state = listed.states[ref.idx];
  if (state !== VALID && !(state === SUSPENDED && expired)) {
    return rejected(CODE, stateWords(state, listed.reasons.get(ref.idx)));
  }
  if (expired) {
    return stale(CODE, `the status list ended at ${moment(listed.expires)}; get ${ref.uri} again ${HAND_OVER}`);
  }
  const [since, until] = [moment(listed.issued), moment(listed.expires)];
  return passed(CODE, `not withdrawn as of ${since}; this counts until ${until}`);
}

function stateWords(state, why) {
  if (why === undefined) {
    return `${WORDS[state]}; no reason is given`;
  }
  const by = why.supersededBy === undefined ? "" : ` by the attestation ${why.supersededBy.sha256.slice(0, 16)}…`;
  const note = why.note === undefined ? "" : ` (${why.note})`;
  return `${WORDS[state]}${by} on ${why.at}: ${why.reason.replaceAll("_", " ")}${note}`;
}

function refuseStrange(value, at, required, optional) {
  if (!isObject(value)) {
    throw malformed("document.type", "must be an object", at);
  }
  const missing = required.find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) {
    throw malformed("document.missing_field", `the field '${missing}' is missing`, at);
  }
  const unknown = Object.keys(value).filter((key) => !required.includes(key) && !optional.includes(key)).sort();
  if (unknown.length > 0) {
    throw malformed("document.unknown_field", `the field ${shown(unknown[0])} is not known here`, at);
  }
}

function seconds(unverified, at) {
  if (!Number.isSafeInteger(unverified) || unverified < 0 || unverified > LAST_SECOND) {
    throw malformed("document.type", "must be a whole number of seconds, none after the year 9999", at);
  }
  return unverified;
}

function text(unverified, at) {
  if (typeof unverified !== "string") {
    throw malformed("document.type", "must be a string", at);
  }
  return unverified;
}

function moment(at) {
  const written = new Date(at * 1000).toISOString().replace(".000Z", "Z");
  parseMoment(written);
  return written;
}
