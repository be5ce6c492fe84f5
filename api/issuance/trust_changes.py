"""What the next version of a trust root says after a change of keys. Pure: values in, the unsigned successor out.

Every function gives a successor that `attestations.trust_update` accepts once it is signed, or raises ``TrustChangeError``;
a key is never taken out, as evidence that it signed must go on verifying. Times come from the caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from api.issuance.errors import TrustChangeError
from attestations.documents import moment, parse_moment
from attestations.trust import KeyRole, TimestampAuthority, TrustedKey, TrustRoot, trusted_key

KEY_DAYS = 2 * 365
ROOT_KEY_DAYS = 10 * 365
TRUST_DAYS = 400
"""How long a trust root holds: its keepers meet once a year, with a month to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRoot:
    """What version 1 begins with: public halves in PEM, and how many root keys must sign."""

    issuer: str
    issuer_pem: str
    status_pem: str
    root_pems: tuple[str, ...]
    threshold: int


def new_key(pem: str, role: KeyRole, now: datetime, *, owner: str | None = None) -> TrustedKey:
    """A key that is believed from now on, for as long as its role's keys are."""
    days = ROOT_KEY_DAYS if role is KeyRole.ROOT else KEY_DAYS
    return trusted_key(pem, moment(now), moment(now + timedelta(days=days)), role=role, owner=owner)


def first_root(parts: FirstRoot, *, now: datetime) -> TrustRoot:
    roots = tuple(new_key(pem, KeyRole.ROOT, now) for pem in parts.root_pems)
    return TrustRoot(
        version=1,
        issuer=parts.issuer,
        keys=(*roots, new_key(parts.issuer_pem, KeyRole.ISSUER, now), new_key(parts.status_pem, KeyRole.STATUS, now)),
        threshold=parts.threshold,
        created_at=moment(now),
        expires_at=moment(now + timedelta(days=TRUST_DAYS)),
    )


def upgraded(old: TrustRoot, fresh: TrustRoot) -> TrustRoot:
    """`fresh`, in which every key of a root of format 1 is believed for as long as it was there."""
    if old.issuer != fresh.issuer:
        raise TrustChangeError(f"the trust root that is there belongs to {old.issuer}; set TUNEPROOF_ISSUER to that")
    known = {key.key_id: key for key in old.keys}
    keys = tuple(known.pop(key.key_id, key) for key in fresh.keys)
    return replace(fresh, keys=(*keys, *known.values()))


def rotated(root: TrustRoot, new: TrustedKey, *, retire_at: datetime, now: datetime) -> TrustRoot:
    """The successor with a new key, in which the role's others are believed until `retire_at` at most."""
    _refuse_known(root, new.key_id)
    if retire_at < now:
        raise TrustChangeError("a key cannot be retired in the past, as evidence that it signed would fall with it")
    end = moment(max(retire_at, _made(root, now)))
    keys = tuple(
        replace(key, valid_until=min(key.valid_until, end)) if key.role is new.role and key.valid_from <= end else key
        for key in root.keys
    )
    return _successor(root, (*keys, new), now)


def compromised(root: TrustRoot, key_id: str, *, at: datetime, now: datetime) -> TrustRoot:
    """The successor that says since when somebody else may have had a key, named by its id or the beginning of it."""
    key = find(root, key_id)
    if at > now:
        raise TrustChangeError("the compromise lies in the future")
    if key.compromised_at is not None and parse_moment(key.compromised_at) < at:
        raise TrustChangeError(
            f"the key is known to be compromised since {key.compromised_at}; that is never taken back"
        )
    changed = replace(key, compromised_at=moment(at))
    return _successor(root, tuple(changed if one is key else one for one in root.keys), now)


def with_key(root: TrustRoot, new: TrustedKey, *, now: datetime) -> TrustRoot:
    _refuse_known(root, new.key_id)
    return _successor(root, (*root.keys, new), now)


def with_authority(root: TrustRoot, new: TimestampAuthority, *, now: datetime) -> TrustRoot:
    successor = _successor(root, root.keys, now)
    return replace(successor, timestamp_authorities=(*root.timestamp_authorities, new))


def with_roots(root: TrustRoot, pems: Sequence[str], threshold: int, *, now: datetime) -> TrustRoot:
    """The successor under other root keys; those that stay keep their window, and a stolen one cannot stay."""
    known = {key.public_key_pem: key for key in root.keys if key.role is KeyRole.ROOT}
    roots = tuple(known.get(pem) or new_key(pem, KeyRole.ROOT, now) for pem in pems)
    others = tuple(key for key in root.keys if key.role is not KeyRole.ROOT)
    return _successor(root, (*roots, *others), now, threshold=threshold)


def renewed(root: TrustRoot, *, now: datetime) -> TrustRoot:
    """The same, with a later expiry."""
    return _successor(root, root.keys, now)


def find(root: TrustRoot, key_id: str) -> TrustedKey:
    found = [key for key in root.keys if key.key_id.startswith(key_id)]
    if len(key_id) < 8 or len(found) != 1:
        raise TrustChangeError(f"{len(found)} keys begin with {key_id!r}; give at least 8 digits of one key's id")
    return found[0]


def _successor(
    root: TrustRoot, keys: tuple[TrustedKey, ...], now: datetime, *, threshold: int | None = None
) -> TrustRoot:
    made = _made(root, now)
    return replace(
        root,
        version=root.version + 1,
        keys=keys,
        threshold=root.threshold if threshold is None else threshold,
        created_at=moment(made),
        expires_at=moment(made + timedelta(days=TRUST_DAYS)),
    )


def _made(root: TrustRoot, now: datetime) -> datetime:
    """When the successor is made: a clock that went back must not make it seem older than the version before."""
    return max(now, parse_moment(root.created_at or moment(now)))


def _refuse_known(root: TrustRoot, key_id: str) -> None:
    if any(key.key_id == key_id for key in root.keys):
        raise TrustChangeError(f"the trust root knows the key {key_id[:16]}… already; a new key is needed")
