// Decimal arithmetic as the evidence is computed in: Python's `decimal`, digit for digit.
//
// A Decimal is an exact value c · 10^e. Every operation takes its operands exactly and rounds its result once, half to even,
// to the digits of the context in force (28 where none is set, as in Python); comparisons never round. Roots are correctly
// rounded; `pow` takes the steps of libmpdec, so that even its last digit is the same. Exponents are kept as Python keeps
// them, so `toString` is Python's `str`. Zero has no sign here, as no figure shows one. Refuses, as a RangeError, what
// Python traps: division by zero, overflow, roots of negative numbers.
//
// Sources: the General Decimal Arithmetic specification 1.70 (Cowlishaw), as in CPython's decimal module.

const EXPONENT_LIMIT = 999_999;
const TABLE_SIZE = 400;
const POWERS_OF_TEN = [1n];
for (let k = 1; k <= TABLE_SIZE; k += 1) {
  POWERS_OF_TEN.push(POWERS_OF_TEN[k - 1] * 10n);
}

export class DecimalContext {
  constructor(precision) {
    this.precision = precision;
    this.smallestExponent = -EXPONENT_LIMIT - (precision - 1);
    this.largestExponent = EXPONENT_LIMIT - (precision - 1);
  }
}

let contextInForce = new DecimalContext(28);

// The context in force.
export function currentContext() {
  return contextInForce;
}

// The result of `work`, computed under `context`, which then gives way to the one before.
export function localContext(context, work) {
  const before = contextInForce;
  contextInForce = context;
  try {
    return work();
  } finally {
    contextInForce = before;
  }
}

export class Decimal {
  // c is a BigInt and carries the sign, e a Number; `digits` of c where the caller knows them.
  constructor(c, e, digits = 0) {
    this.c = c;
    this.e = e;
    this.knownDigits = digits;
  }

  // The number of digits of the coefficient; 1 for zero.
  get digits() {
    if (this.knownDigits === 0) {
      this.knownDigits = countDigits(magnitudeOf(this.c));
    }
    return this.knownDigits;
  }

  get isZero() {
    return this.c === 0n;
  }

  plus(addend) {
    return added(this, decimal(addend));
  }

  minus(subtrahend) {
    const other = decimal(subtrahend);
    return added(this, new Decimal(-other.c, other.e, other.knownDigits));
  }

  times(factor) {
    const other = decimal(factor);
    const product = this.c * other.c;
    const most = this.digits + other.digits; // or one digit less
    const isLong = most > TABLE_SIZE || magnitudeOf(product) >= POWERS_OF_TEN[most - 1];
    return rounded(product, this.e + other.e, most > TABLE_SIZE ? 0 : most - (isLong ? 0 : 1));
  }

  dividedBy(divisor) {
    return divided(this, decimal(divisor));
  }

  // The power for a whole exponent of 0 and more, by squaring with as many digits more as libmpdec takes.
  pow(exponent) {
    if (exponent === 0) {
      return new Decimal(1n, 0, 1);
    }
    const wide = new DecimalContext(contextInForce.precision + String(exponent).length + 2);
    const power = localContext(wide, () => {
      let result = this;
      for (const bit of exponent.toString(2).slice(1)) {
        result = result.times(result);
        result = bit === "1" ? result.times(this) : result;
      }
      return result;
    });
    return rounded(power.c, power.e);
  }

  sqrt() {
    return squareRoot(this);
  }

  abs() {
    return rounded(magnitudeOf(this.c), this.e);
  }

  negated() {
    return rounded(-this.c, this.e);
  }

  // The value rounded to the digits of the context in force: Python's unary plus.
  fitted() {
    return rounded(this.c, this.e);
  }

  // -1, 0 or 1, exactly.
  compare(operand) {
    const other = decimal(operand);
    const [mine, theirs] = [signOf(this.c), signOf(other.c)];
    if (mine !== theirs || mine === 0) {
      return Math.sign(mine - theirs);
    }
    const [myTop, theirTop] = [this.digits + this.e, other.digits + other.e];
    if (myTop !== theirTop) {
      return myTop > theirTop ? mine : -mine;
    }
    const least = Math.min(this.e, other.e);
    const difference = this.c * tenTo(this.e - least) - other.c * tenTo(other.e - least);
    return signOf(difference);
  }

  lt(other) {
    return this.compare(other) < 0;
  }

  le(other) {
    return this.compare(other) <= 0;
  }

