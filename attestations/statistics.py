"""The arithmetic of a paired comparison: intervals, tests, corrections. Pure, and the same to the digit everywhere.

The control process publishes these figures and a stranger's verifier computes them again, so everything runs in
`decimal` with 40 digits (IEEE doubles differ between C libraries in the last place) and is published with six.
Positive change means worse, throughout. No resampling happens here.

Sources: Tango, Statistics in Medicine 17 (1998) 891 (score interval of a paired difference); Newcombe, the same volume,
2635, method 10 (the interval of rule 0.1, kept so that what was signed under it verifies); McNemar's test in its exact
form (binomial on the discordant pairs); Holm 1979; Benjamini and Hochberg 1995. What a comparison could find at all is in
`attestations.power`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import lru_cache
from math import fsum, sqrt

from attestations.documents import Figure
from attestations.errors import MalformedError
from attestations.student_t import normal_quantile, quantile, two_sided_p

CONTEXT = Context(prec=40, rounding=ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999)
MAX_PAIRS = 100_000
PLACES = Decimal("0.000001")
LARGEST_FIGURE = Decimal(10) ** 12

# Holm's level over the gating rows: a job that changed nothing is called regressed, in any row, in at most half of it.
FAMILY_LEVEL = Decimal("0.03")

MAX_CANDIDATES = 8
EQUIVALENCE_ERROR = Decimal("0.10")


@dataclass(frozen=True, slots=True)
class Interval:
    lower: Decimal
    upper: Decimal


@dataclass(frozen=True, slots=True)
class PairedTable:
    """Pairs of one item's answers, before and after tuning, each safe or unsafe. `worsened` were safe before only."""

    both_safe: int
    worsened: int
    improved: int
    both_unsafe: int

    def __post_init__(self) -> None:
        if min(self.both_safe, self.worsened, self.improved, self.both_unsafe) < 0 or self.n > MAX_PAIRS:
            raise MalformedError("statistics.table", f"a paired table has 0 to {MAX_PAIRS} pairs, none negative")

    @property
    def n(self) -> int:
        return self.both_safe + self.worsened + self.improved + self.both_unsafe

    @classmethod
    def from_outcomes(cls, safe_before: Sequence[bool], safe_after: Sequence[bool]) -> "PairedTable":
        """Counts of two equally long, equally ordered lists of outcomes."""
        pairs = list(zip(safe_before, safe_after, strict=True))
        return cls(
            both_safe=pairs.count((True, True)),
            worsened=pairs.count((True, False)),
            improved=pairs.count((False, True)),
            both_unsafe=pairs.count((False, False)),
        )


@dataclass(frozen=True, slots=True)
class PairedDifferences:
    """Sufficient statistics of a continuous measure over `n` pairs.

    `mean` and `sd` (sample deviation, n - 1) are those of the paired differences, signed so that positive is worse;
    `base_mean` and `base_sd` those of the base model's raw values. All in the row's unit, as decimal strings.
    """

    n: int
    mean: Figure
    sd: Figure
    base_mean: Figure
    base_sd: Figure

    def __post_init__(self) -> None:
        if not 0 <= self.n <= MAX_PAIRS:
            raise MalformedError("statistics.differences", f"paired differences have 0 to {MAX_PAIRS} pairs")
        if min(Decimal(self.sd), Decimal(self.base_sd)) < 0:
            raise MalformedError("statistics.differences", "a standard deviation is never negative")

    @classmethod
    def from_values(
        cls, before: Sequence[float], after: Sequence[float], *, worse_is_lower: bool
    ) -> "PairedDifferences":
        """Statistics of raw values of the same items in the same order."""
        differences = [(b - a) if worse_is_lower else (a - b) for b, a in zip(before, after, strict=True)]
        mean, sd = _mean_and_deviation(differences)
        base_mean, base_sd = _mean_and_deviation(before)
        return cls(len(differences), figure(mean), figure(sd), figure(base_mean), figure(base_sd))


def figure(value: Decimal | float) -> str:
    """A number as evidence writes it: fixed notation, six decimals, half to even, never "-0.000000"."""
    number = Decimal(value)
    with localcontext(CONTEXT):
        if not number.is_finite() or abs(number) >= LARGEST_FIGURE:
            raise MalformedError("statistics.figure", f"{value!r} is no figure for evidence")
        rounded = number.quantize(PLACES)
    return f"{abs(rounded) if rounded == 0 else rounded:f}"


def z_two_sided(confidence: Decimal) -> Decimal:
    """The standard normal quantile that a two-sided interval of this confidence reaches, to 40 digits."""
    return normal_quantile(confidence)


def equivalence_confidence(candidates: int) -> Decimal:
    """Confidence of the interval that shows equivalence when the best of 1 to 8 candidates may be chosen.

    Two one-sided tests at 5 % are a 90 % interval; Bonferroni over k candidates makes them 5 % / k each: 1 - 0.10 / k.
    """
    if not 1 <= candidates <= MAX_CANDIDATES:
        raise MalformedError("statistics.candidates", f"1 to {MAX_CANDIDATES} candidates can be compared")
    with localcontext(CONTEXT):
        return 1 - EQUIVALENCE_ERROR / candidates


