"""What became of an attestation after it was issued: valid, revoked, suspended or superseded.

The format is the IETF Token Status List: a JWT of type `statuslist+jwt`, signed with ES256 by a key of the role `status`.

    header  {"alg": "ES256", "kid": <key id>, "typ": "statuslist+jwt"}
    claims  {"sub": <uri>, "iat", "exp", "ttl", "status_list": {"bits": 2, "lst": <base64url(zlib(packed states))>},
             "reasons": {"<idx>": {"reason", "at", "note"?, "supersededBy"?}}}        ours, and optional

Four states lie in a byte, the first in its lowest bits. A list is short-lived, at most a week: whoever holds an old one
cannot tell what has changed since, so a list that is missing or expired leaves the state undetermined, never valid.

Refuses, before anything is decompressed or parsed: what is larger than a list may be, and what no trusted key signed.
Refuses, as `MalformedError`: every header but the one above (`kid` may be absent), unknown claims (`log` is reserved for a
later version and may be there), duplicate keys, numbers that are no integers, another width than 2 bits, base64 that is
not exact, more states than `MAX_STATES`, a life of more than `MAX_LIFE`, reasons for entries that are valid or not there.

The service calls `encode`, the verifier `examine`. Nothing here opens a socket.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import cast

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from attestations import canonical, documents, kinds
from attestations.digests import Sha256
from attestations.documents import Moment, Name, parse_moment
from attestations.errors import CryptographicError, MalformedError
from attestations.findings import Check, Status, broken, not_checked, passed, rejected, stale
from attestations.keys import Signer, sign
from attestations.kinds import Kind
from attestations.packed_states import compress, decompress, from_base64url, pack, to_base64url, unpack
from attestations.predicate import StatusRef
from attestations.trust import TrustedKey, believed

CODE = "status"
TYPE = "statuslist+jwt"
MEDIA_TYPE = "application/statuslist+jwt"
BITS = 2
MAX_STATES = 1 << 20
MAX_TOKEN = 1024 * 1024
MAX_REASONS = 4096
MAX_LIFE = timedelta(days=7)
LIFE = timedelta(hours=24)
TTL = timedelta(hours=1)
CLOCK_TOLERANCE = timedelta(minutes=5)
_MAX_HEADER = 1024
_HAND_OVER = "and give it as the status list (`--status FILE`)"
_HALF = 32  # bytes of each number in a P-256 signature
_LAST_SECOND = 253402300799  # the end of the year 9999, beyond which Python has no dates
_URI = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_INDEX = re.compile(r"0|[1-9][0-9]{0,6}")
_REQUIRED = {"sub", "iat", "exp", "ttl", "status_list"}
_OPTIONAL = {"reasons", "log"}


class State(IntEnum):
    """The registered values of the format, and 3 as this project uses it."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2
    SUPERSEDED = 3


