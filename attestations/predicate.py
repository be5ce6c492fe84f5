"""The resilience predicate: what was tuned, from what, on what data, what got worse, where it may be used, until when.

Frozen dataclasses, one per JSON object. The service fills them from what ran; a fact that it does not have is None and
its key is absent. What must hold between the parts is in `ResiliencePredicate.__post_init__`, so a predicate that could
mislead cannot be built and is not accepted either:

1. `notClaimed` is never empty. 2. A model that was released or blocked has its manifest, a plan, evaluations, regressions
and the gate's answer. 3. Where there is a plan, `evaluations` and `regressions.rows` list the same rows in the same order,
each once; a missing row is a denial, checked against the plan by the verifier. 4. A job that failed says why. 5. Reviews
stand only beside a held model, decide as its status says, and their conditions are requirements of its boundaries.
6. Candidates come with a gate's answer, exactly one of them is the statement's model, and its rows are the statement's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from attestations import documents
from attestations.boundaries import Boundaries
from attestations.clusters import ClusterTotals
from attestations.controls import ControlResult
from attestations.digests import Sha256
from attestations.documents import SINCE_0_2, SINCE_0_3, Figure, Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.gate import BlockingRow, GateDecision, GateOutcome, Policy
from attestations.records import OutputsRef, Review, ReviewDecision, require_countable, require_order
from attestations.rows import Regressions
from attestations.statistics import PairedDifferences, PairedTable
from attestations.tuned import Model, Tuning
from attestations.verdicts import (
    RULE_0_1,
    Agreement,
    BiasCounts,
    ChanceCounts,
    FlipCounts,
    JudgeStatistics,
    Measured,
    Measurement,
    NotRun,
    RegisteredRow,
)

SPECIFICATIONS = "https://tuneproof.example/spec"
PREDICATE_TYPE = f"{SPECIFICATIONS}/resilience/v0.1"
SCHEMA = "0.3.0"
SCHEMAS = ("0.1.0", "0.2.0", SCHEMA)
BOUNDED_SINCE = "0.3.0"
"""The schema from which boundaries, the signed plan and the place of the status are there without exception."""


class OutcomeStatus(StrEnum):
    RELEASED = "released"
    BLOCKED = "blocked"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SourceRole(StrEnum):
    TRAIN = "train"
    MIX = "mix"
    SAFETY = "safety"
    HOLDOUT = "holdout"


@dataclass(frozen=True, slots=True)
class Issuer:
    id: Name


@dataclass(frozen=True, slots=True)
class PolicyRef:
    id: Name
    version: Name


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """Which policy decided (its full text is in the plan), which rows blocked, and which held the model for a review."""

    policy: PolicyRef
    blocking: tuple[BlockingRow, ...]
    holding: tuple[BlockingRow, ...] | None = field(default=None, metadata=SINCE_0_2)

    @classmethod
    def of(cls, policy: Policy, decision: GateDecision) -> "GateAnswer":
        return cls(PolicyRef(policy.id, policy.version), decision.blocking, decision.holding or None)


@dataclass(frozen=True, slots=True)
class JobError:
    code: Name
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    status: OutcomeStatus
    gate: GateAnswer | None = None
    error: JobError | None = None

    def __post_init__(self) -> None:
        decided = self.status in (OutcomeStatus.RELEASED, OutcomeStatus.BLOCKED)
        if decided != (self.gate is not None):
            raise MalformedError("outcome.gate", "released and blocked come with the gate's answer, and no others do")
        if decided and self.error is not None:
            raise MalformedError("outcome.error", "a model that was released or blocked has no error")
        if self.status is OutcomeStatus.FAILED and self.error is None:
            raise MalformedError("outcome.error", "a failed job says why")
        if self.status is OutcomeStatus.RELEASED and self.gate and self.gate.blocking:
            raise MalformedError("outcome.gate", "a released model has no blocking row")


@dataclass(frozen=True, slots=True)
class Source:
    id: Name
    role: SourceRole
    records: int
    licence: str
    consent: str
    origin: str
    digest: Sha256 | None = None


@dataclass(frozen=True, slots=True)
class ScreeningFilter:
    """One rule that the records passed; `removed` of them did not."""

    id: Name
    version: Name
    removed: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many items of an evaluation suite the training records repeat, and how that was looked for."""

    suite: Name
    method: Name
    hits: int


@dataclass(frozen=True, slots=True)
class Data:
    datasets: tuple[Sha256, ...]
    sources: tuple[Source, ...]
    filters: tuple[ScreeningFilter, ...] | None = None
    contamination: tuple[Overlap, ...] | None = None


