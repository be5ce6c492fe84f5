// Where a value stands in a document, with one way to write each place: `data.sources[0].id`. The twin of
// attestations/value_paths.py. A step is a key (text), an index (number), or in a pattern ANY_KEY or ANY_ITEM.

import { malformed } from "./errors.js";
import { asciiRepr } from "./numbers/words.js";

const MAX_PATH = 1000;
const INDEX = /\[(0|[1-9][0-9]{0,8}|\*)\]/y;
const KEY = /(?:[^~.[*]|~[0-3])+/y;
const ESCAPES = [["~", "~0"], [".", "~1"], ["[", "~2"], ["*", "~3"]];
const ANY_KEY = Symbol("any key");
const ANY_ITEM = Symbol("any item");

export function parsePath(text) {
  const steps = parsePattern(text);
  if (steps.includes(ANY_KEY) || steps.includes(ANY_ITEM)) {
    throw malformed("path.pattern", `${start(text)} is a pattern; a path names one place`);
  }
  return steps;
}

export function parsePattern(text) {
  if (text.length > MAX_PATH && [...text].length > MAX_PATH) {
    throw malformed("path.too_long", `a path has at most ${MAX_PATH} characters`);
  }
  const steps = [];
  let position = 0;
  while (position < text.length) {
    const { step, end } = stepAt(text, position);
    steps.push(step);
    position = end;
  }
  return steps;
}

function stepAt(text, position) {
  const index = matchAt(INDEX, text, position);
  if (index !== null) {
    return { step: index[1] === "*" ? ANY_ITEM : Number(index[1]), end: position + index[0].length };
  }
  if (position === 0 || text[position] === ".") {
    const begin = position === 0 ? 0 : position + 1;
    if (text[begin] === "*") {
      return { step: ANY_KEY, end: begin + 1 };
    }
    const key = matchAt(KEY, text, begin);
    if (key !== null) {
      return { step: unescaped(key[0]), end: begin + key[0].length };
    }
  }
  throw malformed("path.malformed", `${start(text)} is no path like "data.sources[0].id"`);
}

function matchAt(pattern, text, position) {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

function start(text) {
  return asciiRepr([...text].slice(0, 80).join(""));
}

function unescaped(key) {
  return ESCAPES.toReversed().reduce((text, [letter, escape]) => text.replaceAll(escape, letter), key);
}

// The one way to write the steps of a place.
export function formatPath(steps) {
  return steps.reduce((text, step) => {
    if (typeof step === "number") {
      return `${text}[${step}]`;
    }
    const key = ESCAPES.reduce((letters, [letter, escape]) => letters.replaceAll(letter, escape), step);
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

// Whether both agree as far as the shorter one goes: a place of one lies at, above or below a place of the other.
export function related(one, other) {
  return one.slice(0, other.length).every((step, place) => agree(step, other[place]));
}

function agree(one, other) {
  const isKey = (step) => typeof step === "string" || step === ANY_KEY;
  return isKey(one) === isKey(other) && (one === other || typeof one === "symbol" || typeof other === "symbol");
}
