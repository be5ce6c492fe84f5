"""Queries on what is published, over all projects: the one place that reads without a scope."""

from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import Attestation, StatusEntry, StatusList


@dataclass(frozen=True, slots=True)
class Listed:
    """A published attestation. ``state`` is None where its statement names no status list."""

    row: Attestation
    state: str | None
    list_number: int | None


def _published() -> Select[Attestation, str | None, int | None]:
    return (
        select(Attestation, StatusEntry.state, StatusEntry.list_number)
        .outerjoin(StatusEntry, StatusEntry.attestation_id == Attestation.id)
        .where(Attestation.published_at.is_not(None))
    )


async def page_of(session: AsyncSession, *, after: str | None, limit: int) -> list[Listed]:
    """Newest first."""
    query = _published() if after is None else _published().where(Attestation.id < after)
    found = await session.execute(query.order_by(Attestation.id.desc()).limit(limit))
    return [Listed(row, state, number) for row, state, number in found]


async def find(session: AsyncSession, attestation_id: str) -> Listed | None:
    found = (await session.execute(_published().where(Attestation.id == attestation_id))).one_or_none()
    return None if found is None else Listed(*found)


async def status_list(session: AsyncSession, number: int) -> StatusList | None:
    return await session.get(StatusList, number)
