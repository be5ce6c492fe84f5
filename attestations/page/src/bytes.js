// Bytes as text and back: exact base64, hex, SHA-256. What encodes bytes in more than one way is refused.

import { malformed } from "./errors.js";

const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*$/;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const SIXES = new Uint8Array(128);
[...ALPHABET].forEach((letter, value) => {
  SIXES[letter.charCodeAt(0)] = value;
});

// The bytes of padded base64 that is exactly what encoding them gives.
export function fromBase64(unverified, path, maxBytes) {
  if (unverified.length > Math.floor((maxBytes + 2) / 3) * 4) {
    throw malformed("base64.too_large", `holds more than ${maxBytes} bytes`, path);
  }
  const content = STANDARD.test(unverified) && unverified.length % 4 === 0 ? decoded(unverified) : null;
  if (content === null) {
    throw malformed("base64.not_exact", "is no exact, padded base64", path);
  }
  return content;
}

// The bytes of base64url without padding, as in a JWT; null where it is not exact.
export function fromBase64Url(unverified) {
  if (!URL_SAFE.test(unverified) || unverified.length % 4 === 1) {
    return null;
  }
  const standard = unverified.replaceAll("-", "+").replaceAll("_", "/");
  return decoded(standard.padEnd(Math.ceil(standard.length / 4) * 4, "="));
}

function decoded(text) {
  const padding = text.endsWith("==") ? 2 : Number(text.endsWith("="));
  const whole = text.length - (padding === 0 ? 0 : 4);
  const content = new Uint8Array((text.length / 4) * 3 - padding);
  let place = 0;
  for (let at = 0; at < whole; at += 4) {
    const group = sixesAt(text, at, 4);
    content[place] = group >> 16;
    content[place + 1] = group >> 8;
    content[place + 2] = group;
    place += 3;
  }
  if (padding === 0) {
    return content;
  }
  const group = sixesAt(text, whole, 4 - padding) << (6 * padding);
  content[place] = group >> 16;
  if (padding === 1) {
    content[place + 1] = group >> 8;
  }
  return (group & (padding === 1 ? 0xff : 0xffff)) === 0 ? content : null;
}

function sixesAt(text, at, count) {
  let group = 0;
  for (let i = at; i < at + count; i += 1) {
    group = group * 64 + SIXES[text.charCodeAt(i)];
  }
  return group;
}

export function hex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function sha256(bytes) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

export function utf8(text) {
  return new TextEncoder().encode(text);
}

export function concat(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
