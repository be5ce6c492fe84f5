"""The limits that a buyer's bounds are held against, checked by what defines them rather than by their formula."""

from dataclasses import replace
from decimal import Decimal
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations.clusters import ClusterTotals
from attestations.procurement import Evidence
from attestations.procurement.limits import rate_limits, upper_change
from attestations.statistics import PairedTable
from attestations.verdicts import JudgedRow, Kind, Measured, Verdict, Worse
from tests.attestations.evidence import HARMFUL, LOOKALIKES, MARGIN, row
from tests.attestations.evidence_02 import PREFILL

Z = 1.959963984540054


def judged(table: PairedTable, *, worse: Worse = Worse.LOWER, clusters: ClusterTotals | None = None) -> JudgedRow:
    registered = row(HARMFUL, Kind.PAIRED_BINARY, worse, items=max(table.n, 1))
    return JudgedRow(
        registered=registered, verdict=Verdict.INCONCLUSIVE, n=table.n, measured=Measured(table, clusters=clusters)
    )


def row_of(evidence: Evidence, key: object) -> JudgedRow:
    return next(row for row in evidence.judged if row.registered.key == key)


@given(st.integers(0, 400), st.integers(0, 40), st.integers(0, 40), st.integers(0, 400))
def test_a_limit_is_a_rate_that_the_score_test_only_just_does_not_reject(a: int, b: int, c: int, d: int) -> None:
    table = PairedTable(a, b, c, d)
    if table.n == 0:
        assert rate_limits(judged(table)) == ()
        return
    [limits] = rate_limits(judged(table))
    for count, lower, upper in (
        (a + b, limits.pre_lower, limits.pre_upper),
        (a + c, limits.post_lower, limits.post_upper),
    ):
        rate = count / table.n
        assert float(lower) <= rate + 1e-6
        assert rate - 1e-6 <= float(upper)
        for limit in (float(lower), float(upper)):
            if 0.001 < limit < 0.999:  # at the ends rounding to six decimals moves the statistic
                statistic = (rate - limit) / (limit * (1 - limit) / table.n) ** 0.5
                assert isclose(abs(statistic), Z, rel_tol=0.01) or isclose(limit, rate, abs_tol=2e-6)


def test_a_rate_that_is_worse_when_higher_counts_what_was_not_safe() -> None:
    table = PairedTable(178, 2, 1, 19)
    [low], [high] = rate_limits(judged(table)), rate_limits(judged(table, worse=Worse.HIGHER))
    assert Decimal(high.post_lower) == 1 - Decimal(low.post_upper)
    assert Decimal(high.pre_upper) == 1 - Decimal(low.pre_lower)


def test_items_that_come_in_clusters_count_once_a_cluster(good: Evidence) -> None:
    prefill = row_of(good, PREFILL)
    [clustered] = rate_limits(prefill)
    alone = replace(prefill, measured=replace(prefill.measured, clusters=None))
    [single] = rate_limits(alone)
    assert clustered.post_lower < single.post_lower
    # 70 clusters of 4: no more certain than 70 items with the same rate (59 of 70 is a little below 240 of 280)
    [seventy] = rate_limits(judged(PairedTable(59, 1, 1, 9)))
    assert abs(float(clustered.post_lower) - float(seventy.post_lower)) < 0.02
    assert clustered.post_lower < seventy.post_lower  # t(69) reaches further than the normal quantile


@pytest.mark.parametrize("size", [1, 4])
def test_the_smallest_and_the_largest_cluster(size: int) -> None:
    table = PairedTable(4, 0, 0, 0)
    totals = ClusterTotals.of([0] * 4, [str(i // size) for i in range(4)])
    [limits] = rate_limits(judged(table, clusters=totals))
    [single] = rate_limits(judged(table))
    assert (limits == single) == (size == 1)
    if size == 4:
        assert (limits.post_lower, limits.post_upper) == ("0.000000", "1.000000")


def test_every_judge_has_limits_and_the_change_is_the_worst_of_them(dependent: Evidence) -> None:
    lookalikes = row_of(dependent, LOOKALIKES)
    assert [one.judge for one in rate_limits(lookalikes)] == ["the primary judge", "refusal-classifier"]
    assert lookalikes.upper_95 is not None
    worst = upper_change(lookalikes)
    assert worst is not None
    assert worst > Decimal(lookalikes.upper_95)


def test_a_measure_that_is_no_rate_has_a_change_and_no_rate_limits(good: Evidence) -> None:
    margin = row_of(good, MARGIN)
    assert rate_limits(margin) == ()
    assert str(upper_change(margin)) == margin.upper_95
    assert upper_change(replace(margin, upper_95=None)) is None
