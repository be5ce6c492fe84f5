"""``/v1/fine_tuning/jobs``."""

import re
from typing import Any

import msgspec
from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from api.bodies import read_json
from api.db.models import Job, JobEvent, JobStage
from api.errors import InvalidRequestError, NotFoundError
from api.jobs.outputs import OutputsService
from api.jobs.request import SafetyChoice, stored_request
from api.jobs.reviews import ReviewService
from api.jobs.schemas import (
    AskedReview,
    AttestationLink,
    CheckpointPage,
    CreateJob,
    Empty,
    ErrorShown,
    EventObject,
    EventPage,
    EvidenceShown,
    JobObject,
    JobPage,
    ProgressShown,
    SafetyShown,
    StageList,
    StageObject,
    SuiteChosen,
)
from api.jobs.service import Caller, JobService
from api.openapi import CreatesJob, ReviewsJob
from api.paging import asked_page
from api.queries import known_query
from api.tenancy.scope import Scope

MOST_JOBS = 100
MOST_EVENTS = 1000
JSON_LINES = "application/jsonl"

_IDEMPOTENCY_KEY = re.compile(r"[ -~]{1,255}")
_RETRIED = re.compile(r"0*[1-9][0-9]{0,5}")
_METADATA = re.compile(r"metadata\[(?P<key>.*)\]", re.DOTALL)


class JobsController(Controller):
    path = "/fine_tuning/jobs"
    tags = ("Fine-tuning",)

    @post(status_code=200, operation_class=CreatesJob)
    async def create(
        self, request: Request[str, Scope, Any], tenant: NamedDependency[Scope], jobs: NamedDependency[JobService]
    ) -> JobObject:
        asked = await read_json(request, CreateJob)
        return _shown(await jobs.create(_caller(request, tenant), asked))

    @get()
    async def list_jobs(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        jobs: NamedDependency[JobService],
        after: FromQuery[str | None] = None,
        limit: FromQuery[int] = 20,
    ) -> JobPage:
        """Newest first. ``metadata[key]=value`` filters, ``metadata=null`` asks for jobs without metadata."""
        page = asked_page(after, limit, most=MOST_JOBS)
        found = await jobs.page(tenant, page, _asked_metadata(request))
        return JobPage(data=[_shown(job) for job in found.rows], has_more=found.has_more)

    @get("/{job_id:str}")
    async def retrieve(
        self, tenant: NamedDependency[Scope], jobs: NamedDependency[JobService], job_id: FromPath[str]
    ) -> JobObject:
        return _shown(await jobs.get(tenant, job_id))

    @post("/{job_id:str}/cancel", status_code=200)
    async def cancel(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        jobs: NamedDependency[JobService],
        job_id: FromPath[str],
    ) -> JobObject:
        await read_json(request, Empty)
        return _shown(await jobs.cancel(tenant, job_id))

    @post("/{job_id:str}/review", status_code=200, operation_class=ReviewsJob, guards=[known_query])
    async def review(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        reviews: NamedDependency[ReviewService],
        job_id: FromPath[str],
    ) -> JobObject:
        """Approve or reject a model that the safety gate held; needs the right to review, and not one's own job."""
        asked = await read_json(request, AskedReview)
        return _shown(await reviews.review(tenant, request.user, job_id=job_id, asked=asked))

    @get("/{job_id:str}/events")
    async def events(
        self,
        tenant: NamedDependency[Scope],
        jobs: NamedDependency[JobService],
        job_id: FromPath[str],
        after: FromQuery[str | None] = None,
        limit: FromQuery[int] = 20,
    ) -> EventPage:
        """Newest first."""
        found = await jobs.events(tenant, job_id, asked_page(after, limit, most=MOST_EVENTS))
        return EventPage(data=[_event(row) for row in found.rows], has_more=found.has_more)

    @get("/{job_id:str}/checkpoints")
    async def checkpoints(
        self,
        tenant: NamedDependency[Scope],
        jobs: NamedDependency[JobService],
        job_id: FromPath[str],
        after: FromQuery[str | None] = None,
        limit: FromQuery[int] = 10,
    ) -> CheckpointPage:
        """Checkpoints are kept to resume a job, and are not offered as models: the page is empty."""
        asked_page(after, limit, most=MOST_JOBS)
        await jobs.get(tenant, job_id)
        return CheckpointPage()

    @get("/{job_id:str}/stages", guards=[known_query])
    async def stages(
        self, tenant: NamedDependency[Scope], jobs: NamedDependency[JobService], job_id: FromPath[str]
    ) -> StageList:
        """The job's stages in their order, with progress."""
        return StageList(data=[_stage(row) for row in await jobs.stages(tenant, job_id)])

    @get("/{job_id:str}/comparison", guards=[known_query])
    async def comparison(
        self, tenant: NamedDependency[Scope], jobs: NamedDependency[JobService], job_id: FromPath[str]
    ) -> dict[str, Any]:
        """Base against candidate: one row for every registered suite and slice, as it is attested."""
        job = await jobs.get(tenant, job_id)
        if job.comparison is None:
            code = "comparison_missing" if job.finished_at is not None else "comparison_pending"
            reason = "ended without" if job.finished_at is not None else "has not come to"
            raise NotFoundError(f"Job {job.id} {reason} a comparison; see its stages.", code=code)
        return job.comparison

    @get("/{job_id:str}/evaluations/{which:str}", media_type=JSON_LINES, guards=[known_query])
    async def evaluation(
        self,
        tenant: NamedDependency[Scope],
        outputs: NamedDependency[OutputsService],
        job_id: FromPath[str],
        which: FromPath[str],
    ) -> Stream:
        """What the base (``baseline``) or the tuned model (``candidate``) answered: prompts, outputs and scores, one JSON
        object a line, exactly as attested by their Merkle root."""
        size, chunks = await outputs.stream(tenant, job_id, which)
        headers = {
            "content-length": str(size),
            "content-disposition": f'attachment; filename="{job_id}.{which}.jsonl"',
        }
        return Stream(chunks, headers=headers, media_type=JSON_LINES)


