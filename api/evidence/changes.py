"""Saying that an attestation does not hold any more, or holds again; and publishing it. By keys with the right ``attest``.

A change of state is written with its history, the list's new revision and the outbox row that lets control sign the list
anew, in one transaction: it is either going to be seen by everybody, or it did not happen.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import ApiKey, Attestation, OutboxMessage, StatusChange, StatusEntry
from api.db.session import Database
from api.errors import ConflictError, InvalidRequestError, PermissionDeniedError
from api.evidence import repository
from api.evidence.lifecycle import AttestationState, Standing, changed
from api.evidence.listing import listing_of
from api.evidence.repository import Known
from api.evidence.schemas import AskedStatus
from api.evidence.service import Held, found, held
from api.paging import plausible_id
from api.storage import Storage
from api.tenancy.rights import Right
from api.tenancy.scope import Scope
from attestations.bundle import MAX_BYTES
from attestations.status import Reason

log = structlog.get_logger()

OUTBOX_KIND = "status"


@dataclass(frozen=True, slots=True)
class Asking:
    """The key that asks, and for which project it speaks."""

    scope: Scope
    key_id: str


@dataclass(frozen=True, slots=True)
class ChangesService:
    """Methods raise ``ApiError``: 404 where the scope has no such attestation, 403 where the key has not the right."""

    database: Database
    storage: Storage
    clock: Callable[[], float] = time.time

    async def change(self, asking: Asking, attestation_id: str, asked: AskedStatus) -> Held:
        """Also raises 409 where the state may not follow on the present one, or is published nowhere."""
        async with self.database.write() as session:
            known = await found(session, asking.scope, attestation_id)
            key = await permitted(session, asking.key_id)
            wanted = _standing(asked)
            entry = await _locked(session, known)
            if changed(_present(entry), wanted):
                await _require_successor(session, asking.scope, known, wanted)
                await _apply(session, entry, wanted, key=key, now=int(self.clock()))
                log.info("attestation_status", attestation_id=known.row.id, state=wanted.state, by=key.id)
            await session.flush()
            return await held(session, asking.scope, attestation_id)

    async def publish(self, asking: Asking, attestation_id: str, *, published: bool) -> Known:
        """What is said twice changes nothing."""
        async with self.database.read() as session:
            known = await found(session, asking.scope, attestation_id)
            key = await permitted(session, asking.key_id)
        listing = listing_of(await self.storage.get_bytes(known.row.bundle_key, MAX_BYTES)) if published else None
        async with self.database.write() as session:
            row = await session.get_one(Attestation, known.row.id, with_for_update=True)
            if published != (row.published_at is not None):
                row.published_at, row.listing = (int(self.clock()) if published else None), listing
                log.info("attestation_publishing", attestation_id=row.id, published=published, by=key.id)
            await session.flush()
            return await found(session, asking.scope, attestation_id)


async def permitted(session: AsyncSession, key_id: str) -> ApiKey:
    """Raises ``PermissionDeniedError``."""
    key = await session.get_one(ApiKey, key_id)
    if Right.ATTEST.value not in key.rights:
        raise PermissionDeniedError(
            "This key may not change the status of attestations, publish them or give notice. Use one that an operator made "
            "with: python -m api.tenancy create-key --name NAME --right attest",
            code="attest_not_permitted",
        )
    return key


def _standing(asked: AskedStatus) -> Standing:
    """Raises ``InvalidRequestError``."""
    reason = asked.reason
    if asked.state is AttestationState.SUPERSEDED and reason is None:
        reason = Reason.NEWER_EVIDENCE
    return Standing(asked.state, reason, asked.note, asked.superseded_by)


def _present(entry: StatusEntry) -> Standing:
    reason = Reason(entry.reason) if entry.reason is not None else None
    return Standing(AttestationState(entry.state), reason, entry.note, entry.superseded_by)


async def _locked(session: AsyncSession, known: Known) -> StatusEntry:
    """The entry as it is once nobody else changes its list. Raises ``ConflictError`` where there is none."""
    if known.entry is not None:
        await repository.list_numbered(session, known.entry.list_number, lock=True)
        entry = await repository.entry_of(session, known.row.id)
        if entry is not None:
            return entry
    raise ConflictError(
        f"The statement of attestation {known.row.id} names no status list, so no reader would learn of a change. "
        "Tell those who have it, and attest the model anew.",
        code="status_not_listed",
    )


async def _require_successor(session: AsyncSession, scope: Scope, known: Known, wanted: Standing) -> None:
    successor_id = wanted.superseded_by
    if successor_id is None:
        return
    successor = await repository.find(session, scope, successor_id) if plausible_id(successor_id) else None
    if successor is None or successor.row.id == known.row.id:
        raise InvalidRequestError(
            "superseded_by must be the id of another attestation of this project.", param="superseded_by"
        )
    if successor.entry is None or successor.entry.state != AttestationState.VALID.value:
        raise InvalidRequestError(
            f"Attestation {successor.row.id} is not valid itself, so it supersedes nothing.", param="superseded_by"
        )


async def _apply(session: AsyncSession, entry: StatusEntry, wanted: Standing, *, key: ApiKey, now: int) -> None:
    listed = await repository.list_numbered(session, entry.list_number, lock=True)
    if listed is None:
        raise RuntimeError(f"the status list {entry.list_number} is gone")
    listed.revision += 1
    values = {
        "state": wanted.state.value,
        "reason": wanted.reason.value if wanted.reason is not None else None,
        "note": wanted.note,
        "superseded_by": wanted.superseded_by,
    }
    for name, value in values.items():
        setattr(entry, name, value)
    entry.revision, entry.changed_at = listed.revision, now
    change = StatusChange(**values, attestation_id=entry.attestation_id, created_at=now)
    change.changed_by, change.changed_by_name = key.id, key.name
    message = OutboxMessage(kind=OUTBOX_KIND, subject=str(listed.number), created_at=now)
    for row in (change, message):
        row.organization_id, row.project_id = entry.organization_id, entry.project_id
        session.add(row)
