"""Whatever order keys are changed in, buyers accept each next version, and old evidence keeps its key."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.issuance import trust_changes
from api.issuance.errors import TrustChangeError
from attestations import trust, trust_update
from attestations.documents import moment
from attestations.errors import MalformedError
from attestations.findings import Status
from attestations.keys import LocalSigner
from attestations.trust import KeyRole, TrustRoot

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = [LocalSigner.generate() for _ in range(12)]
ROOT, ISSUER, STATUS, *FRESH = KEYS
FIRST = trust_changes.first_root(
    trust_changes.FirstRoot(
        issuer="https://i", issuer_pem=ISSUER.public_pem, status_pem=STATUS.public_pem, root_pems=(ROOT.public_pem,), threshold=1
    ),
    now=NOW,
)  # fmt: skip


def signed(root: TrustRoot, *signers: LocalSigner) -> bytes:
    return trust.encode_file(trust.seal(root, signers or [ROOT]))


def fresh(index: int, role: KeyRole, now: datetime, owner: str | None = None) -> trust.TrustedKey:
    return trust_changes.new_key(FRESH[index].public_pem, role, now, owner=owner)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["issuer", "status", "evaluator", "compromise", "renew"]),
            st.integers(-3, 400),
            st.integers(0, 30),
        ),
        max_size=len(FRESH),
    )
)
def test_every_change_is_a_successor_that_buyers_accept(steps: list[tuple[str, int, int]]) -> None:
    """Also where the clock goes back by some days between two changes."""
    root, now = FIRST, NOW
    for index, (what, days, more) in enumerate(steps):
        now += timedelta(days=days)
        if what in {"issuer", "status"}:
            new = fresh(index, KeyRole(what), now)
            successor = trust_changes.rotated(root, new, retire_at=now + timedelta(days=more), now=now)
        elif what == "evaluator":
            successor = trust_changes.with_key(root, fresh(index, KeyRole.EVALUATOR, now, "they"), now=now)
        elif what == "compromise":
            key = root.issuer_keys()[-1]
            if key.compromised_at is not None:
                continue
            successor = trust_changes.compromised(root, key.key_id, at=now - timedelta(days=more), now=now)
        else:
            successor = trust_changes.renewed(root, now=now)
        root = trust_update.update(root, signed(successor))
    assert {key.key_id for key in FIRST.keys} <= {key.key_id for key in root.keys}


def test_evidence_of_a_retired_key_verifies_at_its_time_and_not_after() -> None:
    later = NOW + timedelta(days=100)
    root = trust_changes.rotated(FIRST, fresh(0, KeyRole.ISSUER, later), retire_at=later + timedelta(days=7), now=later)
    old, new = root.issuer_keys()
    assert old.key_id == ISSUER.key_id
    for days, old_status, new_status in (
        (50, Status.PASS, Status.FAIL),
        (105, Status.PASS, Status.PASS),
        (108, Status.FAIL, Status.PASS),
    ):
        at = NOW + timedelta(days=days)
        assert trust.believed(old, claimed=at, proven=None).status is old_status
        assert trust.believed(new, claimed=at, proven=None).status is new_status


def test_a_stolen_keys_later_evidence_falls_and_its_earlier_evidence_needs_proof() -> None:
    stolen_at, now = NOW + timedelta(days=20), NOW + timedelta(days=30)
    root = trust_changes.compromised(FIRST, ISSUER.key_id[:8], at=stolen_at, now=now)
    key = trust_update.update(FIRST, signed(root)).issuer_keys()[0]
    before, after = NOW + timedelta(days=10), NOW + timedelta(days=25)
    assert trust.believed(key, claimed=after, proven=None).status is Status.FAIL
    assert trust.believed(key, claimed=before, proven=None).status is Status.STALE
    assert trust.believed(key, claimed=before, proven=before).status is Status.PASS


def test_a_compromise_is_found_by_the_beginning_of_the_id_and_never_moved_on() -> None:
    stolen = trust_changes.compromised(FIRST, ISSUER.key_id, at=NOW, now=NOW)
    for key_id in ("", ISSUER.key_id[:7], "0" * 64):
        with pytest.raises(TrustChangeError, match="keys begin"):
            trust_changes.compromised(FIRST, key_id, at=NOW, now=NOW)
    later = NOW + timedelta(days=1)
    with pytest.raises(TrustChangeError, match="never taken back"):
        trust_changes.compromised(stolen, ISSUER.key_id, at=later, now=later)
    with pytest.raises(TrustChangeError, match="future"):
        trust_changes.compromised(FIRST, ISSUER.key_id, at=later, now=NOW)


def test_the_last_root_key_cannot_be_given_up_without_another() -> None:
    with pytest.raises(MalformedError, match="threshold"):
        trust_changes.compromised(FIRST, ROOT.key_id, at=NOW, now=NOW)


def test_root_keys_are_replaced_by_people_who_keep_them() -> None:
    keepers = FRESH[:3]
    successor = trust_changes.with_roots(FIRST, [one.public_pem for one in keepers], 2, now=NOW)
    assert trust_update.update(FIRST, signed(successor, ROOT, *keepers[:2])) == successor
    assert [key.key_id for key in successor.keys_of(KeyRole.ROOT)] == [one.key_id for one in keepers]
    stays = trust_changes.with_roots(successor, [keepers[0].public_pem], 1, now=NOW + timedelta(days=5))
    assert stays.keys_of(KeyRole.ROOT)[0] == successor.keys_of(KeyRole.ROOT)[0]
    for threshold in (0, 4):
        with pytest.raises(MalformedError):
            trust.parse(
                signed(trust_changes.with_roots(FIRST, [one.public_pem for one in keepers], threshold, now=NOW))
            )


def test_a_key_that_is_known_is_no_new_one() -> None:
    with pytest.raises(TrustChangeError, match="knows"):
        trust_changes.rotated(FIRST, FIRST.issuer_keys()[0], retire_at=NOW, now=NOW)
    with pytest.raises(TrustChangeError, match="in the past"):
        trust_changes.rotated(FIRST, fresh(0, KeyRole.ISSUER, NOW), retire_at=NOW - timedelta(seconds=1), now=NOW)


def test_an_unsigned_root_is_taken_over_with_its_times() -> None:
    old_key = trust.trusted_key(ISSUER.public_pem, "2025-01-01T00:00:00Z", "2026-12-31T00:00:00Z")
    gone = trust.trusted_key(FRESH[0].public_pem, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")
    old = TrustRoot(version=3, issuer="https://i", keys=(old_key, gone))
    taken = trust_changes.upgraded(old, FIRST)
    assert taken.issuer_keys() == (old_key, gone)
    assert trust.parse(signed(taken)) == taken
    with pytest.raises(TrustChangeError, match="belongs to"):
        trust_changes.upgraded(replace(old, issuer="https://other"), FIRST)


def test_the_keys_times_are_those_of_their_roles() -> None:
    ends = {key.role: key.valid_until for key in FIRST.keys}
    assert ends[KeyRole.ISSUER] == moment(NOW + timedelta(days=730))
    assert ends[KeyRole.ROOT] == moment(NOW + timedelta(days=3650))
    assert FIRST.expires_at == moment(NOW + timedelta(days=400))
