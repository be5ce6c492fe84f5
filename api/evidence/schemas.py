"""Attestations as they are shown, and what is asked of them."""

from typing import Any, Literal

from msgspec import Struct

from api.evidence.lifecycle import AttestationState
from attestations.statements.countersignature import Conclusion, Mode
from attestations.statements.notice import NoticeKind
from attestations.status import Reason


class AttestationSummary(Struct, kw_only=True):
    """``status`` is null where the statement names no status list; ``published`` is where the world finds it, else null."""

    id: str
    object: Literal["attestation"] = "attestation"
    job: str
    base: str
    method: str
    outcome: str
    statement_digest: str
    issued_at: int
    valid_until: int
    status: AttestationState | None
    published_at: int | None
    published: str | None
    bundle: str


class AttestationObject(AttestationSummary, kw_only=True):
    """``statement`` is what was signed, decoded; who wants to rely on it verifies the bundle instead. ``hidden`` are the
    paths that its owner can open."""

    hidden: list[str]
    statement: dict[str, Any]


class AttestationPage(Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[AttestationSummary]
    first_id: str | None
    last_id: str | None
    has_more: bool


class StatusChangeShown(Struct, kw_only=True):
    """``by`` is the name of the key that asked for it."""

    state: AttestationState
    reason: Reason | None
    note: str | None
    superseded_by: str | None
    by: str
    at: int


class ListEntryShown(Struct, kw_only=True):
    """Where the state is published. ``current`` says whether the signed list speaks of the latest change already."""

    uri: str
    idx: int
    href: str
    current: bool
    signed_at: int | None
    expires_at: int | None


class StatusObject(Struct, kw_only=True):
    """``state`` and ``entry`` are null where the statement names no status list. ``history`` is newest first."""

    object: Literal["attestation.status"] = "attestation.status"
    attestation: str
    state: AttestationState | None
    reason: Reason | None
    note: str | None
    superseded_by: str | None
    changed_at: int | None
    entry: ListEntryShown | None
    history: list[StatusChangeShown]


class AskedStatus(Struct, kw_only=True):
    """What ``POST /v1/attestations/{id}/status`` takes. Reason and note are public."""

    state: AttestationState
    reason: Reason | None = None
    note: str | None = None
    superseded_by: str | None = None


class AskedPublishing(Struct, kw_only=True):
    """What ``POST /v1/attestations/{id}/publish`` takes."""

    published: bool


class AskedNotice(Struct, kw_only=True):
    """What ``POST /v1/attestations/{id}/notices`` takes. All of it is public; ``evidence`` are SHA-256 digests."""

    kind: NoticeKind
    reason: str
    evidence: list[str] = []


class NoticeObject(Struct, kw_only=True):
    """``statement`` is the signed notice, a Sigstore bundle; it, ``statement_digest`` and ``signed_at`` are null while it waits
    for its signature. ``superseded_by`` is the digest of the statement that follows."""

    id: str
    object: Literal["attestation.notice"] = "attestation.notice"
    attestation: str
    kind: NoticeKind
    reason: str
    evidence: list[str]
    superseded_by: str | None
    state: Literal["pending", "signed"]
    by: str
    created_at: int
    signed_at: int | None
    statement_digest: str | None
    statement: dict[str, Any] | None


class NoticeList(Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[NoticeObject]


class CountersignatureObject(Struct, kw_only=True):
    """``signed_at`` is what the evaluator states, ``created_at`` when it came here, ``by`` the name of the key that brought
    it."""

    id: str
    object: Literal["attestation.countersignature"] = "attestation.countersignature"
    attestation: str
    evaluator: str
    key_id: str
    mode: Mode
    conclusion: Conclusion
    by: str
    created_at: int
    signed_at: int
    statement_digest: str
    statement: dict[str, Any]


class CountersignatureList(Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[CountersignatureObject]
