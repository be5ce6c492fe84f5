"""Student's t and the normal distribution in `decimal`, so that every machine finds the same digits.

For whole degrees of freedom the t probability is the finite trigonometric sum of Abramowitz and Stegun 26.7.3 and 26.7.4,
exact. Its quantile inverts that by bisection up to 200 degrees; above, the expansion 26.7.5 around the normal quantile is
good to better than ten decimals. The normal probability is the series 26.2.11 and its quantile inverts that by Newton's
steps, so any confidence up to ten nines is served, not only those of a table. Callers are
`attestations.statistics`, `clusters` and `disagreement`; each function sets its own decimal context.
"""

from decimal import Context, Decimal, localcontext
from functools import lru_cache

_CONTEXT = Context(prec=40, Emin=-999_999, Emax=999_999)
_WIDE = Context(prec=60, Emin=-999_999, Emax=999_999)
_PI = Decimal("3.141592653589793238462643383279502884197169")
_WIDE_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
_ROOT_OF_TWO_PI = _WIDE.sqrt(_WIDE.multiply(Decimal(2), _WIDE_PI))
_BISECTED_UP_TO = 200
_FALSE_POSITIONS = 30  # what they leave open the bisection settles; usual confidences take half as many
_NEGLIGIBLE = Decimal("1e-42")
_HARDLY_ANYTHING = Decimal("1e-58")
_HIGHEST_CONFIDENCE = Decimal("0.9999999999")
_LARGEST_Z = Decimal(24)  # beyond it the tail is below 10^-126, less than any figure that is published


@lru_cache(maxsize=256)
def normal_quantile(confidence: Decimal) -> Decimal:
    """The z with P(|Z| <= z) = confidence, to 40 digits, for a confidence above 0 and at most 0.9999999999: nearer to 1 the
    digits of the probability no longer tell Newton's steps apart."""
    if not 0 < confidence <= _HIGHEST_CONFIDENCE:
        raise ValueError(f"a confidence lies above 0 and is at most {_HIGHEST_CONFIDENCE}")
    with localcontext(_WIDE):
        z, step = Decimal(0), Decimal(1)
        while abs(step) > Decimal("1e-50"):
            # The probability is concave in z >= 0, so from the left every Newton step stays on the left.
            density = _density(z)
            step = (confidence - _central(z, density)) / (2 * density)
            z += step
    with localcontext(_CONTEXT):
        return +z


def normal_central_probability(z: Decimal) -> Decimal:
    """P(|Z| <= z) for z >= 0, to 50 decimals: 2 φ(z) (z + z³/3 + z⁵/(3·5) + …)."""
    with localcontext(_WIDE):
        return _central(z, _density(z))


def _central(z: Decimal, density: Decimal) -> Decimal:
    """`normal_central_probability`, given the density at z."""
    if z > _LARGEST_Z:
        return Decimal(1)
    total, term, k = Decimal(0), z, 1
    while term > _HARDLY_ANYTHING:
        total += term
        k += 2
        term = term * z * z / k
    return min(Decimal(1), 2 * density * total)


def _density(z: Decimal) -> Decimal:
    return (-z * z / 2).exp() / _ROOT_OF_TWO_PI


@lru_cache(maxsize=4096)
def quantile(degrees: int, confidence: Decimal) -> Decimal:
    """The t with P(|T| <= t) = confidence, for a confidence strictly between 0 and 1 and degrees >= 1."""
    with localcontext(_CONTEXT):
        normal = normal_quantile(confidence)
        if degrees > _BISECTED_UP_TO:
            return _expansion(degrees, normal)
        low, high = normal, Decimal(13)  # with one degree, the widest, 12.71 serves 95 %
        while central_probability(degrees, high) < confidence:
            high *= 2
        too_low, enough = _around(degrees, confidence, low, high)
        for _ in range(80):
            middle = (low + high) / 2
            # The probability grows with t, so what was found on either side tells.
            is_low = middle <= too_low or (middle < enough and central_probability(degrees, middle) < confidence)
            low, high = (middle, high) if is_low else (low, middle)
        return (low + high) / 2


def _around(degrees: int, confidence: Decimal, low: Decimal, high: Decimal) -> tuple[Decimal, Decimal]:
    """The ends of an interval around the quantile, much shorter than the last step of a bisection between `low` and `high`.

    The probability was computed at either end, so it decides about all that lies outside. False position closes in on the
    quantile; an end that stays twice is given half its weight (Illinois).
    """

    def excess(t: Decimal) -> Decimal:
        return central_probability(degrees, t) - confidence

    below, above, reach = excess(low), excess(high), (high - low) / 2**90
    at, before, rose = low, high, False
    for _ in range(_FALSE_POSITIONS):
        if abs(at - before) <= reach or not below < 0 < above:
            break
        before, at = at, (low * above - high * below) / (above - below)
        found = excess(at)
        if found < 0:
            low, below, above = at, found, above / 2 if rose else above
        else:
            high, above, below = at, found, below if rose else below / 2
        rose = found < 0
    for t in (at - reach, at + reach):
        if low < t < high:
            low, high = (t, high) if excess(t) < 0 else (low, t)
    return low, high


def two_sided_p(degrees: int, t: Decimal) -> Decimal:
    """P(|T| >= t), to about 38 decimals."""
    with localcontext(_CONTEXT):
        return max(Decimal(0), 1 - central_probability(degrees, t))


def central_probability(degrees: int, t: Decimal) -> Decimal:
    """P(|T| <= t) for t >= 0."""
    with localcontext(_CONTEXT):
        ratio = t / Decimal(degrees).sqrt()
        cosine_squared = 1 / (1 + ratio * ratio)
        sine = ratio * cosine_squared.sqrt()
        if degrees % 2 == 0:
            return sine * _series(cosine_squared, degrees // 2, odd=False)
        if degrees == 1:
            return 2 * _arctangent(ratio) / _PI
        tail = sine * cosine_squared.sqrt() * _series(cosine_squared, (degrees - 1) // 2, odd=True)
        return 2 * (_arctangent(ratio) + tail) / _PI


def _series(x: Decimal, terms: int, *, odd: bool) -> Decimal:
    """Σ c_k x^k over `terms` terms, c_k = c_(k-1) · 2k/(2k+1) for odd degrees of freedom, (2k-1)/(2k) for even ones."""
    total = term = Decimal(1)
    for k in range(1, terms):
        term = term * x * (2 * k) / (2 * k + 1) if odd else term * x * (2 * k - 1) / (2 * k)
        total += term
        if term < _NEGLIGIBLE:
            break
    return total


def _arctangent(x: Decimal) -> Decimal:
    halvings = 0
    while x > Decimal("0.1"):
        x = x / (1 + (1 + x * x).sqrt())
        halvings += 1
    total, power, k = Decimal(0), x, 1
    while power > _NEGLIGIBLE:
        total += power / k if k % 4 == 1 else -power / k
        power *= x * x
        k += 2
    return total * Decimal(2) ** halvings


def _expansion(degrees: int, x: Decimal) -> Decimal:
    polynomials = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum((g / Decimal(degrees) ** (i + 1) for i, g in enumerate(polynomials)), Decimal(0))
