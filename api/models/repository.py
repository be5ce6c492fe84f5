"""Queries on tuned models, each within a scope. Only released ones are models to a client."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import Attestation, TunedModel
from api.jobs.lifecycle import JobOutcome
from api.tenancy.scope import Scope


def _released(scope: Scope) -> ColumnElement[bool]:
    return and_(
        TunedModel.organization_id == scope.organization_id,
        TunedModel.project_id == scope.project_id,
        TunedModel.state == JobOutcome.RELEASED.value,
        exists().where(Attestation.job_id == TunedModel.job_id, Attestation.outcome == JobOutcome.RELEASED.value),
    )


async def released(session: AsyncSession, scope: Scope) -> Sequence[TunedModel]:
    """Newest first."""
    query = select(TunedModel).where(_released(scope)).order_by(TunedModel.created_at.desc(), TunedModel.id)
    return (await session.execute(query)).scalars().all()


async def find_released(session: AsyncSession, scope: Scope, model_id: str) -> TunedModel | None:
    query = select(TunedModel).where(_released(scope), TunedModel.id == model_id)
    return (await session.execute(query)).scalar_one_or_none()
