// What must hold between the fields of a document, one rule for each class that has a `__post_init__` in attestations/.
// Each takes an object whose own fields have the right types, and throws what the Python class raises.

import { encode } from "./canonical.js";
import { malformed } from "./errors.js";
import { ONE, parseMoment, scaled } from "./moments.js";
import { SHAPES } from "./shapes.js";

export const PREDICATE_SCHEMAS = ["0.1.0", "0.2.0", "0.3.0"];
export const RULE_OF_PLAN = { "0.1.0": "tuneproof-verdicts-0.1", "0.2.0": "tuneproof-verdicts-0.2", "0.3.0": "tuneproof-verdicts-0.2" };
const BOUNDED_SINCE = "0.3.0";
const MAX_PAIRS = 100_000;
const MAX_TABLES = 16_384;
const MAX_PAIRS_IN_ALL = 10_000_000;
const MAX_ROWS = 512;
const MAX_CANDIDATES = 8;
const MAX_CONTROLS = 256;
const MAX_JUDGES = 32;
const MAX_ROW_JUDGES = 8;
const MAX_PARAMETERS = 256;
const MAX_DEPENDENCIES = 512;
const BUILD_TYPE = "https://tuneproof.example/spec/buildtypes/finetune/v1";
const SCALE = /^(?:0\.[0-9]{1,6}|1)$/;

export function rowKey(row) {
  return [row.metric, row.suite, row.slice];
}

export function pairsOf(statistics) {
  if (Object.hasOwn(statistics, "bothSafe")) {
    return statistics.bothSafe + statistics.worsened + statistics.improved + statistics.bothUnsafe;
  }
  return statistics.n;
}

export function same(one, other) {
  if (one === undefined || other === undefined) {
    return one === other;
  }
  const [left, right] = [encode(one), encode(other)];
  return left.length === right.length && left.every((byte, place) => byte === right[place]);
}

function refuse(isWrong, code, sentence) {
  if (isWrong) {
    throw malformed(code, sentence);
  }
}

export function apart(values) {
  return new Set(values.map((value) => JSON.stringify(value))).size === values.length;
}

function refuseMore(name, part, whole) {
  refuse(part > whole, "row.counts", `${name} counts a part of the items, so it is not more than they are`);
}

function version(schema) {
  return schema.split(".").map(Number);
}

function isNewer(since, schema) {
  const [one, other] = [version(since), version(schema)];
  const place = one.findIndex((part, i) => part !== other[i]);
  return place >= 0 && one[place] > other[place];
}

// Refuses a document in which a field is filled that `schema` did not have yet.
export function refuseNewer(kind, document, schema) {
  for (const [key, word, , since] of SHAPES[kind]) {
    const value = document[key];
    if (value === undefined) {
      continue;
    }
    const words = `the field '${key}' is not known in schema ${schema}`;
    refuse(since !== undefined && isNewer(since, schema), "document.unknown_field", words);
    if (word.startsWith("*#")) {
      value.forEach((item) => refuseNewer(word.slice(2), item, schema));
    } else if (word.startsWith("#")) {
      refuseNewer(word.slice(1), value, schema);
    }
  }
}

