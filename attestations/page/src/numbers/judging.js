// The one rule that turns a comparison's numbers into verdicts, the twin of attestations/judging.py and of the plan's
// context. The rule reads the published six-decimal figures, never hidden digits.

import { malformed } from "../errors.js";
import { pairsOf } from "../rules.js";
import { assess } from "./controls.js";
import { decimal, greater, lesser } from "./decimal.js";
import { describe, scoredRow } from "./row_figures.js";
import { FAMILY_LEVEL, benjaminiHochberg, figure, holm, inDigits, isTable } from "./statistics.js";
import { CEILING, baseSafeRate, whyNotMeasurable } from "./validity.js";
import { NOT_REPORTED, RULE, RULE_0_1, WHOLE_SUITE, keyName, keyWords } from "./verdicts.js";
import { asciiRepr, compareKeys, compareTexts } from "./words.js";

const SLICE_VERDICT_FROM = 50;
const GATING_LEVELS = new Map([
  [RULE_0_1, decimal("0.05")],
  [RULE, FAMILY_LEVEL],
]);
const EXPLORATORY_LEVEL = decimal("0.10");
const NO_WORSE = ["equivalent", "non_inferior"];
const NOT_SHOWN = ["inconclusive", "not_measurable", "not_run"];

// What the rule knows beside the rows, of a plan and the results of its controls.
export function contextOf(plan, rule, controls) {
  const minimum = plan.suites.filter((suite) => suite.minimumItems !== undefined);
  return {
    rule,
    primaryKappa: plan.judge.kappa,
    judges: new Map((plan.judges ?? []).map((judge) => [judge.id, judge.kappa])),
    minimumItems: new Map(minimum.map((suite) => [suite.id, suite.minimumItems])),
    plannedControls: plan.controls ?? [],
    controls,
    candidates: (plan.candidates?.length ?? 0) || 1,
    mayClaimEquivalence: plan.mayClaimEquivalence,
  };
}

// One judged row for every registered row, in the order registered. `measurements` maps the name of a row's key to
// [row, measurement]; a row without one was not run.
export function judge(registered, measurements, context) {
  refuseStrays(registered, measurements, context);
  const findings = assess(context.plannedControls, context.controls, gatingCount(registered));
  const measured = registered.map((row) => measurements.get(keyName(row))?.[1] ?? NOT_REPORTED);
  const scoredBy = (judgeId) => registered.map((row, i) => scoredByJudge(judgeId, row, measured[i]));
  const primary = scoredBy(null);
  const figures = primary.map((row) => figuresOf(row, context));

  const under = (judgeId) => {
    const scored = scoredBy(judgeId);
    const described = scored.map((row, i) => (isSameScore(row, primary[i]) ? figures[i] : figuresOf(row, context)));
    const judged = judgedOnce(scored, described, context);
    return judged.map((row) => controlled(limited(row, context), findings));
  };

  const used = new Set(measured.flatMap((one) => one.byJudge ?? []).map((one) => one.judge));
  const others = new Map([...context.judges.keys()].filter((id) => used.has(id)).map((id) => [id, under(id)]));
  return under(null).map((row, i) => compared(row, i, others));
}

export function gatingCount(registered) {
  return registered.filter((row) => row.role === "gating").length;
}

// Refuses what was not planned (rows, judges, clusters) and the absence of what was.
function refuseStrays(registered, measurements, context) {
  if (!GATING_LEVELS.has(context.rule)) {
    throw malformed("row.rule", `the rule ${asciiRepr(context.rule)} is not known here`);
  }
  const names = new Set(registered.map(keyName));
  const strays = [...measurements].filter(([name]) => !names.has(name)).map(([, [row]]) => row);
  if (strays.length > 0) {
    const [first] = strays.map((row) => [row.metric, row.suite, row.slice]).sort(compareKeys);
    throw malformed("row.unregistered", `${first.join(" / ")} was measured but never registered`);
  }
  for (const row of registered) {
    const measured = measurements.get(keyName(row))?.[1] ?? NOT_REPORTED;
    if (measured.notRun === undefined) {
      refuseOtherRowJudges(row, measured, context);
      refuseOtherClusters(row, measured);
    }
  }
  const places = registered.filter((row) => row.clusters !== undefined).map(placeOfRow);
  for (const control of context.controls) {
    if (control.clusters !== undefined && !places.includes(placeOfRow(control))) {
      const words = `a control of ${control.metric} on ${control.suite} has clusters, and its rows have none`;
      throw malformed("control.clusters", words);
    }
  }
}

