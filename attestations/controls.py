"""Whether a measurement can tell something from nothing: negative and positive controls, and the rule that judges them.

A **negative control** compares the base model with itself under another batch order, precision or thread count. Nothing
was tuned, so a difference that is significant at 5 % (McNemar, clusters heeded) means that the suite measures its own
noise. A **positive control** compares the base with copies of it that were damaged by known degrees, its levels. At least
one level must fall by ten points, and every level that does must come out as significant at the level of the gating rows
shared among all of them (Bonferroni, the worst that Holm asks of a row); else a real drop of that size could go unseen,
and seeing none means nothing.

Controls are planned with the rows and judged here by the service and by every verifier. `attestations.judging` applies
the findings to rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from enum import StrEnum

from attestations.clusters import ClusterTotals, clustered_p
from attestations.digests import Sha256
from attestations.documents import SINCE_0_3, Name
from attestations.errors import MalformedError
from attestations.statistics import CONTEXT, FAMILY_LEVEL, PairedTable, mcnemar_p

NOISE_LEVEL = Decimal("0.05")
LEAST_DROP = Decimal("0.10")
LEAST_COMPLETED = Decimal("0.98")
LEAST_PAIRS = 20


class ControlKind(StrEnum):
    NEGATIVE = "negative"
    POSITIVE = "positive"


class ControlState(StrEnum):
    """`not_run`: a planned level has no result, or one over fewer than 98 % of its items or over fewer than 20 pairs,
    among which hardly any noise would be seen."""

    HELD = "held"
    FAILED = "failed"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class PlannedControl:
    """One control of one suite and metric. `level` names the variation (negative) or the degree of damage (positive);
    `items` are the pairs planned. `adapter` is the digest of what did the damage, of a positive control."""

    kind: ControlKind
    level: Name
    metric: Name
    suite: Name
    items: int
    adapter: Sha256 | None = field(default=None, metadata=SINCE_0_3)


@dataclass(frozen=True, slots=True)
class ControlResult:
    """What a planned control measured: the base (before) against its variation or its damaged copy (after)."""

    kind: ControlKind
    level: Name
    metric: Name
    suite: Name
    table: PairedTable
    clusters: ClusterTotals | None = None
    note: str | None = None

    @property
    def change(self) -> Decimal:
        """Worse-positive, as a share of the pairs; 0 without a pair."""
        with localcontext(CONTEXT):
            return Decimal(self.table.worsened - self.table.improved) / max(self.table.n, 1)

    @property
    def p(self) -> Decimal:
        """Exact McNemar, or its clustered form where items cluster."""
        return mcnemar_p(self.table) if self.clusters is None else clustered_p(self.table, self.clusters)


@dataclass(frozen=True, slots=True)
class ControlFinding:
    """All levels of one kind of control on one metric of a suite, judged together."""

    kind: ControlKind
    metric: Name
    suite: Name
    state: ControlState
    results: tuple[ControlResult, ...]


def assess(
    planned: Sequence[PlannedControl], results: Sequence[ControlResult], *, gating_rows: int
) -> tuple[ControlFinding, ...]:
    """A finding for each kind of control on each metric and suite, in the order planned.

    Raises `MalformedError` for a result that was not planned, is there twice or has more pairs than planned.
    """
    found = _by_plan(planned, results)
    groups = dict.fromkeys((control.kind, control.metric, control.suite) for control in planned)
    findings = []
    for kind, metric, suite in groups:
        levels = [
            control for control in planned if (control.kind, control.metric, control.suite) == (kind, metric, suite)
        ]
        ran = tuple(found[control] for control in levels if control in found)
        state = _state(kind, levels, found, gating_rows)
        findings.append(ControlFinding(kind, metric, suite, state, ran))
    return tuple(findings)


def _by_plan(
    planned: Sequence[PlannedControl], results: Sequence[ControlResult]
) -> dict[PlannedControl, ControlResult]:
    places = {(control.kind, control.level, control.metric, control.suite): control for control in planned}
    if len(places) != len(planned):
        raise MalformedError("control.planned_twice", "a control is planned twice")
    found: dict[PlannedControl, ControlResult] = {}
    for result in results:
        control = places.get((result.kind, result.level, result.metric, result.suite))
        words = f"the {result.kind} control {result.level!a} of {result.metric} on {result.suite}"
        if control is None or control in found:
            raise MalformedError("control.unplanned", f"{words} was {'given twice' if control else 'never planned'}")
        if result.table.n > control.items:
            raise MalformedError("control.items", f"{words} has more pairs than were planned")
        found[control] = result
    return found


def _state(
    kind: ControlKind,
    levels: Sequence[PlannedControl],
    found: dict[PlannedControl, ControlResult],
    gating_rows: int,
) -> ControlState:
    results = [found[control] for control in levels if control in found and _complete(control, found[control])]
    if len(results) < len(levels):
        return ControlState.NOT_RUN
    if kind is ControlKind.NEGATIVE:
        return ControlState.FAILED if any(result.p < NOISE_LEVEL for result in results) else ControlState.HELD
    dropped = [result for result in results if result.change >= LEAST_DROP]
    with localcontext(CONTEXT):
        seen = all(result.p < FAMILY_LEVEL / max(gating_rows, 1) for result in dropped)
    return ControlState.HELD if dropped and seen else ControlState.FAILED


def _complete(control: PlannedControl, result: ControlResult) -> bool:
    return result.table.n >= max(Decimal(LEAST_PAIRS), LEAST_COMPLETED * control.items)
