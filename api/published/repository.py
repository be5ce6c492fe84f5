"""Queries on what is published, over all projects: the one place that reads without a scope."""

from dataclasses import dataclass, fields

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import Attestation, StatusEntry, StatusList
from api.db.models.base import JsonObject


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index needs of a published attestation. ``state`` is None where its statement names no status list."""

    id: str
    outcome: str
    statement_digest: str
    issued_at: int
    valid_until: int
    published_at: int
    listing: JsonObject | None
    state: str | None


async def page_of(session: AsyncSession, *, after: str | None, limit: int) -> list[Entry]:
    """Newest first."""
    columns = [getattr(Attestation, field.name) for field in fields(Entry) if field.name != "state"]
    query = (
        select(*columns, StatusEntry.state)
        .outerjoin(StatusEntry, StatusEntry.attestation_id == Attestation.id)
        .where(Attestation.published_at.is_not(None))
    )
    if after is not None:
        query = query.where(Attestation.id < after)
    found = await session.execute(query.order_by(Attestation.id.desc()).limit(limit))
    return [Entry(**{str(name): value for name, value in row.items()}) for row in found.mappings()]


async def find(session: AsyncSession, attestation_id: str) -> tuple[Attestation, str | None] | None:
    """A published attestation, and the newest signed list with its entry."""
    query = (
        select(Attestation, StatusList.token)
        .outerjoin(StatusEntry, StatusEntry.attestation_id == Attestation.id)
        .outerjoin(StatusList, StatusList.number == StatusEntry.list_number)
        .where(Attestation.published_at.is_not(None), Attestation.id == attestation_id)
    )
    found = (await session.execute(query)).one_or_none()
    return None if found is None else (found[0], found[1])


async def status_list(session: AsyncSession, number: int) -> StatusList | None:
    return await session.get(StatusList, number)
