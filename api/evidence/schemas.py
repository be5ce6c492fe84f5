"""Attestations as they are shown, and what is asked of them."""

from typing import Any, Literal

from msgspec import Struct

from api.evidence.lifecycle import AttestationState
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
