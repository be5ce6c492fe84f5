"""Signs the notices that were given: the issuer's words about its own attestations, with the issuer's key.

A notice lies in SQL before it is signed, and says so there; the outbox only wakes us up, and a loop looks for what was missed.
It states the time of its signing, so that the key which signs it is believed for that time. Signing, which may ask a key service
far away, holds no transaction open; of two processes that sign the same notice, the first one's is kept.
"""

import asyncio
from datetime import UTC, datetime

import structlog
from sqlalchemy import select

from api.control.context import Control
from api.db.models import Attestation, AttestationNotice
from attestations import canonical
from attestations.bundle import sigstore_json
from attestations.digests import Sha256
from attestations.documents import moment
from attestations.predicate import Issuer
from attestations.statements import notice as notices
from attestations.statements.frame import Statement
from attestations.statements.notice import Notice, NoticeKind

log = structlog.get_logger()

NOTICE_FUNCTION = "sign_notice"


async def sign_due_notices(control: Control) -> int:
    """Sign what waits; returns how many. One that fails does not keep the others waiting."""
    query = select(AttestationNotice.id).where(AttestationNotice.signed_at.is_(None)).order_by(AttestationNotice.id)
    async with control.database.read() as session:
        waiting = (await session.execute(query)).scalars().all()
    for notice_id in waiting:
        try:
            await sign_notice(control, notice_id)
        except Exception:  # tried again in two seconds
            log.exception("notice not signed", notice_id=notice_id)
    return len(waiting)


async def sign_notice(control: Control, notice_id: str) -> None:
    """Sign the notice, unless it is. It goes on waiting while the key is not believed."""
    async with control.database.read() as session:
        row = await session.get(AttestationNotice, notice_id)
        if row is None or row.signed_at is not None:
            return
        about = (await session.get_one(Attestation, row.attestation_id)).statement_digest
    if not await control.holding.may_sign(control.issuer.signer, waiting=f"notice {notice_id}"):
        return
    at = control.clock()
    made = as_statement(row, Sha256(about), issuer=control.issuer.id, at=at)
    envelope = await asyncio.to_thread(control.issuer.seal, made)
    async with control.database.write() as session:
        current = await session.get_one(AttestationNotice, notice_id, with_for_update=True)
        if current.signed_at is not None:
            return
        current.signed_at, current.statement_digest = at, made.digest.sha256
        current.envelope = canonical.encode(sigstore_json(envelope)).decode()
    log.info("notice signed", notice_id=notice_id, attestation_id=row.attestation_id, kind=row.kind)


def as_statement(row: AttestationNotice, about: Sha256, *, issuer: str, at: int) -> Statement[Notice]:
    """What is signed; ``about`` is the digest of the attestation's payload. Pure."""
    made = Notice(
        issuer=Issuer(issuer),
        kind=NoticeKind(row.kind),
        reason=row.reason,
        at=moment(datetime.fromtimestamp(at, UTC)),
        evidence=tuple(Sha256(digest) for digest in row.evidence),
        superseded_by=Sha256(row.superseded_by) if row.superseded_by is not None else None,
    )
    return notices.build(about, made)
