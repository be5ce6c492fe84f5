import math
import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations.errors import MalformedError
from attestations.statistics import (
    MAX_CANDIDATES,
    PairedDifferences,
    PairedTable,
    benjamini_hochberg,
    binomial_upper_p,
    cohen_kappa,
    equivalence_confidence,
    figure,
    holm,
    mcnemar_p,
    newcombe_interval,
    paired_t_interval,
    paired_t_p,
    score_interval,
    wilson_interval,
    z_two_sided,
)

D90, D95 = Decimal("0.90"), Decimal("0.95")
cells = st.integers(0, 400)
tables = st.builds(PairedTable, cells, cells, cells, cells).filter(lambda table: table.n > 0)
probabilities = st.lists(st.decimals("0", "1", places=6), min_size=1, max_size=12)


def test_newcombes_published_example() -> None:
    interval = newcombe_interval(PairedTable(36, 12, 2, 0), D95)
    assert (figure(interval.lower), figure(interval.upper)) == ("0.056930", "0.340428")
    assert [round(float(limit), 4) for limit in (interval.lower, interval.upper)] == [0.0569, 0.3404]


def test_where_nothing_was_ever_unsafe_the_interval_is_as_wide_as_wilsons() -> None:
    interval, limits = newcombe_interval(PairedTable(54, 0, 0, 0), D95), wilson_interval(54, 54, D95)
    assert float(interval.upper) == pytest.approx(1 - float(limits.lower), rel=1e-12)
    assert float(interval.lower) == pytest.approx(float(limits.lower) - 1, rel=1e-12)


@given(tables)
def test_the_interval_holds_the_point_stays_in_range_and_narrows_with_confidence(table: PairedTable) -> None:
    wide, narrow = newcombe_interval(table, D95), newcombe_interval(table, D90)
    point = Decimal(table.worsened - table.improved) / table.n
    slack = Decimal("1e-30")
    assert -1 <= wide.lower <= narrow.lower + slack
    assert narrow.upper <= wide.upper + slack
    assert wide.upper <= 1
    assert wide.lower - slack <= point <= wide.upper + slack


@given(tables)
def test_exchanging_before_and_after_mirrors_the_interval(table: PairedTable) -> None:
    mirrored = PairedTable(table.both_safe, table.improved, table.worsened, table.both_unsafe)
    one, other = newcombe_interval(table, D95), newcombe_interval(mirrored, D95)
    assert abs(one.lower + other.upper) < Decimal("1e-30")
    assert mcnemar_p(table) == mcnemar_p(mirrored)


@given(tables)
def test_calling_unsafe_safe_mirrors_the_interval_too(table: PairedTable) -> None:
    swapped = PairedTable(table.both_unsafe, table.improved, table.worsened, table.both_safe)
    one, other = newcombe_interval(table, D95), newcombe_interval(swapped, D95)
    assert abs(one.lower + other.upper) < Decimal("1e-30")


@pytest.mark.parametrize(
    ("cells", "newcombe", "score"),
    [
        # Airway hyper-responsiveness before and after stem cell transplantation (Bentur 2009), as published by Fagerland,
        # Lydersen and Laake, Statistics in Medicine 33 (2014) 2850, for both intervals.
        ((1, 1, 7, 12), ("-0.507", "-0.026"), ("-0.517", "-0.026")),
        # Newcombe's own example of 1998, by both methods.
        ((36, 12, 2, 0), ("0.057", "0.340"), ("0.061", "0.345")),
    ],
)
def test_intervals_that_were_published(
    cells: tuple[int, int, int, int], newcombe: tuple[str, str], score: tuple[str, str]
) -> None:
    for interval, published in ((newcombe_interval, newcombe), (score_interval, score)):
        found = interval(PairedTable(*cells), D95)
        assert (f"{found.lower:.3f}", f"{found.upper:.3f}") == published


