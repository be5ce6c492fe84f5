// Student's t and the normal distribution in decimal, the twin of attestations/student_t.py: the same steps in the same
// order with the same number of digits, so every figure is the same to the last one. The formulas' sources are named there.

import { Decimal, DecimalContext, decimal, greater, lesser, localContext } from "./decimal.js";
import { exponential } from "./exponentials.js";

const FORTY_DIGITS = new DecimalContext(40);
const SIXTY_DIGITS = new DecimalContext(60);
const PI_40 = decimal("3.141592653589793238462643383279502884197169");
const PI_60 = decimal("3.14159265358979323846264338327950288419716939937510582097494459");
const BISECTED_UP_TO = 200;
const NEGLIGIBLE = decimal("1e-42");
const HARDLY_ANYTHING = decimal("1e-58");
const LARGEST_Z = decimal(24); // beyond it the tail is below 10^-126, less than any figure that is published
const NEWTON_ENDS = decimal("1e-50");
const A_TENTH = decimal("0.1");
const ONLY_ONE = decimal(1);
const HIGHEST_CONFIDENCE = decimal("0.9999999999");
const NOTHING = decimal(0);

const normalQuantiles = new Map();
const studentQuantiles = new Map();

// The z with P(|Z| <= z) = confidence, to 40 digits, for a confidence above 0 and at most 0.9999999999.
export function normalQuantile(confidence) {
  const name = confidence.toString();
  if (!normalQuantiles.has(name)) {
    normalQuantiles.set(name, computedNormalQuantile(confidence));
  }
  return normalQuantiles.get(name);
}

function computedNormalQuantile(confidence) {
  if (!confidence.gt(0) || confidence.gt(HIGHEST_CONFIDENCE)) {
    throw new RangeError(`a confidence lies above 0 and is at most ${HIGHEST_CONFIDENCE}`);
  }
  const wide = localContext(SIXTY_DIGITS, () => {
    let z = NOTHING;
    let step = ONLY_ONE;
    while (step.abs().gt(NEWTON_ENDS)) {
      step = confidence.minus(normalCentralProbability(z)).dividedBy(decimal(2).times(density(z)));
      z = z.plus(step);
    }
    return z;
  });
  return localContext(FORTY_DIGITS, () => wide.fitted());
}

// P(|Z| <= z) for z >= 0, to 50 decimals: 2 φ(z) (z + z³/3 + z⁵/(3·5) + …).
export function normalCentralProbability(z) {
  return localContext(SIXTY_DIGITS, () => {
    if (z.gt(LARGEST_Z)) {
      return ONLY_ONE;
    }
    let total = NOTHING;
    let term = z;
    for (let k = 3; term.gt(HARDLY_ANYTHING); k += 2) {
      total = total.plus(term);
      term = term.times(z).times(z).dividedBy(k);
    }
    return lesser(ONLY_ONE, decimal(2).times(density(z)).times(total));
  });
}

function density(z) {
  return exponential(z.negated().times(z).dividedBy(2)).dividedBy(decimal(2).times(PI_60).sqrt());
}

// The t with P(|T| <= t) = confidence, for a confidence strictly between 0 and 1 and degrees >= 1.
export function studentQuantile(degrees, confidence) {
  const name = `${degrees} ${confidence}`;
  if (!studentQuantiles.has(name)) {
    studentQuantiles.set(name, localContext(FORTY_DIGITS, () => computedQuantile(degrees, confidence)));
  }
  return studentQuantiles.get(name);
}

function computedQuantile(degrees, confidence) {
  const normal = normalQuantile(confidence);
  if (degrees > BISECTED_UP_TO) {
    return expansion(degrees, normal);
  }
  let [low, high] = [normal, decimal(13)]; // with one degree, the widest, 12.71 serves 95 %
  while (centralProbability(degrees, high).lt(confidence)) {
    high = high.times(2);
  }
  for (let i = 0; i < 80; i += 1) {
    const middle = low.plus(high).dividedBy(2);
    if (centralProbability(degrees, middle).lt(confidence)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low.plus(high).dividedBy(2);
}

// P(|T| >= t), to about 38 decimals.
export function twoSidedP(degrees, t) {
  return localContext(FORTY_DIGITS, () => greater(NOTHING, ONLY_ONE.minus(centralProbability(degrees, t))));
}

// P(|T| <= t) for t >= 0.
export function centralProbability(degrees, t) {
  return localContext(FORTY_DIGITS, () => {
    const ratio = t.dividedBy(decimal(degrees).sqrt());
    const cosineSquared = ONLY_ONE.dividedBy(ONLY_ONE.plus(ratio.times(ratio)));
    const sine = ratio.times(cosineSquared.sqrt());
    if (degrees % 2 === 0) {
      return sine.times(series(cosineSquared, degrees / 2, false));
    }
    if (degrees === 1) {
      return decimal(2).times(arctangent(ratio)).dividedBy(PI_40);
    }
    const tail = sine.times(cosineSquared.sqrt()).times(series(cosineSquared, (degrees - 1) / 2, true));
    return decimal(2).times(arctangent(ratio).plus(tail)).dividedBy(PI_40);
  });
}

// Σ c_k x^k over `terms` terms, c_k = c_(k-1) · 2k/(2k+1) for odd degrees of freedom, (2k-1)/(2k) for even ones.
function series(x, terms, odd) {
  let [total, term] = [ONLY_ONE, ONLY_ONE];
  for (let k = 1; k < terms; k += 1) {
    const [factor, divisor] = odd ? [2 * k, 2 * k + 1] : [2 * k - 1, 2 * k];
    term = term.times(x).times(factor).dividedBy(divisor);
    total = total.plus(term);
    if (term.lt(NEGLIGIBLE)) {
      break;
    }
  }
  return total;
}

function arctangent(angle) {
  let x = angle;
  let halvings = 0;
  while (x.gt(A_TENTH)) {
    x = x.dividedBy(ONLY_ONE.plus(ONLY_ONE.plus(x.times(x)).sqrt()));
    halvings += 1;
  }
  let [total, power] = [NOTHING, x];
  for (let k = 1; power.gt(NEGLIGIBLE); k += 2) {
    const part = power.dividedBy(k);
    total = k % 4 === 1 ? total.plus(part) : total.plus(part.negated());
    power = power.times(x.times(x));
  }
  return total.times(decimal(2).pow(halvings));
}

// The expansion 26.7.5 around the normal quantile: x + Σ g_i(x) / degrees^i, each g a polynomial over a whole number.
function expansion(degrees, x) {
  const polynomials = [
    [[[1, 3], [1, 1]], 4],
    [[[5, 5], [16, 3], [3, 1]], 96],
    [[[3, 7], [19, 5], [17, 3], [-15, 1]], 384],
    [[[79, 9], [776, 7], [1482, 5], [-1920, 3], [-945, 1]], 92160],
  ];
  let sum = NOTHING;
  polynomials.forEach(([terms, divisor], i) => {
    const g = terms.map(([factor, power]) => multiple(factor, x, power)).reduce((one, other) => one.plus(other));
    sum = sum.plus(g.dividedBy(divisor).dividedBy(decimal(degrees).pow(i + 1)));
  });
  return x.plus(sum);
}

// factor · x^power; x itself is taken as it is, and nothing is rounded that is multiplied by 1.
function multiple(factor, x, power) {
  const raised = power === 1 ? x : x.pow(power);
  return factor === 1 ? raised : new Decimal(BigInt(factor), 0).times(raised);
}
