// The page's verdict rule against Python's: whole sets of rows with their judges, clusters, controls and candidates.

import assert from "node:assert/strict";
import { test } from "node:test";

import { assess } from "../../attestations/page/src/numbers/controls.js";
import { decide } from "../../attestations/page/src/numbers/gate.js";
import { gatingCount, judge } from "../../attestations/page/src/numbers/judging.js";
import { regressionsOf } from "../../attestations/page/src/numbers/rows.js";
import { keyName, measurementOf } from "../../attestations/page/src/numbers/verdicts.js";
import { VECTORS, assertSame, tried } from "./numbers_vectors.mjs";

function contextOf({ judges, minimumItems, primaryKappa, ...context }) {
  return {
    ...context,
    primaryKappa: primaryKappa ?? undefined,
    judges: new Map(judges.map(([name, kappa]) => [name, kappa ?? undefined])),
    minimumItems: new Map(Object.entries(minimumItems)),
  };
}

function judged({ rows, evaluations, keys, context: given, policy }) {
  const context = contextOf(given);
  const measurements = new Map();
  evaluations.forEach((evaluation, i) => {
    const [metric, suite, slice] = keys[i];
    const row = { metric, suite, slice };
    measurements.set(keyName(row), [row, measurementOf(evaluation)]);
  });
  const found = judge(rows, measurements, context);
  const findings = assess(context.plannedControls, context.controls, gatingCount(rows));
  return {
    regressions: regressionsOf(found, context.rule),
    decision: decide(policy, found),
    states: findings.map((finding) => finding.state),
  };
}

test("rows, claims, disagreement, controls and gate come out as in Python", () => {
  assert.ok(VECTORS.rows.length > 100);
  VECTORS.rows.forEach((one, i) => {
    assertSame(tried(() => judged(one)), one.expected, `case ${i}: ${JSON.stringify(one)}`);
  });
});

test("on both sides of every threshold the same is found as in Python", () => {
  assert.ok(VECTORS.edges.length > 40);
  VECTORS.edges.forEach((one, i) => {
    assertSame(tried(() => judged(one)), one.expected, `edge ${i}: ${JSON.stringify(one)}`);
  });
});

test("the cases reach every verdict, severity and reason, and every refusal of counts", () => {
  const found = VECTORS.rows.flatMap((one) => one.expected.regressions?.rows ?? []);
  const refused = VECTORS.rows.flatMap((one) => one.expected.error?.slice(0, 1) ?? []);
  const kinds = (name) => [...new Set(found.map((row) => row[name]).filter((value) => value !== undefined))].sort();
  assert.equal(kinds("verdict").length, 7);
  assert.equal(kinds("severity").length, 3);
  assert.equal(kinds("reason").length, 13);
  for (const code of ["row.items", "row.clusters", "row.agreement", "row.chance", "row.unregistered"]) {
    assert.ok(refused.includes(code), code);
  }
});
