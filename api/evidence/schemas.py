"""Attestations as they are shown."""

from typing import Any, Literal

from msgspec import Struct


class AttestationObject(Struct, kw_only=True):
    """``statement`` is what was signed, decoded; who wants to rely on it verifies the bundle instead."""

    id: str
    object: Literal["attestation"] = "attestation"
    job: str
    outcome: str
    statement_digest: str
    issued_at: int
    valid_until: int
    bundle: str
    statement: dict[str, Any]