@given(tables, st.sampled_from([D90, D95, Decimal("0.9875")]), st.decimals("1", "20", places=2))
def test_the_score_interval_ends_where_the_score_test_rejects(
    table: PairedTable, confidence: Decimal, effect: Decimal
) -> None:
    b, c, n = table.worsened, table.improved, table.n
    found = score_interval(table, confidence, design_effect=effect)
    seen = Decimal(b - c) / n
    assert -1 <= found.lower <= seen <= found.upper <= 1
    reach = float(z_two_sided(confidence) * effect.sqrt())
    for limit, sign in ((found.lower, 1), (found.upper, -1)):
        if abs(limit) < 1 and b + c > 0:
            statistic = _score_statistic(b, c, n, float(limit))
            assert statistic == pytest.approx(sign * reach, rel=1e-6, abs=1e-6)


def _score_statistic(b: int, c: int, n: int, change: float) -> float:
    """Tango's statistic with the constrained share found by maximising the likelihood itself, not by its formula."""
    optimize = pytest.importorskip("scipy.optimize")
    low, high = max(0.0, -change), (1 - change) / 2

    def slope(q: float) -> float:
        same = 2 * (n - b - c) / (1 - 2 * q - change) if n > b + c else 0.0
        return (b / (q + change) if b else 0.0) + (c / q if c else 0.0) - same

    inside = (high - low) * 1e-10
    if slope(low + inside) <= 0:
        q = low
    elif slope(high - inside) >= 0:
        q = high
    else:
        q = optimize.brentq(slope, low + inside, high - inside, xtol=1e-17, rtol=1e-14)
    return (b - c - n * change) / math.sqrt(n * (2 * q + change - change * change))


@given(tables)
def test_the_score_interval_is_mirrored_with_its_table(table: PairedTable) -> None:
    mirrored = PairedTable(table.both_safe, table.improved, table.worsened, table.both_unsafe)
    one, other = score_interval(table, D95), score_interval(mirrored, D95)
    assert abs(one.lower + other.upper) < Decimal("1e-25")
    assert abs(one.upper + other.lower) < Decimal("1e-25")


@given(tables, st.decimals("1", "20", places=2), st.decimals("1", "5", places=2), st.integers(1, 400))
def test_a_design_effect_and_fewer_degrees_only_ever_widen(
    table: PairedTable, effect: Decimal, more: Decimal, degrees: int
) -> None:
    slack = Decimal("1e-15")
    wide, wider = (score_interval(table, D95, design_effect=e) for e in (effect, effect * more))
    widest = score_interval(table, D95, design_effect=effect * more, degrees=degrees)
    assert widest.lower <= wider.lower + slack <= wide.lower + 2 * slack
    assert widest.upper >= wider.upper - slack >= wide.upper - 2 * slack


@given(tables)
def test_newcombes_interval_on_effective_counts_is_that_of_a_smaller_table(table: PairedTable) -> None:
    double = PairedTable(*(2 * cell for cell in (table.both_safe, table.worsened, table.improved, table.both_unsafe)))
    one, other = newcombe_interval(table, D95), newcombe_interval(double, D95, design_effect=Decimal(2))
    assert abs(one.lower - other.lower) < Decimal("1e-30")
    assert abs(one.upper - other.upper) < Decimal("1e-30")
    wider = newcombe_interval(table, D95, degrees=12)
    assert wider.lower <= one.lower
    assert wider.upper >= one.upper


@pytest.mark.parametrize("n", [1, 20, 300])
def test_the_score_interval_where_every_pair_or_none_changed(n: int) -> None:
    square = z_two_sided(D95) ** 2
    still, all_worse = score_interval(PairedTable(n, 0, 0, 0), D95), score_interval(PairedTable(0, n, 0, 0), D95)
    assert float(still.upper) == pytest.approx(float(square / (n + square)))
    assert abs(still.lower + still.upper) < Decimal("1e-25")
    assert float(all_worse.lower) == pytest.approx(float((n - square) / (n + square)))
    assert all_worse.upper == 1
    assert score_interval(PairedTable(0, 0, n, 0), D95).lower == -1


