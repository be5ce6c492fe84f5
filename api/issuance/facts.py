"""What is known about a job when its evidence is issued. Whatever did not happen is None; nothing is filled in."""

from dataclasses import dataclass
from typing import Any

from api.jobs.request import JobRequest
from attestations.gate import GateDecision
from attestations.plan import Plan
from attestations.verdicts import JudgedRow, Measurement, RowKey
from workers.catalog import BaseModel
from workers.contract import EvaluationResult, ScreenResult, TuneResult


@dataclass(frozen=True, slots=True)
class JobReports:
    """What a job's worker stages reported; a stage that did not succeed has no report."""

    screen: ScreenResult | None
    baseline: EvaluationResult | None
    tune: TuneResult | None
    candidate: EvaluationResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """``error`` is the job's own (code, message); ``gate`` is there when a candidate was judged; times in Unix seconds."""

    job_id: str
    base: BaseModel
    base_manifest_digest: str
    dataset_digest: str
    provenance: dict[str, Any]
    request: JobRequest
    reports: JobReports
    plan: Plan | None
    measurements: dict[RowKey, Measurement]
    judged: tuple[JudgedRow, ...]
    gate: GateDecision | None
    outcome: str
    error: tuple[str, str] | None
    last_stage: str | None
    baseline_reused: bool
    created_at: int
    ended_at: int
