// The page's decimal arithmetic and statistics against Python's, to the last digit.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as clusters from "../../attestations/page/src/numbers/clusters.js";
import { DecimalContext, decimal, localContext } from "../../attestations/page/src/numbers/decimal.js";
import * as disagreement from "../../attestations/page/src/numbers/disagreement.js";
import { exponential, naturalLogarithm } from "../../attestations/page/src/numbers/exponentials.js";
import * as statistics from "../../attestations/page/src/numbers/statistics.js";
import * as students from "../../attestations/page/src/numbers/student_t.js";
import { VECTORS, assertSame, tried } from "./numbers_vectors.mjs";

const WITH_A_WHOLE_NUMBER = new Set(["pow"]);
const ALONE = new Set(["sqrt", "fitted", "floor", "ceiling", "truncated"]);
const ELEMENTARY = { exp: exponential, ln: naturalLogarithm };

function operated(name, digits, one, other) {
  const value = decimal(one);
  return localContext(new DecimalContext(digits), () => {
    if (Object.hasOwn(ELEMENTARY, name)) {
      return ELEMENTARY[name](value);
    }
    if (ALONE.has(name)) {
      return value[name]();
    }
    return value[name](WITH_A_WHOLE_NUMBER.has(name) ? Number(other) : decimal(other));
  });
}

function table([bothSafe, worsened, improved, bothUnsafe]) {
  return { bothSafe, worsened, improved, bothUnsafe };
}

function differences([n, mean, sd, baseMean, baseSd]) {
  return { n, mean, sd, baseMean, baseSd };
}

function totals([groups, sumSquares, sumProducts, sumSizes]) {
  return { clusters: groups, sumSquares, sumProducts, sumSizes };
}

function either(facts) {
  return facts.length === 4 ? table(facts) : differences(facts);
}

function limits(interval) {
  return interval === null ? null : [String(interval.lower), String(interval.upper)];
}

function text(value) {
  return value === null ? null : String(value);
}

function measured([constructs, flips]) {
  const given = constructs.map(([counts, direct, error]) => ({
    table: table(counts),
    direct,
    error: error === null ? null : decimal(error),
  }));
  const found = disagreement.measureDisagreement(given, false, flips);
  const names = ["directionIndex", "directionIndexDirect", "cochranQ", "degrees", "heterogeneityP", "iSquared"];
  return [...names, "judgeFlipShare"].map((name) => found[name] ?? null);
}

const FUNCTIONS = {
  scoreInterval: ([counts, confidence, effect, degrees]) =>
    limits(statistics.scoreInterval(table(counts), decimal(confidence), decimal(effect), degrees)),
  newcombeInterval: ([counts, confidence]) => limits(statistics.newcombeInterval(table(counts), decimal(confidence))),
  mcnemarP: ([counts]) => text(statistics.mcnemarP(table(counts))),
  detectableProportion: ([counts]) => text(statistics.detectableProportion(table(counts))),
  pairsToSettleProportion: ([counts, margin]) =>
    text(statistics.pairsToSettleProportion(table(counts), decimal(margin))),
  pairedTInterval: ([facts, confidence]) => limits(statistics.pairedTInterval(differences(facts), decimal(confidence))),
  pairedTP: ([facts]) => text(statistics.pairedTP(differences(facts))),
  detectableDifference: ([facts]) => text(statistics.detectableDifference(differences(facts))),
  pairsToSettleDifference: ([facts, margin]) =>
    text(statistics.pairsToSettleDifference(differences(facts), decimal(margin))),
  designEffect: ([facts, given]) => text(clusters.designEffect(totals(given), either(facts))),
  clusteredP: ([counts, given]) => text(clusters.clusteredP(table(counts), totals(given))),
  clusteredInterval: ([counts, given, confidence]) =>
    limits(clusters.clusteredInterval(table(counts), totals(given), decimal(confidence))),
  clusteredTP: ([facts, given]) => text(clusters.clusteredTP(differences(facts), totals(given))),
  clusteredTInterval: ([facts, given, confidence]) =>
    limits(clusters.clusteredTInterval(differences(facts), totals(given), decimal(confidence))),
  nullStandardError: ([counts, given]) => text(clusters.nullStandardError(table(counts), totals(given))),
  studentQuantile: ([degrees, confidence]) => text(students.studentQuantile(degrees, decimal(confidence))),
  normalQuantile: ([confidence]) => text(students.normalQuantile(decimal(confidence))),
  twoSidedP: ([degrees, t]) => text(students.twoSidedP(degrees, decimal(t))),
  normalCentralProbability: ([z]) => text(students.normalCentralProbability(decimal(z))),
  chiSquareP: ([statistic, degrees]) => text(disagreement.chiSquareP(decimal(statistic), degrees)),
  holm: ([ps]) => statistics.holm(ps.map(decimal)).map(String),
  benjaminiHochberg: ([ps]) => statistics.benjaminiHochberg(ps.map(decimal)).map(String),
  equivalenceConfidence: ([candidates]) => text(statistics.equivalenceConfidence(candidates)),
  figure: ([value]) => statistics.figure(decimal(value)),
  binomialUpperP: ([hits, n, chance]) => text(statistics.binomialUpperP(hits, n, decimal(chance))),
  measureDisagreement: measured,
};

test("every decimal operation has Python's digits and exponent, and refuses what Python traps", () => {
  assert.ok(VECTORS.decimal.length > 500);
  for (const [name, [digits, one, other], expected] of VECTORS.decimal) {
    const words = `${name} of ${one} and ${other} in ${digits} digits`;
    if (expected === null) {
      assert.throws(() => operated(name, digits, one, other), RangeError, words);
    } else {
      assert.equal(String(operated(name, digits, one, other)), expected, words);
    }
  }
});

for (const name of Object.keys(FUNCTIONS)) {
  test(`${name} gives Python's digits`, () => {
    const cases = VECTORS.statistics.filter(([which]) => which === name);
    assert.ok(cases.length > 20, `${cases.length} cases`);
    for (const [, given, expected] of cases) {
      assertSame(tried(() => FUNCTIONS[name](given)), expected, `${name} of ${JSON.stringify(given)}`);
    }
  });
}

test("every function that has vectors is held against them", () => {
  assert.deepEqual([...new Set(VECTORS.statistics.map(([name]) => name))].sort(), Object.keys(FUNCTIONS).sort());
});
