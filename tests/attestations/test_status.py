"""Status lists: what they say of an attestation, and that nothing but a fresh, genuine list says that it still holds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import canonical, status
from attestations.documents import moment
from attestations.errors import CryptographicError, MalformedError
from attestations.findings import ExitCode, Status
from attestations.keys import LocalSigner
from attestations.packed_states import from_base64url
from attestations.predicate import StatusRef
from attestations.status import Reason, State, StateReason, StatusList
from tests.attestations.signers import MixedSigner
from tests.attestations.status_lists import (
    INVALID,
    ISSUED,
    KEYS,
    LISTED,
    NOW,
    SIGNER,
    SUPERSEDED,
    SUSPENDED,
    TOKEN,
    UNEXPLAINED,
    URI,
    VALID,
    check,
    jwt,
    opened,
    trusted,
)


def test_what_another_key_signed_is_no_list() -> None:
    with pytest.raises(CryptographicError) as caught:
        status.encode(LISTED, MixedSigner(published=SIGNER, signing=LocalSigner.generate()))
    assert caught.value.code == "key.wrong_signer"


def test_a_list_reads_back_as_itself() -> None:
    assert status.read(TOKEN, KEYS) == (LISTED, KEYS[0])
    header, claims = opened()
    assert header == {"alg": "ES256", "kid": SIGNER.key_id, "typ": "statuslist+jwt"}
    assert (claims["exp"] - claims["iat"], claims["ttl"]) == (24 * 3600, 3600)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (INVALID, "revoked on 2026-02-28T09:00:00Z: evidence wrong (the second judge was misread)"),
        (SUSPENDED, "suspended on 2026-03-01T08:00:00Z: under review"),
        (SUPERSEDED, "superseded by the attestation abababababababab… on 2026-02-20T00:00:00Z: newer evidence"),
        (UNEXPLAINED, "revoked; no reason is given"),
    ],
)
def test_what_was_withdrawn_is_rejected_with_the_reason(index: int, words: str) -> None:
    found = check(TOKEN, index)
    assert (found.code, found.status, found.exit_code) == ("status", Status.FAIL, ExitCode.POLICY)
    assert found.sentence == words


def test_a_fresh_list_says_that_nothing_was_withdrawn() -> None:
    found = check(TOKEN)
    assert (found.status, found.exit_code) == (Status.PASS, ExitCode.ACCEPT)
    assert "as of 2026-03-01T12:00:00Z" in found.sentence
    assert "until 2026-03-02T12:00:00Z" in found.sentence


def test_the_list_counts_to_its_last_second_and_from_five_minutes_before_its_first() -> None:
    assert check(TOKEN, now=LISTED.expires_at - timedelta(seconds=1)).status is Status.PASS
    ended = check(TOKEN, now=LISTED.expires_at)
    assert ended.status is Status.STALE
    assert ended.sentence.endswith(f"; get {URI} again and give it as the status list (`--status FILE`)")
    assert check(TOKEN, now=ISSUED - timedelta(minutes=5)).status is Status.PASS
    assert check(TOKEN, now=ISSUED - timedelta(minutes=5, seconds=1)).status is Status.STALE


@pytest.mark.parametrize("index", [INVALID, SUPERSEDED])
def test_what_is_final_stays_final_when_the_list_has_ended(index: int) -> None:
    assert check(TOKEN, index, now=NOW + timedelta(days=30)).exit_code is ExitCode.POLICY


def test_a_suspension_may_have_been_lifted_since_the_list_ended() -> None:
    assert check(TOKEN, SUSPENDED, now=NOW + timedelta(days=30)).status is Status.STALE


@pytest.mark.parametrize("index", [VALID, INVALID])
def test_a_list_from_the_future_says_nothing_yet(index: int) -> None:
    assert check(TOKEN, index, now=ISSUED - timedelta(days=1)).status is Status.STALE


def test_without_a_list_the_state_is_undetermined() -> None:
    found = check(None)
    assert (found.status, found.exit_code) == (Status.STALE, ExitCode.UNDETERMINED)
    assert found.sentence.endswith(f"; get {URI} and give it as the status list (`--status FILE`)")


def test_without_a_status_key_in_the_trust_root_the_state_is_undetermined() -> None:
    assert check(TOKEN, keys=()).status is Status.STALE


def test_a_statement_that_names_no_list_is_not_checked_whatever_the_bundle_holds() -> None:
    for token in (None, TOKEN, "no token"):
        found, _ = status.examine(None, token, KEYS, now=NOW)
        assert (found.status, found.exit_code) == (Status.NOT_CHECKED, ExitCode.ACCEPT)


def test_a_list_of_somebody_else_or_without_the_entry_is_undetermined() -> None:
    other = status.encode(replace(LISTED, uri=URI + "0"), SIGNER)
    assert check(other).status is Status.STALE
    assert check(other).sentence.endswith("; get that and give it as the status list (`--status FILE`)")
    assert check(other, INVALID).status is Status.STALE
    assert check(TOKEN, len(LISTED.states)).status is Status.STALE
    assert check(TOKEN, 2**53 - 1).status is Status.STALE


def test_only_a_genuine_list_in_its_time_is_handed_out() -> None:
    ref = StatusRef(URI, VALID)
    assert status.examine(ref, TOKEN, KEYS, now=NOW)[1] == LISTED
    assert status.examine(ref, TOKEN, KEYS, now=LISTED.expires_at)[1] == LISTED
    assert status.examine(ref, TOKEN, KEYS, now=ISSUED - timedelta(days=1))[1] is None
    assert status.examine(replace(ref, uri="other"), TOKEN, KEYS, now=NOW)[1] is None
    assert status.examine(ref, TOKEN, (trusted(LocalSigner.generate()),), now=NOW)[1] is None


def test_a_strangers_list_is_a_broken_signature() -> None:
    stranger = LocalSigner.generate()
    for token in (status.encode(LISTED, stranger), jwt(*opened(), stranger)):  # the second with our key's hint
        found = check(token)
        assert (found.status, found.exit_code) == (Status.FAIL, ExitCode.CRYPTOGRAPHIC)


def test_any_of_several_trusted_keys_may_have_signed() -> None:
    keys = (trusted(LocalSigner.generate()), KEYS[0])
    assert check(TOKEN, keys=keys).status is Status.PASS


@pytest.mark.parametrize(
    "changes",
    [{"valid_from": "2026-03-01T12:00:01Z"}, {"valid_until": "2026-03-01T11:59:59Z"}],
)
def test_a_key_counts_in_its_time_alone(changes: dict) -> None:
    found = check(TOKEN, keys=(trusted(SIGNER, **changes),))
    assert (found.status, found.exit_code) == (Status.FAIL, ExitCode.CRYPTOGRAPHIC)
    assert found.code == "status"


def test_a_compromised_key_says_nothing_that_can_be_relied_on() -> None:
    later = check(TOKEN, keys=(trusted(SIGNER, compromised_at="2026-03-01T11:59:59Z"),))
    assert later.exit_code is ExitCode.CRYPTOGRAPHIC
    earlier = check(TOKEN, keys=(trusted(SIGNER, compromised_at="2026-03-01T12:00:01Z"),))
    assert earlier.exit_code is ExitCode.UNDETERMINED
    assert earlier.code == "status"


@pytest.mark.parametrize(
    "changes",
    [
        {"states": b""},
        {"states": b"\4" * 8},
        {"states": bytes(status.MAX_STATES + 1), "reasons": {}},
        {"expires_at": ISSUED},
        {"expires_at": ISSUED + timedelta(days=8)},
        {"ttl": timedelta()},
        {"ttl": timedelta(days=2)},
        {"uri": ""},
        {"uri": "a\nb"},
        {"reasons": {-1: StateReason(Reason.OTHER, "2026-02-28T09:00:00Z")}},
        {"reasons": {0: StateReason(Reason.OTHER, "2026-02-28T09:00:00Z")}},
    ],
)
def test_the_issuer_cannot_make_a_list_that_a_verifier_would_refuse(changes: dict) -> None:
    with pytest.raises(MalformedError):
        replace(LISTED, **changes)


@settings(max_examples=40)
@given(
    states=st.binary(min_size=1, max_size=40).map(lambda raw: bytes(value % 4 for value in raw)),
    life=st.integers(1, 7 * 86400),
    data=st.data(),
)
def test_what_is_encoded_is_what_is_read(states: bytes, life: int, data: st.DataObject) -> None:
    explained = [index for index, state in enumerate(states) if state]
    chosen = data.draw(st.lists(st.sampled_from(explained), unique=True)) if explained else []
    listed = StatusList(
        uri=URI,
        issued_at=ISSUED,
        expires_at=ISSUED + timedelta(seconds=life),
        ttl=timedelta(seconds=data.draw(st.integers(1, life))),
        states=states + bytes(-len(states) % 4),
        reasons={i: StateReason(data.draw(st.sampled_from(Reason)), moment(ISSUED)) for i in chosen},
    )
    again, _ = status.read(status.encode(listed, SIGNER), KEYS)
    assert again == listed
    assert [again.state(index) for index in range(len(states))] == list(states)
    assert again.state(len(listed.states)) is None
    assert again.state(-1) is None


def test_a_list_of_a_million_entries_is_small_and_quick_to_read() -> None:
    states = bytearray(status.MAX_STATES)
    states[::1000] = bytes([State.INVALID]) * len(states[::1000])
    token = status.encode(replace(LISTED, states=bytes(states), reasons={}), SIGNER)
    assert len(token) < 64 * 1024
    assert check(token, 1000).status is Status.FAIL
    assert check(token, 1001).status is Status.PASS


def test_a_list_that_grew_too_large_is_not_signed() -> None:
    note = "x" * 4000
    reasons = {i: StateReason(Reason.OTHER, moment(ISSUED), note=note) for i in range(600)}
    listed = replace(LISTED, states=bytes([State.INVALID]) * 600, reasons=reasons)
    with pytest.raises(MalformedError, match="start another list"):
        status.encode(listed, SIGNER)


def test_the_claims_of_equal_lists_are_equal_bytes() -> None:
    assert TOKEN.split(".")[:2] == status.encode(LISTED, SIGNER).split(".")[:2]
    _, claims = opened()
    assert canonical.encode(claims) == from_base64url(TOKEN.split(".")[1], "it", max_bytes=10**6)