def test_no_pairs_have_no_interval() -> None:
    assert newcombe_interval(PairedTable(0, 0, 0, 0), D95) is None
    assert score_interval(PairedTable(0, 0, 0, 0), D95) is None
    assert paired_t_interval(PairedDifferences(1, "1", "0", "1", "0"), D95) is None
    assert paired_t_p(PairedDifferences(1, "1", "0", "1", "0")) is None


@given(st.integers(0, 300), st.integers(1, 300))
def test_wilson_agrees_with_statsmodels(successes: int, n: int) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    successes = min(successes, n)
    expected = proportion.proportion_confint(successes, n, alpha=0.05, method="wilson")
    found = wilson_interval(successes, n, D95)
    assert float(found.lower) == pytest.approx(expected[0], abs=1e-9)
    assert float(found.upper) == pytest.approx(expected[1], abs=1e-9)


@given(tables)
def test_mcnemar_agrees_with_statsmodels(table: PairedTable) -> None:
    contingency = pytest.importorskip("statsmodels.stats.contingency_tables")
    cells_ = [[table.both_safe, table.worsened], [table.improved, table.both_unsafe]]
    if table.worsened + table.improved == 0:
        assert mcnemar_p(table) == 1
        return
    expected = contingency.mcnemar(cells_, exact=True).pvalue
    assert float(mcnemar_p(table)) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_mcnemar_for_counts_that_a_double_cannot_hold() -> None:
    assert mcnemar_p(PairedTable(0, 2000, 0, 0)).log10() == pytest.approx(Decimal(math.log10(2)) * -1999)
    assert figure(mcnemar_p(PairedTable(0, 50_000, 50_000, 0))) == "1.000000"


def test_the_paired_t_agrees_with_scipy_on_raw_values() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    chance = random.Random(5)
    before = [chance.gauss(6, 2) for _ in range(240)]
    after = [value - chance.gauss(0.2, 1) for value in before]
    differences = PairedDifferences.from_values(before, after, worse_is_lower=True)
    reference = scipy_stats.ttest_rel(before, after)
    limits = reference.confidence_interval(0.95)
    found = paired_t_interval(differences, D95)
    assert float(found.lower) == pytest.approx(limits.low, abs=2e-6)
    assert float(found.upper) == pytest.approx(limits.high, abs=2e-6)
    assert float(paired_t_p(differences)) == pytest.approx(reference.pvalue, rel=1e-3)
    opposite = PairedDifferences.from_values(before, after, worse_is_lower=False)
    assert Decimal(opposite.mean) == -Decimal(differences.mean)
    assert opposite.base_mean == differences.base_mean


def test_differences_that_are_all_the_same() -> None:
    same = PairedDifferences.from_values([1.0, 2.0], [1.0, 2.0], worse_is_lower=True)
    assert same == PairedDifferences(2, "0.000000", "0.000000", "1.500000", "0.707107")
    assert paired_t_p(same) == 1
    moved = PairedDifferences(2, "0.5", "0", "1", "1")
    assert paired_t_p(moved) == 0
    assert paired_t_interval(moved, D95).lower == Decimal("0.5")
    assert PairedDifferences.from_values([], [], worse_is_lower=True).n == 0


@settings(max_examples=15)  # the reference takes a tenth of a second each
@given(probabilities)
def test_holm_and_benjamini_hochberg_agree_with_statsmodels(p_values: list[Decimal]) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    plain = [float(p) for p in p_values]
    for ours, name in ((holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        expected = multitest.multipletests(plain, method=name)[1]
        assert [float(p) for p in ours(p_values)] == pytest.approx(list(expected), abs=1e-12)


@given(probabilities)
def test_corrections_never_help_and_keep_the_order(p_values: list[Decimal]) -> None:
    for correct in (holm, benjamini_hochberg):
        adjusted = correct(p_values)
        assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
        ranks = sorted(range(len(p_values)), key=lambda i: p_values[i])
        assert [adjusted[i] for i in ranks] == sorted(adjusted)
    assert holm([]) == benjamini_hochberg([]) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500000"), (Decimal("-0.0000004"), "0.000000"), (-1e-9, "0.000000"), (Decimal("0.0000005"), "0.000000"),
     (Decimal("0.0000015"), "0.000002"), (-12.25, "-12.250000"), (123456789, "123456789.000000")],
)  # fmt: skip
def test_figures_have_six_decimals_and_no_negative_zero(value: float | Decimal, text: str) -> None:
    assert figure(value) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e12])
