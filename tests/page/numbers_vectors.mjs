// The vectors that Python made (`python -m tests.page.make_vectors`), and how results are held against them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const FILE = process.env.TUNEPROOF_VECTORS ?? new URL("./vectors/numbers.json", import.meta.url);

export const VECTORS = JSON.parse(readFileSync(FILE, "utf8"));

// The result of `work`, or {error: [code, sentence]} where it refuses what it is given.
export function tried(work) {
  try {
    return work();
  } catch (error) {
    if (error.name !== "EvidenceError") {
      throw error;
    }
    return { error: [error.code, error.sentence] };
  }
}

export function assertSame(found, expected, words) {
  assert.deepEqual(JSON.parse(JSON.stringify(found)), expected, words);
}
