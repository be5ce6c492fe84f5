// Paired comparisons whose items come in clusters, the twin of attestations/clusters.py: the same totals are refused, and
// what is left gives the same digits. Totals are {clusters, sumSquares, sumProducts, sumSizes} as read from a document.

import { malformed } from "../errors.js";
import { pairsOf } from "../rules.js";
import { decimal, greater } from "./decimal.js";
import { inDigits, isTable, mcnemarP, pOfMean, pairedTInterval, pairedTP, scoreInterval } from "./statistics.js";
import { studentQuantile } from "./student_t.js";

const LEAST_CLUSTERS = 10;
const HALF_A_CLUSTER = decimal("0.5");
const HALF_A_PLACE = decimal("0.0000005");
const NONE = decimal(0);
const ALONE = decimal(1);

// Refuses totals that no assignment of the row's pairs to clusters can have.
function requirePossible(totals, statistics) {
  inDigits(() => {
    requireSizes(totals, pairsOf(statistics));
    if (isTable(statistics)) {
      requireTable(totals, statistics);
    } else {
      requireDifferences(totals, statistics);
    }
  });
}

// How many clustered pairs tell as much as one independent pair, at least 1: what widens the row's interval.
export function designEffect(totals, statistics) {
  requirePossible(totals, statistics);
  return effectOf(totals, statistics, isTable(statistics) ? HALF_A_CLUSTER : NONE);
}

// Tango's interval, its variance times the design effect, with the t quantile of G - 1 degrees.
export function clusteredInterval(table, totals, confidence) {
  const effect = designEffect(totals, table);
  if (areSingletons(totals, pairsOf(table))) {
    return scoreInterval(table, confidence);
  }
  if (totals.clusters < 2) {
    return { lower: decimal(-1), upper: ALONE };
  }
  return scoreInterval(table, confidence, effect, totals.clusters - 1);
}

// Two-sided p of no change: McNemar's exact test on whole effective pairs, never less than on all pairs.
export function clusteredP(table, totals) {
  requirePossible(totals, table);
  const plain = mcnemarP(table);
  if (areSingletons(totals, pairsOf(table))) {
    return plain;
  }
  if (totals.clusters < 2) {
    return ALONE;
  }
  const [numerator, denominator] = wholeRatio(totals, table);
  const more = BigInt(Math.max(table.worsened, table.improved)) * denominator;
  const fewer = BigInt(Math.min(table.worsened, table.improved)) * denominator;
  const effective = {
    bothSafe: 0,
    worsened: Number(more / numerator),
    improved: Number((fewer + numerator - 1n) / numerator),
    bothUnsafe: 0,
  };
  return greater(plain, mcnemarP(effective));
}

// mean ± t(G - 1) · cluster-robust standard error; null below two clusters.
export function clusteredTInterval(differences, totals, confidence) {
  requirePossible(totals, differences);
  if (areSingletons(totals, differences.n)) {
    return pairedTInterval(differences, confidence);
  }
  if (totals.clusters < 2) {
    return null;
  }
  return inDigits(() => {
    const half = studentQuantile(totals.clusters - 1, confidence).times(robustError(totals, differences));
    const mean = decimal(differences.mean);
    return { lower: mean.minus(half), upper: mean.plus(half) };
  });
}

// Two-sided p of the mean over its cluster-robust standard error, G - 1 degrees; null below two clusters.
export function clusteredTP(differences, totals) {
  requirePossible(totals, differences);
  if (areSingletons(totals, differences.n)) {
    return pairedTP(differences);
  }
  if (totals.clusters < 2) {
    return null;
  }
  return inDigits(() => pOfMean(decimal(differences.mean), robustError(totals, differences), totals.clusters - 1));
}