def newcombe_interval(
    table: PairedTable, confidence: Decimal, *, design_effect: Decimal = Decimal(1), degrees: int | None = None
) -> Interval | None:
    """Newcombe's method 10 for (worsened - improved) / n; None where there is no pair.

    With a `design_effect` above 1 it is computed on the effective counts, every cell divided by that effect; with
    `degrees` the t quantile of so many degrees of freedom (at least 1) takes the place of the normal one.
    """
    n = table.n
    if n == 0:
        return None
    with localcontext(CONTEXT):
        reach = z_two_sided(confidence) if degrees is None else quantile(degrees, confidence)
        before, after = table.both_safe + table.worsened, table.both_safe + table.improved
        change = Decimal(table.worsened - table.improved) / n
        before_rate, after_rate = Decimal(before) / n, Decimal(after) / n
        before_limits = wilson_limits(before, n, reach, design_effect)
        after_limits = wilson_limits(after, n, reach, design_effect)
        phi = _corrected_phi(table, design_effect)
        below = _root_of_squares(before_rate - before_limits.lower, after_limits.upper - after_rate, phi)
        above = _root_of_squares(before_limits.upper - before_rate, after_rate - after_limits.lower, phi)
        return Interval(max(change - below, Decimal(-1)), min(change + above, Decimal(1)))


def score_interval(
    table: PairedTable, confidence: Decimal, *, design_effect: Decimal = Decimal(1), degrees: int | None = None
) -> Interval | None:
    """Tango's score interval for (worsened - improved) / n; None where there is no pair.

    It holds every change that the score test does not reject, so non-inferiority by its upper limit is that test. Unlike
    Newcombe's it keeps its level where the base model is neither nearly always safe nor nearly always unsafe. The
    variance is multiplied by `design_effect`; with `degrees` the t quantile takes the place of the normal one.
    """
    if table.n == 0:
        return None
    with localcontext(CONTEXT):
        quantile_reached = z_two_sided(confidence) if degrees is None else quantile(degrees, confidence)
        # A root of 40 digits takes as long as all else here, and nearly always it is that of 1.
        reach = quantile_reached if design_effect == 1 else quantile_reached * design_effect.sqrt()
        return Interval(
            _lower_score_limit(table.worsened, table.improved, table.n, reach),
            -_lower_score_limit(table.improved, table.worsened, table.n, reach),
        )


def wilson_interval(successes: int, n: int, confidence: Decimal) -> Interval:
    """Wilson's score interval for a proportion of n > 0."""
    return wilson_limits(successes, n, z_two_sided(confidence), Decimal(1))


@lru_cache(maxsize=16_384)
def wilson_limits(successes: int, n: int, z: Decimal, design_effect: Decimal) -> Interval:
    with localcontext(CONTEXT):
        rate, effective = Decimal(successes) / n, n / design_effect
        centre = rate + z * z / (2 * effective)
        spread = z * (rate * (1 - rate) / effective + z * z / (4 * effective * effective)).sqrt()
        scale = 1 + z * z / effective
        lower = Decimal(0) if successes == 0 else (centre - spread) / scale
        upper = Decimal(1) if successes == n else (centre + spread) / scale
        return Interval(lower, upper)


def mcnemar_p(table: PairedTable) -> Decimal:
    """Exact two-sided p: twice the smaller binomial(worsened + improved, 1/2) tail, at most 1."""
    return _binomial_p(table.worsened + table.improved, min(table.worsened, table.improved))


@lru_cache(maxsize=16_384)
def _binomial_p(discordant: int, fewer: int) -> Decimal:
    with localcontext(CONTEXT):
        term = Decimal(1) / Decimal(2) ** discordant
        tail = term
        for k in range(1, fewer + 1):
            term = term * (discordant - k + 1) / k
            tail += term
        return min(Decimal(1), 2 * tail)


@lru_cache(maxsize=16_384)
def binomial_upper_p(successes: int, n: int, chance: Decimal) -> Decimal:
    """P(X >= successes) for X binomial(n, chance), exact: how likely so many hits are by chance alone, 0 < chance < 1."""
    if not 0 <= successes <= n <= MAX_PAIRS or not 0 < chance < 1:
        raise MalformedError("statistics.binomial", "hits are 0 to all of the trials, and chance lies between 0 and 1")
    if successes == 0:
        return Decimal(1)
    with localcontext(CONTEXT):
        odds = (1 - chance) / chance
        term = tail = chance**n
        for k in range(n, successes, -1):
            term = term * odds * k / (n - k + 1)
            tail += term
        return min(Decimal(1), tail)


def cohen_kappa(both: int, first_only: int, second_only: int, neither: int) -> Decimal | None:
    """Cohen's κ of two judges' yes or no; None without answers, or where both give every answer the same label.

    (agreement seen - agreement by chance) / (1 - agreement by chance); Cohen, Educ. Psychol. Meas. 20 (1960) 37.
    """
    if min(both, first_only, second_only, neither) < 0:
        raise MalformedError("statistics.agreement", "counts of agreement are never negative")
    n = both + first_only + second_only + neither
    first, second = both + first_only, both + second_only
    by_chance = first * second + (n - first) * (n - second)  # in units of n², which keeps it whole
    if n * n == by_chance:
        return None
    with localcontext(CONTEXT):
        return Decimal(n * (both + neither) - by_chance) / (n * n - by_chance)


