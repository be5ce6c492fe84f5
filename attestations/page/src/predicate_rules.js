// What must hold between the fields of a predicate and of its counts, as their dataclasses say in `__post_init__`.

import { decimal } from "./numbers/decimal.js";
import { ONE, parseMoment, scaled } from "./moments.js";
import { BOUNDED_SINCE, MAX_PAIRS, PREDICATE_SCHEMAS, RULE_OF_PLAN, apart, pairsOf, refuse, refuseMore, refuseNewer, rowKey, same } from "./rules.js";

const ROUNDED = decimal("0.998");
const MAX_TABLES = 16_384;
const MAX_PAIRS_IN_ALL = 2_000_000;

export function ruleOfEvaluationRow(row) {
  const given = [row.table, row.differences, row.notRun].filter((one) => one !== undefined).length;
  refuse(given !== 1, "evaluation.statistics", "has exactly one of table, differences and notRun");
  const bare = new Set(["registered", "notRun"]);
  const facts = Object.keys(row).some((key) => !bare.has(key));
  const words = "a row that was not run has no facts beside the reason";
  refuse(row.notRun !== undefined && facts, "evaluation.statistics", words);
}

export function ruleOfOutcome(outcome) {
  const { status, gate, error } = outcome;
  const decided = status === "released" || status === "blocked";
  const words = "released and blocked come with the gate's answer, and no others do";
  refuse(decided !== (gate !== undefined), "outcome.gate", words);
  refuse(decided && error !== undefined, "outcome.error", "a model that was released or blocked has no error");
  refuse(status === "failed" && error === undefined, "outcome.error", "a failed job says why");
  const clean = "a released model has no blocking row";
  refuse(status === "released" && gate !== undefined && gate.blocking.length > 0, "outcome.gate", clean);
}

export function ruleOfPredicate(predicate) {
  const words = `this version reads the predicate's schemas ${PREDICATE_SCHEMAS.join(" and ")}`;
  refuse(!PREDICATE_SCHEMAS.includes(predicate.schema), "predicate.schema", words);
  refuseNewer("ResiliencePredicate", predicate, predicate.schema);
  refuseTooMuch(predicate);
  const open = "says what is not claimed; notClaimed is empty";
  refuse(predicate.notClaimed.length === 0, "predicate.not_claimed", open);
  const ends = parseMoment(predicate.validFrom) > parseMoment(predicate.validUntil);
  refuse(ends, "predicate.validity", "the validity ends before it begins");
  parseMoment(predicate.issuedAt);
  refuseGaps(predicate);
  refuseMissingPromises(predicate);
  refuseLooseRecords(predicate);
  refuseUnfoundedReviews(predicate);
}

export function countedIn(row) {
  const mine = row.table ?? row.differences;
  return mine === undefined ? [] : [mine, ...(row.byJudge ?? []).map((one) => one.table)];
}

function refuseTooMuch(predicate) {
  const lists = [predicate.evaluations ?? [], ...(predicate.candidates ?? []).map((one) => one.evaluations)];
  const controls = (predicate.controls ?? []).map((control) => control.table);
  const counted = [...lists.flat().flatMap(countedIn), ...controls];
  const pairs = counted.reduce((sum, statistics) => sum + pairsOf(statistics), 0);
  const words = `has more than ${MAX_TABLES} tables, or more than ${MAX_PAIRS_IN_ALL} pairs in them`;
  refuse(counted.length > MAX_TABLES || pairs > MAX_PAIRS_IN_ALL, "predicate.too_much", words);
}

function refuseGaps(predicate) {
  const { plan, evaluations, regressions, outcome, model } = predicate;
  const given = [plan, evaluations, regressions].filter((part) => part !== undefined).length;
  const together = "plan, evaluations and regressions come together or not at all";
  refuse(given !== 0 && given !== 3, "predicate.rows", together);
  const bare = plan === undefined || model?.manifest === undefined;
  refuse(outcome.gate !== undefined && bare, "predicate.outcome", "a gated model has a manifest and a plan");
  if (evaluations === undefined || regressions === undefined) {
    return;
  }
  const keys = evaluations.map((row) => rowKey(row.registered));
  const equal = JSON.stringify(keys) === JSON.stringify(regressions.rows.map(rowKey));
  const words = "evaluations and regressions must list the same rows, each once";
  refuse(!equal || !apart(keys), "predicate.rows", words);
  if (regressions.rule === RULE_OF_PLAN["0.1.0"]) {
    evaluations.forEach((row) => refuseNewer("EvaluationRow", row, "0.1.0"));
    refuseNewer("Regressions", regressions, "0.1.0");
  }
}

