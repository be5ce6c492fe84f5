"""What is known about a job when its evidence is issued. Whatever did not happen is None; nothing is filled in."""

from dataclasses import dataclass
from typing import Any

from api.issuance.signed_plan import SignedPlan
from api.jobs.request import JobRequest
from attestations.controls import ControlResult
from attestations.gate import GateDecision
from attestations.plan import Plan
from attestations.verdicts import JudgedRow, Measurement, RowKey
from workers.catalog import BaseModel
from workers.contract import EvaluationResult, ScreenResult, TuneResult


@dataclass(frozen=True, slots=True)
class JobReports:
    """What a job's worker stages reported; a stage that did not succeed has no report. ``own`` is the base measured on the
    job's own records, where the rest of ``baseline`` was measured earlier."""

    screen: ScreenResult | None
    baseline: EvaluationResult | None
    tune: TuneResult | None
    candidate: EvaluationResult | None
    own: EvaluationResult | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a person decided about a held model; ``at`` in Unix seconds."""

    approved: bool
    reviewer: str
    rationale: str
    conditions: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One scale of the adapter with its verdicts and the gate's decision on them. ``utility_change`` is how much its loss on
    the customer's held-out records exceeds that of the whole adapter, in nats a token; None where none were held out."""

    scale: str
    manifest_digest: str
    measurements: dict[RowKey, Measurement]
    rows: tuple[JudgedRow, ...]
    gate: GateDecision
    utility_change: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A plan with what was measured under it: registered rows, controls, verdicts. ``gate`` is there when a candidate was
    compared. Where several scales of an adapter were planned, ``candidates`` are all of them, and the rest is that of the
    one chosen, at ``scale``."""

    plan: Plan
    measurements: dict[RowKey, Measurement]
    controls: tuple[ControlResult, ...]
    rows: tuple[JudgedRow, ...]
    gate: GateDecision | None
    scale: str = "1"
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """``error`` is the job's own (code, message); ``judged`` and ``signed_plan`` are there from the plan on; times in Unix
    seconds. ``model`` is the base as the customer named it, ``tuning_run`` the run that made the model."""

    job_id: str
    model: str
    base: BaseModel
    base_manifest_digest: str
    dataset_digest: str
    provenance: dict[str, Any]
    request: JobRequest
    reports: JobReports
    judged: Judged | None
    signed_plan: SignedPlan | None
    tuning_run: str | None
    review: Reviewed | None
    outcome: str
    error: tuple[str, str] | None
    last_stage: str | None
    baseline_reused: bool
    created_at: int
    ended_at: int
