"""Creating, showing and cancelling fine-tuning jobs.

A job, its stages, its first events and the outbox row that starts it are written in one transaction: either the job exists
and will be advanced, or nothing happened. What a client sends twice - with an idempotency key, or because its library tried
again - creates one job.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import File, Job, JobEvent, JobStage
from api.db.models.base import JsonObject
from api.db.session import Database
from api.errors import ConflictError, InvalidRequestError, NotFoundError
from api.files import repository as files
from api.files.service import FileStatus
from api.files.upload import Purpose
from api.ids import new_id
from api.jobs import repository
from api.jobs.lifecycle import FINAL, JobStatus, can_cancel, fresh_stages
from api.jobs.options import fill_in
from api.jobs.records import event, wake
from api.jobs.request import JobRequest
from api.jobs.safety_options import MOST_SUITES
from api.jobs.schemas import CreateJob
from api.jobs.views import view_of
from api.paging import Page, Rows, cut, plausible_id
from api.suites.stored import StoredSuite, stored_suites
from api.tenancy.scope import Scope
from workers.catalog import BaseModel, Catalog

RETRY_WINDOW_SECONDS = 900
"""A retried request without an idempotency key is the same one for this long: the client library gives up after 600 s."""
MAX_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Caller:
    """Who creates the job, and what the request says about being a repetition."""

    scope: Scope
    key_id: str
    idempotency_key: str | None = None
    is_retry: bool = False


@dataclass(frozen=True, slots=True)
class JobService:
    """``offered`` are the ids of the suites that a job may ask for by name."""

    database: Database
    catalog: Catalog
    offered: Sequence[str]
    clock: Callable[[], float] = time.time
    random_seed: Callable[[], int] = lambda: secrets.randbelow(MAX_SEED + 1)

    async def create(self, caller: Caller, asked: CreateJob) -> Job:
        try:
            return await self._create(caller, asked)
        except IntegrityError:
            # Two requests with one idempotency key at once: the other was first, and is found now.
            return await self._create(caller, asked)

    async def _create(self, caller: Caller, asked: CreateJob) -> Job:
        digest = hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()
        now = int(self.clock())
        async with self.database.write() as session:
            earlier = await _earlier(session, caller, digest, since=now - RETRY_WINDOW_SECONDS)
            if earlier is not None:
                return earlier
            base = self._base(asked.model)
            request = fill_in(
                asked,
                base=base,
                seed=self.random_seed(),
                offered=self.offered,
                files=await _evaluation_files(session, caller.scope, asked),
            )
            file = await _file(
                session, caller.scope, asked.training_file, purpose=Purpose.FINE_TUNE, param="training_file"
            )
            job = Job(
                id=new_id("ftjob-"),
                organization_id=caller.scope.organization_id,
                project_id=caller.scope.project_id,
                status=JobStatus.VALIDATING_FILES.value,
                model=asked.model,
                base=base.name,
                base_manifest_digest=base.manifest_digest,
                training_file=file.id,
                dataset_key=file.storage_key,
                dataset_digest=file.sha256,
                dataset_name=file.filename,
                request=msgspec.to_builtins(await _with_superseded(session, caller.scope, request)),
                provenance=await _provenance(session, caller.scope, file),
                idempotency_key=caller.idempotency_key,
                request_digest=digest,
                created_by=caller.key_id,
                created_at=now,
            )
            session.add(job)
            await session.flush()
            await _add_events(
                session,
                job,
                now,
                f"Created fine-tuning job: {job.id}",
                f"Validating training file: {file.id}",
            )
            session.add_all(_stages(job))
            session.add(wake(job, now))
        return job

    async def get(self, scope: Scope, job_id: str) -> Job:
        async with self.database.read() as session:
            return await _found(session, scope, job_id)

    async def page(self, scope: Scope, page: Page, metadata: dict[str, str] | None) -> Rows[Job]:
        async with self.database.read() as session:
            return cut(await repository.page_of(session, scope, page, metadata), page)

    async def events(self, scope: Scope, job_id: str, page: Page) -> Rows[JobEvent]:
        async with self.database.read() as session:
            await _found(session, scope, job_id)
            return cut(await repository.events_of(session, scope, job_id, page), page)

    async def stages(self, scope: Scope, job_id: str) -> list[JobStage]:
        async with self.database.read() as session:
            await _found(session, scope, job_id)
            return list(await repository.stages_of(session, scope, job_id))

    async def cancel(self, scope: Scope, job_id: str) -> Job:
        """The job shows as cancelled at once; control stops its worker and signs evidence of it afterwards."""
        async with self.database.write() as session:
            job = await _found(session, scope, job_id, lock=True)
            if job.status in FINAL:
                raise ConflictError(f"Job {job.id} has {job.status} already.", code="job_not_cancellable")
            if not can_cancel(view_of(job, await repository.stages_of(session, scope, job_id))):
                raise ConflictError(
                    f"Job {job.id} has been decided and is being attested; it ends in a moment.",
                    code="job_not_cancellable",
                )
            now = int(self.clock())
            job.cancel_requested = True
            job.status = JobStatus.CANCELLED.value
            job.finished_at = now
            await _add_events(session, job, now, "The job was cancelled")
            session.add(wake(job, now))
        return job

    def _base(self, model: str) -> BaseModel:
        base = self.catalog.find(model)
        if base is None:
            raise NotFoundError(
                f"The model {model[:100]!r} does not exist, or cannot be tuned here; see GET /v1/models.",
                param="model",
                code="model_not_found",
            )
        return base


async def _found(session: AsyncSession, scope: Scope, job_id: str, *, lock: bool = False) -> Job:
    job = await repository.find(session, scope, job_id, lock=lock) if plausible_id(job_id) else None
    if job is None:
        raise NotFoundError(f"No fine-tuning job has the id {job_id[:80]!r}.", param="fine_tuning_job_id")
    return job


async def _earlier(session: AsyncSession, caller: Caller, digest: str, *, since: int) -> Job | None:
    """The job that this request made before, if it did."""
    if caller.idempotency_key is not None:
        earlier = await repository.with_idempotency_key(session, caller.scope, caller.idempotency_key)
        if earlier is not None and earlier.request_digest != digest:
            raise ConflictError(
                f"The Idempotency-Key was used for another request, which made {earlier.id}; use a new key.",
                code="idempotency_key_reused",
            )
        return earlier
    if caller.is_retry:
        return await repository.same_request_since(
            session, caller.scope, created_by=caller.key_id, digest=digest, since=since
        )
    return None


async def _file(session: AsyncSession, scope: Scope, file_id: str, *, purpose: Purpose, param: str) -> File:
    """Held until the transaction ends, so that nobody deletes it meanwhile."""
    file = await files.find(session, scope, file_id, lock=True) if plausible_id(file_id) else None
    if file is None:
        raise NotFoundError(
            f"No file has the id {file_id[:80]!r}; upload one by POST /v1/files.", param=param, code="file_not_found"
        )
    if file.status == FileStatus.DELETING:
        raise ConflictError(f"File {file.id} is being deleted; upload it again.", param=param, code="file_deleting")
    if file.purpose != purpose:
        raise InvalidRequestError(
            f"File {file.id} was uploaded for {file.purpose!r}; upload it with purpose {purpose.value!r}.",
            param=param,
            code="invalid_purpose",
        )
    return file


async def _evaluation_files(session: AsyncSession, scope: Scope, asked: CreateJob) -> dict[str, list[StoredSuite]]:
    """The suites in the files of evaluation items that the request names."""
    found: dict[str, list[StoredSuite]] = {}
    for index, entry in enumerate(asked.safety.suites[:MOST_SUITES] if asked.safety is not None else []):
        if entry.file is not None and entry.file not in found:
            param = f"safety.suites[{index}].file"
            file = await _file(session, scope, entry.file, purpose=Purpose.EVALS, param=param)
            found[entry.file] = stored_suites(file.suites)
    return found


async def _with_superseded(session: AsyncSession, scope: Scope, request: JobRequest) -> JobRequest:
    """The request with the digest of the statement whose place its evidence will take."""
    asked, param = request.evidence.supersedes, "evidence.supersedes"
    if asked is None:
        return request
    earlier = await repository.attestation(session, scope, asked) if plausible_id(asked) else None
    if earlier is None:
        raise NotFoundError(
            f"No attestation has the id {asked!r}; see GET /v1/attestations.", param=param, code="attestation_not_found"
        )
    evidence = msgspec.structs.replace(request.evidence, superseded_digest=earlier.statement_digest)
    return msgspec.structs.replace(request, evidence=evidence)


async def _provenance(session: AsyncSession, scope: Scope, file: File) -> JsonObject:
    if file.provenance is not None:
        return file.provenance
    project = await repository.project_of(session, scope)
    if project is not None and project.default_provenance is not None:
        return project.default_provenance
    raise InvalidRequestError(
        f"File {file.id} does not say where its records come from, and without that nothing is tuned. Declare it in one "
        f"of three ways: a 'provenance' part of the upload, PUT /v1/files/{file.id}/provenance, or a default for the "
        "project, which the operator sets. The document's form is in docs/api.md.",
        param="training_file",
        code="provenance_required",
    )


def _stages(job: Job) -> list[JobStage]:
    return [
        JobStage(
            id=new_id("stage-"),
            organization_id=job.organization_id,
            project_id=job.project_id,
            job_id=job.id,
            name=stage.name.value,
            position=position,
            state=stage.state.value,
            attempt=stage.attempt,
            done=0,
            total=0,
            unit="",
        )
        for position, stage in enumerate(fresh_stages())
    ]


async def _add_events(session: AsyncSession, job: Job, now: int, *messages: str) -> None:
    """Flushed one by one: their sequence numbers are their order."""
    for message in messages:
        session.add(event(job, now, message))
        await session.flush()
