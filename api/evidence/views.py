"""Rows as the API shows them. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response

from api.db.models import (
    AttestationCountersignature,
    AttestationNotice,
    StatusChange,
    StatusEntry,
    StatusList,
)
from api.evidence.lifecycle import AttestationState
from api.evidence.repository import Known, list_uri
from api.evidence.schemas import (
    AttestationObject,
    AttestationSummary,
    CountersignatureObject,
    ListEntryShown,
    NoticeObject,
    StatusChangeShown,
    StatusObject,
)
from api.evidence.service import Handed, Held
from attestations.bundle import MEDIA_TYPE
from attestations.statements.countersignature import Conclusion, Mode
from attestations.statements.notice import NoticeKind
from attestations.status import Reason

PUBLISHED = "/.well-known/resilience"
"""Where the world finds what is published."""


def bundle_path(attestation_id: str) -> str:
    return f"{PUBLISHED}/bundles/{attestation_id}.resilience.json"


def summary(known: Known) -> AttestationSummary:
    row, entry = known.row, known.entry
    return AttestationSummary(
        id=row.id,
        job=row.job_id,
        base=known.base,
        method=known.method,
        outcome=row.outcome,
        statement_digest=row.statement_digest,
        issued_at=row.issued_at,
        valid_until=row.valid_until,
        status=AttestationState(entry.state) if entry is not None else None,
        published_at=row.published_at,
        published=bundle_path(row.id) if row.published_at is not None else None,
        bundle=f"/v1/attestations/{row.id}/bundle",
    )


def whole(known: Known, *, hidden: list[str], statement: dict[str, Any]) -> AttestationObject:
    return AttestationObject(**msgspec.structs.asdict(summary(known)), hidden=hidden, statement=statement)


def handed_out(handed: Handed, headers: Mapping[str, str]) -> Response[bytes | None]:
    """The file to save, or 304 where the client has it."""
    sent = {**headers, "etag": handed.etag}
    if handed.content is None:
        return Response(None, status_code=304, headers=sent)
    sent["content-disposition"] = f'attachment; filename="{handed.id}.resilience.json"'
    return Response(handed.content, media_type=MEDIA_TYPE, headers=sent)


def status_object(held: Held) -> StatusObject:
    entry = held.known.entry
    return StatusObject(
        attestation=held.known.row.id,
        state=AttestationState(entry.state) if entry is not None else None,
        reason=_reason(entry.reason) if entry is not None else None,
        note=entry.note if entry is not None else None,
        superseded_by=entry.superseded_by if entry is not None else None,
        changed_at=entry.changed_at if entry is not None else None,
        entry=_entry(entry, held.listed) if entry is not None and held.listed is not None else None,
        history=[_change(change) for change in held.history],
    )


def notice_object(row: AttestationNotice) -> NoticeObject:
    return NoticeObject(
        id=row.id,
        attestation=row.attestation_id,
        kind=NoticeKind(row.kind),
        reason=row.reason,
        evidence=row.evidence,
        superseded_by=row.superseded_by,
        state="signed" if row.envelope is not None else "pending",
        by=row.created_by_name,
        created_at=row.created_at,
        signed_at=row.signed_at,
        statement_digest=row.statement_digest,
        statement=msgspec.json.decode(row.envelope) if row.envelope is not None else None,
    )


def countersignature_object(row: AttestationCountersignature) -> CountersignatureObject:
    return CountersignatureObject(
        id=row.id,
        attestation=row.attestation_id,
        evaluator=row.evaluator,
        key_id=row.key_id,
        mode=Mode(row.mode),
        conclusion=Conclusion(row.conclusion),
        by=row.created_by_name,
        created_at=row.created_at,
        signed_at=row.signed_at,
        statement_digest=row.statement_digest,
        statement=msgspec.json.decode(row.envelope),
    )


def _entry(entry: StatusEntry, listed: StatusList) -> ListEntryShown:
    return ListEntryShown(
        uri=list_uri(listed),
        idx=entry.idx,
        href=f"/status/{listed.number}",
        current=listed.signed_revision is not None and listed.signed_revision >= entry.revision,
        signed_at=listed.signed_at,
        expires_at=listed.expires_at,
    )


def _change(change: StatusChange) -> StatusChangeShown:
    return StatusChangeShown(
        state=AttestationState(change.state),
        reason=_reason(change.reason),
        note=change.note,
        superseded_by=change.superseded_by,
        by=change.changed_by_name,
        at=change.created_at,
    )


def _reason(stored: str | None) -> Reason | None:
    return Reason(stored) if stored is not None else None
