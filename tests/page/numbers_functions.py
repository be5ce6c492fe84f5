"""Cases for the page's decimal arithmetic and statistics: arguments, and what Python gives, to the last digit.

A case is `[name, arguments, result]`; decimals are strings as `str` writes them, tables are their four counts, totals over
clusters their four sums, differences their five facts. The names are those of the functions in JavaScript.
"""

import random
from collections.abc import Callable, Iterator
from decimal import Context, Decimal, localcontext
from math import fsum, sqrt

from attestations import clusters, disagreement, power, statistics, student_t
from attestations.clusters import ClusterTotals
from attestations.errors import MalformedError
from attestations.statistics import PairedDifferences, PairedTable

Case = list[object]
PRECISIONS = (28, 40, 60)
CONFIDENCES = (
    "0.95",
    "0.90",
    "0.95",
    "0.90",
    "0.9875",
    "0.98",
    "0.99",
    "0.5",
    "0.983333333333333333333333333333333333333",
)
SIZES = (1, 2, 3, 5, 10, 19, 20, 21, 49, 50, 60, 97, 128, 150, 200, 240, 300, 400, 640, 777, 1000, 2500, 10_000, 99_999)


def decimal_cases(chance: random.Random, count: int) -> Iterator[Case]:
    """`[operation, [digits, operand, operand], result]`; an operation that Python traps has the result null. Zero has no
    sign in the page, as no figure shows one."""
    operations: dict[str, Callable[[Decimal, Decimal], object]] = {
        "plus": lambda a, b: a + b,
        "minus": lambda a, b: a - b,
        "times": lambda a, b: a * b,
        "dividedBy": lambda a, b: a / b,
        "compare": lambda a, b: (a > b) - (a < b),
        "sqrt": lambda a, _: a.sqrt(),
        "exp": lambda a, _: a.exp(),
        "ln": lambda a, _: a.ln(),
        "fitted": lambda a, _: +a,
        "pow": lambda a, b: a ** int(b),
        "floor": lambda a, _: int(a.to_integral_value("ROUND_FLOOR")),
        "ceiling": lambda a, _: int(a.to_integral_value("ROUND_CEILING")),
        "truncated": lambda a, _: int(a),
    }
    for i in range(count):
        name = list(operations)[i % len(operations)]
        digits = chance.choice(PRECISIONS)
        a, b = _operands(chance, name, digits)
        with localcontext(Context(prec=digits, Emin=-999_999, Emax=999_999)):
            try:
                result = _unsigned(operations[name](a, b))
            except ArithmeticError:
                result = None
        yield [name, [digits, str(a), str(b)], result]


def _unsigned(value: object) -> str:
    return str(value.copy_abs()) if isinstance(value, Decimal) and value.is_zero() else str(value)


def _operands(chance: random.Random, name: str, digits: int) -> tuple[Decimal, Decimal]:
    if name == "pow":
        base = Decimal(chance.randrange(1, 10 ** chance.randrange(1, 45))).scaleb(-chance.randrange(0, 45))
        return base, Decimal(chance.choice((0, 1, 2, 3, 5, 7, 9, 17, 240, 999, 12_345, 100_000)))
    if name == "exp":
        size = chance.choice((-45, -20, -8, -3, 0, 1, 2, 3, 6, 7))
        return -_number(chance, size - 20, 20) if chance.random() < 0.8 else _number(chance, -30, 25), Decimal(0)
    if name in ("floor", "ceiling", "truncated"):
        return _number(chance, -chance.randrange(0, 25), 30), Decimal(0)
    a = _number(chance, chance.randrange(-70, 20), chance.choice((1, 3, digits - 1, digits, digits + 1, 2 * digits)))
    b = _number(chance, chance.randrange(-70, 20), chance.choice((1, 2, digits, digits + 1, 60)))
    if name in ("plus", "minus", "compare"):
        if chance.random() < 0.3:  # a tie, or nearly one, in the digit after the last
            b = Decimal(chance.choice((5, 50, 49, 51, -5))).scaleb(a.adjusted() - digits - chance.randrange(0, 2))
        elif chance.random() < 0.3:
            b = -a if name == "plus" else a
        elif chance.random() < 0.2:
            b = b.scaleb(-chance.choice((100, 30_103)))
    if name == "ln":
        a = (abs(a) or Decimal(1)) if chance.random() < 0.5 else 1 + a.scaleb(-a.adjusted() - chance.randrange(1, 30))
    return (abs(a) if name == "sqrt" else a), b


