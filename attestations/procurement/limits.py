"""Confidence limits of one row, computed again from its counts, under every judge that scored it.

A buyer's bound is held against limits, so that few items cannot pass for good ones, and against the worst of the judges, so
that nobody gains by naming the kindest judge first.

- A rate before or after tuning: Wilson's score interval at 95 % of the table's margin, so its lower limit is passed by the
  true rate with 97.5 %. Where items cluster, a cluster counts as one item as far as its size goes (Kish's design effect for
  items that move as one, m = sum of n_g squared / n) and t with clusters - 1 degrees takes the place of the normal quantile:
  the evidence holds no totals from which a smaller effect on the rate itself could be shown.
- A change: the published `upper95` under the primary judge, and the same interval under the others.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from attestations.clusters import ClusterTotals, clustered_interval
from attestations.statistics import (
    CONTEXT,
    Interval,
    PairedTable,
    figure,
    score_interval,
    wilson_limits,
    z_two_sided,
)
from attestations.student_t import quantile
from attestations.verdicts import JudgedRow, Worse

CONFIDENCE = Decimal("0.95")
PRIMARY = "the primary judge"


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of a row's rate before and after tuning under one judge, as figures of six decimals."""

    judge: str
    pre_lower: str
    pre_upper: str
    post_lower: str
    post_upper: str


def rate_limits(row: JudgedRow) -> tuple[RateLimits, ...]:
    """One for each judge, the primary one first; () where the row has no pair or is no rate."""
    higher_is_worse = row.registered.worse is Worse.HIGHER
    return tuple(
        _limits(judge, table, clusters, unsafe=higher_is_worse)
        for judge, table, clusters in _tables(row)
        if table.n > 0
    )


def upper_change(row: JudgedRow) -> Decimal | None:
    """The greatest upper limit of the row's change under any of its judges, in its unit; None where one has no interval."""
    if row.upper_95 is None:
        return None
    others = [_change(table, clusters) for _, table, clusters in _tables(row)[1:]]
    known = [Decimal(figure(interval.upper)) for interval in others if interval is not None]
    return max([Decimal(row.upper_95), *known]) if len(known) == len(others) else None


def _tables(row: JudgedRow) -> list[tuple[str, PairedTable, ClusterTotals | None]]:
    measured = row.measured
    if measured is None or not isinstance(measured.statistics, PairedTable):
        return []
    further = [(one.judge, one.table, one.clusters) for one in measured.by_judge]
    return [(PRIMARY, measured.statistics, measured.clusters), *further]


def _change(table: PairedTable, clusters: ClusterTotals | None) -> Interval | None:
    if clusters is None:
        return score_interval(table, CONFIDENCE)
    return clustered_interval(table, clusters, CONFIDENCE)


def _limits(judge: str, table: PairedTable, clusters: ClusterTotals | None, *, unsafe: bool) -> RateLimits:
    before, after = table.both_safe + table.worsened, table.both_safe + table.improved
    if unsafe:
        before, after = table.n - before, table.n - after
    pre, post = _wilson(before, table.n, clusters), _wilson(after, table.n, clusters)
    return RateLimits(judge, *(figure(limit) for limit in (pre.lower, pre.upper, post.lower, post.upper)))


def _wilson(successes: int, n: int, clusters: ClusterTotals | None) -> Interval:
    if clusters is None or clusters.clusters == n:
        return wilson_limits(successes, n, z_two_sided(CONFIDENCE), Decimal(1))
    if clusters.clusters < 2:
        return Interval(Decimal(0), Decimal(1))  # one cluster says nothing of others
    with localcontext(CONTEXT):
        effect = Decimal(clusters.sum_sizes) / n
    return wilson_limits(successes, n, quantile(clusters.clusters - 1, CONFIDENCE), effect)