function refuseMissingPromises(predicate) {
  const { boundaries, plan, outcome, model, tuning } = predicate;
  if (PREDICATE_SCHEMAS.indexOf(predicate.schema) < PREDICATE_SCHEMAS.indexOf(BOUNDED_SINCE)) {
    return;
  }
  const said = says(boundaries?.prohibited) && boundaries.turns !== undefined && boundaries.decoding !== undefined;
  const words = "states boundaries: prohibited uses at least, and the turns and the decoding that were tested";
  refuse(!said, "predicate.boundaries", words);
  const retest = "says what makes a new measurement necessary, retestOn";
  refuse(!says(boundaries.retestOn), "predicate.boundaries", retest);
  refuse(!says(predicate.notClaimed), "predicate.not_claimed", "says what is not claimed; notClaimed is empty");
  refuse(predicate.status === undefined, "predicate.status", "says where its status can be looked up");
  const named = "names the signed statement of its plan";
  refuse(plan !== undefined && plan.statement === undefined, "predicate.plan", named);
  if (outcome.gate !== undefined) {
    const loose = model?.omsRoot === undefined || tuning?.provenance === undefined;
    refuse(loose, "predicate.model", "a gated model has model.sig and the provenance of its tuning");
    const undated = tuning.startedAt === undefined || tuning.finishedAt === undefined;
    refuse(undated, "predicate.tuning", "a gated model says when its tuning began and ended");
  }
}

// Whether there is something to read.
function says(texts) {
  return (texts ?? []).some((text) => /[^ \t\n]/.test(text));
}

function refuseLooseRecords(predicate) {
  const { evaluations, controls, candidates, outcome, model } = predicate;
  const about = "controls are about rows, and there are none";
  refuse(evaluations === undefined && controls !== undefined, "predicate.controls", about);
  if (candidates === undefined) {
    return;
  }
  const manifest = model?.manifest;
  const come = "candidates come with a model and the gate's answer";
  refuse(outcome.gate === undefined || manifest === undefined, "predicate.candidates", come);
  const chosen = candidates.filter((candidate) => candidate.chosen);
  const once = apart(candidates.map((one) => one.scale)) && apart(candidates.map((one) => one.manifest.sha256));
  const words = "each candidate is there once, and exactly one is chosen";
  refuse(chosen.length !== 1 || !once, "predicate.candidates", words);
  const mine = chosen[0].manifest.sha256 === manifest.digest.sha256 && same(chosen[0].evaluations, evaluations);
  refuse(!mine, "predicate.candidates", "the chosen candidate is not the model that this is about");
}

function refuseUnfoundedReviews(predicate) {
  const { gate, status } = predicate.outcome;
  const reviews = predicate.reviews ?? [];
  const held = gate !== undefined && gate.holding !== undefined && gate.blocking.length === 0;
  const words = held ? "a held model has a review" : "a review beside a model that was not held";
  refuse(held !== reviews.length > 0, "predicate.reviews", words);
  const approved = reviews.every((review) => review.decision === "approve");
  const other = "the outcome is not what the reviews decided";
  refuse(held && approved !== (status === "released"), "predicate.reviews", other);
  refuseDisorder(reviews, predicate.tuning?.finishedAt, predicate.issuedAt);
  const required = new Set((predicate.boundaries?.requires ?? []).map((need) => need.control));
  const conditions = reviews.flatMap((review) => review.conditions ?? []);
  const missing = "a condition of a review must be a control in boundaries.requires";
  refuse(conditions.some((condition) => !required.has(condition)), "predicate.reviews", missing);
}

function refuseDisorder(reviews, finished, issued) {
  for (const review of reviews) {
    const at = parseMoment(review.at);
    const late = "a review is dated after the statement that tells of it";
    refuse(at > parseMoment(issued), "predicate.reviews", late);
    const early = "a review is dated before there was a model to review";
    refuse(finished !== undefined && at < parseMoment(finished), "predicate.reviews", early);
  }
}

export function ruleOfClusterTotals(totals) {
  const { clusters, sumSizes, sumSquares } = totals;
  const counts = clusters <= MAX_PAIRS && clusters <= sumSizes && sumSizes <= MAX_PAIRS ** 2;
  refuse(!counts, "clusters.totals", "clusters and their sizes are counts, none empty");
  refuse(scaled(sumSquares) < 0n, "clusters.totals", "a sum of squares is never negative");
}

export function ruleOfPairedDifferences(differences) {
  const words = `paired differences have 0 to ${MAX_PAIRS} pairs`;
  refuse(differences.n > MAX_PAIRS, "statistics.differences", words);
  const negative = scaled(differences.sd) < 0n || scaled(differences.baseSd) < 0n;
  refuse(negative, "statistics.differences", "a standard deviation is never negative");
}

export function ruleOfChanceCounts(counted) {
  refuseMore("correct", counted.correct, counted.n);
  const share = scaled(counted.chance);
  const words = `guessing is right with a probability between 0 and 1, on ${MAX_PAIRS} items at most`;
  refuse(!(share > 0n && share < ONE) || counted.n > MAX_PAIRS, "row.chance", words);
}

export function ruleOfCompute({ modificationFlop, baseFlop, ratio }) {
  if (ratio === undefined || baseFlop === undefined) {
    return;
  }
  const least = decimal(modificationFlop).dividedBy(decimal(baseFlop));
  const words = "the ratio is smaller than that of the two counts of operations";
  refuse(decimal(ratio).lt(least.times(ROUNDED)), "tuning.compute", words);
}