// In the order planned, as the agreement is about the first of them.
function refuseOtherRowJudges(row, measured, context) {
  const planned = row.judges ?? [];
  const given = measured.byJudge.map((one) => one.judge);
  if (JSON.stringify(given) !== JSON.stringify(planned)) {
    throw malformed("row.judges", `${keyWords(row)} was scored by other judges than its plan names`);
  }
  const [strange] = planned.filter((name) => !context.judges.has(name)).sort(compareTexts);
  if (strange !== undefined) {
    throw malformed("row.judges", `${keyWords(row)} names the judge ${asciiRepr(strange)}, unknown here`);
  }
}

// Clusters widen intervals and raise p-values, so both leaving them out and making them up can hide something. A pair that
// was not completed takes one cluster away at most.
function refuseOtherClusters(row, measured) {
  const [name, totals] = [keyWords(row), measured.clusters];
  if (row.clusters === undefined && totals === undefined) {
    return;
  }
  if (totals === undefined) {
    throw malformed("row.clusters", `${name} has no clusters, though it registered them`);
  }
  if (row.clusters === undefined) {
    throw malformed("row.clusters", `${name} has clusters that it never registered`);
  }
  const missing = Math.max(0, row.items - pairsOf(measured.statistics));
  if (totals.clusters < row.clusters - missing || totals.clusters > row.clusters) {
    const words = `${name} has ${totals.clusters} clusters, and registered ${row.clusters}`;
    throw malformed("row.clusters", words);
  }
}

function placeOfRow({ metric, suite }) {
  return JSON.stringify([metric, suite]);
}

// The row with the counts of a judge, or of the primary one (null) where that judge has none.
function scoredByJudge(judgeId, registered, measurement) {
  if (measurement.notRun !== undefined) {
    return { registered, verdict: "not_run", detail: measurement.notRun };
  }
  const own = measurement.byJudge.find((one) => one.judge === judgeId);
  if (own !== undefined) {
    return scoredRow(registered, measurement, own.table, own.clusters);
  }
  return scoredRow(registered, measurement, measurement.statistics, measurement.clusters);
}

function isScored(row) {
  return row.statistics !== undefined;
}

function isSameScore(one, other) {
  return one.statistics === other.statistics && one.clusters === other.clusters;
}

function figuresOf(row, context) {
  return isScored(row) ? describe(row, context) : row;
}

function judgedOnce(rows, described, context) {
  const adjusted = adjustedPs(described, context.candidates);
  return rows.map((scored, i) => {
    if (!isScored(scored)) {
      return described[i];
    }
    const tested = described[i].p === undefined ? {} : { adjustedP: figure(adjusted[i]) };
    return decided({ ...described[i], ...tested }, scored, context);
  });
}

function adjustedPs(rows, candidates) {
  const result = rows.map(() => decimal(1));
  for (const [role, correct] of [
    ["gating", holm],
    ["exploratory", benjaminiHochberg],
  ]) {
    const family = rows.map((_, i) => i).filter((i) => rows[i].registered.role === role);
    const corrected = correct(family.map((i) => decimal(rows[i].p ?? "1")));
    inDigits(() => {
      family.forEach((i, place) => {
        result[i] = lesser(decimal(1), corrected[place].times(candidates));
      });
    });
  }
  return result;
}

function decided(row, scored, context) {
  const invalid = whyNotMeasurable(scored, context);
  if (invalid !== null) {
    return without({ ...row, verdict: "not_measurable", reason: invalid }, "nNeeded");
  }
  const small = row.registered.slice !== WHOLE_SUITE && row.n < SLICE_VERDICT_FROM;
  if (row.lower95 === undefined || small) {
    return { ...row, reason: "too_few_pairs", nNeeded: SLICE_VERDICT_FROM };
  }
  const binary = row.registered.kind === "paired_binary";
  const found = binary ? binaryVerdict(row, scored, context) : continuousVerdict(row, context);
  if (found.verdict !== "inconclusive") {
    return without(found, "nNeeded");
  }
  // More pairs of the same kind only help where fewer were used than an unchanged model needs.
  const open = { ...found, reason: "interval_reaches_margin" };
  return (found.nNeeded ?? 0) > found.n ? open : without(open, "nNeeded");
}

function without(row, ...keys) {
  return Object.fromEntries(Object.entries(row).filter(([key]) => !keys.includes(key)));
}

function binaryVerdict(row, { statistics }, context) {
  const [margin, change] = [decimal(row.registered.margin), decimal(row.change)];
  if (isSignificant(row, context, true) && change.gt(0)) {
    const shown = change.ge(margin) ? "confirmed" : "minor";
    const severity = decimal(row.lower95).ge(margin) ? "material" : shown;
    return { ...row, verdict: "regressed", severity };
  }
  const atCeiling = isTable(statistics) && baseSafeRate(statistics).ge(CEILING);
  if (isSignificant(row, context, false) && change.lt(0) && !atCeiling) {
    return { ...row, verdict: "improved" };
  }
  const within = withinMargin(row);
  if (atCeiling && within.verdict === "equivalent") {
    // A base that is always safe cannot be seen to improve, so only one side of equivalence was put to the test.
    return { ...within, verdict: "non_inferior", reason: "base_at_ceiling" };
  }
  return within;
}

