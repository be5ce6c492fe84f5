"""The trust root: which keys a buyer believes, for what, and in which time.

It comes to the buyer by another way than the evidence and is never taken from a bundle. Its form is chosen by its type:

- v1, canonical JSON of the type `MEDIA_TYPE`: issuer keys, believed because somebody handed the file over;
- v2, a canonical DSSE envelope of the payload type `PAYLOAD_TYPE` over the canonical JSON of a `TrustRoot`, signed by at
  least `threshold` of its own root keys. Version N+1 is believed by whoever believes N, if the root keys of N signed it
  as well (`attestations.trust_update`), so a file that was got once follows every later change of keys.

A key has one role. A root key signs trust roots alone; it counts while its window covers the moment at which the document
says it was made, and never once it is known to be compromised. Called by the verifier, by `tuneproof trust` and by the
service's key commands, which alone make new ones.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from attestations import canonical, documents, dsse, kinds
from attestations.documents import Digest, Moment, Name, Text, moment, parse_moment
from attestations.dsse import ThresholdEnvelope
from attestations.errors import MalformedError
from attestations.findings import Check, broken, not_checked, passed, stale
from attestations.keys import PublicKey, Signer, load_certificate_pem, load_public_key, public_key_id
from attestations.kinds import Kind

MEDIA_TYPE = "application/vnd.tuneproof.trust.v1+json"
PAYLOAD_TYPE = "application/vnd.tuneproof.trust-root.v2+json"
MAX_BYTES = 256 * 1024
MAX_KEYS = 64
MAX_AUTHORITIES = 16
GET_NEWEST = "get the issuer's newest trust root (`tuneproof trust update`)"
"""What helps where a signature was made by a key that the trust root does not know."""
_Certificate = Annotated[str, Text("a certificate in PEM of at most 8000 characters", re.compile(r"[ -~\n]+"), 8000)]


class KeyRole(StrEnum):
    ROOT = "root"
    ISSUER = "issuer"
    STATUS = "status"
    EVALUATOR = "evaluator"
    BUYER = "buyer"


_ISSUER_OWN = frozenset({KeyRole.ROOT, KeyRole.ISSUER, KeyRole.STATUS})
"""The roles whose keys belong to the issuer where no owner is named; a key in another role must name one."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key, believed for what it signed from `valid_from` to `valid_until`, both included.

    `owner` is the organisation behind the key where that is not the issuer. From `compromised_at` on somebody else may
    have had the key; `believed` says what that means for what it signed.
    """

    key_id: Digest
    role: KeyRole
    public_key_pem: str
    valid_from: Moment
    valid_until: Moment
    compromised_at: Moment | None = None
    owner: Name | None = None

    def __post_init__(self) -> None:
        if public_key_id(self.public_key_pem) != self.key_id:
            raise MalformedError("trust.key_id", "the key id is not the SHA-256 of the PEM text")
        _refuse_backwards(self.valid_from, self.valid_until, "the key")
        if self.compromised_at is not None:
            parse_moment(self.compromised_at)
        if self.owner is None and self.role not in _ISSUER_OWN:
            raise MalformedError("trust.owner", f"a key in the role {self.role} needs the owner that it belongs to")

    def covers(self, at: datetime) -> bool:
        return parse_moment(self.valid_from) <= at <= parse_moment(self.valid_until)

    def load(self) -> PublicKey:
        return load_public_key(self.public_key_pem)


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """A root certificate under which RFC 3161 timestamps made from `valid_from` to `valid_until` are believed."""

    id: Name
    certificate_pem: _Certificate
    valid_from: Moment
    valid_until: Moment

    def __post_init__(self) -> None:
        _refuse_backwards(self.valid_from, self.valid_until, "the timestamp authority")

    def covers(self, at: datetime) -> bool:
        return parse_moment(self.valid_from) <= at <= parse_moment(self.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """`version` counts up by one; `issuer` is the identity that statements must name.

    `threshold` is how many different root keys must sign a trust root; 0 is v1, which nobody signs and which has none of
    what follows it.
    """

    version: int
    issuer: Name
    keys: tuple[TrustedKey, ...]
    threshold: int = 0
    created_at: Moment | None = None
    expires_at: Moment | None = None
    timestamp_authorities: tuple[TimestampAuthority, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < len(self.keys) <= MAX_KEYS or len({key.key_id for key in self.keys}) != len(self.keys):
            raise MalformedError("trust.keys", f"there are 1 to {MAX_KEYS} keys, each once")
        names = {authority.id for authority in self.timestamp_authorities}
        if len(self.timestamp_authorities) > MAX_AUTHORITIES or len(names) != len(self.timestamp_authorities):
            words = f"there are at most {MAX_AUTHORITIES} timestamp authorities, each under its own id"
            raise MalformedError("trust.timestamp_authorities", words)
        if self.threshold or self.created_at or self.expires_at:
            _refuse_unsignable(self)

    def encode(self) -> bytes:
        """The canonical bytes: with a threshold the payload that root keys sign, else the v1 file."""
        if self.threshold:
            return canonical.encode(documents.encode(self))
        return canonical.encode(documents.encode(_FileV1(MEDIA_TYPE, self.version, self.issuer, self.keys)))

    def keys_of(self, role: KeyRole) -> tuple[TrustedKey, ...]:
        return tuple(key for key in self.keys if key.role is role)

    def issuer_keys(self) -> tuple[TrustedKey, ...]:
        return self.keys_of(KeyRole.ISSUER)

    def counting_root_keys(self, at: Moment) -> tuple[PublicKey, ...]:
        """The root keys whose signatures count under a trust root made at `at`."""
        made = parse_moment(at)
        roots = self.keys_of(KeyRole.ROOT)
        return tuple(key.load() for key in roots if key.compromised_at is None and key.covers(made))


@dataclass(frozen=True, slots=True)
class _FileV1:
    media_type: Name
    version: int
    issuer: Name
    keys: tuple[TrustedKey, ...]

    def __post_init__(self) -> None:
        if self.media_type != MEDIA_TYPE:
            raise MalformedError("trust.media_type", f"the media type must be {MEDIA_TYPE}")
        for key in self.keys:
            if key.role is not KeyRole.ISSUER or key.compromised_at is not None or key.owner is not None:
                words = "a trust root of format 1 has keys in the role issuer alone, without compromisedAt and owner"
                raise MalformedError("trust.format_1", words)


def trusted_key(
    public_pem: str, valid_from: str, valid_until: str, *, role: KeyRole = KeyRole.ISSUER, owner: str | None = None
) -> TrustedKey:
    """A key for a trust root, after its PEM text was checked."""
    key = load_public_key(public_pem)
    return TrustedKey(key.key_id, role, key.pem, valid_from, valid_until, None, owner)


def parse(unverified: bytes) -> TrustRoot:
    """The trust root in a file that an honest way brought: of v2, its own root keys must have signed it.

    Raises `MalformedError`, and `CryptographicError` where too few of them did.
    """
    with kinds.expected(Kind.TRUST, unverified):
        return _parse(unverified)


def _parse(unverified: bytes) -> TrustRoot:
    value = canonical.parse(unverified, what="the trust root", max_bytes=MAX_BYTES)
    if isinstance(value, dict) and "payloadType" in value:
        envelope = _envelope(value)
        root = parse_payload(envelope)
        dsse.verify_threshold(envelope, root.counting_root_keys(root.created_at or ""), root.threshold)
        return root
    file = documents.decode(_FileV1, value, "trust")
    root = TrustRoot(version=file.version, issuer=file.issuer, keys=file.keys)
    return _loaded(root)


def parse_envelope(unverified: bytes) -> ThresholdEnvelope:
    """The envelope of a v2 file or of a draft of one, its signatures not looked at."""
    with kinds.expected(Kind.TRUST, unverified):
        value = canonical.parse(unverified, what="the trust root", max_bytes=MAX_BYTES)
        if not isinstance(value, dict) or "payloadType" not in value:
            words = "this trust root is no signed one of format 2; get one by the way that brought you this"
            raise MalformedError("trust.not_signed", words)
        return _envelope(value)


def parse_payload(envelope: ThresholdEnvelope) -> TrustRoot:
    """What an envelope says; whether to believe it is for `parse` and `trust_update` to find out."""
    value = canonical.parse(envelope.unverified_payload, what="the trust root's payload", max_bytes=MAX_BYTES)
    root = documents.decode(TrustRoot, value, "trust")
    if not root.threshold:
        raise MalformedError("trust.threshold", "must be at least 1", at="trust.threshold")
    return _loaded(root)


def seal(root: TrustRoot, signers: Sequence[Signer]) -> ThresholdEnvelope:
    """The envelope of a v2 root under these signatures; with none it is a draft."""
    envelope = ThresholdEnvelope(root.encode(), PAYLOAD_TYPE, ())
    for signer in signers:
        envelope = dsse.add_signature(envelope, signer)
    return envelope


def encode_file(envelope: ThresholdEnvelope) -> bytes:
    return canonical.encode(envelope.to_json())


def believed(key: TrustedKey, *, claimed: datetime, proven: datetime | None) -> Check:
    """Whether what a key signed is believed as signed in the key's time. The code is `key.validity`.

    `claimed` is when the statement says that it was signed, `proven` the time before which it was signed for certain
    (RFC 3161), where there is one. The key's window must cover the claimed time, and no timestamp may be older than the key;
    one that was made after the key's end proves nothing about it, so that taking a timestamp away never helps. Of a
    compromised key only what is proven to be older than the compromise is believed: a thief can claim any time.
    """
    if not key.covers(claimed) or (proven is not None and proven < parse_moment(key.valid_from)):
        said = f"the statement says {moment(claimed)}"
        words = said if not key.covers(claimed) or proven is None else f"a timestamp is of {moment(proven)}"
        return broken("key.validity", f"the key is believed from {key.valid_from} to {key.valid_until} only; {words}")
    if key.compromised_at is None:
        words = f"the key was valid on {moment(claimed)}"
        if proven is not None and key.covers(proven):
            words = f"the key was valid on {moment(proven)}, when a timestamp proves that this existed"
        return passed("key.validity", words)
    since = parse_moment(key.compromised_at)
    if proven is not None and proven < since:
        words = f"the key was compromised on {key.compromised_at}, and a timestamp proves that this is older"
        return passed("key.validity", words)
    if claimed < since:
        words = f"the key was compromised on {key.compromised_at}, and nothing proves that this was signed before"
        return stale("key.validity", words)
    return broken("key.validity", f"the key was compromised on {key.compromised_at}, before this was signed")


def freshness(root: TrustRoot, *, now: datetime) -> Check:
    """Whether this trust root may still be the newest one. The code is `trust.root`.

    An expired one is STALE: a newer version may exist that says a key was stolen (TUF's defence against freezing).
    """
    if root.expires_at is None:
        words = (
            f"version {root.version} of the trust root names no expiry, so nobody can tell whether a newer one exists"
        )
        return not_checked("trust.root", words)
    if parse_moment(root.expires_at) < now.astimezone(UTC):
        words = f"version {root.version} of the trust root expired on {root.expires_at}; get its successors"
        return stale("trust.root", words)
    return passed("trust.root", f"version {root.version} of the trust root holds until {root.expires_at}")


def _envelope(value: object) -> ThresholdEnvelope:
    envelope = dsse.parse_threshold_envelope(value, "trust", max_bytes=MAX_BYTES)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise MalformedError("trust.payload_type", f"must be {PAYLOAD_TYPE}", at="trust.payloadType")
    return envelope


def _loaded(root: TrustRoot) -> TrustRoot:
    """The root, after every key and certificate in it was read once."""
    if root.version < 1:
        raise MalformedError("trust.version", "must be at least 1", at="trust.version")
    for key in root.keys:
        key.load()
    for i, authority in enumerate(root.timestamp_authorities):
        load_certificate_pem(authority.certificate_pem, at=f"trust.timestampAuthorities[{i}].certificatePem")
    return root


def _refuse_unsignable(root: TrustRoot) -> None:
    if root.created_at is None or root.expires_at is None:
        raise MalformedError("trust.validity", "a signed trust root says when it was made and when it expires")
    _refuse_backwards(root.created_at, root.expires_at, "the trust root")
    usable = len(root.counting_root_keys(root.created_at))
    if not 1 <= root.threshold <= usable:
        words = f"the threshold is {root.threshold}; it must be 1 to {usable}, the root keys that count at this time"
        raise MalformedError("trust.threshold", words)


def _refuse_backwards(start: Moment, end: Moment, what: str) -> None:
    if parse_moment(start) > parse_moment(end):
        raise MalformedError("trust.validity", f"{what} ends before it begins")
