// What the page finds, in the words of attestations/findings.py: nothing is green by default.

import { CRYPTOGRAPHIC, POLICY, UNDETERMINED } from "./errors.js";

function check(code, status, sentence, exitCode = 0) {
  return { code, status, sentence, exitCode };
}

export function passed(code, sentence) {
  return check(code, "PASS", sentence);
}

// A signature, a key or a digest does not hold.
export function broken(code, sentence) {
  return check(code, "FAIL", sentence, CRYPTOGRAPHIC);
}

// The evidence is genuine, and not acceptable.
export function rejected(code, sentence) {
  return check(code, "FAIL", sentence, POLICY);
}

export function stale(code, sentence) {
  return check(code, "STALE", sentence, UNDETERMINED);
}

export function notChecked(code, sentence) {
  return check(code, "NOT_CHECKED", sentence);
}

// The gravest finding: a broken proof before a rejection, a rejection before doubt.
export function overall(checks) {
  const codes = checks.map((one) => one.exitCode).filter((code) => code !== 0);
  return codes.length > 0 ? Math.min(...codes) : 0;
}
