// Times and decimal figures of documents, as values that can be compared exactly.

import { malformed } from "./errors.js";

const MOMENT = /^[0-9]{4}(?:-[0-9]{2}){2}T(?:[0-9]{2}:){2}[0-9]{2}Z$/;
const PLACES = 12;

// Milliseconds since 1970 of a time such as "2026-01-31T12:00:00Z"; a day or an hour that does not exist is refused.
export function parseMoment(text) {
  const at = MOMENT.test(text) && !text.startsWith("0000") ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at) || new Date(at).toISOString() !== `${text.slice(0, 19)}.000Z`) {
    throw malformed("document.time", 'a time must be in UTC like "2026-01-31T12:00:00Z"');
  }
  return at;
}

// A figure such as "-0.05" times ten to the twelfth, the most places that a figure may have.
export function scaled(figure) {
  const negative = figure.startsWith("-");
  const [whole, part = ""] = figure.replace("-", "").split(".");
  const value = BigInt(whole + part.padEnd(PLACES, "0"));
  return negative ? -value : value;
}

export const ONE = 10n ** BigInt(PLACES);
