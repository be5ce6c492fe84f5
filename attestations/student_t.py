"""Student's t distribution for whole degrees of freedom, in `decimal`, so that every machine finds the same digits.

The probability is the finite trigonometric sum of Abramowitz and Stegun 26.7.3 and 26.7.4, exact for whole degrees of
freedom. The quantile inverts it by bisection up to 200 degrees; above, the expansion 26.7.5 around the normal quantile is
good to better than ten decimals. Callers (`attestations.statistics`) set the decimal context.
"""

from decimal import Context, Decimal, localcontext
from functools import lru_cache

_CONTEXT = Context(prec=40, Emin=-999_999, Emax=999_999)
_PI = Decimal("3.141592653589793238462643383279502884197169")
_NORMAL = {
    Decimal("0.90"): Decimal("1.644853626951472714863848907991632136083"),
    Decimal("0.95"): Decimal("1.959963984540054235524594430520551527956"),
}
_BISECTED_UP_TO = 200
_NEGLIGIBLE = Decimal("1e-42")


@lru_cache(maxsize=4096)
def quantile(degrees: int, confidence: Decimal) -> Decimal:
    """The t with P(|T| <= t) = confidence, for a confidence of 0.90 or 0.95 and degrees >= 1."""
    with localcontext(_CONTEXT):
        if degrees > _BISECTED_UP_TO:
            return _expansion(degrees, _NORMAL[confidence])
        low, high = _NORMAL[confidence], Decimal(13)  # t(1) is 6.31 and 12.71
        for _ in range(80):
            middle = (low + high) / 2
            if central_probability(degrees, middle) < confidence:
                low = middle
            else:
                high = middle
        return (low + high) / 2


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
