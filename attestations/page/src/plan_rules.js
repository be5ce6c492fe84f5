// What must hold between the fields of a plan and its policy, as their dataclasses say in `__post_init__`.

import { ONE, parseMoment, scaled } from "./moments.js";
import { MAX_ROWS, RULE_OF_PLAN, apart, refuse, refuseNewer, rowKey, same } from "./rules.js";

const MAX_CANDIDATES = 8;
const MAX_CONTROLS = 256;
const MAX_JUDGES = 32;
const MAX_ROW_JUDGES = 8;
const SCALE = /^(?:0\.[0-9]{1,6}|1)$/;

export function ruleOfRegisteredRow(row) {
  const continuous = row.kind === "paired_continuous";
  const margin = scaled(row.margin);
  const words = "a margin is above 0, and that of a binary row below 1";
  refuse(margin <= 0n || (row.kind === "paired_binary" && margin >= ONE), "row.margin", words);
  const relative = row.relativeMargin;
  const only = "continuous rows have a relative margin, and no others do";
  refuse(continuous !== (relative !== undefined), "row.relative_margin", only);
  refuse(relative !== undefined && scaled(relative) < 0n, "row.relative_margin", "a relative margin is not negative");
  const judges = "further judges score binary rows, each judge once";
  refuse(row.judges !== undefined && (continuous || !apart(row.judges)), "row.judges", judges);
}

export function ruleOfPolicySuite(suite) {
  for (const margin of [suite.margin, suite.criticalMargin]) {
    const outside = margin !== undefined && !(scaled(margin) > 0n && scaled(margin) < ONE);
    refuse(outside, "policy.margin", "a margin is a share of the items, above 0 and below 1");
  }
}

export function ruleOfDecoding(decoding) {
  const { systemPrompt, safetyPrompt, baseSystemPrompt } = decoding;
  const whole = systemPrompt === undefined || same(systemPrompt, baseSystemPrompt);
  const part = "a safety prompt is part of the tuned model's system prompt";
  refuse(safetyPrompt !== undefined && whole, "plan.decoding", part);
  const own = "the base has a system prompt of its own only beside a safety prompt";
  refuse(baseSystemPrompt !== undefined && safetyPrompt === undefined, "plan.decoding", own);
}

export function ruleOfPlan(plan) {
  const schemas = Object.keys(RULE_OF_PLAN).join(", ");
  refuse(!Object.hasOwn(RULE_OF_PLAN, plan.schema), "plan.schema", `this version reads plans of schema ${schemas}`);
  refuseNewer("Plan", plan, plan.schema);
  parseMoment(plan.createdAt);
  refuseBadRows(plan);
  refuseBadJudges(plan);
  refuseBadControls(plan);
  refuseBadCandidates(plan);
}

function refuseBadRows(plan) {
  const sampled = new Map(plan.suites.map((suite) => [suite.id, suite.sampled]));
  refuse(sampled.size !== plan.suites.length, "plan.suites", "a suite is listed twice");
  const many = plan.rows.length > MAX_ROWS || !apart(plan.rows.map(rowKey));
  refuse(many, "plan.rows", `there are at most ${MAX_ROWS} rows, and each is registered once`);
  for (const row of plan.rows) {
    const words = `${rowKey(row).join(" / ")} plans items that its suite does not sample`;
    refuse(row.items > (sampled.get(row.suite) ?? -1), "plan.rows", words);
  }
  refuseWiderMargins(plan.policy, plan.rows);
  const words = `the policy ${plan.policy.id} asks for more repeats than are planned`;
  refuse((plan.repeats ?? 0) < (plan.policy.repeats ?? 0), "plan.repeats", words);
}

function refuseWiderMargins(policy, rows) {
  const allowed = new Map((policy.suites ?? []).map((suite) => [suite.suite, suite]));
  for (const row of rows) {
    const suite = allowed.get(row.suite);
    const words = `${rowKey(row).join(" / ")} may get worse by ${row.margin}, more than the policy ${policy.id} allows`;
    refuse(suite !== undefined && isExceeded(suite, row), "policy.margin", words);
  }
}

function isExceeded(suite, row) {
  if (row.relativeMargin === undefined) {
    return scaled(row.margin) > scaled(suite.margin);
  }
  const erosion = suite.erosion;
  return (
    erosion !== undefined &&
    (scaled(row.margin) > scaled(erosion.nats) || scaled(row.relativeMargin) > scaled(erosion.share))
  );
}

function refuseBadJudges(plan) {
  const names = [plan.judge, ...(plan.judges ?? [])].map((judge) => judge.id);
  const twice = "a judge is planned twice; judges are those beside the primary one";
  refuse(!apart(names), "plan.judges", twice);
  const crowded = plan.rows.some((row) => (row.judges ?? []).length > MAX_ROW_JUDGES);
  const words = `there are at most ${MAX_JUDGES} judges, and ${MAX_ROW_JUDGES} beside the primary one on a row`;
  refuse(names.length > MAX_JUDGES || crowded, "plan.judges", words);
  const further = new Set(names.slice(1));
  for (const row of plan.rows) {
    const strange = (row.judges ?? []).some((judge) => !further.has(judge));
    const sentence = `${rowKey(row).join(" / ")} names a judge that is not among the plan's`;
    refuse(strange, "plan.judges", sentence);
  }
}

function refuseBadControls(plan) {
  const controls = plan.controls ?? [];
  const places = controls.map((control) => [control.kind, control.level, control.metric, control.suite]);
  const words = `there are at most ${MAX_CONTROLS} controls, and each is planned once`;
  refuse(controls.length > MAX_CONTROLS || !apart(places), "plan.controls", words);
  const measured = new Map();
  for (const row of plan.rows) {
    const place = JSON.stringify([row.metric, row.suite]);
    measured.set(place, Math.max(row.items, measured.get(place) ?? 0));
  }
  for (const control of controls) {
    const items = measured.get(JSON.stringify([control.metric, control.suite]));
    const name = `a control of ${control.metric} on ${control.suite}`;
    refuse(items === undefined, "plan.controls", `${name} is planned, and no row of it`);
    refuse(control.items > items, "plan.controls", `${name} plans more pairs than its rows have`);
  }
}

function refuseBadCandidates(plan) {
  if (plan.candidates === undefined) {
    return;
  }
  const scales = plan.candidates.filter((scale) => SCALE.test(scale)).map(scaled);
  const descending = scales.every((scale, place) => scale > 0n && (place === 0 || scales[place - 1] > scale));
  const all = scales.length >= 1 && scales.length === plan.candidates.length && scales.length <= MAX_CANDIDATES;
  const words = `the candidates are 1 to ${MAX_CANDIDATES} scales like "1" and "0.75", above 0, the largest first`;
  refuse(!all || !descending, "plan.candidates", words);
}

export function ruleOfBlockRule(rule) {
  const severe = rule.severities !== undefined && rule.severities.length > 0;
  const words = "regressed names its severities, and no other verdict does";
  refuse((rule.verdict === "regressed") !== severe, "policy.severities", words);
  const none = "a rule for no suite at all would never apply; leave suites out";
  refuse(rule.suites !== undefined && rule.suites.length === 0, "policy.suites", none);
}

export function ruleOfPolicy(policy) {
  const words = "a verdict that depends on the judge cannot pass a gate";
  refuse(policy.judgeDependent === "release", "policy.judge_dependent", words);
  const names = (policy.suites ?? []).map((suite) => suite.suite);
  refuse(!apart(names), "policy.suites", "a suite is listed twice");
}
