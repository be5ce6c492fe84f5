"""The trust root: which keys a buyer believes, for what, and in which time.

A canonical JSON file that comes to the buyer by another way than the evidence; it is never taken from a bundle. Keys
carry a role; only the role `issuer` may sign statements.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from attestations import canonical, documents
from attestations.documents import Digest, Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.keys import PublicKey, load_public_key, public_key_id

MEDIA_TYPE = "application/vnd.tuneproof.trust.v1+json"
MAX_BYTES = 256 * 1024
MAX_KEYS = 64


class KeyRole(StrEnum):
    ISSUER = "issuer"


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key, believed for statements issued from `valid_from` to `valid_until`, both included."""

    key_id: Digest
    role: KeyRole
    public_key_pem: str
    valid_from: Moment
    valid_until: Moment

    def __post_init__(self) -> None:
        if public_key_id(self.public_key_pem) != self.key_id:
            raise MalformedError("trust.key_id", "the key id is not the SHA-256 of the PEM text")
        if parse_moment(self.valid_from) > parse_moment(self.valid_until):
            raise MalformedError("trust.validity", "the key ends before it begins")

    def covers(self, at: datetime) -> bool:
        return parse_moment(self.valid_from) <= at <= parse_moment(self.valid_until)

    def load(self) -> PublicKey:
        return load_public_key(self.public_key_pem)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """`version` counts up when keys change; `issuer` is the identity that statements must name."""

    media_type: Name = MEDIA_TYPE
    version: int
    issuer: Name
    keys: tuple[TrustedKey, ...]

    def __post_init__(self) -> None:
        if self.media_type != MEDIA_TYPE:
            raise MalformedError("trust.media_type", f"the media type must be {MEDIA_TYPE}")
        if not 0 < len(self.keys) <= MAX_KEYS or len({key.key_id for key in self.keys}) != len(self.keys):
            raise MalformedError("trust.keys", f"there are 1 to {MAX_KEYS} keys, each once")

    def encode(self) -> bytes:
        return canonical.encode(documents.encode(self))

    def issuer_keys(self) -> tuple[TrustedKey, ...]:
        return tuple(key for key in self.keys if key.role is KeyRole.ISSUER)


def trusted_key(public_pem: str, valid_from: str, valid_until: str) -> TrustedKey:
    """An issuer key for a trust root, after the PEM text was checked."""
    key = load_public_key(public_pem)
    return TrustedKey(key.key_id, KeyRole.ISSUER, key.pem, valid_from, valid_until)


def parse(unverified: bytes) -> TrustRoot:
    value = canonical.parse(unverified, what="the trust root", max_bytes=MAX_BYTES)
    root = documents.decode(TrustRoot, value, "trust")
    for key in root.keys:
        key.load()
    return root