def _number(chance: random.Random, exponent: int, digits: int) -> Decimal:
    coefficient = chance.randrange(0, 10 ** chance.randrange(1, digits + 1))
    if chance.random() < 0.2:
        coefficient = 10 ** (digits - 1) * chance.choice((0, 1, 5, 9))
    return Decimal(coefficient if chance.random() < 0.7 else -coefficient).scaleb(exponent)


def bell(chance: random.Random) -> float:
    """About normal, from an exact sum alone: `gauss` takes digits from the C library, and `sum` of floats from the interpreter."""
    return fsum(chance.random() for _ in range(12)) - 6


def random_table(chance: random.Random, sizes: tuple[int, ...] = SIZES) -> PairedTable:
    """Any shape: safe or unsafe nearly always, hardly or wholly changed."""
    n = chance.choice(sizes)
    safe, worse, better = (chance.choice((0, 0.005, 0.02, 0.1, 0.3, 0.5, 0.9, 0.99, 1)) for _ in range(3))
    before = _share(chance, n, safe)
    worsened, improved = _share(chance, before, worse), _share(chance, n - before, better)
    return PairedTable(before - worsened, worsened, improved, n - before - improved)


def _share(chance: random.Random, n: int, share: float) -> int:
    spread = sqrt(n * share * (1 - share))
    return min(n, max(0, round(n * share + chance.uniform(-2, 2) * spread)))


def random_differences(chance: random.Random) -> PairedDifferences:
    n, size = chance.choice((0, *SIZES)), chance.choice((0.001, 0.1, 1.0, 5.0, 300.0))
    mean, sd = bell(chance) * size, abs(bell(chance)) * size * chance.choice((0, 0.1, 1, 10))
    facts = [statistics.figure(value) for value in (mean, sd, 7 * bell(chance), abs(3 * bell(chance)))]
    return PairedDifferences(n, *facts)


