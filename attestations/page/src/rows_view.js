// The rows that a reader is shown: the registered one beside what was found, in one object, with its words and its mark.

import { rowKey } from "./rules.js";

const WORSE = "worse";
const BETTER = "better";
const SAME = "same";
const OPEN = "open";
const NONE = "none";
const KINDS = {
  regressed: WORSE,
  improved: BETTER,
  equivalent: SAME,
  non_inferior: SAME,
  inconclusive: OPEN,
  not_measurable: NONE,
  not_run: NONE,
};
const WORDS = {
  regressed: "got worse",
  improved: "got better",
  equivalent: "unchanged within the margin",
  non_inferior: "not worse by the margin",
  inconclusive: "not settled",
  not_measurable: "not measurable",
  not_run: "not run",
};
export const MARKS = { worse: "▲", better: "▼", same: "◆", open: "○", none: "–" };

// One object for each row: { registered, found, kind, words, mark, gating }, in the order of the plan.
export function shownRows(report) {
  const { predicate, judged } = report;
  const registered = (predicate.evaluations ?? []).map((row) => row.registered);
  const found = judged.length > 0 ? judged : (predicate.regressions?.rows ?? []);
  return registered.map((row, place) => {
    const one = found[place];
    const kind = KINDS[one.verdict];
    return { registered: row, found: one, kind, words: verdictWords(one), mark: MARKS[kind], gating: row.role === "gating" };
  });
}

export function verdictWords(found) {
  const severity = found.severity ? ` (${found.severity})` : "";
  const depends = found.judgeDependent ? ", depends on the judge" : "";
  return `${WORDS[found.verdict]}${severity}${depends}`;
}

// What is drawn and read first: what decides, and whatever moved.
export function isProminent(row) {
  return row.gating || row.kind === WORSE || row.kind === BETTER;
}

export function rowLabel(row) {
  const [metric, suite, slice] = rowKey(row.registered);
  return { metric, where: slice === "*" ? suite : `${suite} / ${slice}` };
}