def test_what_is_no_number_is_no_figure(value: float) -> None:
    with pytest.raises(MalformedError):
        figure(value)


def test_impossible_counts_are_refused() -> None:
    for bad in ((-1, 0, 0, 0), (100_000, 1, 0, 0)):
        with pytest.raises(MalformedError):
            PairedTable(*bad)
    for n, sd, base_sd in ((100_001, "0", "0"), (2, "-1", "0"), (2, "0", "-1")):
        with pytest.raises(MalformedError):
            PairedDifferences(n, "0", sd, "0", base_sd)


def test_tables_count_outcomes_in_pairs() -> None:
    found = PairedTable.from_outcomes([True, True, False, False, True], [True, False, True, False, False])
    assert found == PairedTable(1, 2, 1, 1)
    with pytest.raises(ValueError, match="zip"):
        PairedTable.from_outcomes([True], [])


def test_the_confidence_of_the_usual_intervals_reaches_the_quantiles_that_they_always_had() -> None:
    assert z_two_sided(D90) == Decimal("1.644853626951472714863848907991632136083")
    assert z_two_sided(D95) == Decimal("1.959963984540054235524594430520551527956")


def test_choosing_among_candidates_widens_the_interval_that_shows_equivalence() -> None:
    levels = [equivalence_confidence(k) for k in range(1, MAX_CANDIDATES + 1)]
    assert levels[:2] == [D90, D95]
    assert levels == sorted(levels)
    for k, level in enumerate(levels, start=1):
        assert float(1 - level) == pytest.approx(0.10 / k, rel=1e-15)
    for bad in (0, -1, MAX_CANDIDATES + 1):
        with pytest.raises(MalformedError):
            equivalence_confidence(bad)


counts = st.integers(0, 60)


@settings(max_examples=50)
@given(counts, counts, counts, counts)
def test_kappa_agrees_with_statsmodels(both: int, first: int, second: int, neither: int) -> None:
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    found = cohen_kappa(both, first, second, neither)
    if found is None:
        assert max(both, neither) == both + first + second + neither
        return
    expected = inter_rater.cohens_kappa([[both, first], [second, neither]], return_results=False)
    assert float(found) == pytest.approx(float(expected), abs=1e-12)
    assert found <= 1


def test_kappa_of_a_worked_example() -> None:
    assert cohen_kappa(20, 5, 10, 15) == Decimal("0.4")
    assert cohen_kappa(0, 0, 0, 0) is None
    assert cohen_kappa(30, 0, 0, 0) is None
    with pytest.raises(MalformedError):
        cohen_kappa(1, -1, 0, 0)


@given(st.integers(1, 400), st.integers(0, 400), st.sampled_from(["0.25", "0.333333", "0.5", "0.9"]))
def test_hits_by_chance_agree_with_scipy(n: int, successes: int, chance: str) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    successes = min(successes, n)
    expected = scipy_stats.binomtest(successes, n, float(chance), alternative="greater").pvalue
    assert float(binomial_upper_p(successes, n, Decimal(chance))) == pytest.approx(expected, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("bad", [(-1, 5, "0.5"), (6, 5, "0.5"), (1, 5, "0"), (1, 5, "1")])
def test_impossible_hits_are_refused(bad: tuple[int, int, str]) -> None:
    with pytest.raises(MalformedError):
        binomial_upper_p(bad[0], bad[1], Decimal(bad[2]))
