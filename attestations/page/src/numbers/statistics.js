// The arithmetic of a paired comparison, the twin of attestations/statistics.py and power.py, in the same steps with the same digits.
// A table is {bothSafe, worsened, improved, bothUnsafe}, differences are {n, mean, sd, baseMean, baseSd}, both as read from
// a document whose rules held. Results are Decimals, and figures the six-decimal strings of the evidence. Positive is worse.

import { malformed } from "../errors.js";
import { pairsOf } from "../rules.js";
import { DecimalContext, decimal, greater, lesser, localContext } from "./decimal.js";
import { normalQuantile, studentQuantile, twoSidedP } from "./student_t.js";

export const STATISTICS_CONTEXT = new DecimalContext(40);
export const FAMILY_LEVEL = decimal("0.03");
const FIGURE_PLACES = 6;
const LARGEST_FIGURE = decimal("1000000000000");
const EQUIVALENCE_ERROR = decimal("0.10");
const MOST_CANDIDATES = 8;
const Z_POWER_80 = decimal("0.841621233572914205178706154211");
const Z_POWER_80_TOST = decimal("1.281551565544600466965103329448743");
const TWO_SIDED_95 = decimal("0.95");
const TWO_SIDED_90 = decimal("0.90");
const LIMIT_CLOSED_IN = decimal("1e-20");
const ZERO = decimal(0);
const UNITY = decimal(1);
const MINUS_UNITY = decimal(-1);

const wilsonLimits = new Map();
const binomialTails = new Map();
const scoreLimits = new Map();

// What `work` gives in the 40 digits of all statistics.
export function inDigits(work) {
  return localContext(STATISTICS_CONTEXT, work);
}

function remembered(store, name, work) {
  if (!store.has(name)) {
    store.set(name, inDigits(work));
  }
  return store.get(name);
}

export function isTable(statistics) {
  return Object.hasOwn(statistics, "bothSafe");
}

// A number as evidence writes it: fixed notation, six decimals, half to even, never "-0.000000".
export function figure(value) {
  if (inDigits(() => value.abs()).ge(LARGEST_FIGURE)) {
    throw malformed("statistics.figure", `Decimal('${value}') is no figure for evidence`);
  }
  return value.toFixed(FIGURE_PLACES);
}

// Confidence of the interval that shows equivalence when the best of 1 to 8 candidates may be chosen: 1 - 0.10 / k.
export function equivalenceConfidence(candidates) {
  if (candidates < 1 || candidates > MOST_CANDIDATES) {
    throw malformed("statistics.candidates", `1 to ${MOST_CANDIDATES} candidates can be compared`);
  }
  return inDigits(() => UNITY.minus(EQUIVALENCE_ERROR.dividedBy(candidates)));
}

// Newcombe's method 10 for (worsened - improved) / n, the interval of rule 0.1; null where there is no pair.
export function newcombeInterval(table, confidence) {
  const n = pairsOf(table);
  if (n === 0) {
    return null;
  }
  return inDigits(() => {
    const reach = normalQuantile(confidence);
    const [before, after] = [table.bothSafe + table.worsened, table.bothSafe + table.improved];
    const change = decimal(table.worsened - table.improved).dividedBy(n);
    const [beforeRate, afterRate] = [decimal(before).dividedBy(n), decimal(after).dividedBy(n)];
    const beforeLimits = limitsOfShare(before, n, reach);
    const afterLimits = limitsOfShare(after, n, reach);
    const phi = correctedPhi(table, n);
    const below = rootOfSquares(beforeRate.minus(beforeLimits.lower), afterLimits.upper.minus(afterRate), phi);
    const above = rootOfSquares(beforeLimits.upper.minus(beforeRate), afterRate.minus(afterLimits.lower), phi);
    return { lower: greater(change.minus(below), MINUS_UNITY), upper: lesser(change.plus(above), UNITY) };
  });
}

// Tango's score interval for (worsened - improved) / n; null where there is no pair. The variance is multiplied by
// `designEffect`; with `degrees` the t quantile takes the place of the normal one.
export function scoreInterval(table, confidence, designEffect = UNITY, degrees = null) {
  const n = pairsOf(table);
  if (n === 0) {
    return null;
  }
  return inDigits(() => {
    const quantile = degrees === null ? normalQuantile(confidence) : studentQuantile(degrees, confidence);
    const reach = quantile.times(designEffect.sqrt());
    return {
      lower: lowerScoreLimit(table.worsened, table.improved, n, reach),
      upper: lowerScoreLimit(table.improved, table.worsened, n, reach).negated(),
    };
  });
}

