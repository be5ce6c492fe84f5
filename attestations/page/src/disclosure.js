// Selective disclosure: a value of a signed document may be a salted commitment, and a bundle may open some of them. The twin
// of attestations/disclosure.py; what may not be hidden at all is in shapes.js.

import { encode, isObject, record } from "./canonical.js";
import { concat, sha256, utf8 } from "./bytes.js";
import { HIDDEN, decode } from "./documents.js";
import { cryptographic, malformed } from "./errors.js";
import { SCOPES } from "./shapes.js";
import { formatPath, parsePath, parsePattern, related } from "./value_paths.js";

const ALGORITHM = "sha256-jcs-salted-v1";
const COMMITMENT_KEY = "$commit";
const MAX_OPENINGS = 4096;
const MAX_ITEMS = 1024;
const MAX_LINE_BYTES = 256 * 1024;
const MAX_TREE_DEPTH = 24;
const MAX_LEAVES = 2 ** 24;
const WITHOUT_COMMITMENTS = ["0.1.0", "0.2.0"];
const SALT = /^[0-9a-f]{32}$/;
const LIMITS = Object.fromEntries(
  Object.entries(SCOPES).map(([name, { at, only, never }]) => [
    name,
    { at: parsePath(at), only: only.map(parsePattern), never: never.map(parsePattern) },
  ]),
);

// The openings and items of a bundle, by the document that they belong to; nothing is verified yet.
export async function parseDisclosures(unverified) {
  const found = { predicate: [], plan: [], provenance: [], items: [] };
  for (const [place, entry] of unverified.entries()) {
    const at = `disclosures[${place}]`;
    if (isObject(entry) && Object.hasOwn(entry, "tree")) {
      found.items.push(parseItem(entry, at));
    } else {
      const opening = await parseOpening(entry, at);
      found[scopeOf(opening)].push(opening);
    }
  }
  const openings = found.predicate.length + found.plan.length + found.provenance.length;
  if (openings > MAX_OPENINGS || found.items.length > MAX_ITEMS) {
    const words = `at most ${MAX_OPENINGS} openings and ${MAX_ITEMS} items are accepted`;
    throw malformed("disclosure.too_many", words, "disclosures");
  }
  return found;
}

async function parseOpening(unverified, at) {
  const fields = isObject(unverified) ? Object.keys(unverified).sort().join(" ") : "";
  if (fields !== "path salt value") {
    throw malformed("disclosure.opening", "has exactly path, salt and value", at);
  }
  const { path, salt, value } = unverified;
  if (typeof path !== "string" || parsePath(path).length === 0) {
    throw malformed("path.malformed", 'must be a path like "data.sources[0].id"', `${at}.path`);
  }
  if (typeof salt !== "string" || !SALT.test(salt)) {
    throw malformed("disclosure.salt", "must be 32 lower-case hex digits", `${at}.salt`);
  }
  return { path, value, commitment: await sha256(encode(record([["path", path], ["salt", salt], ["value", value]]))) };
}

// A path has one way to be written, so its beginning tells.
function scopeOf({ path }) {
  return ["plan", "provenance"].find((name) => path.startsWith(`${SCOPES[name].at}.`)) ?? "predicate";
}

function parseItem(unverified, at) {
  const { line } = unverified;
  if (typeof line !== "string" || encode(line).length > MAX_LINE_BYTES) {
    throw malformed("disclosure.line", `must be a string of at most ${MAX_LINE_BYTES} bytes`, `${at}.line`);
  }
  const rest = record(Object.entries(unverified).filter(([key]) => key !== "line"));
  const frame = decode("_ItemFrame", rest, at);
  if (!["baseline", "candidate"].includes(frame.tree) || !SALT.test(frame.salt)) {
    throw malformed("disclosure.item", "the tree is baseline or candidate, and the salt 32 lower-case hex digits", at);
  }
  if (frame.path.length > MAX_TREE_DEPTH) {
    throw malformed("disclosure.item", `a path has at most ${MAX_TREE_DEPTH} steps`, `${at}.path`);
  }
  return { ...frame, line };
}

