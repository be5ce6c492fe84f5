"""Queries on tuned models, each within a scope. Only released ones are models to a client."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import TunedModel
from api.jobs.lifecycle import JobOutcome
from api.tenancy.scope import Scope


def _released(scope: Scope) -> Select[tuple[TunedModel]]:
    return select(TunedModel).where(
        TunedModel.organization_id == scope.organization_id,
        TunedModel.project_id == scope.project_id,
        TunedModel.state == JobOutcome.RELEASED.value,
    )


async def released(session: AsyncSession, scope: Scope) -> Sequence[TunedModel]:
    """Newest first."""
    query = _released(scope).order_by(TunedModel.created_at.desc(), TunedModel.id)
    return (await session.execute(query)).scalars().all()


async def find_released(session: AsyncSession, scope: Scope, model_id: str) -> TunedModel | None:
    return (await session.execute(_released(scope).where(TunedModel.id == model_id))).scalar_one_or_none()
