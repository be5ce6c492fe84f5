import math
import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import student_t
from attestations.errors import MalformedError
from attestations.statistics import (
    PairedDifferences,
    PairedTable,
    benjamini_hochberg,
    detectable_difference,
    detectable_proportion,
    figure,
    holm,
    mcnemar_p,
    newcombe_interval,
    paired_t_interval,
    paired_t_p,
    pairs_to_settle_difference,
    pairs_to_settle_proportion,
    wilson_interval,
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


def test_no_pairs_have_no_interval() -> None:
    assert newcombe_interval(PairedTable(0, 0, 0, 0), D95) is None
    assert paired_t_interval(PairedDifferences(1, "1", "0", "1", "0"), D95) is None
    assert paired_t_p(PairedDifferences(1, "1", "0", "1", "0")) is None
    assert detectable_difference(PairedDifferences(1, "1", "0", "1", "0")) is None


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


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 7, 10, 29, 30, 99, 199, 200, 201, 202, 239, 1000, 99_999])
@pytest.mark.parametrize("confidence", [D90, D95])
def test_the_t_quantile_agrees_with_scipy(degrees: int, confidence: Decimal) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    expected = scipy_stats.t.ppf((1 + float(confidence)) / 2, degrees)
    assert float(student_t.quantile(degrees, confidence)) == pytest.approx(expected, abs=2e-11)


@given(st.integers(1, 500), st.decimals("0", "60", places=3))
def test_the_t_probability_agrees_with_scipy(degrees: int, t: Decimal) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    expected = 2 * scipy_stats.t.sf(float(t), degrees)
    assert float(student_t.two_sided_p(degrees, t)) == pytest.approx(expected, rel=1e-8, abs=1e-30)


@given(st.integers(1, 300), st.sampled_from([D90, D95]))
def test_the_quantile_inverts_the_probability(degrees: int, confidence: Decimal) -> None:
    found = student_t.central_probability(degrees, student_t.quantile(degrees, confidence))
    assert abs(found - confidence) < Decimal("1e-12")


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
    ("share", "change", "pairs"), [(0.05, 0.05, 155), (0.1, 0.05, 312), (0.2, 0.05, 626), (0.2, 0.1, 155)]
)
def test_the_detectable_change_inverts_connors_formula(share: float, change: float, pairs: int) -> None:
    def needed(change: float, share: float) -> float:
        a, b = 1.959963984540054, 0.8416212335729143
        return (a * math.sqrt(share) + b * math.sqrt(share - change**2)) ** 2 / change**2

    assert needed(change, share) == pytest.approx(pairs, abs=1)  # the formula gives the usual power table
    discordant = round(10 * pairs * share)
    found = float(detectable_proportion(PairedTable(10 * pairs - discordant, discordant, 0, 0)))
    assert needed(found, (discordant + 1) / (10 * pairs + 2)) == pytest.approx(10 * pairs, rel=1e-9)


@given(tables)
def test_the_detectable_change_is_a_proportion_and_shrinks_with_more_pairs(table: PairedTable) -> None:
    fourfold = PairedTable(*(4 * cell for cell in (table.both_safe, table.worsened, table.improved, table.both_unsafe)))
    assert 0 < detectable_proportion(fourfold) <= detectable_proportion(table) <= 1


def test_without_discordant_pairs_all_discordance_is_taken_to_be_worsening() -> None:
    found = float(detectable_proportion(PairedTable(240, 0, 0, 0)))
    a, b = 1.959963984540054, 0.8416212335729143
    assert math.sqrt(240 * found) == pytest.approx(a + b * math.sqrt(1 - found))


@pytest.mark.parametrize(("share", "pairs"), [(0.05, 172), (0.1, 343), (0.2, 686)])
def test_the_pairs_that_settle_a_row_are_those_of_the_published_table(share: float, pairs: int) -> None:
    n = 100_000  # the smoothing of the share is below one pair here
    discordant = round(n * share)
    found = pairs_to_settle_proportion(PairedTable(n - discordant, discordant, 0, 0), Decimal("0.05"))
    assert found == pytest.approx(pairs, abs=1)


def test_the_figures_for_a_mean_shift() -> None:
    differences = PairedDifferences(100, "0", "2", "1", "1")
    assert float(detectable_difference(differences)) == pytest.approx(2.801585 * 2 / 10, abs=1e-6)
    assert pairs_to_settle_difference(differences, Decimal(1)) == math.ceil((1.6448536 + 1.2815516) ** 2 * 4)
    assert pairs_to_settle_difference(PairedDifferences(100, "0", "0", "1", "1"), Decimal(1)) == 2


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
