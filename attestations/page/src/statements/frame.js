// The statements that may come with an attestation, read but not believed: the in-toto frame around each, and the types that
// are known. The twin of attestations/statements/frame.py and reading.py.

import { encode, isObject, parseJson, record } from "../canonical.js";
import { hex, sha256 } from "../bytes.js";
import { disclose } from "../disclosure.js";
import { decode } from "../documents.js";
import { IN_TOTO_PAYLOAD_TYPE } from "../dsse.js";
import { malformed } from "../errors.js";
import { asciiRepr, compareTexts } from "../numbers/words.js";
import { apart } from "../rules.js";

const MAX_BYTES = 8 * 1024 * 1024;
const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const SPECIFICATIONS = "https://tuneproof.example/spec";
export const EVAL_PLAN = `${SPECIFICATIONS}/eval-plan/v0.1`;
export const PROVENANCE = "https://slsa.dev/provenance/v1";
export const MODEL_SIGNING = "https://model_signing/signature/v1.0";
export const NOTICE = `${SPECIFICATIONS}/notice/v0.1`;
export const COUNTERSIGNATURE = `${SPECIFICATIONS}/countersignature/v0.1`;
const SERIALIZATION = record([
  ["allow_symlinks", false],
  ["hash_type", "sha256"],
  ["ignore_paths", []],
  ["method", "files"],
]);

// How the predicate of each type is read: from the JSON value, and the subject that it must be about.
const READERS = {
  [EVAL_PLAN]: (value, subject) => {
    refuseOtherSubject(subject, "eval-plan");
    return decode("EvalPlan", value, "predicate");
  },
  [PROVENANCE]: (value, subject) => {
    refuseOtherSubject(subject, "model-manifest");
    return decode("Provenance", disclose(value, [], "provenance").tree, "predicate");
  },
  [MODEL_SIGNING]: readModelSigning,
  [NOTICE]: (value, subject) => {
    refuseOtherSubject(subject, "attestation");
    const notice = decode("Notice", value, "predicate");
    if (notice.supersededBy?.sha256 === subject.digest.sha256) {
      throw malformed("notice.superseded_by", "nothing supersedes itself");
    }
    return notice;
  },
  [COUNTERSIGNATURE]: (value, subject) => {
    refuseOtherSubject(subject, "attestation");
    return decode("Countersignature", value, "predicate");
  },
};

// { subject, type, tree, predicate } of an envelope that nobody has verified yet.
export async function parseStatementEnvelope(envelope) {
  if (envelope.payloadType !== IN_TOTO_PAYLOAD_TYPE) {
    throw malformed("statement.payload_type", `the payload type must be ${IN_TOTO_PAYLOAD_TYPE}`);
  }
  const { subject, type, tree } = unframe(envelope.unverifiedPayload);
  if (!Object.hasOwn(READERS, type)) {
    const words = `the type ${asciiRepr([...type].slice(0, 100).join(""))} is not one that this version reads`;
    throw malformed("statement.predicate_type", words, "statement.predicateType");
  }
  return { subject, type, tree, predicate: await READERS[type](tree, subject) };
}

function unframe(unverified) {
  const value = parseJson(unverified, "the statement", MAX_BYTES);
  const fields = isObject(value) ? Object.keys(value).sort().join(" ") : "";
  if (fields !== "_type predicate predicateType subject") {
    const words = "is an object of exactly _type, subject, predicateType and predicate";
    throw malformed("statement.fields", words, "statement");
  }
  if (value._type !== STATEMENT_TYPE) {
    throw malformed("statement.type", `must be ${STATEMENT_TYPE}`, "statement._type");
  }
  if (!Array.isArray(value.subject) || value.subject.length !== 1) {
    throw malformed("statement.subject", "must be an array of exactly one subject", "statement.subject");
  }
  if (typeof value.predicateType !== "string") {
    throw malformed("document.type", "must be a string", "statement.predicateType");
  }
  const subject = decode("Subject", value.subject[0], "statement.subject[0]");
  return { subject, type: value.predicateType, tree: value.predicate };
}

function refuseOtherSubject(subject, name) {
  const bound = (subject.digest.dirHash !== undefined) === (name === "model-manifest");
  if (subject.name !== name || !bound) {
    throw malformed("statement.subject", `must be a '${name}' with its digest`, "statement.subject[0]");
  }
}

// OpenSSF Model Signing v1.0, in the one form that binds every file and ignores none.
async function readModelSigning(value, subject) {
  const fields = isObject(value) ? Object.keys(value).sort().join(" ") : "";
  if (fields !== "resources serialization") {
    throw malformed("document.type", "is an object of exactly resources and serialization", "predicate");
  }
  if (hex(encode(value.serialization)) !== hex(encode(SERIALIZATION))) {
    const words = "must be by files, with sha256, without symbolic links, and ignore no path";
    throw malformed("model_signing.serialization", words, "predicate.serialization");
  }
  const { resources } = decode("_Resources", record([["resources", value.resources]]), "predicate");
  const names = resources.map((one) => one.name.split("/"));
  const ordered = names.every((name, place) => place === 0 || comesBefore(names[place - 1], name));
  if (names.length === 0 || !ordered || !apart(names)) {
    const words = "the resources are at least one, in the order of their paths' parts, each once";
    throw malformed("model_signing.resources", words);
  }
  const root = await rootOf(resources);
  if (subject.digest.sha256 !== root || subject.digest.dirHash !== undefined) {
    const words = "the subject's digest is not that of the resources' digests";
    throw malformed("model_signing.root", words, "statement.subject[0]");
  }
  return { resources, root };
}

function rootOf(resources) {
  const pairs = resources.map((one) => one.digest).join("").match(/../g);
  return sha256(new Uint8Array(pairs.map((pair) => Number.parseInt(pair, 16))));
}

// The order of two paths by their parts, each by code points.
function comesBefore(one, other) {
  const place = one.findIndex((part, i) => part !== other[i]);
  if (place < 0) {
    return one.length < other.length;
  }
  return place < other.length && compareTexts(one[place], other[place]) < 0;
}