function ruleOfRegisteredRow(row) {
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

function ruleOfEvaluationRow(row) {
  const given = [row.table, row.differences, row.notRun].filter((one) => one !== undefined).length;
  refuse(given !== 1, "evaluation.statistics", "has exactly one of table, differences and notRun");
  const bare = new Set(["registered", "notRun"]);
  const facts = Object.keys(row).some((key) => !bare.has(key));
  const words = "a row that was not run has no facts beside the reason";
  refuse(row.notRun !== undefined && facts, "evaluation.statistics", words);
}

function ruleOfOutcome(outcome) {
  const { status, gate, error } = outcome;
  const decided = status === "released" || status === "blocked";
  const words = "released and blocked come with the gate's answer, and no others do";
  refuse(decided !== (gate !== undefined), "outcome.gate", words);
  refuse(decided && error !== undefined, "outcome.error", "a model that was released or blocked has no error");
  refuse(status === "failed" && error === undefined, "outcome.error", "a failed job says why");
  const clean = "a released model has no blocking row";
  refuse(status === "released" && gate !== undefined && gate.blocking.length > 0, "outcome.gate", clean);
}

function ruleOfPolicySuite(suite) {
  for (const margin of [suite.margin, suite.criticalMargin]) {
    const outside = margin !== undefined && !(scaled(margin) > 0n && scaled(margin) < ONE);
    refuse(outside, "policy.margin", "a margin is a share of the items, above 0 and below 1");
  }
}

function ruleOfDecoding(decoding) {
  const { systemPrompt, safetyPrompt, baseSystemPrompt } = decoding;
  const whole = systemPrompt === undefined || same(systemPrompt, baseSystemPrompt);
  const part = "a safety prompt is part of the tuned model's system prompt";
  refuse(safetyPrompt !== undefined && whole, "plan.decoding", part);
  const own = "the base has a system prompt of its own only beside a safety prompt";
  refuse(baseSystemPrompt !== undefined && safetyPrompt === undefined, "plan.decoding", own);
}

function ruleOfPlan(plan) {
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

function ruleOfPredicate(predicate) {
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

function countedIn(row) {
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
  const said = boundaries?.prohibited?.length > 0 && boundaries.turns !== undefined && boundaries.decoding !== undefined;
  const words = "states boundaries: prohibited uses at least, and the turns and the decoding that were tested";
  refuse(!said, "predicate.boundaries", words);
  const retest = "says what makes a new measurement necessary, retestOn";
  refuse(!(boundaries.retestOn?.length > 0), "predicate.boundaries", retest);
  refuse(predicate.status === undefined, "predicate.status", "says where its status can be looked up");
  const named = "names the signed statement of its plan";
  refuse(plan !== undefined && plan.statement === undefined, "predicate.plan", named);
  if (outcome.gate !== undefined && model !== undefined && tuning !== undefined) {
    const loose = model.omsRoot === undefined || tuning.provenance === undefined;
    refuse(loose, "predicate.model", "a gated model has model.sig and the provenance of its tuning");
  }
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

function ruleOfManifest(manifest) {
  const known = manifest.schema === "0.1.0" && manifest.mediaType === "application/vnd.tuneproof.manifest.v1+json";
  refuse(!known, "manifest.schema", "this version reads manifests of schema 0.1.0");
  const names = manifest.files.map((entry) => entry.name);
  refuse(names.length === 0, "manifest.empty", "a manifest lists at least one file");
  const ordered = names.every((name, place) => place === 0 || isBefore(names[place - 1], name));
  refuse(!ordered, "manifest.order", "the files are not in the order of their names, each once");
}

// The order of code points, which is not that of JavaScript's own comparison where a letter takes two units.
function isBefore(one, other) {
  const [left, right] = [[...one], [...other]].map((letters) => letters.map((letter) => letter.codePointAt(0)));
  const place = left.findIndex((letter, i) => letter !== right[i]);
  return place < 0 ? left.length < right.length : left[place] < (right[place] ?? -1);
}

function ruleOfFileEntry(entry) {
  const name = entry.name;
  const segments = name.split("/");
  const odd = segments.some((segment) => segment === "" || segment === "." || segment === "..");
  const unsafe = /[\x00-\x1f\x7f\\]/.test(name) || odd || [...name][1] === ":";
  refuse(unsafe, "manifest.name", "a name in the manifest is no safe relative file name");
  const long = [...name].length > 200 || segments.length > 32;
  refuse(long, "manifest.name", "a name in the manifest is longer than 200 characters or 32 levels");
}

function ruleOfClusterTotals(totals) {
  const { clusters, sumSizes, sumSquares } = totals;
  const counts = clusters <= MAX_PAIRS && clusters <= sumSizes && sumSizes <= MAX_PAIRS ** 2;
  refuse(!counts, "clusters.totals", "clusters and their sizes are counts, none empty");
  refuse(scaled(sumSquares) < 0n, "clusters.totals", "a sum of squares is never negative");
}

function ruleOfPairedDifferences(differences) {
  const words = `paired differences have 0 to ${MAX_PAIRS} pairs`;
  refuse(differences.n > MAX_PAIRS, "statistics.differences", words);
  const negative = scaled(differences.sd) < 0n || scaled(differences.baseSd) < 0n;
  refuse(negative, "statistics.differences", "a standard deviation is never negative");
}

function ruleOfChanceCounts(counted) {
  refuseMore("correct", counted.correct, counted.n);
  const share = scaled(counted.chance);
  const words = `guessing is right with a probability between 0 and 1, on ${MAX_PAIRS} items at most`;
  refuse(!(share > 0n && share < ONE) || counted.n > MAX_PAIRS, "row.chance", words);
}

function ruleOfBlockRule(rule) {
  const severe = rule.severities !== undefined && rule.severities.length > 0;
  const words = "regressed names its severities, and no other verdict does";
  refuse((rule.verdict === "regressed") !== severe, "policy.severities", words);
  const none = "a rule for no suite at all would never apply; leave suites out";
  refuse(rule.suites !== undefined && rule.suites.length === 0, "policy.suites", none);
}

function ruleOfPolicy(policy) {
  const words = "a verdict that depends on the judge cannot pass a gate";
  refuse(policy.judgeDependent === "release", "policy.judge_dependent", words);
  const names = (policy.suites ?? []).map((suite) => suite.suite);
  refuse(!apart(names), "policy.suites", "a suite is listed twice");
}

function ruleOfEvalPlan(plan) {
  refuse(plan.schema !== "0.1.0", "eval_plan.schema", "this version reads plan statements of schema 0.1.0");
  const ends = parseMoment(plan.closeBy) <= parseMoment(plan.createdAt);
  refuse(ends, "eval_plan.close_by", "the runs end before they can begin");
  refuse(plan.runsDeclared < 1, "eval_plan.runs", "a plan declares at least one run");
}

function ruleOfRunMetadata(run) {
  const ends = parseMoment(run.startedOn) > parseMoment(run.finishedOn);
  refuse(ends, "provenance.times", "the run ends before it begins");
}

function ruleOfBuildDefinition(build) {
  refuse(build.buildType !== BUILD_TYPE, "provenance.build_type", `the build type must be ${BUILD_TYPE}`);
  const dependencies = build.resolvedDependencies;
  const counts = [build.externalParameters, build.internalParameters].map((one) => Object.keys(one).length);
  const many = Math.max(...counts) > MAX_PARAMETERS || dependencies.length > MAX_DEPENDENCIES;
  const words = `there are at most ${MAX_PARAMETERS} parameters of a kind and ${MAX_DEPENDENCIES} dependencies`;
  refuse(many, "provenance.too_much", words);
  const twice = !apart(dependencies.map((one) => [one.name, one.digest.sha256]));
  refuse(twice, "provenance.dependencies", "a dependency is listed twice");
  const having = (role) => dependencies.filter((one) => one.name === role).length;
  const once = "there is exactly one base model and at most one code among the dependencies";
  refuse(having("base-model") !== 1 || having("code") > 1, "provenance.dependencies", once);
}

function ruleOfNotice(notice) {
  refuse(notice.schema !== "0.1.0", "notice.schema", "this version reads notices of schema 0.1.0");
  parseMoment(notice.at);
  const words = "a notice that something is superseded, and no other, names what it is superseded by";
  const fits = (notice.supersededBy !== undefined) === (notice.kind === "superseded");
  refuse(!fits, "notice.superseded_by", words);
}

function ruleOfCountersignature(made) {
  const code = "countersignature";
  refuse(made.schema !== "0.1.0", `${code}.schema`, "this version reads countersignatures of schema 0.1.0");
  parseMoment(made.at);
  const measured = made.own.filter((row) => countedIn(row).some((counts) => pairsOf(counts) > 0));
  const keys = measured.map((row) => rowKey(row.registered));
  const words = `there are at most ${MAX_ROWS} rows of its own, and each is there once`;
  refuse(made.own.length > MAX_ROWS || !apart(keys), `${code}.own`, words);
  const equal = JSON.stringify(made.agreement.map(rowKey)) === JSON.stringify(keys);
  refuse(!equal, `${code}.agreement`, "each row that was measured has one row of agreement, in the same order");
  const measuring = ["reproduced", "reanalysed"].includes(made.mode);
  refuse(measuring && keys.length === 0, `${code}.own`, `what was ${made.mode} has rows of its own`);
  const outside = made.disagreements.length > 0 || !made.agreement.every((row) => row.within);
  const sentence = "it disagrees exactly where a row is outside its margin or a disagreement is written down";
  refuse(outside !== (made.conclusion === "disagrees"), `${code}.conclusion`, sentence);
}

export const RULES = {
  BiasCounts: (counts) => refuseMore("biased", counts.biased, counts.answered),
  BlockRule: ruleOfBlockRule,
  BuildDefinition: ruleOfBuildDefinition,
  ChanceCounts: ruleOfChanceCounts,
  ClusterTotals: ruleOfClusterTotals,
  Countersignature: ruleOfCountersignature,
  Decoding: ruleOfDecoding,
  EvalPlan: ruleOfEvalPlan,
  EvaluationRow: ruleOfEvaluationRow,
  FileEntry: ruleOfFileEntry,
  FlipCounts: (counts) => refuseMore("flipped", counts.flipped, counts.items),
  JobRecord: (job) => [job.createdAt, job.endedAt].forEach(parseMoment),
  Manifest: ruleOfManifest,
  Notice: ruleOfNotice,
  Outcome: ruleOfOutcome,
  PairedDifferences: ruleOfPairedDifferences,
  PairedTable: (table) =>
    refuse(pairsOf(table) > MAX_PAIRS, "statistics.table", `a paired table has 0 to ${MAX_PAIRS} pairs, none negative`),
  Plan: ruleOfPlan,
  PlannedSuite: (suite) =>
    refuse(suite.sampled > suite.items, "plan.sample", "a suite cannot sample more items than it has"),
  Policy: ruleOfPolicy,
  PolicySuite: ruleOfPolicySuite,
  RegisteredRow: ruleOfRegisteredRow,
  Regressions: (found) =>
    refuse(found.coverage !== "all-registered", "regressions.coverage", "the coverage must be all-registered"),
  ResiliencePredicate: ruleOfPredicate,
  Resource: (file) => refuse(file.algorithm !== "sha256", "model_signing.algorithm", "the algorithm must be sha256"),
  Review: (review) => parseMoment(review.at),
  RunMetadata: ruleOfRunMetadata,
  StateReason: (reason) => parseMoment(reason.at),
};
