"""Status lists in another form than theirs: malformed even under a trusted signature, and never an error that is not ours."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import status
from attestations.errors import AttestationError, CryptographicError, MalformedError
from attestations.findings import ExitCode, Status
from attestations.packed_states import compress, from_base64url, to_base64url
from tests.attestations.status_lists import INVALID, ISSUED, KEYS, LISTED, SIGNER, TOKEN, changed, check, jwt, opened


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