// Standard error of (worsened - improved) / n if nothing changed: √(discordant) / n, or √(Σ t_g²) / n if greater.
export function nullStandardError(table, totals) {
  const n = pairsOf(table);
  if (n === 0) {
    return null;
  }
  requirePossible(totals, table);
  return inDigits(() => {
    const squares = greater(decimal(table.worsened + table.improved), decimal(totals.sumSquares));
    return squares.sqrt().dividedBy(n);
  });
}

function areSingletons(totals, n) {
  return totals.clusters === n;
}

// The design effect, with `mixedIn` clusters of the usual size that moved as one.
function effectOf(totals, statistics, mixedIn) {
  const [n, groups] = [pairsOf(statistics), totals.clusters];
  if (areSingletons(totals, n)) {
    return ALONE;
  }
  return inDigits(() => {
    const usual = decimal(totals.sumSizes).dividedBy(n);
    const [mean, squares] = momentsOf(statistics, n);
    const around = greater(NONE, squares.minus(decimal(n).times(mean).times(mean)));
    const apart = around.times(n).dividedBy(n - 1).plus(mixedIn.times(usual));
    if (groups < 2 || apart.isZero) {
      return usual;
    }
    const robust = spreadAround(totals, mean).times(groups).dividedBy(groups - 1);
    const together = robust.plus(mixedIn.times(usual).times(usual));
    return greater(greater(ALONE, together.dividedBy(apart)), groups < LEAST_CLUSTERS ? usual : ALONE);
  });
}

// [numerator, denominator] of the clusters' sum of squares around the mean over that of single pairs, at least 1.
function wholeRatio(totals, table) {
  const [n, sizes] = [BigInt(pairsOf(table)), BigInt(totals.sumSizes)];
  const [change, discordant] = [BigInt(table.worsened - table.improved), BigInt(table.worsened + table.improved)];
  const [squares, products] = [decimal(totals.sumSquares).truncated(), decimal(totals.sumProducts).truncated()];
  const usual = [sizes, n];
  const apart = n * (n * discordant - change * change);
  if (apart === 0n) {
    return usual;
  }
  const together = n * n * squares - 2n * n * change * products + change * change * sizes;
  const ratio = greaterRatio([1n, 1n], [together, apart]);
  return totals.clusters < LEAST_CLUSTERS ? greaterRatio(ratio, usual) : ratio;
}

function greaterRatio(one, other) {
  return other[0] * one[1] > one[0] * other[1] ? other : one;
}

function robustError(totals, differences) {
  const effect = effectOf(totals, differences, NONE);
  return decimal(differences.sd).times(effect.dividedBy(differences.n).sqrt());
}

// Mean and sum of squares of the single pairs' changes.
function momentsOf(statistics, n) {
  if (isTable(statistics)) {
    const change = decimal(statistics.worsened - statistics.improved).dividedBy(n);
    return [change, decimal(statistics.worsened + statistics.improved)];
  }
  const [mean, sd] = [decimal(statistics.mean), decimal(statistics.sd)];
  const within = decimal(n - 1).times(sd).times(sd);
  return [mean, within.plus(decimal(n).times(mean).times(mean))];
}

// Σ (t_g - mean · n_g)², never below 0 by rounding.
function spreadAround(totals, mean) {
  const [squares, products] = [decimal(totals.sumSquares), decimal(totals.sumProducts)];
  const crossed = decimal(2).times(mean).times(products);
  return greater(NONE, squares.minus(crossed).plus(mean.times(mean).times(totals.sumSizes)));
}

// n_g are whole, at least 1, and sum to n.
function requireSizes(totals, n) {
  const { clusters: groups, sumSizes } = totals;
  if (groups < Math.min(1, n) || groups > n) {
    throw malformed("clusters.sizes", `${groups} clusters cannot hold ${n} pairs, each at least one`);
  }
  let [least, most] = [0, 0];
  if (n > 0) {
    const [size, larger] = [Math.floor(n / groups), n % groups];
    least = (groups - larger) * size * size + larger * (size + 1) ** 2;
    most = (n - groups + 1) ** 2 + groups - 1;
  }
  if (sumSizes < least || sumSizes > most || (sumSizes - n) % 2 !== 0) {
    const words = `no ${groups} clusters of ${n} pairs have ${sumSizes} as sum of squares`;
    throw malformed("clusters.sizes", words);
  }
}

