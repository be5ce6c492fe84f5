// Whether benchmarks disagree about what a tuning did, the twin of attestations/disagreement.py: a first-class result, and
// never a reason to average. A construct is {table, direct, error}; the error is null where pairs are independent.

import { pairsOf } from "../rules.js";
import { decimal, greater, lesser } from "./decimal.js";
import { exponential, naturalLogarithm } from "./exponentials.js";
import { figure, inDigits } from "./statistics.js";
import { normalCentralProbability } from "./student_t.js";

const ONE_HALF = decimal("0.5");
const PI = decimal("3.14159265358979323846264338327950288419716939937510582097494459");
const NO_SUM = decimal(0);
const NO_EFFECT = decimal(1);

// Measures over constructs; `flips` are [rows whose verdict changes with the judge, of how many]. Absent keys are figures
// on which fewer than two constructs bear.
export function measureDisagreement(constructs, mixedSign, [flipped, judged]) {
  return inDigits(() => {
    const seen = constructs.filter((construct) => pairsOf(construct.table) > 0);
    const heterogeneity = cochran(seen.map(logOdds));
    const measured = { mixedSign };
    addFigure(measured, "directionIndex", directionIndex(seen.map(zOf)));
    addFigure(measured, "directionIndexDirect", directionIndex(seen.filter((one) => one.direct).map(zOf)));
    if (heterogeneity !== null) {
      measured.cochranQ = figure(heterogeneity.q);
      measured.degrees = heterogeneity.degrees;
      measured.heterogeneityP = figure(heterogeneity.p);
      measured.iSquared = figure(heterogeneity.share);
    }
    addFigure(measured, "judgeFlipShare", judged > 0 ? decimal(flipped).dividedBy(judged) : null);
    return measured;
  });
}

function addFigure(measured, name, value) {
  if (value !== null) {
    measured[name] = figure(value);
  }
}

// P(X >= statistic) of the chi-square distribution, for a statistic >= 0 and whole degrees >= 1.
export function chiSquareP(statistic, degrees) {
  return inDigits(() => {
    const half = statistic.dividedBy(2);
    let [term, total, first] = [null, null, 2];
    if (degrees % 2 === 0) {
      term = exponential(half.negated());
      total = term;
    } else {
      const root = statistic.sqrt();
      total = NO_EFFECT.minus(normalCentralProbability(root));
      // The first summand of 26.4.4 is 2 φ(√x) √x; those that follow grow by x / 3, x / 5 ...
      term = decimal(2).times(exponential(half.negated())).dividedBy(decimal(2).times(PI).sqrt()).times(root);
      total = total.plus(degrees >= 3 ? term : 0);
      first = 3;
    }
    for (let k = first; k < degrees - 1; k += 2) {
      term = term.times(statistic).dividedBy(k);
      total = total.plus(term);
    }
    return lesser(NO_EFFECT, greater(NO_SUM, total));
  });
}

// The design effect that a given standard error implies, at least 1.
function impliedEffect({ table, error }) {
  const discordant = table.worsened + table.improved;
  if (error === null || discordant === 0) {
    return NO_EFFECT;
  }
  const n = pairsOf(table);
  return greater(NO_EFFECT, error.times(error).times(n).times(n).dividedBy(discordant));
}

// Change over its standard error if nothing changed (McNemar's z); it exists wherever a pair is discordant.
function zOf(construct) {
  const { worsened, improved } = construct.table;
  if (worsened + improved === 0) {
    return NO_SUM;
  }
  const variance = decimal(worsened + improved).times(impliedEffect(construct));
  return decimal(worsened - improved).dividedBy(variance.sqrt());
}

// Log odds of worsening among discordant pairs, and its variance, on effective counts.
function logOdds(construct) {
  const effect = impliedEffect(construct);
  const worsened = decimal(construct.table.worsened).dividedBy(effect).plus(ONE_HALF);
  const improved = decimal(construct.table.improved).dividedBy(effect).plus(ONE_HALF);
  const variance = NO_EFFECT.dividedBy(worsened).plus(NO_EFFECT.dividedBy(improved));
  return { value: naturalLogarithm(worsened.dividedBy(improved)), variance };
}

function summed(values) {
  return values.reduce((total, value) => total.plus(value), NO_SUM);
}

function directionIndex(z) {
  const total = summed(z.map((value) => value.abs()));
  if (z.length < 2 || total.isZero) {
    return null;
  }
  return NO_EFFECT.minus(summed(z).abs().dividedBy(total));
}

// Q, its degrees, its p and I²; null below two constructs.
function cochran(effects) {
  if (effects.length < 2) {
    return null;
  }
  const weights = effects.map(({ variance }) => NO_EFFECT.dividedBy(variance));
  const weighted = summed(effects.map(({ value }, i) => weights[i].times(value)));
  const pooled = weighted.dividedBy(summed(weights));
  const q = summed(effects.map(({ value }, i) => weights[i].times(value.minus(pooled).pow(2))));
  const degrees = effects.length - 1;
  const share = q.gt(0) ? greater(NO_SUM, q.minus(degrees).dividedBy(q)) : NO_SUM;
  return { q, degrees, p: chiSquareP(q, degrees), share };
}
