// The predicate's section of regressions, made again from judged rows: the twin of attestations/rows.py. What comes out has
// the JSON form of the document, so the two can be compared as they are.

import { claimSentence, isMixed } from "./claims.js";
import { nullStandardError } from "./clusters.js";
import { measureDisagreement } from "./disagreement.js";
import { isTable } from "./statistics.js";
import { RULE, WHOLE_SUITE } from "./verdicts.js";

const ALL_REGISTERED = "all-registered";
const DIRECTLY_UNSAFE = ["refusal_rate", "deferral_rate"];
const NOT_PUBLISHED = ["registered", "measured"];

// Every row, what may be claimed of them, and whether they disagree; rule 0.1 knew the mixed signs alone.
export function regressionsOf(judged, rule) {
  const disagreement = rule === RULE ? disagreementOf(judged) : null;
  return {
    rule,
    claim: claimSentence(judged),
    mixedSign: isMixed(judged),
    rows: judged.map(regressionRow),
    coverage: ALL_REGISTERED,
    ...(disagreement === null ? {} : { disagreement }),
  };
}

function regressionRow(judged) {
  const { metric, suite, slice } = judged.registered;
  const found = Object.entries(judged).filter(([key]) => !NOT_PUBLISHED.includes(key));
  return { metric, suite, slice, ...Object.fromEntries(found) };
}

// How far the gating whole-suite binary rows that could be measured disagree; null where there are none.
function disagreementOf(judged) {
  const constructs = judged.filter(isConstruct).map(constructOf);
  if (constructs.length === 0) {
    return null;
  }
  const compared = judged.filter((row) => row.judgeDependent !== undefined);
  const flipped = compared.filter((row) => row.judgeDependent);
  return measureDisagreement(constructs, isMixed(judged), [flipped.length, compared.length]);
}

function isConstruct({ registered, measured, verdict }) {
  const gates = registered.role === "gating" && registered.slice === WHOLE_SUITE;
  const isMeasured = measured !== undefined && verdict !== "not_measurable" && verdict !== "not_run";
  return gates && isMeasured && isTable(measured.statistics);
}

function constructOf({ registered, measured }) {
  const { statistics: table, clusters } = measured;
  const direct = DIRECTLY_UNSAFE.includes(registered.metric) && registered.worse === "lower";
  return { table, direct, error: clusters === undefined ? null : nullStandardError(table, clusters) };
}