  gt(other) {
    return this.compare(other) > 0;
  }

  ge(other) {
    return this.compare(other) >= 0;
  }

  eq(other) {
    return this.compare(other) === 0;
  }

  get isWhole() {
    return this.e >= 0 || this.c % tenTo(-this.e) === 0n;
  }

  // The whole number towards zero, as a BigInt.
  truncated() {
    return this.e >= 0 ? this.c * tenTo(this.e) : this.c / tenTo(-this.e);
  }

  // The greatest whole number that is not above the value, as a BigInt.
  floor() {
    const whole = this.truncated();
    return this.isWhole || this.c > 0n ? whole : whole - 1n;
  }

  // The least whole number that is not below the value, as a BigInt.
  ceiling() {
    const whole = this.truncated();
    return this.isWhole || this.c < 0n ? whole : whole + 1n;
  }

  // The value with this many decimals in fixed notation, rounded half to even; never "-0.00".
  toFixed(places) {
    const c = this.e < -places ? halfEven(this.c, -places - this.e) : this.c * tenTo(this.e + places);
    const text = String(magnitudeOf(c)).padStart(places + 1, "0");
    return `${c < 0n ? "-" : ""}${text.slice(0, -places)}.${text.slice(-places)}`;
  }

  // The value as Python's `str` writes it: all digits of the coefficient, with an exponent where it is far away.
  toString() {
    const digits = String(magnitudeOf(this.c));
    const left = this.e + digits.length;
    const point = this.e <= 0 && left > -6 ? left : 1;
    const sign = this.c < 0n ? "-" : "";
    const exponent = left === point ? "" : `E${left - point < 0 ? "-" : "+"}${Math.abs(left - point)}`;
    if (point <= 0) {
      return `${sign}0.${"0".repeat(-point)}${digits}${exponent}`;
    }
    const fraction = digits.slice(point);
    return `${sign}${digits.slice(0, point)}${fraction === "" ? "" : `.${fraction}`}${exponent}`;
  }
}

// The Decimal of a Decimal, a whole Number, a BigInt, or a string such as "-1.50" or "1e-20"; exact.
export function decimal(value) {
  if (value instanceof Decimal) {
    return value;
  }
  if (typeof value === "bigint") {
    return new Decimal(value, 0);
  }
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) {
      throw new RangeError("a Number becomes a Decimal only if it is whole and exact");
    }
    return new Decimal(BigInt(value), 0);
  }
  const parts = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(value);
  if (parts === null) {
    throw new RangeError("no decimal number");
  }
  const fraction = parts[3] ?? "";
  const c = BigInt(parts[2] + fraction);
  return new Decimal(parts[1] === "-" ? -c : c, Number(parts[4] ?? 0) - fraction.length);
}

// The greater of two Decimals.
export function greater(one, other) {
  return other.gt(one) ? other : one;
}

// The lesser of two Decimals.
export function lesser(one, other) {
  return other.lt(one) ? other : one;
}

function signOf(c) {
  if (c === 0n) {
    return 0;
  }
  return c > 0n ? 1 : -1;
}

export function magnitudeOf(c) {
  return c < 0n ? -c : c;
}

export function tenTo(power) {
  return power <= TABLE_SIZE ? POWERS_OF_TEN[power] : 10n ** BigInt(power);
}

export function countDigits(magnitude) {
  if (magnitude >= POWERS_OF_TEN[TABLE_SIZE]) {
    return String(magnitude).length;
  }
  let [low, high] = [0, TABLE_SIZE]; // 10^low <= magnitude < 10^high, but for zero
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (magnitude >= POWERS_OF_TEN[middle]) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return high;
}

// c / 10^dropped, half to even; the sign stays.
function halfEven(c, dropped) {
  const magnitude = magnitudeOf(c);
  const unit = tenTo(dropped);
  let quotient = magnitude / unit;
  const twice = 2n * (magnitude - quotient * unit);
  if (twice > unit || (twice === unit && (quotient & 1n) === 1n)) {
    quotient += 1n;
  }
  return c < 0n ? -quotient : quotient;
}