@dataclass(frozen=True, slots=True)
class PlanRef:
    """`statement` is SHA-256 of the payload of the eval-plan statement, signed before the tuning began."""

    digest: Sha256
    statement: Sha256 | None = field(default=None, metadata=SINCE_0_3)


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """A registered row with its sufficient statistics, or why it was not run: exactly one of the three."""

    registered: RegisteredRow
    table: PairedTable | None = None
    differences: PairedDifferences | None = None
    not_run: str | None = None
    auroc_pre: Figure | None = None
    auroc_post: Figure | None = None
    incoherent_pre: int | None = None
    incoherent_post: int | None = None
    clusters: ClusterTotals | None = field(default=None, metadata=SINCE_0_2)
    by_judge: tuple[JudgeStatistics, ...] | None = field(default=None, metadata=SINCE_0_2)
    agreement: Agreement | None = field(default=None, metadata=SINCE_0_2)
    bias_pre: BiasCounts | None = field(default=None, metadata=SINCE_0_2)
    bias_post: BiasCounts | None = field(default=None, metadata=SINCE_0_2)
    flips_pre: FlipCounts | None = field(default=None, metadata=SINCE_0_2)
    flips_post: FlipCounts | None = field(default=None, metadata=SINCE_0_2)
    above_chance: ChanceCounts | None = field(default=None, metadata=SINCE_0_2)

    def __post_init__(self) -> None:
        if [self.table, self.differences, self.not_run].count(None) != 2:
            raise MalformedError("evaluation.statistics", "has exactly one of table, differences and notRun")
        if self.not_run is not None and any(getattr(self, name) is not None for name in ("by_judge", *_FACTS)):
            raise MalformedError("evaluation.statistics", "a row that was not run has no facts beside the reason")

    @classmethod
    def of(cls, row: RegisteredRow, measurement: Measurement) -> "EvaluationRow":
        if isinstance(measurement, NotRun):
            return cls(row, not_run=measurement.reason)
        statistics = measurement.statistics
        facts = {name: getattr(measurement, name) for name in _FACTS}
        return cls(
            row,
            table=statistics if isinstance(statistics, PairedTable) else None,
            differences=statistics if isinstance(statistics, PairedDifferences) else None,
            by_judge=measurement.by_judge or None,
            **facts,
        )

    @property
    def counted(self) -> tuple[PairedTable | PairedDifferences, ...]:
        """The counts under every judge, the primary one first; none where the row was not run."""
        mine = self.table or self.differences
        return (mine, *(one.table for one in self.by_judge or ())) if mine is not None else ()

    @property
    def measurement(self) -> Measurement:
        """What was measured; counts that contradict each other raise `MalformedError`."""
        statistics = self.table or self.differences
        if statistics is None:
            return NotRun(self.not_run or "")
        return Measured(statistics, by_judge=self.by_judge or (), **{name: getattr(self, name) for name in _FACTS})


_FACTS = [field.name for field in fields(Measured) if field.name not in ("statistics", "by_judge")]


@dataclass(frozen=True, slots=True)
class CandidateRecord:
    """One scale of the adapter that was evaluated as a model of its own, whether or not it was chosen.

    `evaluations` are its rows, those of the chosen one the statement's own; `decision` is the gate's on them, before any
    review. `utility_change` is the change of the customer's own held-out measure from base to candidate, in its
    unit, positive where it got worse.
    """

    scale: Name
    manifest: Sha256
    chosen: bool
    decision: GateOutcome
    claim: str
    evaluations: tuple[EvaluationRow, ...]
    utility_change: Figure | None