def random_totals(chance: random.Random, measured: PairedTable | PairedDifferences) -> ClusterTotals:
    """Totals that real clusters have, and sometimes such as no clusters can have."""
    changes = _changes(chance, measured)
    groups = max(
        1, min(len(changes), chance.choice((1, 2, 5, 9, 10, 11, len(changes) // 4, len(changes) - 1, len(changes))))
    )
    if chance.random() < 0.5:
        names = [str(i * groups // max(1, len(changes))) for i in range(len(changes))]
    else:
        names = [str(i if i < groups else chance.randrange(groups)) for i in range(len(changes))]
    totals = ClusterTotals.of(changes, names)
    if chance.random() < 0.1:
        by = chance.choice((1, 2, -2, 50))
        squares = max(Decimal(0), Decimal(totals.sum_squares) + by)
        return ClusterTotals(totals.clusters, statistics.figure(squares), totals.sum_products, totals.sum_sizes)
    return totals


def _changes(chance: random.Random, measured: PairedTable | PairedDifferences) -> list[float]:
    if isinstance(measured, PairedTable):
        values: list[float] = [1] * measured.worsened + [-1] * measured.improved
        values += [0] * (measured.both_safe + measured.both_unsafe)
        if chance.random() < 0.5:
            chance.shuffle(values)
        return values
    spread = float(measured.sd)
    values = [bell(chance) for _ in range(measured.n)]
    middle = fsum(values) / max(1, len(values))
    size = sqrt(fsum((value - middle) * (value - middle) for value in values) / max(1, len(values) - 1)) or 1.0
    return [float(measured.mean) + (value - middle) / size * spread for value in values]


def statistics_cases(chance: random.Random, count: int) -> Iterator[Case]:
    makers = [
        _of_tables, _of_tables, _of_differences, _of_clusters, _of_clusters, _of_clustered_differences, _of_distributions,
        _of_families, _of_figures, _of_chance,
    ]  # fmt: skip
    for i in range(count):
        yield from makers[i % len(makers)](chance)


def _of_tables(chance: random.Random) -> Iterator[Case]:
    table, confidence = random_table(chance), chance.choice(CONFIDENCES)
    counts, margin = cells(table), chance.choice(("0.05", "0.03", "0.10", "0.000001", "0.999999999999"))
    effect = chance.choice(("1", "1.5", "3.141592653589793238462643383279502884197", "40"))
    degrees = chance.choice((None, 1, 9, 59, 200, 201, 4000))
    interval = statistics.score_interval(table, Decimal(confidence), design_effect=Decimal(effect), degrees=degrees)
    yield ["scoreInterval", [counts, confidence, effect, degrees], limits(interval)]
    yield ["newcombeInterval", [counts, confidence], limits(statistics.newcombe_interval(table, Decimal(confidence)))]
    yield ["mcnemarP", [counts], str(statistics.mcnemar_p(table))]
    yield ["detectableProportion", [counts], str(power.detectable_proportion(table))]
    needed = power.pairs_to_settle_proportion(table, Decimal(margin))
    yield ["pairsToSettleProportion", [counts, margin], str(needed)]


def _of_differences(chance: random.Random) -> Iterator[Case]:
    measured, confidence = random_differences(chance), chance.choice(CONFIDENCES)
    facts, margin = facts_of(measured), chance.choice(("1.0", "0.25", "0.000000000001", "3"))
    interval = statistics.paired_t_interval(measured, Decimal(confidence))
    yield ["pairedTInterval", [facts, confidence], limits(interval)]
    yield ["pairedTP", [facts], text(statistics.paired_t_p(measured))]
    yield ["detectableDifference", [facts], text(power.detectable_difference(measured))]
    needed = power.pairs_to_settle_difference(measured, Decimal(margin))
    yield ["pairsToSettleDifference", [facts, margin], str(needed)]


def _of_clusters(chance: random.Random) -> Iterator[Case]:
    table = random_table(chance, SIZES[:-2])
    totals, confidence = random_totals(chance, table), chance.choice(CONFIDENCES)
    arguments = [cells(table), sums(totals)]
    yield ["designEffect", arguments, tried(lambda: str(clusters.design_effect(totals, table)))]
    yield ["clusteredP", arguments, tried(lambda: str(clusters.clustered_p(table, totals)))]
    interval = tried(lambda: limits(clusters.clustered_interval(table, totals, Decimal(confidence))))
    yield ["clusteredInterval", [*arguments, confidence], interval]
    yield ["nullStandardError", arguments, tried(lambda: text(clusters.null_standard_error(table, totals)))]


def _of_clustered_differences(chance: random.Random) -> Iterator[Case]:
    measured = random_differences(chance)
    while not 1 <= measured.n <= 1000:
        measured = random_differences(chance)
    totals, confidence = random_totals(chance, measured), chance.choice(CONFIDENCES)
    arguments = [facts_of(measured), sums(totals)]
    yield ["designEffect", arguments, tried(lambda: str(clusters.design_effect(totals, measured)))]
    yield ["clusteredTP", arguments, tried(lambda: text(clusters.clustered_t_p(measured, totals)))]
    interval = tried(lambda: limits(clusters.clustered_t_interval(measured, totals, Decimal(confidence))))
    yield ["clusteredTInterval", [*arguments, confidence], interval]


def _of_distributions(chance: random.Random) -> Iterator[Case]:
    degrees, confidence = (
        chance.choice((1, 2, 3, 4, 9, 30, 61, 199, 200, 201, 240, 1000, 99_999)),
        chance.choice(CONFIDENCES),
    )
    z = Decimal(chance.randrange(0, 30_000_000)).scaleb(-6)
    yield ["studentQuantile", [degrees, confidence], str(student_t.quantile(degrees, Decimal(confidence)))]
    yield ["normalQuantile", [confidence], str(student_t.normal_quantile(Decimal(confidence)))]
    yield ["twoSidedP", [degrees, str(z)], str(student_t.two_sided_p(degrees, z))]
    yield ["normalCentralProbability", [str(z)], str(student_t.normal_central_probability(z))]
    statistic = Decimal(chance.choice((0, 1, 25, 400, 90_000, 10**8)) * chance.randrange(0, 10**6)).scaleb(-6)
    few = chance.randrange(1, 40)
    yield ["chiSquareP", [str(statistic), few], str(disagreement.chi_square_p(statistic, few))]


def _of_families(chance: random.Random) -> Iterator[Case]:
    ps = [
        chance.choice(("1", "0.000000", f"0.{chance.randrange(10**6):06}", "0.000100"))
        for _ in range(chance.randrange(9))
    ]
    values = [Decimal(p) for p in ps]
    yield ["holm", [ps], [str(p) for p in statistics.holm(values)]]
    yield ["benjaminiHochberg", [ps], [str(p) for p in statistics.benjamini_hochberg(values)]]
    candidates = chance.randrange(1, 9)
    yield ["equivalenceConfidence", [candidates], str(statistics.equivalence_confidence(candidates))]


def _of_figures(chance: random.Random) -> Iterator[Case]:
    """Ties of the seventh decimal among them, and what is too great to be written."""
    for _ in range(4):
        value = _number(chance, -chance.choice((7, 8, 12, 40)), chance.choice((1, 7, 13, 40, 52)))
        if chance.random() < 0.4:
            value = Decimal(chance.randrange(-999, 999) * 10 + 5).scaleb(-7)
        yield ["figure", [str(value)], tried(lambda value=value: statistics.figure(value))]


def _of_chance(chance: random.Random) -> Iterator[Case]:
    n = chance.choice((1, 20, 60, 300, 5000, 100_000))
    share = chance.choice(("0.25", "0.333333", "0.5", "0.000000000001", "0.999999999999"))
    hits = _share(chance, n, float(share))
    yield ["binomialUpperP", [hits, n, share], str(statistics.binomial_upper_p(hits, n, Decimal(share)))]
    constructs = [(random_table(chance, SIZES[8:]), chance.random() < 0.5, None) for _ in range(chance.randrange(1, 7))]
    constructs = [
        (table, direct, Decimal(chance.randrange(1, 10**4)).scaleb(-5) if chance.random() < 0.4 else error)
        for table, direct, error in constructs
    ]
    flips = (chance.randrange(0, 3), chance.randrange(2, 5)) if chance.random() < 0.8 else (0, 0)
    found = disagreement.measure_disagreement(constructs, mixed_sign=False, judge_flips=flips)
    arguments = [[[cells(table), direct, text(error)] for table, direct, error in constructs], list(flips)]
    yield ["measureDisagreement", arguments, [getattr(found, name) for name in found.__slots__[1:]]]


def cells(table: PairedTable) -> list[int]:
    return [table.both_safe, table.worsened, table.improved, table.both_unsafe]


def facts_of(measured: PairedDifferences) -> list[object]:
    return [measured.n, measured.mean, measured.sd, measured.base_mean, measured.base_sd]


def sums(totals: ClusterTotals) -> list[object]:
    return [totals.clusters, totals.sum_squares, totals.sum_products, totals.sum_sizes]


def limits(interval: statistics.Interval | None) -> list[str] | None:
    return None if interval is None else [str(interval.lower), str(interval.upper)]


def text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def tried(work: Callable[[], object]) -> object:
    """The result, or `{"error": [code, sentence]}`."""
    try:
        return work()
    except MalformedError as error:
        return {"error": [error.code, error.sentence]}
