"""Whether a compared model is released: a written policy applied to judged rows. Pure; the verifier decides it again.

A policy lists what blocks and what holds the model for a person. It looks at gating rows alone, row by row: no score, no
trade between rows. Block beats hold, hold beats release. A row whose verdict depends on the judge never passes: it holds
unless the policy says that it blocks. So does one that is of the same kind under all judges, but that the policy would
treat more gravely under another of them: a regression that only the primary judge calls minor, for instance. A plan
without a gating row is blocked, because nothing was asked of the model, and so is one that leaves out a suite that its
policy asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from attestations.claims import row_name, verdict_words
from attestations.documents import SINCE_0_2, Figure, Name
from attestations.errors import MalformedError
from attestations.verdicts import WHOLE_SUITE, JudgedRow, JudgeVerdict, RegisteredRow, Role, Severity, Verdict


class GateOutcome(StrEnum):
    """`held` is no end: a person's review turns it into one of the others."""

    RELEASED = "released"
    HELD = "held"
    BLOCKED = "blocked"


class Action(StrEnum):
    RELEASE = "release"
    HOLD = "hold"
    BLOCK = "block"


_GRAVITY = (Action.RELEASE, Action.HOLD, Action.BLOCK)


@dataclass(frozen=True, slots=True)
class BlockRule:
    """A verdict that blocks, or holds; for `regressed`, `severities` name which degrees of it do. `suites` restrict the
    rule to these, where they are given."""

    verdict: Verdict
    severities: tuple[Severity, ...] | None = None
    suites: tuple[Name, ...] | None = field(default=None, metadata=SINCE_0_2)

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.REGRESSED) != bool(self.severities):
            raise MalformedError("policy.severities", "regressed names its severities, and no other verdict does")
        if self.suites == ():
            raise MalformedError("policy.suites", "a rule for no suite at all would never apply; leave suites out")

    def applies_to(self, suite: str, found: JudgedRow | JudgeVerdict) -> bool:
        if self.suites is not None and suite not in self.suites:
            return False
        return found.verdict is self.verdict and (self.severities is None or found.severity in self.severities)


@dataclass(frozen=True, slots=True)
class Erosion:
    """How far the refusal margin may fall: by `nats`, and by a `share` of the base model's mean; both must be reached."""

    nats: Figure
    share: Figure


@dataclass(frozen=True, slots=True)
class PolicySuite:
    """A suite that the policy asks for. `margin` and, for critical slices, `critical_margin` are shares of its items."""

    suite: Name
    gating: bool
    margin: Figure
    critical_margin: Figure | None = None
    erosion: Erosion | None = None

    def __post_init__(self) -> None:
        for margin in (self.margin, self.critical_margin):
            if margin is not None and not 0 < Decimal(margin) < 1:
                raise MalformedError("policy.margin", "a margin is a share of the items, above 0 and below 1")

    def is_exceeded_by(self, row: RegisteredRow) -> bool:
        """Whether a row of this suite may get worse by more; a plan may be stricter, on critical slices for instance."""
        if row.relative_margin is None:
            return Decimal(row.margin) > Decimal(self.margin)
        erosion = self.erosion
        if erosion is None:
            return False
        return Decimal(row.margin) > Decimal(erosion.nats) or Decimal(row.relative_margin) > Decimal(erosion.share)


