"""The predicate's rows: the verdict on each registered row, what may be claimed of all, and how far they disagree.

Everything in `Regressions` follows from the evaluations beside it and the plan; `Regressions.of` makes it for the service
and again for every verifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from operator import attrgetter

from attestations.claims import claim_sentence, is_mixed
from attestations.clusters import null_standard_error
from attestations.disagreement import Disagreement, measure_disagreement
from attestations.documents import SINCE_0_2, Figure, Name
from attestations.errors import MalformedError
from attestations.statistics import PairedTable
from attestations.verdicts import (
    RULE,
    WHOLE_SUITE,
    JudgedRow,
    JudgeVerdict,
    Reason,
    Role,
    RowKey,
    Severity,
    Verdict,
    Worse,
)

ALL_REGISTERED = "all-registered"
DIRECTLY_UNSAFE = ("refusal_rate", "deferral_rate")
"""Metrics that count unsafe answers themselves, where lower is worse; the others measure what goes with them."""


@dataclass(frozen=True, slots=True)
class RegressionRow:
    """The verdict on one registered row; the fields are those of `JudgedRow`."""

    metric: Name
    suite: Name
    slice: Name
    verdict: Verdict
    severity: Severity | None
    reason: Reason | None
    detail: str | None
    n: int | None
    pre: Figure | None
    post: Figure | None
    change: Figure | None
    lower_95: Figure | None
    upper_95: Figure | None
    lower_90: Figure | None
    upper_90: Figure | None
    p: Figure | None
    adjusted_p: Figure | None
    mde: Figure | None
    n_needed: int | None
    by_judge: tuple[JudgeVerdict, ...] | None = field(default=None, metadata=SINCE_0_2)
    judge_dependent: bool | None = field(default=None, metadata=SINCE_0_2)
    design_effect: Figure | None = field(default=None, metadata=SINCE_0_2)

    @classmethod
    def of(cls, judged: JudgedRow) -> "RegressionRow":
        return cls(*judged.registered.key, *_OF_JUDGED(judged))

    @property
    def key(self) -> RowKey:
        return RowKey(self.metric, self.suite, self.slice)


# In the order of the fields, which follow those of the key.
_OF_JUDGED = attrgetter(*(one.name for one in fields(RegressionRow)[len(RowKey._fields) :]))


@dataclass(frozen=True, slots=True)
class Regressions:
    """One row for every registered row, judged under `rule`; all else follows from the rows and their counts."""

    rule: Name
    claim: str
    mixed_sign: bool
    rows: tuple[RegressionRow, ...]
    coverage: Name = ALL_REGISTERED
    disagreement: Disagreement | None = field(default=None, metadata=SINCE_0_2)

    def __post_init__(self) -> None:
        if self.coverage != ALL_REGISTERED:
            raise MalformedError("regressions.coverage", f"the coverage must be {ALL_REGISTERED}")

    @classmethod
    def of(cls, judged: Sequence[JudgedRow], rule: str = RULE) -> "Regressions":
        """Every row, what may be claimed of them, and whether they disagree; rule 0.1 knew the mixed signs alone."""
        return cls(
            rule=rule,
            claim=claim_sentence(judged),
            mixed_sign=is_mixed(judged),
            rows=tuple(RegressionRow.of(row) for row in judged),
            disagreement=disagreement_of(judged) if rule == RULE else None,
        )


def disagreement_of(judged: Sequence[JudgedRow]) -> Disagreement | None:
    """How far the gating whole-suite binary rows that could be measured disagree; None where there are none.

    The share of rows that change with the judge is one of all rows that several judges scored.
    """
    constructs = [construct for row in judged if (construct := _construct(row)) is not None]
    if not constructs:
        return None
    compared = [row for row in judged if row.judge_dependent is not None]
    flips = sum(bool(row.judge_dependent) for row in compared)
    return measure_disagreement(constructs, mixed_sign=is_mixed(judged), judge_flips=(flips, len(compared)))


def _construct(row: JudgedRow) -> tuple[PairedTable, bool, Decimal | None] | None:
    registered, measured = row.registered, row.measured
    gates = registered.role is Role.GATING and registered.slice == WHOLE_SUITE
    if measured is None or not gates or row.verdict in (Verdict.NOT_MEASURABLE, Verdict.NOT_RUN):
        return None
    table, clusters = measured.statistics, measured.clusters
    if not isinstance(table, PairedTable):
        return None
    direct = registered.metric in DIRECTLY_UNSAFE and registered.worse is Worse.LOWER
    return table, direct, null_standard_error(table, clusters) if clusters is not None else None