// c · 10^e within the context in force: its digits, and its exponents down to zero and up to an error. `knownDigits` are
// those of c, where the caller knows them.
export function rounded(c, e, knownDigits = 0) {
  const context = contextInForce;
  if (c === 0n) {
    return new Decimal(0n, Math.min(Math.max(e, context.smallestExponent), EXPONENT_LIMIT), 1);
  }
  const digits = knownDigits || countDigits(magnitudeOf(c));
  const least = Math.max(digits + e - context.precision, context.smallestExponent);
  if (least > context.largestExponent) {
    throw new RangeError("a decimal number is too large");
  }
  if (e >= least) {
    return new Decimal(c, e, digits);
  }
  if (digits + e < least) {
    return new Decimal(0n, least, 1);
  }
  const fitting = halfEven(c, least - e);
  const kept = digits + e - least; // the digits that are left, but where rounding adds one
  if (magnitudeOf(fitting) === tenTo(kept)) {
    return kept < context.precision ? new Decimal(fitting, least, kept + 1) : rounded(fitting / 10n, least + 1, kept);
  }
  return new Decimal(fitting, least, kept);
}

function added(one, other) {
  const precision = contextInForce.precision;
  if (one.isZero || other.isZero) {
    return addedToZero(one.isZero ? other : one, Math.min(one.e, other.e), precision);
  }
  let [coarse, fine] = one.e >= other.e ? [one, other] : [other, one];
  // What lies far below the last digit only says on which side of it the sum is.
  const seen = coarse.e + Math.min(-1, coarse.digits - precision - 2);
  if (fine.digits + fine.e - 1 < seen) {
    fine = new Decimal(fine.c < 0n ? -1n : 1n, seen, 1);
  }
  return rounded(coarse.c * tenTo(coarse.e - fine.e) + fine.c, fine.e);
}

function addedToZero(value, exponent, precision) {
  if (value.isZero) {
    return rounded(0n, exponent);
  }
  const wanted = Math.max(exponent, value.e - precision - 1);
  return wanted < value.e ? rounded(value.c * tenTo(value.e - wanted), wanted) : rounded(value.c, value.e);
}

function divided(one, other) {
  if (other.isZero) {
    throw new RangeError("a decimal number was divided by zero");
  }
  const ideal = one.e - other.e;
  if (one.isZero) {
    return rounded(0n, ideal);
  }
  const shift = other.digits - one.digits + contextInForce.precision + 1;
  const dividend = shift >= 0 ? one.c * tenTo(shift) : one.c;
  const divisor = shift >= 0 ? other.c : other.c * tenTo(-shift);
  let quotient = dividend / divisor;
  let exponent = ideal - shift;
  if (quotient * divisor !== dividend) {
    // A digit that stands for all that follow, so that the one rounding to come is right.
    quotient = quotient % 5n === 0n ? quotient + (quotient > 0n ? 1n : -1n) : quotient;
    return rounded(quotient, exponent);
  }
  while (exponent < ideal && quotient % 10n === 0n) {
    quotient /= 10n;
    exponent += 1;
  }
  return rounded(quotient, exponent);
}

function squareRoot(value) {
  if (value.c < 0n) {
    throw new RangeError("a negative number has no square root");
  }
  let exponent = Math.floor(value.e / 2);
  if (value.isZero) {
    return rounded(0n, exponent);
  }
  const wanted = contextInForce.precision + 1;
  const odd = value.e - 2 * exponent === 1;
  const length = odd ? (value.digits >> 1) + 1 : (value.digits + 1) >> 1;
  const shift = wanted - length;
  const whole = odd ? value.c * 10n : value.c;
  const scaled = shift >= 0 ? whole * tenTo(2 * shift) : whole / tenTo(-2 * shift);
  let root = wholeRoot(scaled);
  if (root * root === scaled && (shift >= 0 || scaled * tenTo(-2 * shift) === whole)) {
    return rounded(shift >= 0 ? root / tenTo(shift) : root * tenTo(-shift), exponent);
  }
  root = root % 5n === 0n ? root + 1n : root;
  exponent -= shift;
  return rounded(root, exponent);
}

// The greatest whole number whose square is not above `square`.
function wholeRoot(square) {
  // From above, Newton's steps fall until they have arrived. The first 15 digits come from a double.
  const digits = countDigits(square);
  const even = digits - 15 + ((digits - 15) & 1);
  let root =
    even > 0
      ? (BigInt(Math.ceil(Math.sqrt(Number(square / tenTo(even))))) + 2n) * tenTo(even / 2)
      : BigInt(Math.ceil(Math.sqrt(Number(square)))) + 2n;
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) {
      return root;
    }
    root = next;
  }
}
