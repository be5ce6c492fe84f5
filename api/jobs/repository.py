"""Queries on fine-tuning jobs, each within a scope."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import Attestation, Job, JobEvent, JobStage, Project, TunedModel
from api.paging import Page
from api.tenancy.scope import Scope


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    return (Job.organization_id == scope.organization_id) & (Job.project_id == scope.project_id)


async def find(session: AsyncSession, scope: Scope, job_id: str, *, lock: bool = False) -> Job | None:
    query = select(Job).where(_in_scope(scope), Job.id == job_id)
    return (await session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def page_of(session: AsyncSession, scope: Scope, page: Page, metadata: dict[str, str] | None) -> Sequence[Job]:
    """Newest first, one row more than asked for. ``metadata`` must match in every entry; ``{}`` asks for jobs without any."""
    query = select(Job).where(_in_scope(scope))
    if page.after is not None:
        query = query.where(Job.id < page.after)
    if metadata is not None:
        stored = Job.request["metadata"]
        if not metadata:
            query = query.where(func.coalesce(stored.as_string(), "null").in_(("null", "{}")))
        for key, value in metadata.items():
            query = query.where(stored[key].as_string() == value)
    return (await session.execute(query.order_by(Job.id.desc()).limit(page.limit + 1))).scalars().all()


async def with_idempotency_key(session: AsyncSession, scope: Scope, key: str) -> Job | None:
    query = select(Job).where(_in_scope(scope), Job.idempotency_key == key)
    return (await session.execute(query)).scalar_one_or_none()


async def same_request_since(
    session: AsyncSession, scope: Scope, *, created_by: str, digest: str, since: int
) -> Job | None:
    """The latest job that this key created by the same request."""
    query = (
        select(Job)
        .where(_in_scope(scope), Job.created_by == created_by, Job.request_digest == digest, Job.created_at >= since)
        .order_by(Job.id.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def attestation(session: AsyncSession, scope: Scope, attestation_id: str) -> Attestation | None:
    query = select(Attestation).where(
        Attestation.organization_id == scope.organization_id,
        Attestation.project_id == scope.project_id,
        Attestation.id == attestation_id,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def stages_of(session: AsyncSession, scope: Scope, job_id: str) -> Sequence[JobStage]:
    query = select(JobStage).where(
        JobStage.organization_id == scope.organization_id,
        JobStage.project_id == scope.project_id,
        JobStage.job_id == job_id,
    )
    return (await session.execute(query.order_by(JobStage.position))).scalars().all()


async def events_of(session: AsyncSession, scope: Scope, job_id: str, page: Page) -> Sequence[JobEvent]:
    """Newest first, one row more than asked for."""
    query = select(JobEvent).where(
        JobEvent.organization_id == scope.organization_id,
        JobEvent.project_id == scope.project_id,
        JobEvent.job_id == job_id,
    )
    if page.after is not None:
        last = select(JobEvent.sequence).where(JobEvent.job_id == job_id, JobEvent.id == page.after).scalar_subquery()
        query = query.where(JobEvent.sequence < last)
    return (await session.execute(query.order_by(JobEvent.sequence.desc()).limit(page.limit + 1))).scalars().all()


async def project_of(session: AsyncSession, scope: Scope) -> Project | None:
    query = select(Project).where(Project.organization_id == scope.organization_id, Project.id == scope.project_id)
    return (await session.execute(query)).scalar_one_or_none()


async def tuned_model(session: AsyncSession, job_id: str) -> TunedModel | None:
    """What the job made, whatever became of it; the caller has found the job within its scope."""
    return (await session.execute(select(TunedModel).where(TunedModel.job_id == job_id))).scalar_one_or_none()
