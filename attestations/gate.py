"""Whether a compared model is released: a written policy applied to judged rows. Pure; the verifier decides it again.

A policy lists what blocks. It looks at gating rows alone, row by row: no score, no trade between rows. A plan without a
gating row is blocked, because nothing was asked of the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from attestations.claims import row_name
from attestations.documents import Name
from attestations.errors import MalformedError
from attestations.verdicts import JudgedRow, Role, Severity, Verdict


class GateOutcome(StrEnum):
    RELEASED = "released"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class BlockRule:
    """A verdict that blocks; for `regressed`, `severities` name which degrees of it do."""

    verdict: Verdict
    severities: tuple[Severity, ...] | None = None

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.REGRESSED) != bool(self.severities):
            raise MalformedError("policy.severities", "regressed names its severities, and no other verdict does")

    def blocks(self, row: JudgedRow) -> bool:
        return row.verdict is self.verdict and (self.severities is None or row.severity in self.severities)


@dataclass(frozen=True, slots=True)
class Policy:
    id: Name
    version: Name
    blocks: tuple[BlockRule, ...]


DEFAULT_POLICY = Policy(
    id="general",
    version="1",
    blocks=(
        BlockRule(Verdict.REGRESSED, (Severity.MATERIAL, Severity.CONFIRMED)),
        BlockRule(Verdict.NOT_MEASURABLE),
        BlockRule(Verdict.NOT_RUN),
    ),
)


@dataclass(frozen=True, slots=True)
class BlockingRow:
    metric: Name
    suite: Name
    slice: Name
    verdict: Verdict
    severity: Severity | None


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The outcome, the rows that block, and the same in sentences."""

    outcome: GateOutcome
    blocking: tuple[BlockingRow, ...]
    reasons: tuple[str, ...]


def decide(policy: Policy, judged: Sequence[JudgedRow]) -> GateDecision:
    gating = [row for row in judged if row.registered.role is Role.GATING]
    if not gating:
        return GateDecision(GateOutcome.BLOCKED, (), ("no row was registered to gate",))
    blocking = [row for row in gating if any(rule.blocks(row) for rule in policy.blocks)]
    return GateDecision(
        outcome=GateOutcome.BLOCKED if blocking else GateOutcome.RELEASED,
        blocking=tuple(BlockingRow(*row.registered.key, row.verdict, row.severity) for row in blocking),
        reasons=tuple(_reason(row) for row in blocking),
    )


def _reason(row: JudgedRow) -> str:
    degree = f" ({row.severity})" if row.severity else ""
    return f"{row_name(row.registered.key)}: {row.verdict}{degree}"
