"""The chain of trust roots: what TUF's root rules refuse, and what an issuer may not take back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import trust, trust_update
from attestations.errors import AttestationError, CryptographicError, MalformedError, StaleError
from attestations.keys import LocalSigner
from attestations.trust import KeyRole, TrustRoot
from tests.attestations.evidence import make_trust
from tests.attestations.trust_roots import EVALUATOR, ISSUERS, ROOTS, file_of, key_of, make_root, with_key

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CURRENT = make_root()


def next_root(current: TrustRoot = CURRENT, **changes: object) -> TrustRoot:
    fields = {"version": current.version + 1, "created_at": "2026-03-01T00:00:00Z", **changes}
    return replace(current, **fields)


def rotated(new: Sequence[LocalSigner], threshold: int) -> TrustRoot:
    """A successor of CURRENT with other root keys."""
    kept = tuple(key for key in CURRENT.keys if key.role is not KeyRole.ROOT)
    return next_root(keys=(*(key_of(signer, KeyRole.ROOT) for signer in new), *kept), threshold=threshold)


def test_a_successor_that_enough_keys_signed_is_believed() -> None:
    successor = next_root(keys=(*CURRENT.keys, key_of(ISSUERS[1])))
    assert trust_update.update(CURRENT, file_of(successor, ROOTS[:2])) == successor


@given(signed_by=st.sets(st.integers(0, 4)))
def test_root_keys_change_only_by_the_thresholds_of_the_old_and_of_the_new(signed_by: set[int]) -> None:
    """Old keys 0 to 2, threshold 2; new keys 2 to 4, threshold 2: key 2 counts on both sides."""
    successor = rotated(ROOTS[2:5], 2)
    content = file_of(successor, [ROOTS[i] for i in signed_by])
    if len(signed_by & {0, 1, 2}) >= 2 and len(signed_by & {2, 3, 4}) >= 2:
        assert trust_update.update(CURRENT, content) == successor
    else:
        with pytest.raises(CryptographicError):
            trust_update.update(CURRENT, content)


@given(version=st.integers(1, 12))
def test_versions_are_neither_skipped_nor_rolled_back_nor_repeated(version: int) -> None:
    current = replace(CURRENT, version=6)
    content = file_of(next_root(current, version=version))
    if version == 7:
        assert trust_update.update(current, content).version == 7
    else:
        with pytest.raises(CryptographicError) as caught:
            trust_update.update(current, content)
        assert caught.value.code == "trust.version"


@given(order=st.permutations([2, 3, 4]))
def test_a_chain_is_followed_in_its_order_alone(order: list[int]) -> None:
    files = [file_of(next_root(version=version)) for version in order]
    if order == [2, 3, 4]:
        assert trust_update.follow(CURRENT, files, now=NOW).version == 4
    else:
        with pytest.raises(CryptographicError):
            trust_update.follow(CURRENT, files, now=NOW)


def test_expiry_is_asked_for_at_the_end_of_the_chain_alone() -> None:
    expired = next_root(expires_at="2026-03-02T00:00:00Z")
    fresh = next_root(expired, created_at="2026-03-02T00:00:00Z", expires_at="2026-12-01T00:00:00Z")
    assert trust_update.follow(CURRENT, [file_of(expired), file_of(fresh)], now=NOW) == fresh
    with pytest.raises(StaleError) as caught:
        trust_update.follow(CURRENT, [file_of(expired)], now=NOW)
    assert caught.value.exit_code == 4
    with pytest.raises(StaleError):
        trust_update.follow(replace(CURRENT, expires_at="2026-03-02T00:00:00Z"), [], now=NOW)


def test_a_compromised_root_key_signs_nothing_more() -> None:
    """Two of three are needed and the third is stolen: what the thief signs with one of the others' help is refused."""
    stolen = replace(CURRENT, keys=with_key(CURRENT, ROOTS[2].key_id, compromised_at="2026-02-20T00:00:00Z"))
    assert trust_update.update(stolen, file_of(next_root(stolen), ROOTS[:2])).version == 2
    with pytest.raises(CryptographicError):
        trust_update.update(stolen, file_of(next_root(stolen), ROOTS[1:3]))
    forgiving = next_root(keys=CURRENT.keys)
    with pytest.raises(CryptographicError):
        trust_update.update(stolen, file_of(forgiving, ROOTS[1:3]))