class Reason(StrEnum):
    """Why a state changed. What else there is to say stands in the `note`."""

    KEY_COMPROMISE = "key_compromise"
    ISSUED_IN_ERROR = "issued_in_error"
    EVIDENCE_WRONG = "evidence_wrong"
    SAFETY_FINDING = "safety_finding"
    BASE_MODEL_FINDING = "base_model_finding"
    DATA_FINDING = "data_finding"
    RIGHTS_WITHDRAWN = "rights_withdrawn"
    MODEL_WITHDRAWN = "model_withdrawn"
    UNDER_REVIEW = "under_review"
    NEWER_EVIDENCE = "newer_evidence"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class StateReason:
    """Why an entry is not valid, and since when. `superseded_by` is the payload digest of what replaces the attestation."""

    reason: Reason
    at: Moment
    note: str | None = None
    superseded_by: Sha256 | None = None

    def __post_init__(self) -> None:
        parse_moment(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """The states of all attestations under one uri, a byte each (a `State`), as of `issued_at`, in whole seconds.

    Unused entries are valid, so that a list does not tell how many attestations there are. `ttl` says how often to ask for
    a newer list; `expires_at` is when this one stops to count.
    """

    uri: Name
    issued_at: datetime
    expires_at: datetime
    ttl: timedelta = TTL
    states: bytes
    reasons: Mapping[int, StateReason] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _URI.fullmatch(self.uri):
            raise MalformedError("status.uri", "must be 1 to 200 printable characters", at="status.sub")
        if not 0 < len(self.states) <= MAX_STATES or self.states.translate(None, bytes(State)):
            raise MalformedError("status.states", f"a list has 1 to {MAX_STATES} states of {BITS} bits")
        life = self.expires_at - self.issued_at
        if not timedelta() < life <= MAX_LIFE:
            raise MalformedError("status.life", f"a list ends after its beginning and within {MAX_LIFE.days} days")
        if not timedelta() < self.ttl <= life:
            raise MalformedError("status.ttl", "is positive and no longer than the list's life", at="status.ttl")
        self._refuse_stray_reasons()

    def _refuse_stray_reasons(self) -> None:
        if len(self.reasons) > MAX_REASONS:
            raise MalformedError("status.reasons", f"a list gives at most {MAX_REASONS} reasons", at="status.reasons")
        for index, reason in self.reasons.items():
            at = f"status.reasons.{index}"
            if not 0 <= index < len(self.states) or self.states[index] == State.VALID:
                raise MalformedError("status.reasons", "gives a reason for an entry that is valid or not there", at=at)
            if reason.superseded_by is not None and self.states[index] != State.SUPERSEDED:
                raise MalformedError("status.reasons", "names a successor, but the entry is not superseded", at=at)

    def state(self, index: int) -> State | None:
        """The state of one entry; None where the list has none for it."""
        return State(self.states[index]) if 0 <= index < len(self.states) else None


def encode(listed: StatusList, signer: Signer) -> str:
    """The signed list, as it is published and as bundles carry it."""
    header = {"alg": "ES256", "kid": signer.key_id, "typ": TYPE}
    claims: dict[str, object] = {
        "sub": listed.uri,
        "iat": int(listed.issued_at.timestamp()),
        "exp": int(listed.expires_at.timestamp()),
        "ttl": int(listed.ttl.total_seconds()),
        "status_list": {"bits": BITS, "lst": to_base64url(compress(pack(listed.states, BITS)))},
    }
    if listed.reasons:
        claims["reasons"] = {str(index): documents.encode(why) for index, why in listed.reasons.items()}
    signed = f"{to_base64url(canonical.encode(header))}.{to_base64url(canonical.encode(claims))}"
    r, s = decode_dss_signature(sign(signer, signed.encode("ascii")))
    token = f"{signed}.{to_base64url(r.to_bytes(_HALF, 'big') + s.to_bytes(_HALF, 'big'))}"
    if len(token) > MAX_TOKEN:
        raise MalformedError("status.too_large", f"a list has at most {MAX_TOKEN} characters; start another list")
    return token


def read(unverified_jwt: str, keys: Iterable[TrustedKey]) -> tuple[StatusList, TrustedKey]:
    """The list and the key that signed it. Whether the list counts now, and the key did then, is `examine`'s question.

    Raises `CryptographicError` where none of the keys signed it, `MalformedError` where it is no list.
    """
    with kinds.expected(Kind.STATUS, unverified_jwt.encode("ascii", "replace")):
        return _read(unverified_jwt, keys)


def _read(unverified_jwt: str, keys: Iterable[TrustedKey]) -> tuple[StatusList, TrustedKey]:
    if len(unverified_jwt) > MAX_TOKEN:
        raise MalformedError("status.too_large", f"a status list has at most {MAX_TOKEN} characters")
    parts = unverified_jwt.split(".", 3)
    if len(parts) != 3:
        raise MalformedError("status.not_jwt", "a status list is three parts with dots between them")
    hint = _read_header(from_base64url(parts[0], "status.header", max_bytes=_MAX_HEADER))
    unverified_claims = from_base64url(parts[1], "status.claims", max_bytes=MAX_TOKEN)
    signature = from_base64url(parts[2], "status.signature", max_bytes=2 * _HALF)
    if len(signature) != 2 * _HALF:
        raise MalformedError("status.signature", f"an ES256 signature has {2 * _HALF} bytes", at="status.signature")
    key = _signed_by(signature, f"{parts[0]}.{parts[1]}".encode("ascii"), keys)
    if hint not in (None, key.key_id):
        raise MalformedError("status.kid", "names another key than the one that signed", at="status.header.kid")
    return _read_claims(unverified_claims), key


def examine(
    ref: StatusRef | None, unverified_jwt: str | None, keys: Sequence[TrustedKey], *, now: datetime
) -> tuple[Check, StatusList | None]:
    """What the list says of the entry that a statement names, and the list, where it is genuine and the right one.

    `keys` are those of the role `status`. Raises `MalformedError` where the token is no status list.
    """
    if ref is None:
        return not_checked(CODE, "the statement names no status list, so a later withdrawal is not known"), None
    if unverified_jwt is None or not keys:
        get = (
            "ask for a newer trust root: this one names no key for status lists"
            if not keys
            else f"get {ref.uri} {_HAND_OVER}"
        )
        return stale(CODE, f"whether it was withdrawn since is not known; {get}"), None
    try:
        listed, key = read(unverified_jwt, keys)
    except CryptographicError as error:
        return broken(CODE, error.sentence), None
    doubt = _doubt_about(key, listed) or _not_this_list(ref, listed, now)
    if doubt is not None:
        return doubt, None
    return _finding(ref, listed, now), listed


def _read_header(unverified: bytes) -> str | None:
    """The key hint, if there is one. The algorithm is that of the keys: the header may only agree."""
    header = canonical.parse_relaxed(unverified, what="the status list's header", max_bytes=_MAX_HEADER, max_depth=2)
    if not isinstance(header, dict):
        raise MalformedError("document.type", "must be an object", at="status.header")
    hint = header.pop("kid", None)
    if header != {"alg": "ES256", "typ": TYPE}:
        words = f'must hold "alg": "ES256" and "typ": "{TYPE}", may hold "kid", and nothing else'
        raise MalformedError("status.header", words, at="status.header")
    if hint is not None and not isinstance(hint, str):
        raise MalformedError("document.type", "must be a string", at="status.header.kid")
    return hint


def _signed_by(signature: bytes, message: bytes, keys: Iterable[TrustedKey]) -> TrustedKey:
    r, s = int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
    der = encode_dss_signature(r, s)
    for key in keys:
        if key.load().verifies(der, message):
            return key
    raise CryptographicError("status.signature", "no trusted status key signed the status list")


def _read_claims(signed: bytes) -> StatusList:
    claims = canonical.parse_relaxed(signed, what="the status list", max_bytes=MAX_TOKEN, max_depth=4)
    if not isinstance(claims, dict):
        raise MalformedError("document.type", "must be an object", at="status")
    _refuse_strange(claims, "status", required=_REQUIRED, optional=_OPTIONAL)
    packed = claims["status_list"]
    if not isinstance(packed, dict):
        raise MalformedError("document.type", "must be an object", at="status.status_list")
    _refuse_strange(packed, "status.status_list", required={"bits", "lst"}, optional=set())
    if packed["bits"] != BITS or isinstance(packed["bits"], bool):
        raise MalformedError("status.bits", f"must be {BITS}", at="status.status_list.bits")
    issued, expires, ttl = (_seconds(claims[name], f"status.{name}") for name in ("iat", "exp", "ttl"))
    return StatusList(
        uri=_text(claims["sub"], "status.sub"),
        issued_at=datetime.fromtimestamp(issued, UTC),
        expires_at=datetime.fromtimestamp(expires, UTC),
        ttl=timedelta(seconds=ttl),
        states=_read_states(_text(packed["lst"], "status.status_list.lst")),
        reasons=_read_reasons(claims.get("reasons", {})),
    )


def _read_states(unverified: str) -> bytes:
    compressed = from_base64url(unverified, "status.status_list.lst", max_bytes=MAX_TOKEN)
    return unpack(decompress(compressed, "status.status_list.lst", max_bytes=MAX_STATES * BITS // 8), BITS)


def _read_reasons(unverified: object) -> dict[int, StateReason]:
    if not isinstance(unverified, dict) or len(unverified) > MAX_REASONS:
        raise MalformedError("status.reasons", f"must be an object of at most {MAX_REASONS}", at="status.reasons")
    reasons = {}
    for index, reason in cast("dict[str, object]", unverified).items():
        if not _INDEX.fullmatch(index):
            raise MalformedError("status.reasons", "has a key that is no index of an entry", at="status.reasons")
        reasons[int(index)] = documents.decode(StateReason, reason, f"status.reasons.{index}")
    return reasons


def _doubt_about(key: TrustedKey, listed: StatusList) -> Check | None:
    """Why the key is not to be believed at the time that the list claims; nothing proves that time."""
    found = believed(key, claimed=listed.issued_at, proven=None)
    if found.status is Status.PASS:
        return None
    return Check(CODE, found.status, f"the status list does not count: {found.sentence}", found.exit_code)


def _not_this_list(ref: StatusRef, listed: StatusList, now: datetime) -> Check | None:
    if listed.uri != ref.uri:
        return stale(CODE, f"the status list is another one than {ref.uri}; get that {_HAND_OVER}")
    if listed.issued_at - now > CLOCK_TOLERANCE:
        return stale(CODE, f"the status list is of {_time(listed.issued_at)}, which this clock has not reached")
    return None


def _finding(ref: StatusRef, listed: StatusList, now: datetime) -> Check:
    state = listed.state(ref.idx)
    expired = now >= listed.expires_at
    if state is None:
        return stale(CODE, f"the status list has no entry {ref.idx}, so the state is not known")
    if state in (State.INVALID, State.SUPERSEDED) or (state is State.SUSPENDED and not expired):
        return rejected(CODE, _words(state, listed.reasons.get(ref.idx)))
    if expired:
        return stale(CODE, f"the status list ended at {_time(listed.expires_at)}; get {ref.uri} again {_HAND_OVER}")
    return passed(CODE, f"not withdrawn as of {_time(listed.issued_at)}; this counts until {_time(listed.expires_at)}")


def _words(state: State, why: StateReason | None) -> str:
    happened = {State.INVALID: "revoked", State.SUSPENDED: "suspended", State.SUPERSEDED: "superseded"}[state]
    if why is None:
        return f"{happened}; no reason is given"
    by = f" by the attestation {why.superseded_by.sha256[:16]}…" if why.superseded_by is not None else ""
    note = f" ({why.note})" if why.note is not None else ""
    return f"{happened}{by} on {why.at}: {why.reason.replace('_', ' ')}{note}"


def _refuse_strange(value: Mapping[str, object], at: str, *, required: set[str], optional: set[str]) -> None:
    missing, unknown = required - set(value), set(value) - required - optional
    if missing:
        raise MalformedError("document.missing_field", f"the field {min(missing)!r} is missing", at=at)
    if unknown:
        raise MalformedError("document.unknown_field", f"the field {min(unknown)[:80]!a} is not known here", at=at)


def _seconds(unverified: object, at: str) -> int:
    if not isinstance(unverified, int) or isinstance(unverified, bool) or not 0 <= unverified <= _LAST_SECOND:
        raise MalformedError("document.type", "must be a whole number of seconds, none after the year 9999", at=at)
    return unverified


def _text(unverified: object, at: str) -> str:
    if not isinstance(unverified, str):
        raise MalformedError("document.type", "must be a string", at=at)
    return unverified


def _time(at: datetime) -> str:
    return documents.moment(at)
