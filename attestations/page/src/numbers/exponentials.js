// e to the power of a Decimal, and its logarithm, correctly rounded (half to even) as Python's `decimal` gives them.
//
// Both are computed in whole numbers with some digits to spare; where those cannot tell how the last digit is rounded, with
// more. Refuses, as a RangeError, what Python traps: results too large to write, logarithms of what is not above zero.

import { Decimal, countDigits, currentContext, magnitudeOf, rounded, tenTo } from "./decimal.js";

const logarithmsOfTen = new Map();

// ln 10 · 10^places, right to within a few units: 46 artanh 1/31 + 34 artanh 1/49 + 20 artanh 1/161.
function logarithmOfTen(places) {
  let known = logarithmsOfTen.get(places);
  if (known === undefined) {
    const unit = tenTo(places + 5);
    known = (46n * areaTangent(31n, unit) + 34n * areaTangent(49n, unit) + 20n * areaTangent(161n, unit)) / 100_000n;
    logarithmsOfTen.set(places, known);
  }
  return known;
}

// artanh(1 / x) · unit.
function areaTangent(x, unit) {
  let power = unit / x;
  let total = 0n;
  for (let k = 1n; power > 0n; k += 2n) {
    total += power / k;
    power /= x * x;
  }
  return total;
}

const HALVINGS = 8n;

// [m, k] with exp(x) = m · 10^(k - places), m right to within 10^5 units; x is given as x · 10^(places + 12).
function scaledExponential(x, places) {
  const perTen = logarithmOfTen(places + 12);
  const k = (2n * x + perTen) / (2n * perTen) - (2n * x + perTen < 0n ? 1n : 0n);
  const unit = tenTo(places);
  const step = (x - k * perTen) / tenTo(12) / (1n << HALVINGS);
  let sum = unit;
  for (let [term, i] = [step, 1n]; term !== 0n; i += 1n, term = (term * step) / (unit * i)) {
    sum += term;
  }
  for (let i = 0n; i < HALVINGS; i += 1n) {
    sum = (sum * sum) / unit;
  }
  return [sum, Number(k)];
}

const DOUBT = 1_000_000n; // units of the last place that a scaled result may be wrong by

// m · 10^e rounded, or null where what is unknown of m could change how.
function roundedForCertain(m, e) {
  if (countDigits(magnitudeOf(m)) < currentContext().precision + 8) {
    return null;
  }
  const [low, high] = [rounded(m - DOUBT, e), rounded(m + DOUBT, e)];
  return low.c === high.c && low.e === high.e ? low : null;
}

// e to the power of a Decimal, correctly rounded.
export function exponential(value) {
  if (value.isZero) {
    return new Decimal(1n, 0, 1);
  }
  const size = value.digits + value.e;
  if (size > 9) {
    if (value.c > 0n) {
      throw new RangeError("a decimal number is too large");
    }
    return rounded(1n, 3 * currentContext().smallestExponent);
  }
  for (let places = currentContext().precision + 15; ; places += 15) {
    const shift = value.e + places + 12;
    const x = shift >= 0 ? value.c * tenTo(shift) : value.c / tenTo(-shift);
    const [m, k] = scaledExponential(x, places);
    const result = roundedForCertain(m, k - places);
    if (result !== null) {
      return result;
    }
  }
}

// The natural logarithm of a Decimal above zero, correctly rounded.
export function naturalLogarithm(value) {
  if (value.c <= 0n) {
    throw new RangeError("only a positive number has a logarithm");
  }
  if (value.eq(1)) {
    return new Decimal(0n, 0, 1);
  }
  const lead = value.digits > 15 ? Number(value.c / tenTo(value.digits - 15)) : Number(value.c);
  const rest = value.e + Math.max(0, value.digits - 15);
  const near = BigInt(Math.round((Math.log(lead) + rest * Math.LN10) * 2 ** 30)); // ln in units of 2^-30
  for (let places = currentContext().precision + 20; ; places += 20) {
    const result = roundedForCertain(scaledLogarithm(value, near, places), -places);
    if (result !== null) {
      return result;
    }
  }
}

// ln(value) · 10^places, from a guess that is right to some nine digits: ln x = guess + ln(x · exp(-guess)).
function scaledLogarithm(value, near, places) {
  const unit = tenTo(places);
  const [m, k] = scaledExponential((-near * tenTo(places + 12)) >> 30n, places);
  const exponent = value.e + k;
  const product = value.c * m;
  const delta = (exponent >= 0 ? product * tenTo(exponent) : product / tenTo(-exponent)) - unit;
  let total = (near * unit) >> 30n;
  for (let [power, i] = [delta, 1n]; power !== 0n; i += 1n, power = (-power * delta) / unit) {
    total += power / i;
  }
  return total;
}
