// Canonical JSON (RFC 8785) without floats, and the only parser for untrusted JSON; the twin of attestations/canonical.py.
//
// JSON.parse keeps the last of two equal keys, rounds large integers and reads any white space, so it is not used here.
// `parseJson` accepts the one canonical encoding of a value and nothing else. Objects have no prototype, so that a key such as
// "__proto__" or "constructor" is a key like any other. Size, UTF-8 and depth are met before anything is built.

import { malformed } from "./errors.js";
import { asciiRepr } from "./numbers/words.js";
import { formatPath } from "./value_paths.js";

const MAX_DEPTH = 64;
const AS_GIVEN_OUT = "take the file as its issuer gave it out, since an editor or a formatter changes it";
const LONGEST_INTEGER = "-9007199254740991".length;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const HEX = /^[0-9a-fA-F]{4}$/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

// The value of canonical bytes; `what` names the document in errors ("the bundle").
export function parseJson(unverified, what, maxBytes) {
  const value = parseRelaxedJson(unverified, what, maxBytes);
  const again = encode(value);
  if (again.length !== unverified.length || !again.every((byte, place) => byte === unverified[place])) {
    const hint = " \t\n\r".includes(String.fromCharCode(unverified.at(-1))) ? " (it ends in white space)" : "";
    throw malformed("json.not_canonical", `${what} is JSON, but not in canonical form, RFC 8785${hint}; ${AS_GIVEN_OUT}`);
  }
  return value;
}

// The same with white space and the order of keys free, as in the header of a status token that others may have written.
export function parseRelaxedJson(unverified, what, maxBytes, maxDepth = MAX_DEPTH) {
  if (unverified.length > maxBytes) {
    const words = `${what} has ${unverified.length} bytes; at most ${maxBytes} are accepted`;
    throw malformed("json.too_large", words);
  }
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(unverified);
  } catch {
    throw malformed("json.not_utf8", `${what} is not UTF-8 text`);
  }
  refuseDepth(unverified, what, maxDepth);
  const value = new Reader(text, what).document();
  encode(value);
  return value;
}

// The canonical bytes of a value made of objects, arrays, strings, booleans, whole numbers and null.
export function encode(value) {
  return new TextEncoder().encode(written(value, MAX_DEPTH));
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// An object without a prototype, so that no key of it means more than a key.
export function record(pairs) {
  const made = Object.create(null);
  for (const [key, value] of pairs) {
    made[key] = value;
  }
  return made;
}

function written(value, depthLeft) {
  if (value === null || typeof value === "boolean") {
    return String(value);
  }
  if (typeof value === "string") {
    if (LONE_SURROGATE.test(value)) {
      throw malformed("json.surrogate", "a string holds a lone surrogate, which is no Unicode text");
    }
    return JSON.stringify(value);
  }
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) {
      throw malformed("json.integer", "an integer must be below 2**53 in magnitude");
    }
    return String(value);
  }
  if (depthLeft === 0) {
    throw malformed("json.too_deep", `the value nests deeper than ${MAX_DEPTH} levels`);
  }
  if (Array.isArray(value)) {
    return `[${value.map((item) => written(item, depthLeft - 1)).join(",")}]`;
  }
  const keys = Object.keys(value).sort(); // by UTF-16 code units, RFC 8785 section 3.2.3
  return `{${keys.map((key) => `${written(key, 1)}:${written(value[key], depthLeft - 1)}`).join(",")}}`;
}

function refuseDepth(bytes, what, maxDepth) {
  let depth = 0;
  let quoted = false;
  for (let place = 0; place < bytes.length; place += 1) {
    const byte = bytes[place];
    if (byte === 0x22) {
      quoted = !quoted;
    } else if (quoted && byte === 0x5c) {
      place += 1;
    } else if (!quoted && (byte === 0x5b || byte === 0x7b)) {
      depth += 1;
      if (depth > maxDepth) {
        throw malformed("json.too_deep", `${what} nests deeper than ${maxDepth} levels`);
      }
    } else if (!quoted && (byte === 0x5d || byte === 0x7d)) {
      depth -= 1;
    }
  }
}

class Reader {
  constructor(text, what) {
    this.text = text;
    this.what = what;
    this.place = 0;
    this.steps = []; // the way to the value that is being read
  }

  document() {
    this.space();
    const value = this.value();
    this.space();
    if (this.place !== this.text.length) {
      throw this.wrong("extra data");
    }
    return value;
  }

