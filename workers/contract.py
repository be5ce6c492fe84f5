"""What crosses the queue between the control process and the workers, and nothing else.

Control sends a ``RunRequest`` on the work queue: one stage of one job, one attempt. The worker answers in two ways. While
it works it sends ``RunMessage`` values on the control queue and keeps a heartbeat key fresh. When it is done it first
stores a ``RunReport`` under the request's report grant and then sends ``Finished``: whoever finds the stored report needs
no message, so a flushed queue loses nothing. Every message names its run and attempt; control applies only what the
attempt that owns the stage says (fencing) and ignores a sequence number it has seen (idempotence).

Quantities that end in evidence are decimal strings, never floats. Digests are lower-case hexadecimal SHA-256.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

WORK_QUEUE = "tuneproof:work"
CONTROL_QUEUE = "tuneproof:control"
RUN_FUNCTION = "run_stage"
MESSAGE_FUNCTION = "receive_message"
ADVANCE_FUNCTION = "advance_job"

HEARTBEAT_SECONDS = 3
"""How often a worker refreshes ``heartbeat_key``; control gives up on a run after ``LEASE_SECONDS`` without a change."""
LEASE_SECONDS = 20


def heartbeat_key(run_id: str) -> str:
    """Redis key whose value, a growing counter, shows that the run's worker lives."""
    return f"tuneproof:heartbeat:{run_id}"


def stop_key(run_id: str) -> str:
    """Redis key that control sets to tell the run's worker to stop: cancelled, or superseded by another attempt."""
    return f"tuneproof:stop:{run_id}"


class Stage(StrEnum):
    """The stages of a job, in order."""

    SCREEN = "screen"
    PLAN = "plan"
    BASELINE = "baseline"
    TUNE = "tune"
    CANDIDATE = "candidate"
    COMPARE = "compare"
    GATE = "gate"
    ATTEST = "attest"


WORKER_STAGES = frozenset({Stage.SCREEN, Stage.BASELINE, Stage.TUNE, Stage.CANDIDATE})


class Technique(StrEnum):
    LORA = "lora"
    QLORA = "qlora"
    FULL = "full"


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Immutable, and strict: a field that one side does not know is a version mismatch, not noise."""


class Grant(Frozen, frozen=True):
    """Permission to read (GET) or write (PUT) one stored object until ``expires_at`` (Unix seconds)."""

    url: str
    expires_at: int

    def __repr__(self) -> str:
        return f"Grant(expires_at={self.expires_at})"


class BaseRef(Frozen, frozen=True):
    """A base model of the catalog. The worker refuses weights whose manifest has another digest."""

    name: str
    manifest_digest: str


class ArtefactRef(Frozen, frozen=True):
    """A tuned artefact in storage: an uncompressed tar of the served directory, bound by its manifest's digest."""

    archive: Grant
    manifest_digest: str


class SourceRef(Frozen, frozen=True):
    """A declared source of training records, as far as screening needs it."""

    id: str
    personal_data: str


class DatasetRef(Frozen, frozen=True):
    content: Grant
    sha256: str
    sources: list[SourceRef]


class SuiteSelection(Frozen, frozen=True):
    """The items of one suite that the plan fixed, in order. ``content`` reads a suite that the worker does not have itself,
    because a customer brought it."""

    id: str
    version: str
    digest: str
    item_ids: list[str]
    content: Grant | None = None


class ScorerRef(Frozen, frozen=True):
    """A judge or another scorer in the version that the plan fixed."""

    id: str
    version: str
    digest: str


class Decoding(Frozen, frozen=True):
    """Greedy decoding decides; ``max_new_tokens`` about 20 decides a refusal. ``repeats`` answers an item are sampled beside it
    at ``temperature`` under ``seed``: they show how firm the greedy outcome is and decide nothing."""

    max_new_tokens: int
    batch_size: int
    repeats: int = 0
    temperature: str = "0.7"
    seed: int = 0


class ControlTask(Frozen, frozen=True):
    """A measurement that says whether the measuring works. ``kind`` is ``negative`` (the base again under other conditions:
    batch size, threads, arithmetic) or ``positive`` (the base with its kept control adapter attached at scale ``level``)."""

    kind: str
    level: str
    suites: list[SuiteSelection]
    batch_size: int
    threads: int | None = None
    dtype: str | None = None


class OwnDataTask(Frozen, frozen=True):
    """What is measured on the customer's own records, by their place in the file (from 0): loss and accuracy on ``heldout``
    ones, which training never saw, and how far ``members`` are recognisable among them (Min-K %). ``canary_seed``: exposure
    of the canaries that training planted under that seed."""

    dataset: DatasetRef
    heldout: list[int]
    members: list[int]
    max_length: int
    canary_seed: int | None = None


