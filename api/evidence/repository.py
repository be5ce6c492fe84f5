"""Queries on attestations, each within a scope."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import Attestation
from api.tenancy.scope import Scope


async def find(session: AsyncSession, scope: Scope, attestation_id: str) -> Attestation | None:
    query = select(Attestation).where(
        Attestation.organization_id == scope.organization_id,
        Attestation.project_id == scope.project_id,
        Attestation.id == attestation_id,
    )
    return (await session.execute(query)).scalar_one_or_none()
