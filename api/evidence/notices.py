"""Giving notice of what was found out about an attestation after it was signed. By keys with the right ``attest``.

A notice is stored with the outbox row that wakes control, which alone holds the issuer's key and signs it. From then on it goes
with every bundle that is handed out, and nobody can take it back. Each is given once: what is said twice changes nothing.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import ApiKey, Attestation, AttestationNotice, OutboxMessage, StatusEntry
from api.db.session import Database
from api.errors import ConflictError, InvalidRequestError
from api.evidence import repository
from api.evidence.changes import Asking, permitted
from api.evidence.lifecycle import AttestationState, refuse_contradiction
from api.evidence.repository import Known
from api.evidence.schemas import AskedNotice
from api.evidence.service import found
from api.ids import new_id
from api.jobs.texts import prose
from api.tenancy.scope import Scope
from attestations import canonical
from attestations.statements.notice import NoticeKind

log = structlog.get_logger()

OUTBOX_KIND = "notice"
MOST_NOTICES = 32
"""Of one attestation; a bundle takes 64 statements in all."""
MOST_EVIDENCE = 64
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class NoticesService:
    """Methods raise ``ApiError``: 404 where the scope has no such attestation, 403 where the key has not the right."""

    database: Database
    clock: Callable[[], float] = time.time

    async def give(self, asking: Asking, attestation_id: str, asked: AskedNotice) -> AttestationNotice:
        """Also raises 409 where it would contradict the status, or there are too many."""
        reason, evidence = prose(asked.reason, "reason"), _digests(asked.evidence)
        async with self.database.write() as session:
            known = await found(session, asking.scope, attestation_id)
            key = await permitted(session, asking.key_id)
            await repository.locked(session, known.row.id)
            successor = await _agreed_successor(session, known, asked.kind)
            notice = _written(known.row, asked.kind, reason=reason, evidence=evidence, successor=successor)
            given = await repository.notices_of(session, known.row.id)
            same = next((one for one in given if one.content == notice.content), None)
            if same is not None:
                return same
            if len(given) >= MOST_NOTICES:
                raise ConflictError(
                    f"The attestation has {MOST_NOTICES} notices, and a bundle takes no more; attest the model anew.",
                    code="too_many_notices",
                )
            _enter(session, notice, key=key, now=int(self.clock()))
            log.info("attestation_notice", attestation_id=known.row.id, kind=asked.kind, by=key.id)
        return notice

    async def given(self, scope: Scope, attestation_id: str) -> Sequence[AttestationNotice]:
        """Newest first."""
        async with self.database.read() as session:
            known = await found(session, scope, attestation_id)
            return await repository.notices_of(session, known.row.id)


def _digests(asked: Sequence[str]) -> list[str]:
    if len(asked) > MOST_EVIDENCE or len(set(asked)) != len(asked):
        raise InvalidRequestError(f"evidence takes at most {MOST_EVIDENCE} digests, each once.", param="evidence")
    for index, digest in enumerate(asked):
        if not _DIGEST.fullmatch(digest):
            raise InvalidRequestError(
                f"evidence[{index}] must be a SHA-256 digest in 64 lower-case hexadecimal digits.",
                param=f"evidence[{index}]",
            )
    return list(asked)


async def _agreed_successor(session: AsyncSession, known: Known, kind: NoticeKind) -> str | None:
    """The digest of the statement that took this one's place, where the notice says that one did. The list is held, so that
    no change of state overtakes the notice."""
    entry: StatusEntry | None = None
    if known.entry is not None:
        await repository.list_numbered(session, known.entry.list_number, lock=True)
        entry = await repository.entry_of(session, known.row.id)
    refuse_contradiction(kind, AttestationState(entry.state) if entry is not None else None)
    if kind is not NoticeKind.SUPERSEDED or entry is None or entry.superseded_by is None:
        return None
    return (await session.get_one(Attestation, entry.superseded_by)).statement_digest


def _written(
    about: Attestation, kind: NoticeKind, *, reason: str, evidence: list[str], successor: str | None
) -> AttestationNotice:
    said = {"kind": kind.value, "reason": reason, "evidence": evidence, "superseded_by": successor}
    row = AttestationNotice(
        **said, id=new_id("notice-"), attestation_id=about.id, content=canonical.digest(said), created_at=0
    )
    row.organization_id, row.project_id = about.organization_id, about.project_id
    return row


def _enter(session: AsyncSession, notice: AttestationNotice, *, key: ApiKey, now: int) -> None:
    notice.created_by, notice.created_by_name, notice.created_at = key.id, key.name, now
    message = OutboxMessage(kind=OUTBOX_KIND, subject=notice.id, created_at=now)
    message.organization_id, message.project_id = notice.organization_id, notice.project_id
    session.add_all([notice, message])