def test_a_root_key_signs_nothing_made_outside_its_window() -> None:
    ended = replace(CURRENT, keys=with_key(CURRENT, ROOTS[0].key_id, valid_until="2026-02-15T00:00:00Z"))
    with pytest.raises(CryptographicError):
        trust_update.update(ended, file_of(next_root(ended), ROOTS[:2]))
    assert trust_update.update(ended, file_of(next_root(ended), ROOTS[1:3])).version == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"issuer": "https://somebody.else"}, "trust.issuer"),
        ({"created_at": "2026-01-31T00:00:00Z"}, "trust.created_at"),
        ({"keys": CURRENT.keys[:-1]}, "trust.rewritten"),
        ({"keys": with_key(CURRENT, EVALUATOR.key_id, owner="somebody else")}, "trust.rewritten"),
        ({"keys": with_key(CURRENT, EVALUATOR.key_id, role=KeyRole.BUYER)}, "trust.rewritten"),
        ({"keys": with_key(CURRENT, ISSUERS[0].key_id, valid_from="2026-01-02T00:00:00Z")}, "trust.rewritten"),
        ({"keys": with_key(CURRENT, ISSUERS[0].key_id, valid_until="2026-02-28T23:59:59Z")}, "trust.rewritten"),
    ],
)
def test_an_issuer_cannot_rewrite_what_its_keys_have_said(changes: dict, code: str) -> None:
    with pytest.raises(CryptographicError) as caught:
        trust_update.update(CURRENT, file_of(next_root(**changes)))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (None, "2026-02-01T00:00:00Z", True),
        ("2026-02-10T00:00:00Z", "2026-02-01T00:00:00Z", True),
        ("2026-02-10T00:00:00Z", "2026-02-10T00:00:00Z", True),
        ("2026-02-10T00:00:00Z", "2026-02-11T00:00:00Z", False),
        ("2026-02-10T00:00:00Z", None, False),
    ],
)
def test_a_compromise_is_never_taken_back(before: str | None, after: str | None, allowed: bool) -> None:
    current = replace(CURRENT, keys=with_key(CURRENT, ISSUERS[0].key_id, compromised_at=before))
    content = file_of(next_root(current, keys=with_key(CURRENT, ISSUERS[0].key_id, compromised_at=after)))
    if allowed:
        assert trust_update.update(current, content).version == 2
    else:
        with pytest.raises(CryptographicError, match="takes back"):
            trust_update.update(current, content)


def test_a_key_may_be_retired_from_now_on_and_root_keys_may_leave() -> None:
    retired = next_root(keys=with_key(CURRENT, ISSUERS[0].key_id, valid_until="2026-03-01T00:00:00Z"))
    assert trust_update.update(CURRENT, file_of(retired)) == retired
    assert trust_update.update(CURRENT, file_of(rotated(ROOTS[:2], 2))).threshold == 2


def test_format_1_has_no_successor_and_is_none() -> None:
    old = trust.parse(make_trust(ISSUERS[0]))
    with pytest.raises(CryptographicError, match="no root keys"):
        trust_update.update(old, file_of(next_root()))
    with pytest.raises(MalformedError):
        trust_update.update(CURRENT, make_trust(ISSUERS[0]))


def test_a_chain_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_update, "MAX_UPDATES", 2)
    with pytest.raises(MalformedError):
        trust_update.follow(CURRENT, [file_of(next_root(version=version)) for version in (2, 3, 4)], now=NOW)


CONTENT = file_of(next_root())


@given(position=st.integers(0, len(CONTENT) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_is_believed(position: int, bit: int) -> None:
    """Three keys signed and two are needed, so one signature or hint may be lost; the document never changes."""
    flipped = bytearray(CONTENT)
    flipped[position] ^= 1 << bit
    try:
        believed = trust_update.update(CURRENT, bytes(flipped))
    except AttestationError:
        return
    assert believed == next_root()
