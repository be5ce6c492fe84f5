// Whether a compared model is released, the twin of attestations/gate.py: a plan's policy applied to judged rows, row by row.
// Block beats hold, hold beats release. A row that depends on the judge, or that the policy would treat more gravely under a
// further one, never passes. A policy is the plan's object.

import { rowName, verdictWords } from "./claims.js";
import { WHOLE_SUITE } from "./verdicts.js";

const GRAVITY = ["release", "hold", "block"];

// {outcome, blocking, reasons, holding}: the rows that block, those that hold, and why the outcome is no release.
export function decide(policy, judged) {
  const gating = judged.filter((row) => row.registered.role === "gating");
  if (gating.length === 0) {
    return { outcome: "blocked", blocking: [], reasons: ["no row was registered to gate"], holding: [] };
  }
  const blocking = gating.filter((row) => actionOf(policy, row) === "block");
  const holding = gating.filter((row) => actionOf(policy, row) === "hold");
  const missing = missingSuites(policy, gating);
  const isBlocked = blocking.length > 0 || missing.length > 0;
  const undecided = holding.length > 0 ? "held" : "released";
  return {
    outcome: isBlocked ? "blocked" : undecided,
    blocking: blocking.map(blockingRow),
    reasons: isBlocked
      ? [...missing, ...blocking.map((row) => reasonOf(policy, row))]
      : holding.map((row) => reasonOf(policy, row)),
    holding: holding.map(blockingRow),
  };
}

// What one gating row does to the model.
function actionOf(policy, row) {
  const action = actionOn(policy, row.registered.suite, row);
  if (action !== "block" && (row.judgeDependent || graver(policy, row).length > 0)) {
    return policy.judgeDependent ?? "hold";
  }
  return action;
}

// What the row is under further judges, where the policy would do more about that than about what it is.
function graver(policy, row) {
  const gravity = (found) => GRAVITY.indexOf(actionOn(policy, row.registered.suite, found));
  const mine = gravity(row);
  return (row.byJudge ?? []).filter((one) => gravity(one) > mine);
}

function actionOn(policy, suite, found) {
  if (policy.blocks.some((rule) => appliesTo(rule, suite, found))) {
    return "block";
  }
  return (policy.holds ?? []).some((rule) => appliesTo(rule, suite, found)) ? "hold" : "release";
}

function appliesTo(rule, suite, found) {
  if (rule.suites !== undefined && !rule.suites.includes(suite)) {
    return false;
  }
  return found.verdict === rule.verdict && (rule.severities === undefined || rule.severities.includes(found.severity));
}

function blockingRow(row) {
  const { metric, suite, slice } = row.registered;
  return {
    metric,
    suite,
    slice,
    verdict: row.verdict,
    ...(row.severity === undefined ? {} : { severity: row.severity }),
    ...(row.judgeDependent ? { judgeDependent: true } : {}),
  };
}

function missingSuites(policy, gating) {
  const there = gating.filter((row) => row.registered.slice === WHOLE_SUITE).map((row) => row.registered.suite);
  const asked = (policy.suites ?? []).filter((suite) => suite.gating).map((suite) => suite.suite);
  const missing = asked.filter((suite) => !there.includes(suite));
  return missing.map((suite) => `${suite}: the policy asks for it, and no row of it was registered to gate`);
}

function reasonOf(policy, row) {
  const name = `${rowName(row.registered)}: ${verdictWords(row)}`;
  if (row.judgeDependent) {
    return `${name}, and the verdict depends on the judge`;
  }
  return name + graver(policy, row).map((one) => `, ${verdictWords(one)} under ${one.judge}`).join("");
}
