"""Status lists: what they say of an attestation, and that nothing but a fresh, genuine list says that it still holds."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import canonical, status
from attestations.digests import Sha256
from attestations.documents import moment
from attestations.errors import AttestationError, CryptographicError, MalformedError
from attestations.findings import ExitCode, Status
from attestations.keys import LocalSigner
from attestations.packed_states import compress, from_base64url, to_base64url
from attestations.predicate import StatusRef
from attestations.status import Reason, State, StateReason, StatusList
from attestations.trust import KeyRole, TrustedKey
from tests.attestations.signers import MixedSigner

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


def test_what_another_key_signed_is_no_list() -> None:
    with pytest.raises(CryptographicError) as caught:
        status.encode(LISTED, MixedSigner(published=SIGNER, signing=LocalSigner.generate()))
    assert caught.value.code == "key.wrong_signer"


def opened(token: str = TOKEN) -> tuple[dict, dict]:
    header, claims, _ = token.split(".")
    return tuple(json.loads(from_base64url(part, "it", max_bytes=10**6)) for part in (header, claims))


def changed(change: Callable[[dict, dict], object]) -> str:
    header, claims = opened()
    change(header, claims)
    return jwt(header, claims)


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
    assert check(TOKEN, now=LISTED.expires_at).status is Status.STALE
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
    assert URI in found.sentence


def test_without_a_status_key_in_the_trust_root_the_state_is_undetermined() -> None:
    assert check(TOKEN, keys=()).status is Status.STALE


def test_a_statement_that_names_no_list_is_not_checked_whatever_the_bundle_holds() -> None:
    for token in (None, TOKEN, "no token"):
        found, _ = status.examine(None, token, KEYS, now=NOW)
        assert (found.status, found.exit_code) == (Status.NOT_CHECKED, ExitCode.ACCEPT)


def test_a_list_of_somebody_else_or_without_the_entry_is_undetermined() -> None:
    other = status.encode(replace(LISTED, uri=URI + "0"), SIGNER)
    assert check(other).status is Status.STALE
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


def put(place: str, value: object) -> Callable[[dict, dict], object]:
    """Puts a value at a place like `header.alg`, `claims.status_list.bits`."""

    def change(header: dict, claims: dict) -> None:
        at: dict = {"header": header, "claims": claims}
        *path, last = place.split(".")
        for key in path:
            at = at[key]
        at[last] = value

    return change


def drop(place: str) -> Callable[[dict, dict], object]:
    def change(header: dict, claims: dict) -> None:
        at: dict = {"header": header, "claims": claims}
        *path, last = place.split(".")
        for key in path:
            at = at[key]
        del at[last]

    return change


WRONG = {
    "alg none": put("header.alg", "none"),
    "alg HS256": put("header.alg", "HS256"),
    "alg ES384": put("header.alg", "ES384"),
    "no alg": drop("header.alg"),
    "another type": put("header.typ", "JWT"),
    "the type in full": put("header.typ", "application/statuslist+jwt"),
    "no type": drop("header.typ"),
    "a key in the header": put("header.jwk", {}),
    "a critical header": put("header.crit", ["b64"]),
    "another key's name": put("header.kid", "0" * 64),
    "a number for a name": put("header.kid", 1),
    "no subject": drop("claims.sub"),
    "empty subject": put("claims.sub", ""),
    "a number as subject": put("claims.sub", 1),
    "a long subject": put("claims.sub", "x" * 201),
    "no time": drop("claims.iat"),
    "a time as text": put("claims.iat", "1772366400"),
    "a time with a fraction": put("claims.iat", 1772366400.5),
    "a time before all": put("claims.iat", -1),
    "a time after all": put("claims.exp", 2**53 - 1),
    "true as a time": put("claims.ttl", True),
    "no end": drop("claims.exp"),
    "the end first": put("claims.exp", 1),
    "more than a week": put("claims.exp", int(ISSUED.timestamp()) + 7 * 86400 + 1),
    "no time to live": drop("claims.ttl"),
    "no time at all to live": put("claims.ttl", 0),
    "to live for longer than it counts": put("claims.ttl", 86401),
    "not before": put("claims.nbf", 1),
    "no list": drop("claims.status_list"),
    "a list that is text": put("claims.status_list", "eNo"),
    "no bits": drop("claims.status_list.bits"),
    "one bit": put("claims.status_list.bits", 1),
    "bits as text": put("claims.status_list.bits", "2"),
    "no lst": drop("claims.status_list.lst"),
    "lst as number": put("claims.status_list.lst", 3),
    "lst with padding": put("claims.status_list.lst", to_base64url(compress(b"a")) + "="),
    "lst of nothing": put("claims.status_list.lst", to_base64url(compress(b""))),
    "lst that is not compressed": put("claims.status_list.lst", to_base64url(b"\0\0")),
    "lst that is too much": put("claims.status_list.lst", to_base64url(compress(bytes(status.MAX_STATES // 4 + 1)))),
    "more in the list": put("claims.status_list.aggregation_uri", "https://tuning.example/all"),
    "reasons as an array": put("claims.reasons", []),
    "a reason that nobody knows": put("claims.reasons.1.reason", "because"),
    "a reason without a time": drop("claims.reasons.1.at"),
    "a reason at no time": put("claims.reasons.1.at", "2026-02-30T00:00:00Z"),
    "a reason with more": put("claims.reasons.1.by", "me"),
    "a reason that is null": put("claims.reasons.1", None),
    "a reason for a valid entry": put("claims.reasons.0", {"reason": "other", "at": "2026-02-28T09:00:00Z"}),
    "a reason for no entry": put("claims.reasons.8", {"reason": "other", "at": "2026-02-28T09:00:00Z"}),
    "a reason under 01": put("claims.reasons.01", {"reason": "other", "at": "2026-02-28T09:00:00Z"}),
    "a reason under -1": put("claims.reasons.-1", {"reason": "other", "at": "2026-02-28T09:00:00Z"}),
    "a reason under an Arabic digit": put("claims.reasons.١", {"reason": "other", "at": "2026-02-28T09:00:00Z"}),
    "the successor of a revoked one": put("claims.reasons.1.supersededBy", {"sha256": "ab" * 32}),
    "a control character": put("claims.reasons.1.note", "\x1b[2J"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_list_in_another_form_is_malformed_even_under_a_trusted_signature(change) -> None:
    with pytest.raises(MalformedError):
        check(changed(change))


def test_the_helper_signs_what_is_accepted_when_nothing_is_wrong() -> None:
    assert check(changed(lambda header, claims: None)).status is Status.PASS
    assert check(changed(drop("header.kid"))).status is Status.PASS
    assert check(changed(drop("claims.reasons"))).status is Status.PASS
    assert check(changed(put("claims.log", {"origin": "o", "size": 3, "root": "r"}))).status is Status.PASS


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        TOKEN + ".",
        TOKEN + "." + TOKEN.split(".")[2],
        TOKEN.rsplit(".", 1)[0],
        TOKEN.rsplit(".", 1)[0] + ".",
        TOKEN + "\n",
        " " + TOKEN,
        TOKEN + "=",
        TOKEN + "A",
        TOKEN.replace(".", ".é", 1),
        "\ud800",
        TOKEN + "A" * status.MAX_TOKEN,
    ],
)
def test_what_is_no_token_is_malformed(token: str) -> None:
    with pytest.raises(MalformedError):
        check(token)


def test_a_key_that_is_given_twice_is_refused_in_header_and_claims() -> None:
    header, claims = (json.dumps(part) for part in opened())
    twice = header[:-1] + ', "alg": "ES256"}'
    with pytest.raises(MalformedError, match="twice"):
        check(jwt(twice.encode(), claims.encode()))
    with pytest.raises(MalformedError, match="twice"):
        check(jwt(header.encode(), (claims[:-1] + ', "iat": 1}').encode()))


def test_claims_are_not_parsed_before_their_signature_was_verified() -> None:
    header, _, signature = TOKEN.split(".")
    deep = to_base64url(b"[" * 100_000)
    with pytest.raises(CryptographicError):
        status.read(f"{header}.{deep}.{signature}", KEYS)


@pytest.mark.parametrize("raw", [bytes(64), b"\xff" * 64, bytes(63) + b"\1", bytes(31) + b"\1" + bytes(32)])
def test_numbers_that_are_no_signature_do_not_verify(raw: bytes) -> None:
    signed = TOKEN.rsplit(".", 1)[0]
    assert check(f"{signed}.{to_base64url(raw)}").exit_code is ExitCode.CRYPTOGRAPHIC


def test_a_der_signature_is_not_one_of_a_jwt() -> None:
    signed = TOKEN.rsplit(".", 1)[0]
    with pytest.raises(MalformedError):
        check(f"{signed}.{to_base64url(SIGNER.sign(signed.encode()))}")


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


@settings(max_examples=300)
@given(st.text(max_size=200) | st.text("abcXYZ019-_.=+/é", max_size=80))
def test_any_text_at_all_gives_a_finding_or_one_of_our_errors(text: str) -> None:
    try:
        found = check(text)
    except AttestationError:
        return
    assert found.status is Status.FAIL


PLACES = [
    *("header", "header.alg", "header.typ", "header.kid", "claims", "claims.sub", "claims.iat", "claims.exp"),
    *("claims.ttl", "claims.status_list", "claims.status_list.bits", "claims.status_list.lst", "claims.reasons"),
    *("claims.reasons.1", "claims.reasons.1.reason", "claims.reasons.1.at", "claims.reasons.3.supersededBy"),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300)
@given(
    place=st.sampled_from(PLACES),
    value=json_values,
)
def test_any_value_at_any_place_under_a_trusted_signature_gives_a_finding_or_one_of_our_errors(place, value) -> None:
    parts = dict(zip(("header", "claims"), opened(), strict=True))
    at: dict = parts
    *path, last = place.split(".")
    for key in path:
        at = at[key]
    at[last] = value
    with suppress(AttestationError):
        assert check(jwt(parts["header"], parts["claims"]), INVALID).status is not Status.PASS


def test_every_character_that_is_changed_or_lost_is_noticed() -> None:
    small = replace(LISTED, states=bytes(4), reasons={})
    token = status.encode(small, SIGNER)
    assert check(token).status is Status.PASS
    for place, letter in enumerate(token):
        others = {"A" if letter != "A" else "B", chr(ord(letter) ^ 1), ".", "="} - {letter}
        for damaged in (*(token[:place] + other + token[place + 1 :] for other in others), token[:place]):
            try:
                found = check(damaged)
            except MalformedError:
                continue
            assert found.exit_code is ExitCode.CRYPTOGRAPHIC, place


def test_every_bit_of_the_decoded_parts_counts() -> None:
    parts = [from_base64url(part, "it", max_bytes=10**6) for part in TOKEN.split(".")]
    for number, part in enumerate(parts):
        for bit in range(0, len(part) * 8, 3):
            flipped = bytearray(part)
            flipped[bit // 8] ^= 1 << bit % 8
            raw = [*parts[:number], bytes(flipped), *parts[number + 1 :]]
            try:
                found = check(".".join(to_base64url(each) for each in raw))
            except MalformedError:
                continue
            assert found.exit_code is ExitCode.CRYPTOGRAPHIC


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
