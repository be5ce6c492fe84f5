"""The published figures of one row: rates, change, intervals, p, what it could have found and what would settle it.

Pure, and called by `attestations.judging` alone, which decides what they mean. Figures follow from a row's sufficient
statistics (docs/attestation-spec.md, section 7); where items cluster, from the totals over the clusters too.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal, localcontext

from attestations.canonical import MAX_INTEGER
from attestations.clusters import (
    ClusterTotals,
    clustered_interval,
    clustered_p,
    clustered_t_interval,
    clustered_t_p,
    design_effect,
)
from attestations.documents import Figure
from attestations.errors import MalformedError
from attestations.power import (
    detectable_difference,
    detectable_proportion,
    pairs_to_settle_difference,
    pairs_to_settle_proportion,
)
from attestations.statistics import (
    CONTEXT,
    Interval,
    PairedDifferences,
    PairedTable,
    equivalence_confidence,
    figure,
    mcnemar_p,
    newcombe_interval,
    paired_t_interval,
    paired_t_p,
    score_interval,
)
from attestations.verdicts import (
    ACCURACY,
    MULTIPLE_CHOICE,
    RULE_0_1,
    WHOLE_SUITE,
    JudgedRow,
    Kind,
    Measured,
    RegisteredRow,
    Verdict,
    Worse,
)

SLICE_INTERVAL_FROM = 20
_95 = Decimal("0.95")


@dataclass(frozen=True, slots=True)
class Scored:
    """A measured row as one judge scored it: that judge's counts beside all else that was measured."""

    registered: RegisteredRow
    measured: Measured
    statistics: PairedTable | PairedDifferences
    clusters: ClusterTotals | None

    def __post_init__(self) -> None:
        row, name = self.registered, " / ".join(self.registered.key)
        if isinstance(self.statistics, PairedTable) != (row.kind is Kind.PAIRED_BINARY):
            raise MalformedError("row.kind", f"{name} has statistics of another kind than it registered")
        if self.statistics.n > row.items:
            raise MalformedError("row.items", f"{name} has more pairs than were registered")
        self._refuse_other_counts_against_chance(name)

    def _refuse_other_counts_against_chance(self, name: str) -> None:
        counted, table = self.measured.above_chance, self.measured.statistics
        if counted is None:
            return
        if self.registered.metric not in MULTIPLE_CHOICE or not isinstance(table, PairedTable):
            # Beating chance stands in for all other gates, so nothing but multiple choice may say that it did.
            raise MalformedError("row.chance", f"{name} is no multiple choice, so nothing of it is held against chance")
        right = table.both_safe + table.worsened if self.registered.metric == ACCURACY else counted.correct
        if (counted.correct, counted.n) != (right, table.n):
            raise MalformedError("row.chance", f"{name} counts other answers against chance than are in its table")


def describe(scored: Scored, *, rule: str, candidates: int) -> JudgedRow:
    """The row with its figures; the verdict is still open. Clusters that its pairs cannot have are refused.

    `lower_90` and `upper_90` are the interval of the two one-sided tests, wider than 90 % where the best of several
    candidates may be chosen.
    """
    registered, statistics, measured = scored.registered, scored.statistics, scored.measured
    if statistics.n == 0:
        return JudgedRow(registered=registered, verdict=Verdict.INCONCLUSIVE, n=0, measured=measured)
    pre, post, change = _rates(registered, statistics)
    effect = design_effect(scored.clusters, statistics) if scored.clusters is not None else None
    row = JudgedRow(
        registered=registered,
        verdict=Verdict.INCONCLUSIVE,
        n=statistics.n,
        pre=pre,
        post=post,
        change=change,
        design_effect=figure(effect) if effect is not None else None,
        measured=measured,
    )
    if registered.slice != WHOLE_SUITE and statistics.n < SLICE_INTERVAL_FROM:
        return row
    wide, narrow = _interval(scored, rule, _95), _interval(scored, rule, equivalence_confidence(candidates))
    p, mde, needed = _power(scored, effect or Decimal(1))
    if wide is None or narrow is None or p is None or mde is None:
        return row
    return replace(
        row,
        lower_95=figure(wide.lower),
        upper_95=figure(wide.upper),
        lower_90=figure(narrow.lower),
        upper_90=figure(narrow.upper),
        p=figure(p),
        mde=figure(mde),
        n_needed=needed,
    )


def _rates(registered: RegisteredRow, statistics: PairedTable | PairedDifferences) -> tuple[Figure, Figure, Figure]:
    """The metric before and after, in its own scale, and the change, which is worse-positive."""
    lower_is_worse = registered.worse is Worse.LOWER
    if isinstance(statistics, PairedDifferences):
        pre, change = Decimal(statistics.base_mean), Decimal(statistics.mean)
        return figure(pre), figure(pre - change if lower_is_worse else pre + change), figure(change)
    n = statistics.n
    before = Decimal(statistics.both_safe + statistics.worsened) / n
    after = Decimal(statistics.both_safe + statistics.improved) / n
    pre, post = (before, after) if lower_is_worse else (1 - before, 1 - after)
    return figure(pre), figure(post), figure(Decimal(statistics.worsened - statistics.improved) / n)


def _interval(scored: Scored, rule: str, confidence: Decimal) -> Interval | None:
    """Rule 0.1 took Newcombe's interval for proportions; since 0.2 it is Tango's."""
    statistics, clusters = scored.statistics, scored.clusters
    if isinstance(statistics, PairedTable):
        if clusters is not None:
            return clustered_interval(statistics, clusters, confidence)
        of_pairs = newcombe_interval if rule == RULE_0_1 else score_interval
        return of_pairs(statistics, confidence)
    if clusters is None:
        return paired_t_interval(statistics, confidence)
    return clustered_t_interval(statistics, clusters, confidence)


def _power(scored: Scored, effect: Decimal) -> tuple[Decimal | None, Decimal | None, int | None]:
    """p, the smallest change that is found with 80 % power, and the pairs that would settle an unchanged row.

    The last two are for independent pairs; clustered ones find √effect times the change, and need effect times the pairs.
    Where the pairs needed are more than a document can count, no number of them is named.
    """
    statistics, clusters, margin = scored.statistics, scored.clusters, Decimal(scored.registered.margin)
    mde: Decimal | None
    if isinstance(statistics, PairedTable):
        p: Decimal | None = mcnemar_p(statistics) if clusters is None else clustered_p(statistics, clusters)
        mde, needed = detectable_proportion(statistics), pairs_to_settle_proportion(statistics, margin)
    else:
        p = paired_t_p(statistics) if clusters is None else clustered_t_p(statistics, clusters)
        mde, needed = detectable_difference(statistics), pairs_to_settle_difference(statistics, margin)
    with localcontext(CONTEXT):
        if mde is not None and effect > 1:
            mde = mde * effect.sqrt()
            mde = min(mde, Decimal(1)) if isinstance(statistics, PairedTable) else mde
        settling = (needed * effect).to_integral_value(ROUND_CEILING)
        return p, mde, int(settling) if settling <= MAX_INTEGER else None
