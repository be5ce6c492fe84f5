// Steps 8 to 10 of the verifier's argument, the twin of attestations/recompute.py: every row, figure, verdict, control,
// candidate and decision, computed again. Plan and predicate are documents that were read under their rules; nothing that the
// statement says of its own numbers is believed, and what differs is named. Counts that contradict each other are malformed.
//
// The page calls `recompute` alone, after the signature held and the plan was bound.

import { ACCEPT } from "../errors.js";
import { notChecked, passed, rejected } from "../findings.js";
import { RULE_OF_PLAN, same } from "../rules.js";
import { assess } from "./controls.js";
import { decide } from "./gate.js";
import { contextOf, gatingCount, judge } from "./judging.js";
import { regressionsOf } from "./rows.js";
import { WHOLE_SUITE, keyName, keyWords, measurementOf } from "./verdicts.js";
import { asciiRepr, compareKeys } from "./words.js";

const MOST_NAMED = 5;
const CONTROL_STATES = ["held", "failed", "not_run"];

// {checks, judged, decision, findings}; the last three are [], null and [] where nothing could be judged.
export function recompute(plan, predicate) {
  const { evaluations, regressions } = predicate;
  if (!plan || evaluations === undefined || regressions === undefined) {
    return unjudged([notChecked("rows", "there is no plan to compare the rows with")]);
  }
  const missing = missingRows(plan, evaluations);
  if (missing !== null) {
    return unjudged([rejected("rows", `the rows are not those of the plan; ${missing}`)]);
  }
  const rule = RULE_OF_PLAN[plan.schema];
  const checks = [passed("rows", `all ${plan.rows.length} registered rows are there, each once`)];
  if (regressions.rule !== rule) {
    const words = `the rule ${asciiRepr(regressions.rule)} is not that of its plan, ${rule}`;
    return unjudged([...checks, rejected("verdicts", words)]);
  }
  const judged = judgeAgain(plan, evaluations, predicate);
  const verdicts = verdictsCheck(regressionsOf(judged, rule), regressions);
  checks.push(verdicts);
  const decision = decide(plan.policy, judged);
  const findings = assess(plan.controls ?? [], predicate.controls ?? [], gatingCount(plan.rows));
  if (verdicts.exitCode === ACCEPT) {
    checks.push(...controlChecks(plan, findings));
    checks.push(...candidateChecks(plan, predicate));
    checks.push(...gateChecks(plan, predicate, decision));
  }
  checks.push(answersCheck(predicate));
  return { checks, judged, decision, findings };
}

function unjudged(checks) {
  return { checks, judged: [], decision: null, findings: [] };
}

// In what the rows differ from the registered ones; null where they do not.
function missingRows(plan, evaluations) {
  const registered = evaluations.map((row) => row.registered);
  if (same(registered, plan.rows)) {
    return null;
  }
  const there = new Set(registered.map(keyName));
  const wanted = plan.rows.filter((row) => !there.has(keyName(row)));
  if (wanted.length === 0) {
    return "they were changed";
  }
  const keys = wanted.map((row) => [row.metric, row.suite, row.slice]).sort(compareKeys);
  return `missing: ${keys.map((key) => key.join(" / ")).join(", ")}`;
}

function judgeAgain(plan, evaluations, predicate) {
  const measurements = new Map();
  for (const evaluation of evaluations) {
    measurements.set(keyName(evaluation.registered), [evaluation.registered, measurementOf(evaluation)]);
  }
  const context = contextOf(plan, RULE_OF_PLAN[plan.schema], predicate.controls ?? []);
  return judge(plan.rows, measurements, context);
}

function verdictsCheck(again, said) {
  if (same(again, said)) {
    const words = `every figure and verdict follows from the counts by ${again.rule}, computed again here`;
    return passed("verdicts", words);
  }
  const wrong = again.rows.filter((row, i) => !same(row, said.rows[i])).map(keyWords);
  let words = again.disagreement === said.disagreement || same(again.disagreement, said.disagreement)
    ? "the claim as a whole"
    : "the disagreement";
  if (wrong.length > 0) {
    words = `these rows: ${wrong.slice(0, MOST_NAMED).join(", ")}`;
  }
  return rejected("verdicts", `the numbers do not give what the statement says of ${words}`);
}

