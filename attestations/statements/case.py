"""What the checks of attached statements start from, and the one way in which a signature on one is believed.

Called by `attestations.attachments` and the two modules that decide for it: `named` (what the attestation names) and
`later` (what was said about it afterwards).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from attestations import dsse, timestamps, trust
from attestations.bundle import Bundle, UnverifiedTimestamp
from attestations.digests import Sha256
from attestations.disclosure import Opening
from attestations.documents import Moment, parse_moment
from attestations.dsse import Envelope
from attestations.errors import CryptographicError
from attestations.findings import Check, Status, broken, stale
from attestations.plan import Plan
from attestations.statement import ResilienceStatement
from attestations.statements.frame import P_co, Predicate, Statement
from attestations.status import CLOCK_TOLERANCE
from attestations.trust import KeyRole, TrustedKey, TrustRoot

_K = TypeVar("_K", bound=Predicate)

_NAMES = {
    "plan.statement": "the signed plan",
    "provenance": "the provenance",
    "model.signing": "model.sig",
    "countersignature": "the countersignature",
    "notices": "the notice",
}
"""What a reader calls the statement that a check is about."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is known by now. `attestation` is the digest of the attestation's payload; `planned` is its plan where the bundle
    holds the one that it names; `proven` is a time before which it was signed for certain, where there is one; `openings`
    are those of the provenance."""

    parts: Bundle
    stated: ResilienceStatement
    planned: Plan | None
    root: TrustRoot
    now: datetime
    proven: datetime | None
    openings: tuple[Opening, ...]

    @property
    def attestation(self) -> Sha256:
        return Sha256.of(self.parts.envelope.unverified_payload)


@dataclass(frozen=True, slots=True)
class Attached(Generic[P_co]):
    """A statement of the bundle of which nothing but its form is known."""

    envelope: Envelope
    unverified: Statement[P_co]

    @property
    def digest(self) -> Sha256:
        """SHA-256 of the payload as it is in the bundle."""
        return Sha256.of(self.envelope.unverified_payload)


@dataclass(frozen=True, slots=True)
class Believed(Generic[P_co]):
    """What held of a statement, and the key that signed it."""

    predicate: P_co
    key: TrustedKey


@dataclass(frozen=True, slots=True)
class Signed:
    """A key that is believed for a signature, and the time before which the signature's own timestamp proves that it was
    made, where it has one."""

    key: TrustedKey
    proven: datetime | None


def of_kind(kind: type[_K], attached: Sequence[Attached[Predicate]]) -> list[Attached[_K]]:
    """Those of a type, in their order."""
    found = []
    for one in attached:
        predicate = one.unverified.predicate
        if isinstance(predicate, kind):
            found.append(Attached(one.envelope, Statement(one.unverified.subject, predicate)))
    return found


def believe(
    case: Case,
    envelope: Envelope,
    code: str,
    *,
    roles: Sequence[KeyRole],
    claimed: Moment,
    proven: datetime | None = None,
) -> Signed | Check:
    """The key in one of these roles that made the signature, in its time; or what is wrong with it, under this code.

    `proven` is a time before which the payload existed for certain, if the signature has no timestamp of its own. It may lie
    long after the signature, so it is needed only where the claimed time alone is not believed.
    """
    if parse_moment(claimed) - case.now > CLOCK_TOLERANCE:
        return stale(code, f"is dated {claimed}, which this clock has not reached")
    key = _signer(case.root, envelope, roles)
    if key is None:
        return broken(code, _no_signer(case.root, envelope, roles, what=_NAMES[code]))
    stamps = stamps_over(envelope, case.parts)
    stamped, own = timestamps.check(stamps, envelope.signature, case.root.timestamp_authorities, now=case.now)
    if stamped.status is Status.FAIL:
        return replace(stamped, code=code)
    doubts = []
    for known in (None, own, proven):
        found = trust.believed(key, claimed=parse_moment(claimed), proven=known)
        if found.status is Status.PASS:
            return Signed(key, own)
        doubts.append(found)
    return replace(doubts[0], code=code)


def stamps_over(envelope: Envelope, parts: Bundle) -> tuple[UnverifiedTimestamp, ...]:
    """The timestamps of a bundle that are said to be over this signature."""
    over = hashlib.sha256(envelope.signature).hexdigest()
    return tuple(one for one in parts.unverified_timestamps if one.over == over)


def _signer(root: TrustRoot, envelope: Envelope, roles: Sequence[KeyRole]) -> TrustedKey | None:
    keys = [key for key in root.keys if key.role in roles]
    keys.sort(key=lambda key: key.key_id != envelope.key_id)  # the hint saves time and decides nothing
    try:
        made_by = dsse.verify(envelope, (key.load() for key in keys)).key
    except CryptographicError:
        return None
    return next(key for key in keys if key.key_id == made_by.key_id)


def _no_signer(root: TrustRoot, envelope: Envelope, roles: Sequence[KeyRole], *, what: str) -> str:
    other = _signer(root, envelope, [role for role in KeyRole if role not in roles])
    if other is None:
        why = f"the trust root knows no key for {what}, or somebody changed it"
        return f"no trusted key made its signature over these bytes: {why}; {trust.GET_NEWEST}"
    return f"{what} is signed by a key in the role {other.role}, which may not say this"