// { tree, hidden, opened }: the tree with openings put back and HIDDEN where there was none, and the paths of both. Every
// opening must fit a commitment, and each only one.
export function disclose(tree, openings, scope) {
  const unused = byPath(openings);
  const hidden = [];
  const opened = [];
  const visit = (value, steps) => {
    if (!isCommitment(value)) {
      return rebuilt(value, steps, visit);
    }
    const path = formatPath([...LIMITS[scope].at, ...steps]);
    const commitment = commitmentIn(value, path);
    refuseProtected(LIMITS[scope], steps, path);
    const opening = unused.get(path);
    unused.delete(path);
    if (opening === undefined) {
      hidden.push(path);
      refuseMany(hidden, path);
      return HIDDEN;
    }
    if (opening.commitment !== commitment) {
      throw cryptographic("disclosure.digest", "the opening is not what was committed to", path);
    }
    opened.push(path);
    return opening.value;
  };
  const shown = visit(tree, []);
  const any = [...hidden, ...opened].sort();
  if (any.length > 0 && isObject(tree) && WITHOUT_COMMITMENTS.includes(tree.schema)) {
    throw malformed("disclosure.schema", "values can be hidden from schema 0.3.0 on", any[0]);
  }
  if (unused.size > 0) {
    const first = [...unused.keys()].sort()[0];
    throw cryptographic("disclosure.not_hidden", "the opening is for a place that hides nothing", first);
  }
  return { tree: shown, hidden, opened };
}

function refuseMany(hidden, path) {
  if (hidden.length > MAX_OPENINGS) {
    throw malformed("disclosure.too_many", `more than ${MAX_OPENINGS} values are hidden`, path);
  }
}

function refuseProtected({ only, never }, steps, path) {
  const below = only.some((top) => steps.length > top.length && related(top, steps));
  if (!below || never.some((pattern) => related(pattern, steps))) {
    throw malformed("disclosure.protected", "cannot be hidden: verdicts, or the verifier, stand on it", path);
  }
}

function rebuilt(value, steps, visit) {
  if (Array.isArray(value)) {
    return value.map((inner, place) => visit(inner, [...steps, place]));
  }
  if (isObject(value)) {
    return record(Object.entries(value).map(([key, inner]) => [key, visit(inner, [...steps, key])]));
  }
  return value;
}

function isCommitment(value) {
  return isObject(value) && Object.hasOwn(value, COMMITMENT_KEY);
}

function commitmentIn(value, path) {
  const inner = value[COMMITMENT_KEY];
  const fields = isObject(inner) ? Object.keys(inner).sort().join(" ") : "";
  if (Object.keys(value).length !== 1 || fields !== "alg value") {
    const words = `a commitment is {"${COMMITMENT_KEY}": {"alg": "${ALGORITHM}", "value": hex}} and nothing else`;
    throw malformed("disclosure.commitment", words, path);
  }
  if (inner.alg !== ALGORITHM) {
    throw malformed("disclosure.algorithm", `must be ${ALGORITHM}`, `${path}.${COMMITMENT_KEY}.alg`);
  }
  return decode("_Commitment", inner, `${path}.${COMMITMENT_KEY}`).value;
}

function byPath(openings) {
  const found = new Map();
  for (const opening of openings) {
    if (found.has(opening.path)) {
      throw cryptographic("disclosure.duplicate", "is opened twice", opening.path);
    }
    refuseNested(opening);
    found.set(opening.path, opening);
  }
  return found;
}

function refuseNested({ path, value }) {
  if (new TextDecoder().decode(encode(value)).includes(`"${COMMITMENT_KEY}":`)) {
    throw malformed("disclosure.nested", "a hidden value holds no commitment of its own", path);
  }
}

// Holds an answer to the root and number of leaves of its tree (RFC 9162, 2.1.3.2); `outputs` is what the predicate names.
export async function verifyItem(item, outputs) {
  const at = `${item.tree}[${item.index}]`;
  if (outputs === undefined) {
    throw cryptographic("disclosure.item", "the evidence commits to no such answers", at);
  }
  const { root, leaves } = outputs[item.tree];
  if (!(await isIncluded(item, root.sha256, leaves))) {
    throw cryptographic("disclosure.item", "the answer is not the one that was committed to", at);
  }
}

async function isIncluded(item, root, leaves) {
  if (item.index >= leaves || leaves > MAX_LEAVES) {
    return false;
  }
  let place = item.index;
  let last = leaves - 1;
  let digest = await sha256(concat([new Uint8Array(1), fromHex(item.salt), utf8(item.line)]));
  for (const sibling of item.path) {
    if (last === 0) {
      return false;
    }
    if (place % 2 === 1 || place === last) {
      digest = await node(sibling, digest);
      while (place > 0 && place % 2 === 0) {
        place = Math.floor(place / 2);
        last = Math.floor(last / 2);
      }
    } else {
      digest = await node(digest, sibling);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && digest === root;
}

function node(left, right) {
  return sha256(concat([new Uint8Array([1]), fromHex(left), fromHex(right)]));
}

function fromHex(text) {
  return new Uint8Array(text.match(/../g).map((pair) => Number.parseInt(pair, 16)));
}
