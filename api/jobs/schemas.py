"""Fine-tuning jobs as they are asked for and shown: OpenAI's shapes, with this service's fields beside them."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from api.db.models.base import JsonObject
from workers.contract import Technique

_Auto = Literal["auto"]
_Id = Annotated[str, Meta(min_length=1, max_length=64)]
_Decimal = float | str
"""A number, or a decimal in a string where the exact digits matter."""
_Texts = list[str] | str


class _Asked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An unknown field is refused: a mistyped safety option must not be silently ignored."""


class Hyperparameters(_Asked, frozen=True):
    n_epochs: Annotated[int, Meta(ge=1, le=50)] | _Auto = "auto"
    batch_size: Annotated[int, Meta(ge=1, le=256)] | _Auto = "auto"
    learning_rate_multiplier: Annotated[float, Meta(gt=0, le=1000)] | _Auto = "auto"


class Supervised(_Asked, frozen=True):
    hyperparameters: Hyperparameters | None = None


class Method(_Asked, frozen=True):
    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: Supervised | None = None
    dpo: JsonObject | None = None
    reinforcement: JsonObject | None = None


class Tuning(_Asked, frozen=True):
    """What is left out follows from the technique and the base; see docs/api.md."""

    technique: Technique = Technique.LORA
    rank: Annotated[int, Meta(ge=1, le=256)] | None = None
    alpha: Annotated[int, Meta(ge=1, le=1024)] | None = None
    dropout: _Decimal | None = None
    target_modules: list[str] | None = None
    packing: bool = False
    max_length: Annotated[int, Meta(ge=16, le=1_048_576)] | None = None
    learning_rate: _Decimal | None = None


class SuiteAsked(_Asked, frozen=True):
    """A suite beside those of the policy: one on offer, or all those in a file that was uploaded with purpose evals."""

    file: _Id | None = None
    suite: str | None = None
    gating: bool = False
    margin: _Decimal | None = None


class Safety(_Asked, frozen=True):
    policy: str | None = None
    profile: str | None = None
    mix: _Decimal | None = None
    suites: list[SuiteAsked] = []
    holdout: _Decimal | None = None
    canaries: bool = False
    repeats: Annotated[int, Meta(ge=0, le=10)] = 0
    scaling: bool | list[_Decimal] = False
    system_prompt: str | None = None


class DeploymentAsked(_Asked, frozen=True):
    objective: str | None = None
    rationale: str | None = None
    intended_use: _Texts | None = None
    prohibited_uses: _Texts | None = None
    system_prompt: str | None = None
    languages: list[str] | None = None
    context_tokens: Annotated[int, Meta(ge=1, le=100_000_000)] | None = None


class EvidenceAsked(_Asked, frozen=True):
    """What the job's attestation keeps back, by patterns of its paths, and which attestation's place it takes."""

    hide: list[str] = []
    supersedes: _Id | None = None


class CreateJob(_Asked, frozen=True):
    model: Annotated[str, Meta(min_length=1, max_length=200)]
    training_file: _Id
    validation_file: str | None = None
    suffix: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2_147_483_647)] | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
            Meta(max_length=16),
        ]
        | None
    ) = None
    integrations: list[Any] | None = None
    hyperparameters: Hyperparameters | None = None
    method: Method | None = None
    tuning: Tuning | None = None
    safety: Safety | None = None
    deployment: DeploymentAsked | None = None
    evidence: EvidenceAsked | None = None


class AskedReview(_Asked, frozen=True):
    """A person's decision about a held model; all of it goes into the attestation."""

    decision: Literal["approve", "reject"]
    rationale: str
    conditions: list[str] = []


class Empty(_Asked, frozen=True):
    """The body of a request that says everything by its URL."""


class ErrorShown(Struct):
    code: str
    message: str
    param: str | None


class SuiteChosen(Struct):
    """A suite that was asked for; ``file`` where a customer brought it."""

    suite: str
    gating: bool
    margin: str
    file: str | None


class SafetyShown(Struct):
    """``outcome`` is null until the gate has decided, then held, and at the end released, blocked, failed or cancelled.
    ``scaling`` are the scales of the adapter that are tried, ``scale`` the one that was chosen. ``system_prompt`` is the text
    that the model must be served behind, before the deployment's own."""

    outcome: str | None
    policy: str
    profile: str
    mix: str
    suites: list[SuiteChosen]
    holdout: str
    canaries: bool
    repeats: int
    scaling: list[str]
    scale: str | None
    system_prompt: str | None


class EvidenceShown(Struct):
    hide: list[str]
    supersedes: str | None


class AttestationLink(Struct):
    id: str
    href: str


class JobObject(Struct, kw_only=True):
    """``fine_tuning.job``; the fields after ``metadata`` are this service's own."""

    id: str
    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    created_at: int
    finished_at: int | None
    model: str
    fine_tuned_model: str | None
    organization_id: str
    status: str
    error: ErrorShown | None
    hyperparameters: dict[str, int | float | str]
    method: JsonObject
    trained_tokens: int | None
    training_file: str
    validation_file: str | None = None
    result_files: list[str] = []
    integrations: list[Any] = []
    estimated_finish: int | None = None
    seed: int
    metadata: dict[str, str] | None
    suffix: str | None
    base: str
    tuning: JsonObject
    safety: SafetyShown
    deployment: JsonObject
    provenance: JsonObject
    evidence: EvidenceShown
    attestation: AttestationLink | None


class EventObject(Struct, kw_only=True):
    id: str
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"
    created_at: int
    level: str
    message: str
    type: str
    data: JsonObject | None


class ProgressShown(Struct):
    done: int
    total: int
    unit: str


class StageObject(Struct, kw_only=True):
    """``cached``: a baseline that was measured before on identical inputs and is used again."""

    object: Literal["fine_tuning.job.stage"] = "fine_tuning.job.stage"
    name: str
    state: str
    attempt: int
    progress: ProgressShown
    started_at: int | None
    finished_at: int | None
    error: JsonObject | None
    cached: bool


class JobPage(Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[JobObject]
    has_more: bool


class EventPage(Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[EventObject]
    has_more: bool


class CheckpointPage(Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[JsonObject] = []
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class StageList(Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[StageObject]