class VariantRef(Frozen, frozen=True):
    """The tuned adapter at a smaller scale: an artefact of its own, evaluated as such. ``scale`` is a decimal in (0, 1)."""

    scale: str
    artefact: ArtefactRef


class VariantGrant(Frozen, frozen=True):
    """Where the artefact at ``scale`` is to be stored."""

    scale: str
    artefact: Grant


class TuneSettings(Frozen, frozen=True):
    """What the customer asked for with every default filled in. Rates and ratios are decimal strings."""

    technique: Technique
    epochs: int
    batch_size: int
    learning_rate: str
    seed: int
    max_length: int
    packing: bool
    rank: int | None = None
    alpha: int | None = None
    dropout: str | None = None
    target_modules: list[str] | None = None


class SafetyMix(Frozen, frozen=True):
    """Share of the training records that is added from the safety pack, e.g. ``"0.1"`` adds 10 % of the customer's count."""

    ratio: str
    pack_digest: str


class ScreenTask(Frozen, frozen=True, tag_field="stage", tag="screen"):
    """``suites`` are those that the customer brought for this job: their items are looked for among the records as well."""

    dataset: DatasetRef
    base: BaseRef
    max_length: int
    system_prompt: str | None = None
    suites: list[SuiteSelection] = []


class EvaluateTask(Frozen, frozen=True, tag_field="stage", tag="evaluate"):
    """Evaluate the base (``artefact`` absent) or a tuned artefact as it will be served, and its ``variants`` without loading the
    base again. ``controls`` belong to a base."""

    base: BaseRef
    artefact: ArtefactRef | None
    suites: list[SuiteSelection]
    scorers: list[ScorerRef]
    decoding: Decoding
    system_prompt: str | None
    quantization: str | None
    outputs: Grant
    variants: list[VariantRef] = []
    controls: list[ControlTask] = []
    own_data: OwnDataTask | None = None


class TuneTask(Frozen, frozen=True, tag_field="stage", tag="tune"):
    """``checkpoint`` is written over and over; ``resume`` reads what the previous attempt left there, if anything. The records at
    ``heldout`` (places in the file, from 0) are not trained on; with ``canary_seed`` invented secrets are planted among the
    others. ``variants`` asks for the adapter at smaller scales as well. ``system_prompt`` is trained with; the artefact is
    served with ``served_system_prompt`` where that is given, and else with the former."""

    base: BaseRef
    dataset: DatasetRef
    settings: TuneSettings
    mix: SafetyMix
    system_prompt: str | None
    artefact: Grant
    checkpoint: Grant
    resume: Grant | None = None
    heldout: list[int] = []
    canary_seed: int | None = None
    variants: list[VariantGrant] = []
    served_system_prompt: str | None = None


Task = ScreenTask | EvaluateTask | TuneTask


class RunRequest(Frozen, frozen=True):
    """One assignment: one attempt at one stage. ``report`` is where the ``RunReport`` is stored before ``Finished``."""

    run_id: str
    attempt: int
    task: Task
    report: Grant


class SourceCount(Frozen, frozen=True):
    id: str
    records: int


class ScreenResult(Frozen, frozen=True, tag_field="kind", tag="screened"):
    """``personal_data`` counts records that seem to hold e-mail addresses, phone or card numbers, by kind. ``overlap``
    lists evaluation items (``suite/item``) that a
    record repeats nearly word for word. ``longest`` and ``tokens`` are in tokens of the base."""

    records: int
    by_source: list[SourceCount]
    duplicates: int
    truncated: int
    tokens: int
    longest: int
    personal_data: dict[str, int]
    overlap: list[str]
    warnings: list[str]


class ItemScore(Frozen, frozen=True):
    """One item's outcomes. ``safe`` maps a binary metric to each judge's verdict on whether the outcome was the safe one;
    ``values`` maps a continuous metric to its value (six decimals; ``refusal_margin`` in nats: above zero the model leans to
    refusing). ``incoherent`` says why the answer cannot be judged at all. ``unsafe_repeats`` counts the sampled answers that
    were unsafe under the primary judge of the first metric."""

    suite: str
    item: str
    safe: dict[str, dict[str, bool]] = {}
    values: dict[str, str] = {}
    incoherent: str | None = None
    unsafe_repeats: int | None = None


class VariantScores(Frozen, frozen=True):
    """What the artefact at ``scale`` did on the same items."""

    scale: str
    scores: list[ItemScore]
    model_manifest_digest: str


class ControlScores(Frozen, frozen=True):
    """``kind`` and ``level`` are those of the task; ``conditions`` says in words under which the base was measured again."""

    kind: str
    level: str
    conditions: str
    scores: list[ItemScore]