function requireTable(totals, table) {
  const [change, discordant] = [table.worsened - table.improved, table.worsened + table.improved];
  requireGram(totals, pairsOf(table), decimal(change), { slack: NONE, totalSlack: NONE });
  const [squares, products] = [decimal(totals.sumSquares), decimal(totals.sumProducts)];
  if (!squares.isWhole || !products.isWhole || !areTotalsOf(totals, table, change, discordant)) {
    throw malformed("clusters.totals", "no clusters of this table's pairs have these totals");
  }
}

// Whether whole changes of whole clusters can sum to the totals.
function areTotalsOf(totals, table, change, discordant) {
  // Both are below 10^12, so Numbers are exact here.
  const squares = Number(decimal(totals.sumSquares).truncated());
  const products = Number(decimal(totals.sumProducts).truncated());
  const [n, sizes] = [pairsOf(table), totals.sumSizes];
  const extra = n - totals.clusters;
  const least = discordant - 2 * Math.min(table.worsened, table.improved, extra);
  const most = discordant * Number(largestSize(totals));
  return (
    (squares - change) % 2 === 0 &&
    least <= squares &&
    squares <= most &&
    Math.abs(products) <= most &&
    Math.abs(products) <= sizes &&
    // n_g - t_g and n_g + t_g are whole and not negative, so their squares sum to no less than they do.
    sizes - 2 * products + squares >= n - change &&
    sizes + 2 * products + squares >= n + change &&
    (extra > 0 || (squares === discordant && products === change))
  );
}

function requireDifferences(totals, differences) {
  const [n, h] = [differences.n, HALF_A_PLACE];
  const mean = decimal(differences.mean).abs().plus(h);
  const sd = decimal(differences.sd).plus(h);
  const change = decimal(n).times(decimal(differences.mean));
  requireGram(totals, n, change, { slack: h, totalSlack: decimal(n).times(h) });
  const squares = decimal(n - 1).times(sd).times(sd).plus(decimal(n).times(mean).times(mean));
  const most = n > 0 ? squares.times(largestSize(totals)) : NONE;
  if (decimal(totals.sumSquares).gt(most.plus(h))) {
    throw malformed("clusters.totals", "no clusters of these differences have so great a sum of squares");
  }
}

// The vectors 1, t and n over the clusters exist: their Gram matrix has no negative minor (Cauchy and Schwarz). `slack` is
// what rounding may have moved the published sums by, and `totalSlack` what it may have moved Σ t_g by.
function requireGram(totals, n, change, { slack, totalSlack }) {
  const { clusters: groups, sumSizes: sizes } = totals;
  const [squares, products] = [decimal(totals.sumSquares).plus(slack), decimal(totals.sumProducts)];
  const total = greater(NONE, change.abs().minus(totalSlack));
  const product = greater(NONE, products.abs().minus(slack));
  const apart = decimal(groups).times(products).minus(decimal(n).times(change)).abs();
  const left = greater(NONE, apart.minus(decimal(groups).times(slack)).minus(decimal(n).times(totalSlack)));
  const within = decimal(groups).times(squares).minus(total.times(total));
  const bound = decimal(BigInt(groups) * BigInt(sizes) - BigInt(n) * BigInt(n));
  if (
    within.lt(0) ||
    product.times(product).gt(squares.times(sizes)) ||
    left.times(left).gt(bound.times(within))
  ) {
    throw malformed("clusters.totals", "sums of squares and products that no clusters can have");
  }
}

// The size of a cluster is at most this: the others have one pair at least. A BigInt.
function largestSize(totals) {
  return decimal(Math.max(0, totals.sumSizes - totals.clusters + 1)).sqrt().floor();
}
