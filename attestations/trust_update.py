"""From the trust root that a buyer has to the newest one: the root rules of The Update Framework (TUF, section 5.3).

A successor is believed when

 1. a threshold of the root keys of the version before signed it, and
 2. a threshold of its own root keys signed it (5.3.4);
 3. its version is the one before plus one, neither skipped nor rolled back (5.3.5);
 4. at the end of the chain, and there alone, it has not expired (5.3.10).

Evidence must hold against its own issuer, so beyond TUF a successor may not rewrite what was said before:

 5. its issuer is the same, and it was not made before its predecessor;
 6. every key but a root key stays, in its role and under its owner; its window is not cut behind the moment at which the
    successor was made, and a compromise is neither taken back nor moved to a later time.

So what verified under version N verifies under N+1, unless N+1 says in the open that a key was stolen. Pure; the files
`N.root.json` are read by `tuneproof trust update` and written by the service's key commands.
"""

from collections.abc import Iterable
from datetime import datetime

from attestations import dsse, trust
from attestations.documents import Moment, parse_moment
from attestations.errors import CryptographicError, MalformedError, StaleError
from attestations.findings import Status
from attestations.trust import KeyRole, TrustedKey, TrustRoot

MAX_UPDATES = 1024


def update(current: TrustRoot, unverified_successor: bytes) -> TrustRoot:
    """The next version, whether or not it has expired by now: only the end of the chain must not have.

    Raises `CryptographicError` where it does not follow from `current`, `MalformedError` where it cannot be read.
    """
    envelope = trust.parse_envelope(unverified_successor)
    if not current.threshold:
        words = "a trust root of format 1 names no root keys; get the new one by the way that brought you the old one"
        raise CryptographicError("trust.format_1", words)
    successor = trust.parse_payload(envelope)
    if successor.version != current.version + 1:
        words = f"version {successor.version} does not follow version {current.version}; every version is needed"
        raise CryptographicError("trust.version", words)
    made = successor.created_at or ""
    for root in (current, successor):  # the old ones first: they say whether to listen at all
        dsse.verify_threshold(envelope, root.counting_root_keys(made), root.threshold)
    _refuse_rewriting(current, successor, made)
    return successor


def advance(current: TrustRoot, unverified_successors: Iterable[bytes]) -> TrustRoot:
    """The last of a chain of successors in their order, without the fourth rule. Raises as `update`."""
    for count, unverified in enumerate(unverified_successors, start=1):
        if count > MAX_UPDATES:
            raise MalformedError("trust.too_many", f"there are more than {MAX_UPDATES} successors")
        current = update(current, unverified)
    return current


def follow(current: TrustRoot, unverified_successors: Iterable[bytes], *, now: datetime) -> TrustRoot:
    """The newest of a chain of successors. Raises as `update`, and `StaleError` where the newest has expired."""
    newest = advance(current, unverified_successors)
    fresh = trust.freshness(newest, now=now)
    if fresh.status is Status.STALE:
        raise StaleError("trust.expired", fresh.sentence)
    return newest


def _refuse_rewriting(current: TrustRoot, successor: TrustRoot, made: Moment) -> None:
    if successor.issuer != current.issuer:
        raise CryptographicError("trust.issuer", "the successor is of another issuer")
    if current.created_at is not None and parse_moment(made) < parse_moment(current.created_at):
        raise CryptographicError("trust.created_at", "the successor was made before the version that it follows")
    kept = {key.key_id: key for key in successor.keys}
    for key in current.keys:
        if key.role is not KeyRole.ROOT and (fault := _rewriting(key, kept.get(key.key_id), made)):
            raise CryptographicError("trust.rewritten", f"the successor {fault} the {key.role} key {key.key_id[:16]}…")


def _rewriting(old: TrustedKey, new: TrustedKey | None, made: Moment) -> str | None:
    """What a successor does to a key and may not; None where it is as it was or was changed as is allowed."""
    if new is None:
        return "leaves out"
    if (new.role, new.owner) != (old.role, old.owner):
        return "gives another role or owner to"
    if parse_moment(new.valid_from) > parse_moment(old.valid_from):
        return "begins later to believe"
    if parse_moment(new.valid_until) < min(parse_moment(old.valid_until), parse_moment(made)):
        return "ends in the past its belief in"
    if old.compromised_at is not None and (
        new.compromised_at is None or parse_moment(new.compromised_at) > parse_moment(old.compromised_at)
    ):
        return "takes back the compromise of"
    return None