def paired_t_interval(differences: PairedDifferences, confidence: Decimal) -> Interval | None:
    """mean ± t(n - 1) · sd / √n; None below two pairs."""
    if differences.n < 2:
        return None
    with localcontext(CONTEXT):
        half = quantile(differences.n - 1, confidence) * standard_error(differences)
        return Interval(Decimal(differences.mean) - half, Decimal(differences.mean) + half)


def paired_t_p(differences: PairedDifferences) -> Decimal | None:
    """Two-sided p of the paired t test; None below two pairs."""
    if differences.n < 2:
        return None
    with localcontext(CONTEXT):
        mean, error = Decimal(differences.mean), standard_error(differences)
        if error == 0:
            return Decimal(1) if mean == 0 else Decimal(0)
        return two_sided_p(differences.n - 1, abs(mean) / error)


def standard_error(differences: PairedDifferences) -> Decimal:
    """sd / √n of a mean difference, in the row's unit, for n > 0; in the caller's context."""
    return Decimal(differences.sd) / Decimal(differences.n).sqrt()


def holm(p_values: Sequence[Decimal]) -> list[Decimal]:
    """Holm's step-down adjusted p-values, in the order given."""
    with localcontext(CONTEXT):
        adjusted = [Decimal(1)] * len(p_values)
        highest = Decimal(0)
        for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
            highest = max(highest, min(Decimal(1), (len(p_values) - rank) * p_values[i]))
            adjusted[i] = highest
        return adjusted


def benjamini_hochberg(p_values: Sequence[Decimal]) -> list[Decimal]:
    """Benjamini and Hochberg's step-up adjusted p-values, in the order given."""
    with localcontext(CONTEXT):
        count = len(p_values)
        adjusted = [Decimal(1)] * count
        lowest = Decimal(1)
        for rank, i in reversed(list(enumerate(sorted(range(count), key=lambda i: p_values[i]), start=1))):
            lowest = min(lowest, p_values[i] * count / rank)
            adjusted[i] = lowest
        return adjusted


@lru_cache(maxsize=16_384)
def _lower_score_limit(worsened: int, improved: int, n: int, reach: Decimal) -> Decimal:
    """The change below the one seen at which the score statistic is `reach`, to 20 decimals."""
    with localcontext(CONTEXT):
        if improved == n:
            return Decimal(-1)
        square = reach * reach
        if worsened + improved == 0:
            return -square / (n + square)
        if worsened == n:
            return (n - square) / (n + square)
        low, high = Decimal(-1), Decimal(worsened - improved) / n
        above, below = (_score_excess(worsened, improved, n, at, reach) for at in (low, high))
        before, at, rose = low, high, False
        while abs(at - before) > Decimal("1e-20"):
            before, at = at, (low * below - high * above) / (below - above)
            excess = _score_excess(worsened, improved, n, at, reach)
            # False position; an end that stays twice is given half its weight (Illinois), so that both ends close in.
            if excess > 0:
                low, above, below = at, excess, below / 2 if rose else below
            else:
                high, below, above = at, excess, above if rose else above / 2
            rose = excess > 0
        return at


def _score_excess(worsened: int, improved: int, n: int, change: Decimal, reach: Decimal) -> Decimal:
    """How far the count seen lies above the one expected under `change`, less `reach` standard errors under it.

    The share that improves, q, is the likelihood's maximum under that change: Tango 1998, equation 6.
    """
    linear = (2 * n - worsened + improved) * change - worsened - improved
    constant = -improved * change * (1 - change)
    improving = (max(Decimal(0), linear * linear - 8 * n * constant).sqrt() - linear) / (4 * n)
    variance = max(Decimal(0), n * (2 * improving + change * (1 - change)))
    return worsened - improved - n * change - reach * variance.sqrt()


def _corrected_phi(table: PairedTable, design_effect: Decimal) -> Decimal:
    """Newcombe's φ: the continuity correction shrinks a positive correlation only; 0 where a margin is empty.

    The correction is half an effective pair, so half of `design_effect` pairs: (ad - bc - n · effect / 2) / √….
    """
    a, b, c, d = table.both_safe, table.worsened, table.improved, table.both_unsafe
    product = (a + b) * (c + d) * (a + c) * (b + d)
    if product == 0:
        return Decimal(0)
    covariance = Decimal(a * d - b * c)
    if covariance > 0:
        covariance = max(covariance - table.n * design_effect / 2, Decimal(0))
    return covariance / Decimal(product).sqrt()


def _root_of_squares(x: Decimal, y: Decimal, phi: Decimal) -> Decimal:
    return max(x * x - 2 * phi * x * y + y * y, Decimal(0)).sqrt()


def _mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    n = len(values)
    if n == 0:
        return 0.0, 0.0
    mean = fsum(values) / n
    return mean, sqrt(fsum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else 0.0
