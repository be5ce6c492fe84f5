"""The resilience predicate: what was tuned, from what, on what data, what got worse, where it may be used, until when.

Frozen dataclasses, one per JSON object. The service fills them from what ran; a fact that it does not have is None and
its key is absent. What must hold between the parts is in `ResiliencePredicate.__post_init__`, so a predicate that could
mislead cannot be built and is not accepted either:

1. `notClaimed` is never empty. 2. A model that was released or blocked has its manifest, a plan, evaluations, regressions
and the gate's answer. 3. Where there is a plan, `evaluations` and `regressions.rows` list the same rows in the same order,
each once; a missing row is a denial, checked against the plan by the verifier. 4. A job that failed says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from attestations.documents import Digest, Figure, Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.gate import BlockingRow
from attestations.plan import Sha256
from attestations.statistics import PairedDifferences, PairedTable
from attestations.verdicts import (
    JudgedRow,
    Measured,
    Measurement,
    NotRun,
    Reason,
    RegisteredRow,
    RowKey,
    Severity,
    Verdict,
)

SPECIFICATIONS = "https://tuneproof.example/spec"
PREDICATE_TYPE = f"{SPECIFICATIONS}/resilience/v0.1"
SCHEMA = "0.1.0"
ALL_REGISTERED = "all-registered"


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
    """Which policy decided (its full text is in the plan) and which rows blocked."""

    policy: PolicyRef
    blocking: tuple[BlockingRow, ...]


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
class ManifestDigest:
    sha256: Digest
    dir_hash: Digest


@dataclass(frozen=True, slots=True)
class ManifestRef:
    """The manifest of everything that is served; its bytes travel in the bundle."""

    digest: ManifestDigest
    files: int
    bytes: int
    media_type: Name = "application/vnd.tuneproof.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class BaseModel:
    name: Name
    manifest: Sha256 | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """Digests of what shapes answers beside the weights; absent where nothing of the kind is served."""

    tokenizer: Sha256 | None = None
    chat_template: Sha256 | None = None
    generation_config: Sha256 | None = None
    system_prompt: Sha256 | None = None
    quantization: Sha256 | None = None


@dataclass(frozen=True, slots=True)
class Model:
    base: BaseModel
    manifest: ManifestRef | None = None
    adapter: Sha256 | None = None
    merged: bool | None = None
    served: Served | None = None


@dataclass(frozen=True, slots=True)
class Tuning:
    """What ran, not what was asked for. Numbers in `parameters` are decimal strings; `software` maps package to version."""

    method: Name
    parameters: Mapping[str, str]
    seed: Name
    code: Sha256 | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = None
    steps: int | None = None
    tokens: int | None = None
    software: Mapping[str, str] | None = None


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
    digest: Sha256


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

    def __post_init__(self) -> None:
        if [self.table, self.differences, self.not_run].count(None) != 2:
            raise MalformedError("evaluation.statistics", "has exactly one of table, differences and notRun")

    @classmethod
    def of(cls, row: RegisteredRow, measurement: Measurement) -> "EvaluationRow":
        if isinstance(measurement, NotRun):
            return cls(row, not_run=measurement.reason)
        statistics = measurement.statistics
        return cls(
            row,
            table=statistics if isinstance(statistics, PairedTable) else None,
            differences=statistics if isinstance(statistics, PairedDifferences) else None,
            auroc_pre=measurement.auroc_pre,
            auroc_post=measurement.auroc_post,
            incoherent_pre=measurement.incoherent_pre,
            incoherent_post=measurement.incoherent_post,
        )

    @property
    def measurement(self) -> Measurement:
        statistics = self.table or self.differences
        if statistics is None:
            return NotRun(self.not_run or "")
        return Measured(statistics, self.auroc_pre, self.auroc_post, self.incoherent_pre, self.incoherent_post)


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

    @classmethod
    def of(cls, judged: JudgedRow) -> "RegressionRow":
        fields = [name for name in cls.__slots__ if name not in RowKey._fields]
        return cls(*judged.registered.key, **{name: getattr(judged, name) for name in fields})

    @property
    def key(self) -> RowKey:
        return RowKey(self.metric, self.suite, self.slice)


@dataclass(frozen=True, slots=True)
class Regressions:
    """One row for every registered row, judged under `rule`; `claim` and `mixed_sign` follow from the rows."""

    rule: Name
    claim: str
    mixed_sign: bool
    rows: tuple[RegressionRow, ...]
    coverage: Name = ALL_REGISTERED

    def __post_init__(self) -> None:
        if self.coverage != ALL_REGISTERED:
            raise MalformedError("regressions.coverage", f"the coverage must be {ALL_REGISTERED}")


@dataclass(frozen=True, slots=True)
class Requirement:
    control: str
    why: str


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Where the model may be used. `cautions` are what exploratory rows found; `conditions` what was measured under."""

    objective: str | None = None
    rationale: str | None = None
    intended: tuple[str, ...] | None = None
    prohibited: tuple[str, ...] | None = None
    requires: tuple[Requirement, ...] | None = None
    languages: tuple[Name, ...] | None = None
    conditions: tuple[str, ...] | None = None
    cautions: tuple[str, ...] | None = None
    expires_on: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    hardware: str | None = None
    software: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResiliencePredicate:
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
    not_claimed: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise MalformedError("predicate.schema", f"this version reads the predicate's schema {SCHEMA}")
        if not self.not_claimed:
            raise MalformedError("predicate.not_claimed", "says what is not claimed; notClaimed is empty")
        if not parse_moment(self.valid_from) <= parse_moment(self.valid_until):
            raise MalformedError("predicate.validity", "the validity ends before it begins")
        parse_moment(self.issued_at)
        self._refuse_gaps()

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