@dataclass(frozen=True, slots=True)
class Environment:
    hardware: str | None = None
    software: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class StatusRef:
    """Entry `idx` of the token status list at `uri` says whether the attestation still holds."""

    uri: Name
    idx: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResiliencePredicate:
    """`supersedes` is SHA-256 of the payload of the attestation that this one takes the place of."""

    schema: Name = SCHEMA
    attestation_id: Name
    issuer: Issuer
    issued_at: Moment
    valid_from: Moment
    valid_until: Moment
    outcome: Outcome
    model: Model | None = None
    tuning: Tuning | None = None
    data: Data | None = None
    plan: PlanRef | None = None
    evaluations: tuple[EvaluationRow, ...] | None = None
    regressions: Regressions | None = None
    boundaries: Boundaries | None = None
    environment: Environment | None = None
    controls: tuple[ControlResult, ...] | None = field(default=None, metadata=SINCE_0_2)
    candidates: tuple[CandidateRecord, ...] | None = field(default=None, metadata=SINCE_0_2)
    reviews: tuple[Review, ...] | None = field(default=None, metadata=SINCE_0_2)
    outputs: OutputsRef | None = field(default=None, metadata=SINCE_0_2)
    status: StatusRef | None = field(default=None, metadata=SINCE_0_3)
    supersedes: Sha256 | None = field(default=None, metadata=SINCE_0_3)
    not_claimed: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.schema not in SCHEMAS:
            words = f"this version reads the predicate's schemas {' and '.join(SCHEMAS)}"
            raise MalformedError("predicate.schema", words)
        documents.refuse_newer(self, self.schema)
        self._refuse_too_much()
        if not self.not_claimed:
            raise MalformedError("predicate.not_claimed", "says what is not claimed; notClaimed is empty")
        if not parse_moment(self.valid_from) <= parse_moment(self.valid_until):
            raise MalformedError("predicate.validity", "the validity ends before it begins")
        parse_moment(self.issued_at)
        self._refuse_gaps()
        self._refuse_missing_promises()
        self._refuse_loose_records()
        self._refuse_unfounded_reviews()

    def _refuse_too_much(self) -> None:
        lists = [self.evaluations or (), *(candidate.evaluations for candidate in self.candidates or ())]
        counted = [statistics for rows in lists for row in rows for statistics in row.counted]
        require_countable([*counted, *(control.table for control in self.controls or ())])

    def _refuse_gaps(self) -> None:
        evaluations, regressions = self.evaluations, self.regressions
        if len({self.plan is None, evaluations is None, regressions is None}) != 1:
            raise MalformedError("predicate.rows", "plan, evaluations and regressions come together or not at all")
        if self.outcome.gate is not None and (self.plan is None or self.model is None or self.model.manifest is None):
            raise MalformedError("predicate.outcome", "a gated model has a manifest and a plan")
        if evaluations is not None and regressions is not None:
            keys = [row.registered.key for row in evaluations]
            if keys != [row.key for row in regressions.rows] or len(set(keys)) != len(keys):
                raise MalformedError("predicate.rows", "evaluations and regressions must list the same rows, each once")
            if regressions.rule == RULE_0_1:
                documents.refuse_newer((*evaluations, regressions), SCHEMAS[0])

    def _refuse_missing_promises(self) -> None:
        """What every document has since 0.3.0: a deployer must find where it may be used, and where it may be withdrawn."""
        if self.schema not in SCHEMAS[SCHEMAS.index(BOUNDED_SINCE) :]:
            return
        bounds = self.boundaries
        if bounds is None or not _says(bounds.prohibited) or bounds.turns is None or bounds.decoding is None:
            words = "states boundaries: prohibited uses at least, and the turns and the decoding that were tested"
            raise MalformedError("predicate.boundaries", words)
        if not _says(bounds.retest_on):
            raise MalformedError("predicate.boundaries", "says what makes a new measurement necessary, retestOn")
        if not _says(self.not_claimed):
            raise MalformedError("predicate.not_claimed", "says what is not claimed; notClaimed is empty")
        if self.status is None:
            raise MalformedError("predicate.status", "says where its status can be looked up")
        if self.plan is not None and self.plan.statement is None:
            raise MalformedError("predicate.plan", "names the signed statement of its plan")
        if self.outcome.gate is None:
            return
        model, tuning = self.model, self.tuning
        if model is None or model.oms_root is None or tuning is None or tuning.provenance is None:
            raise MalformedError("predicate.model", "a gated model has model.sig and the provenance of its tuning")
        if tuning.started_at is None or tuning.finished_at is None:  # else a plan signed afterwards would not show
            raise MalformedError("predicate.tuning", "a gated model says when its tuning began and ended")

    def _refuse_loose_records(self) -> None:
        if self.evaluations is None and self.controls is not None:
            raise MalformedError("predicate.controls", "controls are about rows, and there are none")
        if self.candidates is None:
            return
        manifest = self.model.manifest if self.model is not None else None
        if self.outcome.gate is None or manifest is None:
            raise MalformedError("predicate.candidates", "candidates come with a model and the gate's answer")
        chosen = [candidate for candidate in self.candidates if candidate.chosen]
        apart = min(len({one.scale for one in self.candidates}), len({one.manifest for one in self.candidates}))
        if len(chosen) != 1 or apart != len(self.candidates):
            raise MalformedError("predicate.candidates", "each candidate is there once, and exactly one is chosen")
        if chosen[0].manifest.sha256 != manifest.digest.sha256 or chosen[0].evaluations != self.evaluations:
            raise MalformedError("predicate.candidates", "the chosen candidate is not the model that this is about")

    def _refuse_unfounded_reviews(self) -> None:
        gate = self.outcome.gate
        held = gate is not None and gate.holding is not None and not gate.blocking
        if held != bool(self.reviews):
            words = "a held model has a review" if held else "a review beside a model that was not held"
            raise MalformedError("predicate.reviews", words)
        reviews = self.reviews or ()
        approved = all(review.decision is ReviewDecision.APPROVE for review in reviews)
        if held and approved != (self.outcome.status is OutcomeStatus.RELEASED):
            raise MalformedError("predicate.reviews", "the outcome is not what the reviews decided")
        required = {need.control for need in (self.boundaries.requires or () if self.boundaries is not None else ())}
        finished = self.tuning.finished_at if self.tuning is not None else None
        require_order(reviews, finished=finished, issued=self.issued_at)
        if not required >= {condition for review in reviews for condition in review.conditions or ()}:
            words = "a condition of a review must be a control in boundaries.requires"
            raise MalformedError("predicate.reviews", words)


def _says(texts: tuple[str, ...] | None) -> bool:
    """Whether there is something to read."""
    return any(text.strip(" \t\n") for text in texts or ())