// Wilson's score interval for a proportion of n > 0.
function limitsOfShare(successes, n, z) {
  return remembered(wilsonLimits, `${successes} ${n} ${z}`, () => {
    const square = z.times(z);
    const rate = decimal(successes).dividedBy(n);
    const effective = decimal(n).dividedBy(1);
    const centre = rate.plus(square.dividedBy(decimal(2).times(effective)));
    const variance = rate.times(UNITY.minus(rate)).dividedBy(effective);
    const added = square.dividedBy(decimal(4).times(effective).times(effective));
    const spread = z.times(variance.plus(added).sqrt());
    const scale = UNITY.plus(square.dividedBy(effective));
    const lower = successes === 0 ? ZERO : centre.minus(spread).dividedBy(scale);
    const upper = successes === n ? UNITY : centre.plus(spread).dividedBy(scale);
    return { lower, upper };
  });
}

// Exact two-sided p of McNemar: twice the smaller binomial(worsened + improved, 1/2) tail, at most 1.
export function mcnemarP(table) {
  return binomialP(table.worsened + table.improved, Math.min(table.worsened, table.improved));
}

function binomialP(discordant, fewer) {
  return remembered(binomialTails, `${discordant} ${fewer}`, () => {
    let term = UNITY.dividedBy(decimal(2).pow(discordant));
    let tail = term;
    for (let k = 1; k <= fewer; k += 1) {
      term = term.times(discordant - k + 1).dividedBy(k);
      tail = tail.plus(term);
    }
    return lesser(UNITY, decimal(2).times(tail));
  });
}

// P(X >= successes) for X binomial(n, chance), exact; 0 < chance < 1, and no more successes than trials.
export function binomialUpperP(successes, n, chance) {
  if (successes === 0) {
    return UNITY;
  }
  return inDigits(() => {
    const odds = UNITY.minus(chance).dividedBy(chance);
    let term = chance.pow(n);
    let tail = term;
    for (let k = n; k > successes; k -= 1) {
      term = term.times(odds).times(k).dividedBy(n - k + 1);
      tail = tail.plus(term);
    }
    return lesser(UNITY, tail);
  });
}

// mean ± t(n - 1) · sd / √n; null below two pairs.
export function pairedTInterval(differences, confidence) {
  if (differences.n < 2) {
    return null;
  }
  return inDigits(() => {
    const half = studentQuantile(differences.n - 1, confidence).times(errorOfMean(differences));
    const mean = decimal(differences.mean);
    return { lower: mean.minus(half), upper: mean.plus(half) };
  });
}

// Two-sided p of the paired t test; null below two pairs.
export function pairedTP(differences) {
  if (differences.n < 2) {
    return null;
  }
  return inDigits(() => pOfMean(decimal(differences.mean), errorOfMean(differences), differences.n - 1));
}

// Two-sided p of a mean over its standard error; without any error nothing but 0 is no change.
export function pOfMean(mean, error, degrees) {
  if (error.isZero) {
    return mean.isZero ? UNITY : ZERO;
  }
  return twoSidedP(degrees, mean.abs().dividedBy(error));
}

// Holm's step-down adjusted p-values, in the order given.
export function holm(pValues) {
  return inDigits(() => {
    const adjusted = pValues.map(() => UNITY);
    let highest = ZERO;
    ranked(pValues).forEach((i, rank) => {
      highest = greater(highest, lesser(UNITY, decimal(pValues.length - rank).times(pValues[i])));
      adjusted[i] = highest;
    });
    return adjusted;
  });
}

// Benjamini and Hochberg's step-up adjusted p-values, in the order given.
export function benjaminiHochberg(pValues) {
  return inDigits(() => {
    const adjusted = pValues.map(() => UNITY);
    let lowest = UNITY;
    const order = ranked(pValues);
    for (let rank = order.length; rank >= 1; rank -= 1) {
      const i = order[rank - 1];
      lowest = lesser(lowest, pValues[i].times(pValues.length).dividedBy(rank));
      adjusted[i] = lowest;
    }
    return adjusted;
  });
}

// The places of the values from the least on; equal ones stay in their order.
function ranked(pValues) {
  return pValues.map((_, i) => i).sort((one, other) => pValues[one].compare(pValues[other]));
}

// Smallest change that McNemar's test (two-sided 5 %) finds with 80 % power, as a proportion; Connor 1987.
export function detectableProportion(table) {
  const n = pairsOf(table);
  return inDigits(() => {
    const [a, b, share] = [normalQuantile(TWO_SIDED_95), Z_POWER_80, smoothedDiscordance(table)];
    if (decimal(n).le(a.times(a))) {
      return UNITY;
    }
    const scale = decimal(n).plus(b.times(b));
    const inner = scale.minus(a.times(a));
    const reached = decimal(n).sqrt().times(a).plus(b.times(inner.sqrt()));
    let change = share.sqrt().times(reached).dividedBy(scale);
    if (change.gt(share)) {
      const square = a.times(a).times(b).times(b).minus(scale.times(a.times(a).minus(n)));
      const u = square.sqrt().minus(a.times(b)).dividedBy(scale);
      change = UNITY.minus(u.times(u));
    }
    return lesser(change, UNITY);
  });
}