// What failed controls take away from the rows was judged with the rows, so finding one is no rejection here.
function controlChecks(plan, findings) {
  const place = ({ metric, suite }) => JSON.stringify([metric, suite]);
  const held = findings.filter((finding) => finding.kind === "positive" && finding.state === "held").map(place);
  const whole = plan.rows.filter(
    (row) => row.role === "gating" && row.slice === WHOLE_SUITE && row.kind === "paired_binary",
  );
  const blind = whole.filter((row) => !held.includes(place(row))).length;
  const words = `for ${blind} of ${whole.length} gating measures no control shows that a loss of ten points would be seen`;
  const uncovered = blind > 0 ? [notChecked("controls.coverage", words)] : [];
  if (findings.length === 0) {
    return uncovered;
  }
  const counts = CONTROL_STATES.map((state) => [findings.filter((one) => one.state === state).length, state]);
  const told = counts.filter(([count]) => count > 0).map(([count, state]) => `${count} ${state.replace("_", " ")}`);
  const sentence = `the planned controls, judged again: ${told.join(", ")}; the verdicts heed them`;
  return [passed("controls", sentence), ...uncovered];
}

// The counts are the issuer's; what they were counted from is not in the evidence.
function answersCheck({ outputs }) {
  if (outputs === undefined) {
    return notChecked("answers", "the counts are the issuer's word, and no answers were promised to be kept");
  }
  const { baseline, candidate } = outputs;
  const words = `${baseline.leaves} answers of the base and ${candidate.leaves} of the model are committed to`;
  return notChecked("answers", `the counts are the issuer's word; ${words}, ask to see some`);
}

// Each planned candidate is there and decided as stated, and the right one was chosen.
function candidateChecks(plan, predicate) {
  const records = predicate.candidates ?? [];
  if (predicate.outcome.gate === undefined || (plan.candidates === undefined && records.length === 0)) {
    return [];
  }
  const [said, planned] = [records.map((record) => record.scale), plan.candidates ?? []];
  if (!same(said, planned)) {
    const missing = planned.filter((scale) => !said.includes(scale));
    const words = missing.length > 0 ? `missing: ${missing.join(", ")}` : "they are others or in another order";
    return [rejected("candidates", `the candidates are not those of the plan; ${words}`)];
  }
  const wrong = records.filter((record) => !candidateFollows(plan, record, predicate)).map((record) => record.scale);
  if (wrong.length > 0) {
    const words = `the numbers do not give what is said of the candidate ${wrong.join(", ")}`;
    return [rejected("candidates", words)];
  }
  const best = records.find((record) => record.decision === "released") ?? records[0];
  if (!best.chosen) {
    const words = `the candidate ${best.scale} should have been chosen: the largest that passes`;
    return [rejected("candidates", words)];
  }
  const all = `all ${records.length} planned candidates were decided again`;
  const none = `${all}, none passes, and the first was kept`;
  const passing = `${all}, and ${best.scale} is the largest that passes`;
  return [passed("candidates", best.decision === "released" ? passing : none)];
}

function candidateFollows(plan, record, predicate) {
  if (missingRows(plan, record.evaluations) !== null) {
    return false;
  }
  const judged = judgeAgain(plan, record.evaluations, predicate);
  const { claim } = regressionsOf(judged, RULE_OF_PLAN[plan.schema]);
  return record.decision === decide(plan.policy, judged).outcome && record.claim === claim;
}

function gateChecks(plan, predicate, decision) {
  const { gate: answer, status } = predicate.outcome;
  if (answer === undefined) {
    return [];
  }
  const { id, version } = plan.policy;
  const again = { policy: { id, version }, blocking: decision.blocking };
  if (decision.holding.length > 0) {
    again.holding = decision.holding;
  }
  if (!same(answer, again) || status !== statusOf(decision, predicate)) {
    return [rejected("gate", "the plan's policy does not give the outcome that the statement says")];
  }
  const name = `the policy ${id} ${version}`;
  if (decision.outcome !== "held") {
    return [passed("gate", `${name}, applied again, gives this outcome`)];
  }
  const reviewers = (predicate.reviews ?? []).map((review) => review.reviewer).join(", ");
  return [passed("gate", `${name}, applied again, holds the model; the outcome is the review's, by ${reviewers}`)];
}

// The status that the decision and the reviews give; null where a held model was never reviewed.
function statusOf(decision, { reviews = [] }) {
  if (decision.outcome === "held") {
    if (reviews.length === 0) {
      return null;
    }
    return reviews.every((review) => review.decision === "approve") ? "released" : "blocked";
  }
  return reviews.length > 0 ? null : decision.outcome;
}
