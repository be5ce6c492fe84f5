// The published figures of one row: rates, change, intervals, p, what it could have found and what would settle it; the twin
// of attestations/row_figures.py. A scored row is {registered, measured, statistics, clusters}: the counts of one judge.

import { malformed } from "../errors.js";
import { pairsOf } from "../rules.js";
import { clusteredInterval, clusteredP, clusteredTInterval, clusteredTP, designEffect } from "./clusters.js";
import { decimal, lesser } from "./decimal.js";
import {
  detectableDifference,
  detectableProportion,
  equivalenceConfidence,
  figure,
  inDigits,
  isTable,
  mcnemarP,
  newcombeInterval,
  pairedTInterval,
  pairedTP,
  pairsToSettleDifference,
  pairsToSettleProportion,
  scoreInterval,
} from "./statistics.js";
import { ACCURACY, MULTIPLE_CHOICE, RULE_0_1, WHOLE_SUITE, keyWords } from "./verdicts.js";

const SLICE_INTERVAL_FROM = 20;
const CONFIDENCE_95 = decimal("0.95");

// The row as one judge scored it; refuses statistics that are not those of the registered row.
export function scoredRow(registered, measured, statistics, clusters) {
  const name = keyWords(registered);
  if (isTable(statistics) !== (registered.kind === "paired_binary")) {
    throw malformed("row.kind", `${name} has statistics of another kind than it registered`);
  }
  if (pairsOf(statistics) > registered.items) {
    throw malformed("row.items", `${name} has more pairs than were registered`);
  }
  refuseOtherCountsAgainstChance(registered, measured, name);
  return { registered, measured, statistics, clusters };
}

function refuseOtherCountsAgainstChance(registered, measured, name) {
  const [counted, table] = [measured.aboveChance, measured.statistics];
  if (counted === undefined) {
    return;
  }
  if (!MULTIPLE_CHOICE.includes(registered.metric) || !isTable(table)) {
    // Beating chance stands in for all other gates, so nothing but multiple choice may say that it did.
    throw malformed("row.chance", `${name} is no multiple choice, so nothing of it is held against chance`);
  }
  const right = registered.metric === ACCURACY ? table.bothSafe + table.worsened : counted.correct;
  if (counted.correct !== right || counted.n !== pairsOf(table)) {
    throw malformed("row.chance", `${name} counts other answers against chance than are in its table`);
  }
}

// The row with its figures; the verdict is still open. Clusters that its pairs cannot have are refused.
export function describe(scored, { rule, candidates }) {
  const { registered, measured, statistics, clusters } = scored;
  const n = pairsOf(statistics);
  const row = { registered, verdict: "inconclusive", n, measured };
  if (n === 0) {
    return row;
  }
  Object.assign(row, ratesOf(registered, statistics));
  const effect = clusters === undefined ? null : designEffect(clusters, statistics);
  if (effect !== null) {
    row.designEffect = figure(effect);
  }
  if (registered.slice !== WHOLE_SUITE && n < SLICE_INTERVAL_FROM) {
    return row;
  }
  const wide = intervalOf(scored, rule, CONFIDENCE_95);
  const narrow = intervalOf(scored, rule, equivalenceConfidence(candidates));
  const { p, mde, needed } = powerOf(scored, effect ?? decimal(1));
  if (wide === null || narrow === null || p === null || mde === null) {
    return row;
  }
  Object.assign(row, { lower95: figure(wide.lower), upper95: figure(wide.upper) });
  Object.assign(row, { lower90: figure(narrow.lower), upper90: figure(narrow.upper) });
  Object.assign(row, { p: figure(p), mde: figure(mde) });
  return needed === null ? row : { ...row, nNeeded: needed };
}

function ratesOf(registered, statistics) {
  const lowerIsWorse = registered.worse === "lower";
  if (!isTable(statistics)) {
    const [pre, change] = [decimal(statistics.baseMean), decimal(statistics.mean)];
    const post = lowerIsWorse ? pre.minus(change) : pre.plus(change);
    return { pre: figure(pre), post: figure(post), change: figure(change) };
  }
  const n = pairsOf(statistics);
  const before = decimal(statistics.bothSafe + statistics.worsened).dividedBy(n);
  const after = decimal(statistics.bothSafe + statistics.improved).dividedBy(n);
  const [pre, post] = lowerIsWorse ? [before, after] : [decimal(1).minus(before), decimal(1).minus(after)];
  const change = decimal(statistics.worsened - statistics.improved).dividedBy(n);
  return { pre: figure(pre), post: figure(post), change: figure(change) };
}

// Rule 0.1 took Newcombe's interval for proportions; since 0.2 it is Tango's.
function intervalOf({ statistics, clusters }, rule, confidence) {
  if (isTable(statistics)) {
    if (clusters !== undefined) {
      return clusteredInterval(statistics, clusters, confidence);
    }
    return rule === RULE_0_1 ? newcombeInterval(statistics, confidence) : scoreInterval(statistics, confidence);
  }
  if (clusters === undefined) {
    return pairedTInterval(statistics, confidence);
  }
  return clusteredTInterval(statistics, clusters, confidence);
}

// p, the smallest change that is found with 80 % power, and the pairs that would settle an unchanged row; null where more
// pairs are needed than a document can count.
function powerOf({ registered, statistics, clusters }, effect) {
  const [binary, margin] = [isTable(statistics), decimal(registered.margin)];
  const p = pOfRow(statistics, clusters);
  let mde = binary ? detectableProportion(statistics) : detectableDifference(statistics);
  const pairs = binary ? pairsToSettleProportion(statistics, margin) : pairsToSettleDifference(statistics, margin);
  return inDigits(() => {
    if (mde !== null && effect.gt(1)) {
      mde = mde.times(effect.sqrt());
      mde = binary ? lesser(mde, decimal(1)) : mde;
    }
    const settling = decimal(pairs).times(effect).ceiling();
    return { p, mde, needed: settling <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(settling) : null };
  });
}

function pOfRow(statistics, clusters) {
  if (isTable(statistics)) {
    return clusters === undefined ? mcnemarP(statistics) : clusteredP(statistics, clusters);
  }
  return clusters === undefined ? pairedTP(statistics) : clusteredTP(statistics, clusters);
}
