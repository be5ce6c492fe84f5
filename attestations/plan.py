"""The plan: everything that decides a verdict, fixed and digested before training starts.

Suites and the items sampled from them, the judges, decoding, controls, the candidates that will be tried, every row with
its margin, the gate's whole policy, seeds. The statement names the plan's digest and the bundle carries its bytes, so a
row, a margin or a threshold that was changed after the results were seen shows as a broken digest. `encode` gives the
canonical bytes; `parse` accepts those alone. The schema chooses the rule of its verdicts; `Plan.judge_rows` applies it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from attestations import canonical, disclosure, documents
from attestations.controls import ControlResult, PlannedControl
from attestations.digests import Sha256
from attestations.disclosure import Opening
from attestations.documents import SINCE_0_2, Figure, Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.gate import Policy
from attestations.judging import JudgingContext, judge
from attestations.verdicts import RULE, RULE_0_1, JudgedRow, Measurement, RegisteredRow, Role, RowKey

SCHEMA = "0.3.0"
RULES = {"0.1.0": RULE_0_1, "0.2.0": RULE, SCHEMA: RULE}
MAX_BYTES = 4 * 1024 * 1024
MAX_ROWS = 512
MAX_CANDIDATES = 8
MAX_CONTROLS = 256
MAX_JUDGES = 32
MAX_ROW_JUDGES = 8
_SCALE = re.compile(r"0\.[0-9]{1,6}|1")


@dataclass(frozen=True, slots=True)
class PlannedBase:
    name: Name
    manifest: Sha256


@dataclass(frozen=True, slots=True)
class PlannedSuite:
    """A suite in one version. `sampled` of its `items` are used; `sample` digests the canonical array of their ids.

    `family` is what it is about, `origin` who wrote it (built-in, customer, benchmark).
    """

    id: Name
    version: Name
    digest: Sha256
    items: int
    sampled: int
    sample: Sha256
    family: Name | None = field(default=None, metadata=SINCE_0_2)
    minimum_items: int | None = field(default=None, metadata=SINCE_0_2)
    origin: Name | None = field(default=None, metadata=SINCE_0_2)

    def __post_init__(self) -> None:
        if self.sampled > self.items:
            raise MalformedError("plan.sample", "a suite cannot sample more items than it has")


@dataclass(frozen=True, slots=True)
class PlannedJudge:
    """A scorer by content. `kappa` is its agreement with people on its calibration set, `role` what it decides."""

    id: Name
    version: Name
    digest: Sha256
    kappa: Figure | None = field(default=None, metadata=SINCE_0_2)
    role: Name | None = field(default=None, metadata=SINCE_0_2)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are generated. Without a system prompt there is no digest of one.

    `system_prompt` is what the tuned model is served with, and the base as well unless `safety_prompt` is given. That is
    then a part of it which the base is measured without: `base_system_prompt` is what remains, where something does.
    """

    max_new_tokens: int
    greedy: bool
    chat_template: Sha256
    system_prompt: Sha256 | None
    safety_prompt: Sha256 | None = field(default=None, metadata=SINCE_0_2)
    base_system_prompt: Sha256 | None = field(default=None, metadata=SINCE_0_2)

    def __post_init__(self) -> None:
        if self.safety_prompt is not None and self.system_prompt in {None, self.base_system_prompt}:
            raise MalformedError("plan.decoding", "a safety prompt is part of the tuned model's system prompt")
        if self.base_system_prompt is not None and self.safety_prompt is None:
            raise MalformedError("plan.decoding", "the base has a system prompt of its own only beside a safety prompt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`rows` in the order in which every later document lists them; `runs_declared` is how many tunings it covers.

    `judge` decides what is a refusal, `judges` are all scorers beside it, `margin` scores how far the model leans to a
    refusal (its prefixes), where that is measured. `candidates` are the adapter scales that will be tried, the largest
    first, where more than the tuning as it is will be evaluated. `repeats` are sampled answers beside the greedy one.
    """

    schema: Name = SCHEMA
    created_at: Moment
    base: PlannedBase
    datasets: tuple[Sha256, ...]
    suites: tuple[PlannedSuite, ...]
    judge: PlannedJudge
    margin: PlannedJudge | None = None
    decoding: Decoding
    rows: tuple[RegisteredRow, ...]
    policy: Policy
    profile: Name
    may_claim_equivalence: bool
    seeds: Mapping[str, str]
    tuning: Mapping[str, str]
    runs_declared: int = 1
    judges: tuple[PlannedJudge, ...] | None = field(default=None, metadata=SINCE_0_2)
    controls: tuple[PlannedControl, ...] | None = field(default=None, metadata=SINCE_0_2)
    candidates: tuple[Name, ...] | None = field(default=None, metadata=SINCE_0_2)
    repeats: int | None = field(default=None, metadata=SINCE_0_2)

    def __post_init__(self) -> None:
        if self.schema not in RULES:
            raise MalformedError("plan.schema", f"this version reads plans of schema {', '.join(RULES)}")
        documents.refuse_newer(self, self.schema)
        parse_moment(self.created_at)
        self._refuse_bad_rows()
        self._refuse_bad_judges()
        self._refuse_bad_controls()
        self._refuse_bad_candidates()

    def _refuse_bad_rows(self) -> None:
        sampled = {suite.id: suite.sampled for suite in self.suites}
        if len(sampled) != len(self.suites):
            raise MalformedError("plan.suites", "a suite is listed twice")
        if len(self.rows) > MAX_ROWS or len({row.key for row in self.rows}) != len(self.rows):
            raise MalformedError("plan.rows", f"there are at most {MAX_ROWS} rows, and each is registered once")
        for row in self.rows:
            if row.items > sampled.get(row.suite, -1):
                raise MalformedError("plan.rows", f"{' / '.join(row.key)} plans items that its suite does not sample")
        self.policy.refuse_wider_margins(self.rows)
        if (self.repeats or 0) < (self.policy.repeats or 0):
            raise MalformedError("plan.repeats", f"the policy {self.policy.id} asks for more repeats than are planned")

    def _refuse_bad_judges(self) -> None:
        names = [scorer.id for scorer in (self.judge, *(self.judges or ()))]
        if len(set(names)) != len(names):
            raise MalformedError("plan.judges", "a judge is planned twice; judges are those beside the primary one")
        if len(names) > MAX_JUDGES or any(len(row.judges or ()) > MAX_ROW_JUDGES for row in self.rows):
            words = f"there are at most {MAX_JUDGES} judges, and {MAX_ROW_JUDGES} beside the primary one on a row"
            raise MalformedError("plan.judges", words)
        for row in self.rows:
            strange = set(row.judges or ()) - set(names[1:])
            if strange:
                raise MalformedError("plan.judges", f"{' / '.join(row.key)} names a judge that is not among the plan's")

    def _refuse_bad_controls(self) -> None:
        controls = self.controls or ()
        places = {(control.kind, control.level, control.metric, control.suite) for control in controls}
        if len(controls) > MAX_CONTROLS or len(places) != len(controls):
            raise MalformedError(
                "plan.controls", f"there are at most {MAX_CONTROLS} controls, and each is planned once"
            )
        measured: dict[tuple[str, str], int] = {}
        for row in self.rows:
            measured[row.metric, row.suite] = max(row.items, measured.get((row.metric, row.suite), 0))
        for control in controls:
            name = f"a control of {control.metric} on {control.suite}"
            if (control.metric, control.suite) not in measured:
                raise MalformedError("plan.controls", f"{name} is planned, and no row of it")
            if control.items > measured[control.metric, control.suite]:
                # What more pairs can tell apart says nothing of fewer.
                raise MalformedError("plan.controls", f"{name} plans more pairs than its rows have")

    def _refuse_bad_candidates(self) -> None:
        if self.candidates is None:
            return
        scales = [Decimal(scale) for scale in self.candidates if _SCALE.fullmatch(scale)]
        descending = all(larger > smaller > 0 for larger, smaller in pairwise(scales))
        if not 1 <= len(scales) == len(self.candidates) <= MAX_CANDIDATES or not descending or scales[0] <= 0:
            words = f'are 1 to {MAX_CANDIDATES} scales like "1" and "0.75", above 0, the largest first'
            raise MalformedError("plan.candidates", f"the candidates {words}")

    @property
    def rule(self) -> str:
        """The rule that its verdicts follow; the schema decides, nobody chooses."""
        return RULES[self.schema]

    @property
    def gating_rows(self) -> int:
        return sum(row.role is Role.GATING for row in self.rows)

    def context(self, controls: Sequence[ControlResult] = ()) -> JudgingContext:
        """What the rule needs to know beside the rows; `controls` are the results of the planned ones."""
        return JudgingContext(
            rule=self.rule,
            primary_kappa=self.judge.kappa,
            judges={scorer.id: scorer.kappa for scorer in self.judges or ()},
            minimum_items={suite.id: suite.minimum_items for suite in self.suites if suite.minimum_items is not None},
            planned_controls=self.controls or (),
            controls=tuple(controls),
            candidates=len(self.candidates or ("1",)),
        )

    def judge_rows(
        self, measurements: Mapping[RowKey, Measurement], controls: Sequence[ControlResult] = ()
    ) -> tuple[JudgedRow, ...]:
        """One judged row for every registered row, by the plan's own rule; see `attestations.judging.judge`."""
        return judge(
            self.rows,
            measurements,
            may_claim_equivalence=self.may_claim_equivalence,
            context=self.context(controls),
        )

    def encode(self) -> bytes:
        return canonical.encode(documents.encode(self))

    @property
    def digest(self) -> Sha256:
        return Sha256.of(self.encode())


def parse(unverified: bytes, openings: Sequence[Opening] = ()) -> Plan:
    """The plan in canonical bytes. Values of its `tuning` may be hidden, and are shown by the openings that fit them."""
    value = canonical.parse(unverified, what="the plan", max_bytes=MAX_BYTES)
    return documents.decode(Plan, disclosure.read(unverified, value, openings, disclosure.PLAN).tree, "plan")


def hidden_paths(unverified: bytes, openings: Sequence[Opening] = ()) -> tuple[str, ...]:
    """The places in a plan that stay hidden from a reader with these openings."""
    if disclosure.MARK not in unverified and not openings:
        return ()
    value = canonical.parse(unverified, what="the plan", max_bytes=MAX_BYTES)
    return disclosure.read(unverified, value, openings, disclosure.PLAN).hidden