def _caller(request: Request[str, Scope, Any], tenant: Scope) -> Caller:
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequestError(
            "The Idempotency-Key must be 1 to 255 printable ASCII characters.", param="Idempotency-Key"
        )
    is_retry = _RETRIED.fullmatch(request.headers.get("x-stainless-retry-count", "")) is not None
    return Caller(scope=tenant, key_id=request.user, idempotency_key=key, is_retry=is_retry)


def _asked_metadata(request: Request[str, Scope, Any]) -> dict[str, str] | None:
    asked: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name == "metadata":
            if value != "null":
                raise InvalidRequestError("Ask for metadata[key]=value, or for metadata=null.", param="metadata")
            return {}
        if match := _METADATA.fullmatch(name):
            if "\0" in name or "\0" in value or '"' in match["key"] or len(name) > 80 or len(value) > 512:
                raise InvalidRequestError(f"{name[:80]} cannot be searched for.", param="metadata")
            asked[match["key"]] = value
    return asked or None


def _shown(job: Job) -> JobObject:
    request = stored_request(job.request)
    hyperparameters = request.hyperparameters
    error = job.error
    return JobObject(
        id=job.id,
        created_at=job.created_at,
        finished_at=job.finished_at,
        model=job.model,
        fine_tuned_model=job.fine_tuned_model,
        organization_id=job.organization_id,
        status=job.status,
        error=ErrorShown(error["code"], error["message"], error.get("param")) if error else None,
        hyperparameters=hyperparameters,
        method={"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        trained_tokens=job.trained_tokens,
        training_file=job.training_file,
        seed=request.settings.seed,
        metadata=request.metadata,
        suffix=request.suffix,
        base=job.base,
        tuning=msgspec.to_builtins(request.settings),
        safety=_safety(job, request.safety),
        deployment=msgspec.to_builtins(request.deployment),
        provenance=job.provenance,
        evidence=EvidenceShown(request.evidence.hide, request.evidence.supersedes),
        attestation=AttestationLink(job.attestation_id, f"/v1/attestations/{job.attestation_id}")
        if job.attestation_id
        else None,
    )


def _safety(job: Job, chosen: SafetyChoice) -> SafetyShown:
    return SafetyShown(
        outcome=job.outcome,
        policy=chosen.policy,
        profile=chosen.profile,
        mix=chosen.mix,
        suites=[SuiteChosen(suite.id, suite.gating, suite.margin, suite.file) for suite in chosen.suites],
        holdout=chosen.holdout,
        canaries=chosen.canaries,
        repeats=chosen.repeats,
        scaling=chosen.scaling,
        scale=(job.comparison or {}).get("gate", {}).get("scale"),
        system_prompt=chosen.system_prompt,
    )


def _event(row: JobEvent) -> EventObject:
    return EventObject(
        id=row.id, created_at=row.created_at, level=row.level, message=row.message, type=row.type, data=row.data
    )


def _stage(row: JobStage) -> StageObject:
    return StageObject(
        name=row.name,
        state=row.state,
        attempt=row.attempt,
        progress=ProgressShown(done=row.done, total=row.total, unit=row.unit),
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=row.error,
        cached=row.cached,
    )
