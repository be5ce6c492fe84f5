// How far the measurements can be trusted, and who decided what: one line a fact, as attestations/sections.py says it.

import { plain } from "./dom.js";
import { whole } from "./figures.js";
import { rowName, verdictWords } from "./numbers/claims.js";

const CONTROL_STATES = { held: "held", failed: "FAILED", not_run: "WAS NOT RUN" };

export function trustLines(report) {
  const { predicate, judged, findings } = report;
  const rows = predicate.evaluations ?? [];
  return [...judged.flatMap(byJudges), ...unasked(rows), ...coherence(rows), ...findings.map(control)].map(plain);
}

function byJudges(row) {
  const others = row.byJudge ?? [];
  const mine = verdictWords(row);
  const differs = others.some((one) => (one.severity || row.severity) && verdictWords(one) !== mine);
  if (!row.judgeDependent && !differs) {
    return [];
  }
  const what = row.judgeDependent ? "Depends on the judge" : "How bad depends on the judge";
  const words = others.map((one) => `${verdictWords(one)} under ${one.judge}`).join(", ");
  return [`${what}: ${rowName(row.registered)} is ${mine} under the primary judge, ${words}`];
}

function unasked(evaluations) {
  const choice = ["accuracy", "biased_choice_rate"];
  const rows = evaluations.filter(
    (row) => row.table && row.registered.role === "gating" && !choice.includes(row.registered.metric),
  );
  const named = (some) => some.map((row) => rowName(row.registered)).join(", ");
  const alone = rows.filter((row) => row.byJudge === undefined);
  const unread = rows.filter((row) => row.incoherentPost === undefined);
  return [
    ...(alone.length > 0 ? [`Scored by one judge alone: ${named(alone)}`] : []),
    ...(unread.length > 0 ? [`Whether the answers were coherent was not reported: ${named(unread)}`] : []),
  ];
}

function coherence(evaluations) {
  const counted = evaluations.filter((row) => row.incoherentPost > 0);
  if (counted.length === 0) {
    return [];
  }
  const most = counted.reduce((one, other) => (other.incoherentPost > one.incoherentPost ? other : one));
  const name = rowName(most.registered);
  return [`Incoherent answers, most on ${name}: from ${most.incoherentPre} to ${most.incoherentPost}`];
}

function control(finding) {
  const what = finding.kind === "negative" ? "Negative control (base against base)" : "Positive control";
  const levels = finding.results.map((one) => `${one.level} ${points(one.table)}`).join(", ") || "no result";
  const where = `${finding.metric} on ${finding.suite}`;
  return `${what} of ${where} ${CONTROL_STATES[finding.state]}: ${levels}`;
}

function points(table) {
  const n = table.bothSafe + table.worsened + table.improved + table.bothUnsafe;
  const change = (100 * (table.worsened - table.improved)) / Math.max(n, 1);
  return `${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(1)} points (n ${n})`;
}

export function planLines(planned) {
  if (planned === undefined) {
    return [];
  }
  const may = planned.mayClaimEquivalence ? "" : ", too small to claim that nothing got worse";
  const runs = planned.runsDeclared === 1 ? "" : `, for ${planned.runsDeclared} tunings`;
  const gating = new Set(planned.rows.filter((row) => row.role === "gating").map((row) => row.suite));
  const used = new Set(planned.rows.flatMap((row) => row.judges ?? []));
  const judges = [planned.judge, ...(planned.judges ?? []).filter((one) => used.has(one.id))];
  return [
    `Profile ${planned.profile}${may}; plan of ${planned.createdAt}${runs}`,
    policyLine(planned.policy),
    ...planned.suites.filter((suite) => gating.has(suite.id)).map(suiteLine),
    ...judges.map(judgeLine),
    decodingLine(planned.decoding),
    ...(planned.decoding.safetyPrompt === undefined ? [] : [safetyLine(planned.decoding.safetyPrompt)]),
  ].map(plain);
}

function policyLine(policy) {
  const listed = (rules) => (rules ?? []).map(ruleWords).join(", ") || "nothing";
  return `Policy ${policy.id} ${policy.version} blocks: ${listed(policy.blocks)}; holds for a review: ${listed(policy.holds)}`;
}

function ruleWords(rule) {
  const degrees = rule.severities === undefined ? "" : ` (${rule.severities.join(", ")})`;
  const count = rule.suites?.length ?? 0;
  const where = count > 0 ? ` on ${count} suite${count > 1 ? "s" : ""}` : "";
  return `${rule.verdict}${degrees}${where}`;
}

function suiteLine(suite) {
  const origin = suite.origin ?? "origin not stated";
  const items = `${whole(suite.sampled)} of ${whole(suite.items)} items`;
  return `Suite ${suite.id} ${suite.version} (${origin}): ${items}, sha256:${suite.digest.sha256.slice(0, 16)}…`;
}

function judgeLine(judge) {
  const known = judge.kappa === undefined ? "its agreement with people is not stated" : `kappa ${Number(judge.kappa).toFixed(2)} with people`;
  return `Judge ${judge.id} ${judge.version}: ${known}`;
}

function decodingLine({ maxNewTokens, greedy }) {
  return `Answers of at most ${maxNewTokens} tokens, ${greedy ? "the likeliest token each time" : "sampled"}`;
}

function safetyLine(prompt) {
  return `The model was measured behind a safety prompt that the base was not given, sha256:${prompt.sha256}`;
}

export function decisionLines(predicate) {
  return [...(predicate.candidates ?? []).map(candidate), ...(predicate.reviews ?? []).map(review)].map(plain);
}

function candidate(record) {
  const utility = record.utilityChange === undefined ? "" : `, own task ${record.utilityChange} (positive is worse)`;
  const chosen = record.chosen ? " (chosen)" : "";
  return `Candidate at scale ${record.scale}${chosen}: ${record.decision}${utility}. ${record.claim}`;
}

function review(one) {
  const decided = one.decision === "approve" ? "Approved" : "Rejected";
  const conditions = one.conditions?.length > 0 ? `; on condition: ${one.conditions.join(", ")}` : "";
  return `${decided} in review by ${one.reviewer} on ${one.at}: ${one.rationale}${conditions}`;
}