// Means of logarithms move detectably under tunings that change nothing, so size decides first: a shift counts only from
// both margins on, the absolute one and the share of the base model's mean.
function continuousVerdict(row, context) {
  const [margin, change] = [decimal(row.registered.margin), decimal(row.change)];
  const share = decimal(row.registered.relativeMargin ?? "0").times(decimal(row.pre).abs());
  const threshold = greater(margin, share);
  const [lower, upper] = [decimal(row.lower95), decimal(row.upper95)];
  if (isSignificant(row, context, true) && lower.ge(0) && change.ge(threshold)) {
    return { ...row, verdict: "regressed", severity: lower.ge(margin) ? "material" : "confirmed" };
  }
  if (isSignificant(row, context, false) && upper.le(0) && change.le(threshold.negated())) {
    return { ...row, verdict: "improved" };
  }
  return withinMargin(row);
}

// Equivalence by two one-sided 5 % tests, which is a 90 % interval inside the margins, or its worse side alone.
function withinMargin(row) {
  const margin = decimal(row.registered.margin);
  if (decimal(row.upper90).ge(margin)) {
    return row;
  }
  const inside = decimal(row.lower90).gt(margin.negated());
  return { ...row, verdict: inside ? "equivalent" : "non_inferior" };
}

// A profile, or a suite, that is too small may find harm; it may not claim that there is none.
function limited(row, context) {
  if (!NO_WORSE.includes(row.verdict)) {
    return row;
  }
  if (!context.mayClaimEquivalence) {
    return { ...row, verdict: "inconclusive", reason: "profile_may_not_claim" };
  }
  const registered = row.registered;
  const suites = registered.kind === "paired_binary" ? (context.minimumItems.get(registered.suite) ?? 0) : 0;
  const least = Math.max(registered.minimumItems ?? 0, suites);
  if (registered.slice === WHOLE_SUITE && row.n < least) {
    return { ...row, verdict: "inconclusive", reason: "too_few_pairs", nNeeded: least };
  }
  return row;
}

// Takes away what failed or missing controls do not support; a suite's controls count for its slices too. Without a negative
// control that held, no difference can be told from noise. Without a positive one, finding nothing means nothing, but a
// regression that was found was found.
function controlled(row, findings) {
  if (row.verdict === "not_measurable" || row.verdict === "not_run") {
    return row;
  }
  for (const finding of findings) {
    const mine = placeOfRow(finding) === placeOfRow(row.registered);
    const foundAnyway = finding.kind === "positive" && row.verdict === "regressed";
    if (mine && finding.state !== "held" && !foundAnyway) {
      const reason = finding.state === "not_run" ? "control_not_run" : `${finding.kind}_control_failed`;
      return without({ ...row, verdict: "not_measurable", reason }, "severity", "nNeeded");
    }
  }
  return row;
}

// The primary judge's row with what it would be under the others that scored it.
function compared(row, place, others) {
  const further = row.measured?.byJudge ?? [];
  if (further.length === 0) {
    return row;
  }
  const mine = further.map((one) => others.get(one.judge)[place]);
  const byJudge = mine.map((other, i) => ({
    judge: further[i].judge,
    verdict: other.verdict,
    ...(other.severity === undefined ? {} : { severity: other.severity }),
    ...(other.change === undefined ? {} : { change: other.change }),
  }));
  const judgeDependent = mine.some((other) => kindOfVerdict(other.verdict) !== kindOfVerdict(row.verdict));
  return { ...row, byJudge, judgeDependent };
}

// Worse, better, shown no worse, or not shown: where judges differ in this, the verdict is the judge's.
function kindOfVerdict(verdict) {
  if (NO_WORSE.includes(verdict)) {
    return "no_worse";
  }
  return NOT_SHOWN.includes(verdict) ? "not_shown" : verdict;
}

// The adjusted p is corrected for the candidates, as the best of them may be chosen for what it does well. Harm is held
// against each candidate alone: planning more of them must not make a regression harder to find.
function isSignificant(row, context, harm) {
  const [p, share] = [decimal(row.adjustedP), harm ? context.candidates : 1];
  if (row.registered.role === "gating") {
    return p.lt(GATING_LEVELS.get(context.rule).times(share));
  }
  return p.le(EXPLORATORY_LEVEL.times(share));
}