// Smallest mean shift that a two-sided 5 % test finds with 80 % power: (z_a + z_b) · sd / √n, in the row's unit.
export function detectableDifference(differences) {
  if (differences.n < 2) {
    return null;
  }
  return inDigits(() => normalQuantile(TWO_SIDED_95).plus(Z_POWER_80).times(errorOfMean(differences)));
}

// Pairs with which an unchanged model is shown equivalent within `margin`, 80 % power: (z_.95 + z_.90)² ψ / margin². A BigInt.
export function pairsToSettleProportion(table, margin) {
  return inDigits(() => {
    const z = normalQuantile(TWO_SIDED_90).plus(Z_POWER_80_TOST);
    return z.times(z).times(smoothedDiscordance(table)).dividedBy(margin.times(margin)).ceiling();
  });
}

// The same for a mean shift: (z_.95 + z_.90)² sd² / margin².
export function pairsToSettleDifference(differences, margin) {
  return inDigits(() => {
    const z = normalQuantile(TWO_SIDED_90).plus(Z_POWER_80_TOST).times(decimal(differences.sd));
    const needed = z.times(z).dividedBy(margin.times(margin)).ceiling();
    return needed > 2n ? needed : 2n;
  });
}

// The change below the one seen at which the score statistic is `reach`, to 20 decimals.
function lowerScoreLimit(worsened, improved, n, reach) {
  return remembered(scoreLimits, `${worsened} ${improved} ${n} ${reach}`, () => {
    if (improved === n) {
      return MINUS_UNITY;
    }
    const square = reach.times(reach);
    if (worsened + improved === 0) {
      return square.negated().dividedBy(decimal(n).plus(square));
    }
    if (worsened === n) {
      return decimal(n).minus(square).dividedBy(decimal(n).plus(square));
    }
    return falsePosition(decimal(worsened - improved).dividedBy(n), (at) =>
      scoreExcess(worsened, improved, n, at, reach),
    );
  });
}

// Where `excess` crosses zero between -1 and `seen`: false position; an end that stays twice is given half its weight
// (Illinois), so that both ends close in.
function falsePosition(seen, excess) {
  let [low, high] = [MINUS_UNITY, seen];
  let [above, below] = [excess(low), excess(high)];
  let [before, at, rose] = [low, high, false];
  while (at.minus(before).abs().gt(LIMIT_CLOSED_IN)) {
    before = at;
    at = low.times(below).minus(high.times(above)).dividedBy(below.minus(above));
    const found = excess(at);
    if (found.gt(0)) {
      [low, above, below] = [at, found, rose ? below.dividedBy(2) : below];
    } else {
      [high, below, above] = [at, found, rose ? above : above.dividedBy(2)];
    }
    rose = found.gt(0);
  }
  return at;
}

// How far the count seen lies above the one expected under `change`, less `reach` standard errors under it; Tango 1998, 6.
function scoreExcess(worsened, improved, n, change, reach) {
  const linear = decimal(2 * n - worsened + improved).times(change).minus(worsened).minus(improved);
  const constant = decimal(-improved).times(change).times(UNITY.minus(change));
  const discriminant = greater(ZERO, linear.times(linear).minus(decimal(8 * n).times(constant)));
  const improving = discriminant.sqrt().minus(linear).dividedBy(4 * n);
  const spread = decimal(2).times(improving).plus(change.times(UNITY.minus(change)));
  const variance = greater(ZERO, decimal(n).times(spread));
  return decimal(worsened - improved).minus(decimal(n).times(change)).minus(reach.times(variance.sqrt()));
}

// Newcombe's φ: the continuity correction shrinks a positive correlation only; 0 where a margin is empty.
function correctedPhi(table, n) {
  const [a, b, c, d] = [table.bothSafe, table.worsened, table.improved, table.bothUnsafe].map(BigInt);
  const product = (a + b) * (c + d) * (a + c) * (b + d);
  if (product === 0n) {
    return ZERO;
  }
  let covariance = decimal(a * d - b * c);
  if (covariance.gt(0)) {
    covariance = greater(covariance.minus(decimal(n).dividedBy(2)), ZERO);
  }
  return covariance.dividedBy(decimal(product).sqrt());
}

function rootOfSquares(x, y, phi) {
  const crossed = decimal(2).times(phi).times(x).times(y);
  return greater(x.times(x).minus(crossed).plus(y.times(y)), ZERO).sqrt();
}

function errorOfMean(differences) {
  return decimal(differences.sd).dividedBy(decimal(differences.n).sqrt());
}

// Laplace's rule of succession, so that no discordant pair seen does not mean that none can come.
function smoothedDiscordance(table) {
  return decimal(table.worsened + table.improved + 1).dividedBy(pairsOf(table) + 2);
}