@dataclass(frozen=True, slots=True)
class Policy:
    """`blocks` and `holds` are looked at in this order of gravity; `judge_dependent` is hold where it is not said.

    `repeats` are the sampled answers that it wants for each item, beside the greedy one that decides.
    """

    id: Name
    version: Name
    blocks: tuple[BlockRule, ...]
    title: str | None = field(default=None, metadata=SINCE_0_2)
    description: str | None = field(default=None, metadata=SINCE_0_2)
    suites: tuple[PolicySuite, ...] | None = field(default=None, metadata=SINCE_0_2)
    holds: tuple[BlockRule, ...] | None = field(default=None, metadata=SINCE_0_2)
    judge_dependent: Action | None = field(default=None, metadata=SINCE_0_2)
    repeats: int | None = field(default=None, metadata=SINCE_0_2)

    def __post_init__(self) -> None:
        if self.judge_dependent is Action.RELEASE:
            raise MalformedError("policy.judge_dependent", "a verdict that depends on the judge cannot pass a gate")
        names = [suite.suite for suite in self.suites or ()]
        if len(set(names)) != len(names):
            raise MalformedError("policy.suites", "a suite is listed twice")

    def action(self, row: JudgedRow) -> Action:
        """What one gating row does to the model."""
        action = self._action_on(row.registered.suite, row)
        if action is not Action.BLOCK and (row.judge_dependent or self.graver(row)):
            return self.judge_dependent or Action.HOLD
        return action

    def graver(self, row: JudgedRow) -> tuple[JudgeVerdict, ...]:
        """What the row is under further judges, where the policy would do more about that than about what it is."""
        mine = _GRAVITY.index(self._action_on(row.registered.suite, row))
        others = row.by_judge or ()
        return tuple(one for one in others if _GRAVITY.index(self._action_on(row.registered.suite, one)) > mine)

    def _action_on(self, suite: str, found: JudgedRow | JudgeVerdict) -> Action:
        if any(rule.applies_to(suite, found) for rule in self.blocks):
            return Action.BLOCK
        return Action.HOLD if any(rule.applies_to(suite, found) for rule in self.holds or ()) else Action.RELEASE

    def refuse_wider_margins(self, rows: Sequence[RegisteredRow]) -> None:
        """Refuses registered rows of the policy's suites that are allowed to get worse by more than it says."""
        allowed = {suite.suite: suite for suite in self.suites or ()}
        for row in rows:
            suite = allowed.get(row.suite)
            if suite is not None and suite.is_exceeded_by(row):
                words = f"{' / '.join(row.key)} may get worse by {row.margin}, more than the policy {self.id} allows"
                raise MalformedError("policy.margin", words)


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
    """A row that blocks or holds the model."""

    metric: Name
    suite: Name
    slice: Name
    verdict: Verdict
    severity: Severity | None
    judge_dependent: bool | None = field(default=None, metadata=SINCE_0_2)

    @classmethod
    def of(cls, row: JudgedRow) -> "BlockingRow":
        return cls(*row.registered.key, row.verdict, row.severity, row.judge_dependent or None)


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The outcome, the rows that block, those that hold, and why the outcome is no release, in sentences."""

    outcome: GateOutcome
    blocking: tuple[BlockingRow, ...]
    reasons: tuple[str, ...]
    holding: tuple[BlockingRow, ...] = ()


def decide(policy: Policy, judged: Sequence[JudgedRow]) -> GateDecision:
    gating = [row for row in judged if row.registered.role is Role.GATING]
    if not gating:
        return GateDecision(GateOutcome.BLOCKED, (), ("no row was registered to gate",))
    actions = [(row, policy.action(row)) for row in gating]
    blocking = [row for row, action in actions if action is Action.BLOCK]
    holding = [row for row, action in actions if action is Action.HOLD]
    missing = _missing_suites(policy, gating)
    if blocking or missing:
        outcome, reasons = GateOutcome.BLOCKED, [*missing, *(_reason(policy, row) for row in blocking)]
    else:
        outcome = GateOutcome.HELD if holding else GateOutcome.RELEASED
        reasons = [_reason(policy, row) for row in holding]
    return GateDecision(
        outcome=outcome,
        blocking=tuple(BlockingRow.of(row) for row in blocking),
        reasons=tuple(reasons),
        holding=tuple(BlockingRow.of(row) for row in holding),
    )


def _missing_suites(policy: Policy, gating: Sequence[JudgedRow]) -> list[str]:
    there = {row.registered.suite for row in gating if row.registered.slice == WHOLE_SUITE}
    asked = [suite.suite for suite in policy.suites or () if suite.gating]
    return [
        f"{suite}: the policy asks for it, and no row of it was registered to gate"
        for suite in asked
        if suite not in there
    ]


def _reason(policy: Policy, row: JudgedRow) -> str:
    depends = ", and the verdict depends on the judge" if row.judge_dependent else ""
    graver = "" if depends else "".join(f", {verdict_words(one)} under {one.judge}" for one in policy.graver(row))
    return f"{row_name(row.registered.key)}: {verdict_words(row)}{depends}{graver}"