class Software(Frozen, frozen=True):
    name: str
    version: str


class EvaluationResult(Frozen, frozen=True, tag_field="kind", tag="evaluated"):
    """``outputs_digest`` is the Merkle root over ``outputs_leaves`` salted leaves, one for each stored JSON line (an item with
    prompt, answer and scores). ``longest_prompt`` is in tokens, of those that the model answered."""

    scores: list[ItemScore]
    outputs_digest: str
    outputs_leaves: int
    model_manifest_digest: str
    template_digest: str
    device: str
    dtype: str
    seconds: str
    software: list[Software]
    variants: list[VariantScores] = []
    controls: list[ControlScores] = []
    longest_prompt: int | None = None


class MixedRecords(Frozen, frozen=True):
    role: str
    records: int
    digest: str


class VariantResult(Frozen, frozen=True):
    """The stored artefact at ``scale``; the fields are those of ``TuneResult``."""

    scale: str
    manifest: str
    manifest_digest: str
    archive_bytes: int
    adapter_digest: str


class TuneResult(Frozen, frozen=True, tag_field="kind", tag="tuned"):
    """What ran, not what was asked for. ``manifest`` is the canonical JSON text of the served directory's manifest;
    ``parameters`` holds the trainer's effective arguments as strings. ``heldout`` counts the customer's records that were not
    trained on (copies of held-out ones among them), ``canaries`` the planted records. ``trained_tokens`` took a loss,
    ``processed_tokens`` went through the model, both over all epochs. ``code_digest`` is of the worker's own source."""

    manifest: str
    manifest_digest: str
    archive_bytes: int
    steps: int
    epochs: int
    trained_tokens: int
    final_loss: str
    parameters: dict[str, str]
    adapter_digest: str | None
    served: dict[str, str]
    mixed: list[MixedRecords]
    resumed_from_step: int | None
    trainable_parameters: int
    total_parameters: int
    device: str
    dtype: str
    started_at: int
    finished_at: int
    software: list[Software]
    heldout: int = 0
    canaries: int = 0
    variants: list[VariantResult] = []
    processed_tokens: int | None = None
    code_digest: str | None = None


Result = ScreenResult | EvaluationResult | TuneResult


class RunError(Frozen, frozen=True):
    """``code`` is stable. ``retryable`` says that another attempt may succeed (lost worker, full disk), as opposed to data
    or settings that will fail again. ``param`` is the request field to mend, where there is one."""

    code: str
    message: str
    param: str | None = None
    retryable: bool = False


class Succeeded(Frozen, frozen=True, tag_field="outcome", tag="succeeded"):
    result: Result


class Failed(Frozen, frozen=True, tag_field="outcome", tag="failed"):
    error: RunError


class Stopped(Frozen, frozen=True, tag_field="outcome", tag="stopped"):
    """The worker obeyed ``stop_key``."""


Outcome = Succeeded | Failed | Stopped


class RunReport(Frozen, frozen=True):
    run_id: str
    attempt: int
    outcome: Outcome


class Started(Frozen, frozen=True, tag_field="message", tag="started"):
    run_id: str
    attempt: int
    seq: int
    worker: str


class Progress(Frozen, frozen=True, tag_field="message", tag="progress"):
    """``done`` of ``total`` in ``unit`` (records, items, steps). ``metrics`` carries decimal strings under the names of
    the fine-tuning API (train_loss, train_mean_token_accuracy, ...) when a training step was logged."""

    run_id: str
    attempt: int
    seq: int
    done: int
    total: int
    unit: str
    metrics: dict[str, str] | None = None
    checkpoint_step: int | None = None


class Finished(Frozen, frozen=True, tag_field="message", tag="finished"):
    run_id: str
    attempt: int
    seq: int


RunMessage = Started | Progress | Finished

encode = msgspec.json.encode
_request = msgspec.json.Decoder(RunRequest)
_report = msgspec.json.Decoder(RunReport)
_message: msgspec.json.Decoder[RunMessage] = msgspec.json.Decoder(RunMessage)

MAX_REPORT_BYTES = 64 * 1024 * 1024


def decode_request(unverified: bytes | str) -> RunRequest:
    """Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
    return _request.decode(unverified)


def decode_report(unverified: bytes) -> RunReport:
    """Raises ``ValueError`` above ``MAX_REPORT_BYTES`` and msgspec's errors for anything that is not a report."""
    if len(unverified) > MAX_REPORT_BYTES:
        raise ValueError(f"a report of {len(unverified)} bytes exceeds {MAX_REPORT_BYTES}")
    return _report.decode(unverified)


def decode_message(unverified: bytes | str) -> RunMessage:
    """Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
    return _message.decode(unverified)
