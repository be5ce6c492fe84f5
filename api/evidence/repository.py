"""Queries on attestations, each within a scope; on status lists, which serve all scopes; and on what was said later about an
attestation that the caller found within a scope, or published."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import (
    Attestation,
    AttestationCountersignature,
    AttestationNotice,
    Job,
    StatusChange,
    StatusEntry,
    StatusList,
)
from api.evidence.bundles import Later
from api.evidence.lifecycle import AttestationState
from api.paging import Page
from api.tenancy.scope import Scope
from attestations.predicate import OutcomeStatus

MOST_CHANGES = 100
"""How much of a history is shown."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which attestations are asked for; None asks for all. ``issued_after`` is included, ``issued_before`` is not."""

    outcome: OutcomeStatus | None = None
    base: str | None = None
    job: str | None = None
    state: AttestationState | None = None
    published: bool | None = None
    issued_after: int | None = None
    issued_before: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """An attestation with what stands elsewhere. ``entry`` is None where its statement names no status list."""

    row: Attestation
    base: str
    method: str
    entry: StatusEntry | None


def _known(scope: Scope) -> Select[Attestation, str, str, StatusEntry | None]:
    return (
        select(Attestation, Job.base, Job.request["settings"]["technique"].as_string(), StatusEntry)
        .join(Job, Job.id == Attestation.job_id)
        .outerjoin(StatusEntry, StatusEntry.attestation_id == Attestation.id)
        .where(Attestation.organization_id == scope.organization_id, Attestation.project_id == scope.project_id)
    )


async def find(session: AsyncSession, scope: Scope, attestation_id: str) -> Known | None:
    found = (await session.execute(_known(scope).where(Attestation.id == attestation_id))).one_or_none()
    return None if found is None else _of(found)


async def page_of(session: AsyncSession, scope: Scope, page: Page, wanted: Wanted) -> list[Known]:
    """Newest first, one row more than asked for."""
    query = _known(scope).where(*_conditions(wanted))
    if page.after is not None:
        query = query.where(Attestation.id < page.after)
    found = await session.execute(query.order_by(Attestation.id.desc()).limit(page.limit + 1))
    return [_of(row) for row in found]


async def changes_of(session: AsyncSession, scope: Scope, attestation_id: str) -> Sequence[StatusChange]:
    """Newest first, at most ``MOST_CHANGES``."""
    query = select(StatusChange).where(
        StatusChange.organization_id == scope.organization_id,
        StatusChange.project_id == scope.project_id,
        StatusChange.attestation_id == attestation_id,
    )
    return (await session.execute(query.order_by(StatusChange.sequence.desc()).limit(MOST_CHANGES))).scalars().all()


async def locked(session: AsyncSession, attestation_id: str) -> Attestation:
    """The attestation, held until the transaction ends."""
    return await session.get_one(Attestation, attestation_id, with_for_update=True, populate_existing=True)


async def notices_of(session: AsyncSession, attestation_id: str) -> Sequence[AttestationNotice]:
    """Newest first, signed or not."""
    query = select(AttestationNotice).where(AttestationNotice.attestation_id == attestation_id)
    return (await session.execute(query.order_by(AttestationNotice.id.desc()))).scalars().all()


async def countersignatures_of(session: AsyncSession, attestation_id: str) -> Sequence[AttestationCountersignature]:
    """Newest first, by when they came."""
    query = select(AttestationCountersignature).where(AttestationCountersignature.attestation_id == attestation_id)
    return (await session.execute(query.order_by(AttestationCountersignature.id.desc()))).scalars().all()


async def later_of(session: AsyncSession, attestation_id: str) -> list[Later]:
    """What is signed, in the order in which ``attestations.statements.attaching`` puts it into a bundle."""
    found = []
    for table in (AttestationCountersignature, AttestationNotice):
        query = select(table.statement_digest, table.envelope).where(
            table.attestation_id == attestation_id, table.envelope.is_not(None)
        )
        rows = await session.execute(query.order_by(table.signed_at, table.statement_digest))
        found += [Later(digest, envelope) for digest, envelope in rows if digest is not None and envelope is not None]
    return found


async def list_numbered(session: AsyncSession, number: int, *, lock: bool = False) -> StatusList | None:
    query = select(StatusList).where(StatusList.number == number).execution_options(populate_existing=True)
    return (await session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def entry_of(session: AsyncSession, attestation_id: str) -> StatusEntry | None:
    """As it is now, whatever the session has read before."""
    query = select(StatusEntry).where(StatusEntry.attestation_id == attestation_id)
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


def list_uri(listed: StatusList) -> str:
    """What signed statements call the list. ``base_url`` stays with the list, so a service that moves opens another."""
    return f"{listed.base_url}/status/{listed.number}"


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = {
        "outcome": Attestation.outcome == wanted.outcome,
        "base": Job.base == wanted.base,
        "job": Attestation.job_id == wanted.job,
        "state": StatusEntry.state == wanted.state,
        "published": Attestation.published_at.is_not(None) if wanted.published else Attestation.published_at.is_(None),
        "issued_after": Attestation.issued_at >= (wanted.issued_after or 0),
        "issued_before": Attestation.issued_at < (wanted.issued_before or 0),
    }
    return [condition for name, condition in conditions.items() if getattr(wanted, name) is not None]


def _of(found: Row[Attestation, str, str, StatusEntry | None]) -> Known:
    row, base, method, entry = found
    return Known(row=row, base=base, method=method, entry=entry)
