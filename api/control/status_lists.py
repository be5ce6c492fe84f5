"""Token status lists: an attestation's place in one, and the lists signed anew when something changed or time has passed.

A place is taken before the attestation is signed, which names it. It is drawn at random from a list that is at most half full,
so neither its number nor its neighbours say when, how often or for whom anything was issued; unused places read as valid.

A list is signed by the key of the role ``status`` on every change and each hour, for a day: who cannot reach us learns within
a day that it cannot know. SQL says what is due (``revision`` against ``signed_revision``), the outbox only wakes us up, and
a loop looks for what was missed. Signing, which may ask a key service far away, holds no transaction open; what was signed
is stored only where nothing later is, so a list never goes back.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.control.context import Control
from api.db.models import Attestation, Job, OutboxMessage, StatusEntry, StatusList
from api.evidence import repository
from api.evidence.changes import OUTBOX_KIND
from api.evidence.lifecycle import AttestationState
from attestations import canonical, status
from attestations.digests import Sha256
from attestations.documents import encode, moment
from attestations.predicate import StatusRef

log = structlog.get_logger()

STATUS_FUNCTION = "sign_status_list"
ENTRIES = 1 << 16
MOST_TAKEN = ENTRIES // 2
REFRESH_SECONDS = 3600
MAX_REASON_BYTES = 512 * 1024
"""Of all reasons in one list: beyond it the oldest are left out. The states always fit; a bundle takes 1 MiB."""


async def allocate_status(
    session: AsyncSession,
    job: Job,
    attestation_id: str,
    *,
    now: int,
    base_url: str,
    draw: Callable[[int], int] = secrets.randbelow,
) -> StatusRef:
    """The place of a new attestation of the job; asked again for the same id, the same place.

    ``base_url`` is where the service is reached by everybody; it becomes part of what is signed. The list's row is held
    until the transaction ends, so keep it short.
    """
    entry = await repository.entry_of(session, attestation_id)
    if entry is not None:
        listed = await repository.list_numbered(session, entry.list_number)
    else:
        listed = await _open_list(session, job, base_url=base_url, now=now)
        idx = await _free_place(session, listed.number, draw)
        entry = StatusEntry(list_number=listed.number, idx=idx, attestation_id=attestation_id, created_at=now)
        entry.state, entry.revision = AttestationState.VALID.value, 0
        entry.organization_id, entry.project_id = job.organization_id, job.project_id
        listed.entries += 1
        session.add(entry)
        await session.flush()
    if listed is None:
        raise RuntimeError(f"the status list {entry.list_number} is gone")
    return StatusRef(uri=repository.list_uri(listed), idx=entry.idx)


async def _open_list(session: AsyncSession, job: Job, *, base_url: str, now: int) -> StatusList:
    """The newest list under the address, unless it is half full; then a new one."""
    query = select(StatusList).where(StatusList.base_url == base_url).order_by(StatusList.number.desc()).limit(1)
    newest = (await session.execute(query.with_for_update())).scalar_one_or_none()
    if newest is not None and newest.entries < MOST_TAKEN:
        return newest
    opened = StatusList(base_url=base_url, entries=0, revision=1, created_at=now)
    session.add(opened)
    await session.flush()
    message = OutboxMessage(kind=OUTBOX_KIND, subject=str(opened.number), created_at=now)
    message.organization_id, message.project_id = job.organization_id, job.project_id
    session.add(message)
    return opened


async def _free_place(session: AsyncSession, number: int, draw: Callable[[int], int]) -> int:
    """Half of the places are free, so a few draws are enough."""
    while True:
        idx = draw(ENTRIES)
        if await session.get(StatusEntry, (number, idx)) is None:
            return idx


async def sign_due_lists(control: Control) -> int:
    """Sign what changed, or was signed long ago; returns how many lists. One that fails does not keep the others waiting."""
    now = control.clock()
    stale = StatusList.signed_at <= now - REFRESH_SECONDS
    changed = StatusList.signed_revision.is_(None) | (StatusList.signed_revision != StatusList.revision)
    async with control.database.read() as session:
        due = (await session.execute(select(StatusList.number).where(or_(changed, stale)))).scalars().all()
    for number in due:
        try:
            await sign_list(control, number)
        except Exception:  # tried again in two seconds
            log.exception("status list not signed", number=number)
    return len(due)


async def sign_list(control: Control, number: int) -> None:
    """Sign the list as it stands, unless it is signed as it stands and lately. It stays due while the key is not believed."""
    now = control.clock()
    async with control.database.read() as session:
        row = await repository.list_numbered(
            session, number
        )  # before its entries: they may be newer than it, never older
        if row is None or not _is_due(row, now):
            return
        withdrawn = await _withdrawn(session, number)
    if not await control.holding.may_sign(control.status.signer, waiting=f"status list {number}"):
        return
    issued = max(now, row.signed_at or 0)  # a clock that was set back makes no list that looks older than the last one
    listed = as_listed(repository.list_uri(row), withdrawn, issued_at=datetime.fromtimestamp(issued, UTC))
    token = await asyncio.to_thread(status.encode, listed, control.status.signer)
    async with control.database.write() as session:
        current = await repository.list_numbered(session, number, lock=True)
        if current is None or (current.signed_revision or 0, current.signed_at or 0) > (row.revision, issued):
            return
        current.token, current.signed_revision, current.signed_at = token, row.revision, issued
        current.expires_at = int(listed.expires_at.timestamp())
    log.info("status list signed", number=number, revision=row.revision, withdrawn=len(withdrawn))


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """An entry that is not valid. ``successor`` is the digest of the statement that takes its place."""

    idx: int
    state: AttestationState
    reason: status.Reason
    note: str | None
    successor: str | None
    changed_at: int


def as_listed(uri: str, withdrawn: Sequence[Withdrawn], *, issued_at: datetime) -> status.StatusList:
    """The list that says so; the reasons of the latest changes, as many as fit. Pure."""
    states = bytearray(ENTRIES)
    reasons: dict[int, status.StateReason] = {}
    room = MAX_REASON_BYTES
    for entry in sorted(withdrawn, key=lambda entry: (-entry.changed_at, entry.idx)):
        states[entry.idx] = entry.state.listed
        why = status.StateReason(
            reason=entry.reason,
            at=moment(datetime.fromtimestamp(entry.changed_at, UTC)),
            note=entry.note,
            superseded_by=Sha256(entry.successor) if entry.successor is not None else None,
        )
        room -= len(canonical.encode({str(entry.idx): encode(why)}))
        if room >= 0 and len(reasons) < status.MAX_REASONS:
            reasons[entry.idx] = why
    return status.StatusList(
        uri=uri, issued_at=issued_at, expires_at=issued_at + status.LIFE, states=bytes(states), reasons=reasons
    )


def _is_due(row: StatusList, now: int) -> bool:
    return row.signed_revision != row.revision or row.signed_at is None or row.signed_at <= now - REFRESH_SECONDS


async def _withdrawn(session: AsyncSession, number: int) -> list[Withdrawn]:
    query = (
        select(StatusEntry, Attestation.statement_digest)
        .outerjoin(Attestation, Attestation.id == StatusEntry.superseded_by)
        .where(StatusEntry.list_number == number, StatusEntry.state != AttestationState.VALID.value)
    )
    return [
        Withdrawn(
            idx=entry.idx,
            state=AttestationState(entry.state),
            reason=status.Reason(entry.reason or status.Reason.OTHER),
            note=entry.note,
            successor=successor,
            changed_at=entry.changed_at or entry.created_at,
        )
        for entry, successor in await session.execute(query)
    ]
