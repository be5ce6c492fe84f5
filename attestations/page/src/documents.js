// Reads documents by the table of shapes: what is missing, unknown, of another type or out of its limits is refused with its
// path, in the order in which attestations/documents.py refuses it. Rules between fields are in rules.js, and run as soon as
// an object's own fields have been read. What is read has the keys of the JSON, and no prototype.

import { isObject, record } from "./canonical.js";
import { EvidenceError, malformed } from "./errors.js";
import { asciiRepr } from "./numbers/words.js";
import { RULES } from "./rule_table.js";
import { CHOICES, MAX_ITEMS, SHAPES, TEXTS } from "./shapes.js";

const PATTERNS = new Map(
  Object.entries(TEXTS).map(([name, rule]) => [name, new RegExp(`^(?:${rule.pattern})$`, "u")]),
);

// Stands in a JSON value where something is committed to and not shown; disclosure.js puts it there.
export const HIDDEN = Object.freeze(Object.create(null));
export const HIDDEN_WORDS = "(hidden)";

// The document of a kind (a name in SHAPES) that a parsed JSON value holds.
export function decode(kind, unverified, path) {
  require(isObject(unverified) && unverified !== HIDDEN, "an object", path);
  const slots = SHAPES[kind];
  const known = new Set(slots.map(([key]) => key));
  const unknown = Object.keys(unverified).filter((key) => !known.has(key)).sort();
  if (unknown.length > 0) {
    throw malformed("document.unknown_field", `the field ${shown(unknown[0])} is not known here`, path);
  }
  const document = record([]);
  for (const [key, word, required] of slots) {
    if (Object.hasOwn(unverified, key)) {
      const value = decodeField(word, required, unverified[key], `${path}.${key}`);
      if (value !== undefined) {
        document[key] = value;
      }
    } else if (required) {
      throw malformed("document.missing_field", `the field '${key}' is missing`, path);
    }
  }
  applyRule(kind, document, path);
  return document;
}

// A hidden value reads as absent where it may be, as the words "(hidden)" where text must be there, and else not at all.
function decodeField(word, required, unverified, path) {
  if (unverified !== HIDDEN) {
    return decodeValue(word, unverified, path);
  }
  if (!required) {
    return undefined;
  }
  if (word === "Prose" || word === "Name") {
    return HIDDEN_WORDS;
  }
  throw malformed("document.hidden", "cannot be hidden: it must be there to be read", path);
}

function applyRule(kind, document, path) {
  try {
    RULES[kind]?.(document);
  } catch (error) {
    if (error instanceof EvidenceError) {
      throw malformed(error.code, error.sentence, error.at || path);
    }
    throw error;
  }
}

function decodeValue(word, unverified, path) {
  if (word.startsWith("*")) {
    return decodeItems(word.slice(1), unverified, path);
  }
  if (word.startsWith("#")) {
    return decode(word.slice(1), unverified, path);
  }
  if (word.startsWith("=")) {
    return decodeChoice(word.slice(1), unverified, path);
  }
  if (word === "map") {
    return decodeMap(unverified, path);
  }
  if (word === "bool") {
    require(typeof unverified === "boolean", "true or false", path);
    return unverified;
  }
  if (word === "int") {
    require(Number.isSafeInteger(unverified) && unverified >= 0, "a whole number that is not negative", path);
    return unverified;
  }
  return decodeText(word, unverified, path);
}

function decodeItems(word, unverified, path) {
  require(Array.isArray(unverified), "an array", path);
  refuseTooMany(unverified.length, path);
  const places = [...unverified.keys()].filter((place) => unverified[place] !== HIDDEN);
  return places.map((place) => decodeValue(word, unverified[place], `${path}[${place}]`));
}

function decodeMap(unverified, path) {
  require(isObject(unverified) && unverified !== HIDDEN, "an object", path);
  refuseTooMany(Object.keys(unverified).length, path);
  return record(
    Object.entries(unverified).map(([key, value]) => [
      decodeText("Prose", key, `${path} (a key)`),
      value === HIDDEN ? HIDDEN_WORDS : decodeText("Prose", value, `${path}.${shown(key).slice(1, -1)}`),
    ]),
  );
}

function decodeChoice(name, unverified, path) {
  require(typeof unverified === "string", "a string", path);
  if (!CHOICES[name].includes(unverified)) {
    throw malformed("document.choice", `must be one of: ${CHOICES[name].join(", ")}`, path);
  }
  return unverified;
}

export function decodeText(name, unverified, path) {
  require(typeof unverified === "string", "a string", path);
  const { longest, what } = TEXTS[name];
  const tooLong = unverified.length > longest && (unverified.length > 2 * longest || [...unverified].length > longest);
  if (tooLong || !PATTERNS.get(name).test(unverified)) {
    throw malformed("document.text", `must be ${what}`, path);
  }
  return unverified;
}

function refuseTooMany(count, path) {
  if (count > MAX_ITEMS) {
    throw malformed("document.too_many", `has ${count} items; at most ${MAX_ITEMS} are accepted`, path);
  }
}

function require(holds, what, path) {
  if (!holds) {
    throw malformed("document.type", `must be ${what}`, path);
  }
}

// A key as it may be shown in an error: short, and nothing but ASCII.
export function shown(key) {
  return asciiRepr([...key].slice(0, 80).join(""));
}
