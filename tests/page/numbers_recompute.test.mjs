// The page's `recompute` against Python's, on whole documents as they are and spoilt.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { encode } from "../../attestations/page/src/canonical.js";
import { recompute } from "../../attestations/page/src/numbers/recompute.js";
import { VECTORS, assertSame, tried } from "./numbers_vectors.mjs";

const SAMPLES = new URL("../attestations/samples/", import.meta.url);
const { made, found, changes } = VECTORS.documents;

function fromBase64(text) {
  return JSON.parse(Buffer.from(text, "base64").toString("utf8"));
}

// The {plan, predicate} of a base: evidence that is in the vectors, or a sample.
function baseOf(name) {
  if (Object.hasOwn(made, name)) {
    return structuredClone(made[name]);
  }
  const parts = JSON.parse(readFileSync(new URL(`${name}.resilience.json`, SAMPLES), "utf8"));
  return { plan: fromBase64(parts.plan), predicate: fromBase64(parts.primary.dsseEnvelope.payload).predicate };
}

function apply(document, [kind, path, value]) {
  const key = path.at(-1);
  const target = path.slice(0, -1).reduce((inner, step) => inner[step], document);
  if (kind === "set") {
    target[key] = value;
  } else if (kind === "drop" && Array.isArray(target)) {
    target.splice(key, 1);
  } else if (kind === "drop") {
    delete target[key];
  } else if (kind === "copy") {
    target.splice(key, 0, structuredClone(target[key]));
  } else if (key + 1 < target.length) {
    [target[key], target[key + 1]] = [target[key + 1], target[key]];
  }
}

function rowsOf(judged) {
  return judged.map((row) => {
    const { registered, measured, ...rest } = row;
    return rest;
  });
}

function outcomeOf({ checks, decision }) {
  return { checks: checks.map((one) => [one.code, one.status, one.sentence, one.exitCode]), decision };
}

function shortOf(document) {
  return tried(() => {
    const again = recompute(document.plan, document.predicate);
    const judged = createHash("sha256").update(encode(rowsOf(again.judged))).digest("hex");
    return { ...outcomeOf(again), judged };
  });
}

for (const [name, expected] of Object.entries(found)) {
  test(`all that Python finds in ${name}`, () => {
    const { plan, predicate } = baseOf(name);
    const again = recompute(plan, predicate);
    assertSame({ ...outcomeOf(again), judged: rowsOf(again.judged), findings: again.findings }, expected);
    again.judged.forEach((row, i) => assert.deepEqual(row.registered, plan.rows[i]));
  });
}

test("what was spoilt is found in the same words, with the same rows and decision", () => {
  assert.ok(changes.length > 100);
  changes.forEach(({ base, operations, expected }, i) => {
    const document = baseOf(base);
    operations.forEach((operation) => apply(document, operation));
    assertSame(shortOf(document), expected, `change ${i} of ${base}: ${JSON.stringify(operations)}`);
  });
});

test("the changes reach every check, and both its ends where it has two", () => {
  const checks = changes.flatMap(({ expected }) => expected.checks ?? []);
  const seen = new Set(checks.map(([code, status]) => `${code} ${status}`));
  const both = ["rows", "verdicts", "candidates", "gate"].flatMap((code) => [`${code} PASS`, `${code} FAIL`]);
  for (const wanted of [...both, "controls PASS", "controls.coverage NOT_CHECKED", "answers NOT_CHECKED"]) {
    assert.ok(seen.has(wanted), wanted);
  }
  assert.ok(changes.some(({ expected }) => expected.error !== undefined));
});

test("without a plan nothing is recomputed, and nothing passes", () => {
  const { predicate } = baseOf("v0.2/released");
  const again = recompute(null, predicate);
  assert.deepEqual(again.checks.map((one) => [one.code, one.status]), [["rows", "NOT_CHECKED"]]);
  assert.deepEqual([again.judged, again.decision, again.findings], [[], null, []]);
});
