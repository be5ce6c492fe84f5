// What the rules of documents are made of: keys of rows, equality, refusals, and what a schema did not have yet.

import { encode } from "./canonical.js";
import { malformed } from "./errors.js";
import { SHAPES } from "./shapes.js";

export const PREDICATE_SCHEMAS = ["0.1.0", "0.2.0", "0.3.0"];
export const BOUNDED_SINCE = "0.3.0";
export const RULE_OF_PLAN = {
  "0.1.0": "tuneproof-verdicts-0.1",
  "0.2.0": "tuneproof-verdicts-0.2",
  "0.3.0": "tuneproof-verdicts-0.2",
};
export const MAX_PAIRS = 100_000;
export const MAX_ROWS = 512;

export function rowKey(row) {
  return [row.metric, row.suite, row.slice];
}

export function pairsOf(statistics) {
  if (Object.hasOwn(statistics, "bothSafe")) {
    return statistics.bothSafe + statistics.worsened + statistics.improved + statistics.bothUnsafe;
  }
  return statistics.n;
}

export function same(one, other) {
  if (one === undefined || other === undefined) {
    return one === other;
  }
  const [left, right] = [encode(one), encode(other)];
  return left.length === right.length && left.every((byte, place) => byte === right[place]);
}

export function refuse(isWrong, code, sentence) {
  if (isWrong) {
    throw malformed(code, sentence);
  }
}

export function apart(values) {
  return new Set(values.map((value) => JSON.stringify(value))).size === values.length;
}

export function refuseMore(name, part, whole) {
  refuse(part > whole, "row.counts", `${name} counts a part of the items, so it is not more than they are`);
}

function version(schema) {
  return schema.split(".").map(Number);
}

function isNewer(since, schema) {
  const [one, other] = [version(since), version(schema)];
  const place = one.findIndex((part, i) => part !== other[i]);
  return place >= 0 && one[place] > other[place];
}

// Refuses a document in which a field is filled that `schema` did not have yet.
export function refuseNewer(kind, document, schema) {
  for (const [key, word, , since] of SHAPES[kind]) {
    const value = document[key];
    if (value === undefined) {
      continue;
    }
    const words = `the field '${key}' is not known in schema ${schema}`;
    refuse(since !== undefined && isNewer(since, schema), "document.unknown_field", words);
    if (word.startsWith("*#")) {
      value.forEach((item) => refuseNewer(word.slice(2), item, schema));
    } else if (word.startsWith("#")) {
      refuseNewer(word.slice(1), value, schema);
    }
  }
}