  wrong(message) {
    return malformed("json.not_json", `${this.what} is not JSON: ${message} at character ${this.place + 1}`);
  }

  space() {
    while (" \t\n\r".includes(this.text.charAt(this.place)) && this.place < this.text.length) {
      this.place += 1;
    }
  }

  value() {
    const letter = this.text.charAt(this.place);
    if (letter === "{") {
      return this.object();
    }
    if (letter === "[") {
      return this.array();
    }
    if (letter === '"') {
      return this.string();
    }
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
      if (this.text.startsWith(word, this.place)) {
        this.place += word.length;
        return value;
      }
    }
    return this.number();
  }

  number() {
    for (const word of ["NaN", "Infinity", "-Infinity"]) {
      if (this.text.startsWith(word, this.place)) {
        throw this.float();
      }
    }
    NUMBER.lastIndex = this.place;
    const found = NUMBER.exec(this.text);
    if (found === null) {
      throw this.wrong("expecting value");
    }
    if (found[1] !== undefined || found[2] !== undefined) {
      throw this.float();
    }
    if (found[0].length > LONGEST_INTEGER || !Number.isSafeInteger(Number(found[0]))) {
      throw this.badNumber("json.integer", "is not below 2**53 in magnitude; write it as a string");
    }
    this.place += found[0].length;
    return Number(found[0]) + 0;
  }

  float() {
    return this.badNumber("json.float", "is not an integer; numbers that matter are decimal strings");
  }

  badNumber(code, words) {
    const path = asciiRepr([...formatPath(this.steps)].slice(0, 200).join(""));
    const place = this.steps.length > 0 ? `the number at ${path}` : "the number";
    return malformed(code, `${this.what}: ${place} ${words}`);
  }

  string() {
    let result = "";
    this.place += 1;
    for (;;) {
      PLAIN.lastIndex = this.place;
      const plain = PLAIN.exec(this.text)[0];
      result += plain;
      this.place += plain.length;
      const letter = this.text.charAt(this.place);
      if (letter === '"') {
        this.place += 1;
        return result;
      }
      if (letter !== "\\") {
        throw this.wrong(letter === "" ? "unterminated string" : "invalid control character");
      }
      result += this.escape();
    }
  }

  escape() {
    const letter = this.text.charAt(this.place + 1);
    if (letter === "u") {
      const digits = this.text.slice(this.place + 2, this.place + 6);
      if (!HEX.test(digits)) {
        throw this.wrong("invalid \\uXXXX escape");
      }
      this.place += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    if (letter === "" || !Object.hasOwn(ESCAPES, letter)) {
      throw this.wrong("invalid \\escape");
    }
    this.place += 2;
    return ESCAPES[letter];
  }

  array() {
    const items = [];
    this.place += 1;
    this.space();
    if (this.text.charAt(this.place) === "]") {
      this.place += 1;
      return items;
    }
    for (;;) {
      this.space();
      this.steps.push(items.length);
      items.push(this.value());
      this.steps.pop();
      this.space();
      const letter = this.text.charAt(this.place);
      if (letter !== "," && letter !== "]") {
        throw this.wrong("expecting ',' delimiter");
      }
      this.place += 1;
      if (letter === "]") {
        return items;
      }
    }
  }

  object() {
    const pairs = [];
    this.place += 1;
    this.space();
    if (this.text.charAt(this.place) === "}") {
      this.place += 1;
      return record(pairs);
    }
    for (;;) {
      this.space();
      pairs.push(this.pair());
      this.space();
      const letter = this.text.charAt(this.place);
      if (letter !== "," && letter !== "}") {
        throw this.wrong("expecting ',' delimiter");
      }
      this.place += 1;
      if (letter === "}") {
        break;
      }
    }
    if (new Set(pairs.map(([key]) => key)).size !== pairs.length) {
      throw malformed("json.duplicate_key", `${this.what}: a key is given twice in one object`);
    }
    return record(pairs);
  }

  pair() {
    if (this.text.charAt(this.place) !== '"') {
      throw this.wrong("expecting property name enclosed in double quotes");
    }
    const key = this.string();
    this.space();
    if (this.text.charAt(this.place) !== ":") {
      throw this.wrong("expecting ':' delimiter");
    }
    this.place += 1;
    this.space();
    this.steps.push(key);
    const value = this.value();
    this.steps.pop();
    return [key, value];
  }
}
