"""A status list in which every state occurs, its token, and others that were changed and truly signed."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attestations import status
from attestations.digests import Sha256
from attestations.keys import LocalSigner
from attestations.packed_states import from_base64url, to_base64url
from attestations.predicate import StatusRef
from attestations.status import Reason, State, StateReason, StatusList
from attestations.trust import KeyRole, TrustedKey

SIGNER = LocalSigner.generate()
URI = "https://tuning.example/status/1"
ISSUED = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = ISSUED + timedelta(hours=2)
VALID, INVALID, SUSPENDED, SUPERSEDED, UNEXPLAINED = range(5)


def trusted(signer: LocalSigner, **changes: object) -> TrustedKey:
    key = TrustedKey(
        key_id=signer.key_id,
        role=KeyRole.STATUS,
        public_key_pem=signer.public_pem,
        valid_from="2026-01-01T00:00:00Z",
        valid_until="2026-12-31T23:59:59Z",
    )
    return replace(key, **changes)


KEYS = (trusted(SIGNER),)
LISTED = StatusList(
    uri=URI,
    issued_at=ISSUED,
    expires_at=ISSUED + status.LIFE,
    states=bytes([State.VALID, State.INVALID, State.SUSPENDED, State.SUPERSEDED, State.INVALID, 0, 0, 0]),
    reasons={
        INVALID: StateReason(Reason.EVIDENCE_WRONG, "2026-02-28T09:00:00Z", note="the second judge was misread"),
        SUSPENDED: StateReason(Reason.UNDER_REVIEW, "2026-03-01T08:00:00Z"),
        SUPERSEDED: StateReason(Reason.NEWER_EVIDENCE, "2026-02-20T00:00:00Z", superseded_by=Sha256("ab" * 32)),
    },
)
TOKEN = status.encode(LISTED, SIGNER)


def check(token: str | None, index: int = VALID, *, keys: tuple[TrustedKey, ...] = KEYS, now: datetime = NOW):
    return status.examine(StatusRef(URI, index), token, keys, now=now)[0]


def jwt(header: object, claims: object, signer: LocalSigner = SIGNER) -> str:
    """A token with any content at all, truly signed."""
    raw = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(to_base64url(part) for part in raw)
    r, s = decode_dss_signature(signer.sign(signed.encode()))
    return f"{signed}.{to_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def opened(token: str = TOKEN) -> tuple[dict, dict]:
    header, claims, _ = token.split(".")
    return tuple(json.loads(from_base64url(part, "it", max_bytes=10**6)) for part in (header, claims))


def changed(change: Callable[[dict, dict], object]) -> str:
    header, claims = opened()
    change(header, claims)
    return jwt(header, claims)
