import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import dsse
from attestations.dsse import ThresholdEnvelope, VerifiedPayload, parse_envelope
from attestations.errors import AttestationError, CryptographicError, MalformedError
from attestations.keys import LocalSigner, load_public_key
from tests.attestations.signers import MixedSigner

SIGNER = LocalSigner.generate()
KEY = load_public_key(SIGNER.public_pem)
PAYLOAD = bytes(range(256))  # its base64 uses both letters that the alphabets spell differently


def test_the_published_vector_of_the_encoding() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == expected


def test_what_is_sealed_verifies_and_only_verify_makes_a_verified_payload() -> None:
    verified = dsse.verify(dsse.seal(PAYLOAD, "t", SIGNER), [KEY])
    assert (verified.payload, verified.payload_type, verified.key) == (PAYLOAD, "t", KEY)
    with pytest.raises(TypeError):
        VerifiedPayload(PAYLOAD, "t", KEY, object())


@pytest.mark.parametrize(
    "seal",
    [
        lambda signer: dsse.seal(PAYLOAD, "t", signer),
        lambda signer: dsse.add_signature(ThresholdEnvelope(PAYLOAD, "t", ()), signer),
    ],
)
def test_a_signature_of_another_key_than_the_published_one_comes_into_no_envelope(seal) -> None:
    with pytest.raises(CryptographicError) as caught:
        seal(MixedSigner(published=SIGNER, signing=LocalSigner.generate()))
    assert caught.value.code == "key.wrong_signer"


def test_the_key_id_is_a_hint_and_decides_nothing() -> None:
    envelope = dsse.seal(PAYLOAD, "t", SIGNER)
    stranger = load_public_key(LocalSigner.generate().public_pem)
    assert dsse.verify(replace(envelope, key_id="anything"), [stranger, KEY]).key == KEY
    with pytest.raises(CryptographicError):
        dsse.verify(envelope, [stranger])
    with pytest.raises(CryptographicError):
        dsse.verify(envelope, [])


def test_neither_payload_nor_type_can_be_swapped() -> None:
    envelope = dsse.seal(PAYLOAD, "t", SIGNER)
    changes = ({"unverified_payload": b"other"}, {"payload_type": "u"}, {"signature": envelope.signature[:-1]})
    for change in changes:
        with pytest.raises(CryptographicError):
            dsse.verify(replace(envelope, **change), [KEY])


def test_both_alphabets_are_read_and_mean_the_same() -> None:
    envelope = dsse.seal(PAYLOAD, "t", SIGNER)
    value = envelope.to_json()
    assert parse_envelope(value, "e") == envelope
    url_safe = {**value, "payload": base64.urlsafe_b64encode(PAYLOAD).decode()}
    assert parse_envelope(url_safe, "e") == envelope
    with pytest.raises(MalformedError):
        parse_envelope(url_safe, "e", url_safe=False)


SIGNATURE = {"keyid": "k", "sig": "QQ=="}


@pytest.mark.parametrize(
    "bad",
    [
        [],
        {"payload": "QQ==", "payloadType": "t", "signatures": []},
        {"payload": "QQ==", "payloadType": "t", "signatures": [SIGNATURE, SIGNATURE]},
        {"payload": "QQ==", "payloadType": "t"},
        {"payload": 1, "payloadType": "t", "signatures": [SIGNATURE]},
        {"payload": "QQ==", "payloadType": "", "signatures": [SIGNATURE]},
        {"payload": "QQ==", "payloadType": "t", "signatures": [SIGNATURE], "more": 1},
        {"payload": "QR==", "payloadType": "t", "signatures": [SIGNATURE]},  # bits beyond the last byte
        {"payload": "QQ", "payloadType": "t", "signatures": [SIGNATURE]},
        {"payload": "Q Q==", "payloadType": "t", "signatures": [SIGNATURE]},
        {"payload": "-/==", "payloadType": "t", "signatures": [SIGNATURE]},
        {"payload": "QQ==é", "payloadType": "t", "signatures": [SIGNATURE]},
        {"payload": "QQ==", "payloadType": "t", "signatures": [{"sig": "A" * 204}]},
        {"payload": "A" * (12 * 1024 * 1024), "payloadType": "t", "signatures": [SIGNATURE]},
    ],
)
def test_a_bad_envelope_is_malformed(bad: object) -> None:
    with pytest.raises(MalformedError):
        parse_envelope(bad, "e")


def test_a_signature_without_a_hint_is_read() -> None:
    value = {"payload": "QQ==", "payloadType": "t", "signatures": [{"sig": "QQ=="}]}
    assert parse_envelope(value, "e").key_id == ""


@given(st.text(alphabet="AQ+/-_= é\n", max_size=12))
def test_base64_text_that_is_read_has_one_spelling(text: str) -> None:
    try:
        content = dsse.from_base64(text, "t", max_bytes=100)
    except AttestationError:
        return
    assert dsse.to_base64(content) == text


SIGNERS = tuple(LocalSigner.generate() for _ in range(4))
KEYS = tuple(load_public_key(signer.public_pem) for signer in SIGNERS)


def signed_by(order: list[int]) -> ThresholdEnvelope:
    envelope = ThresholdEnvelope(PAYLOAD, "t", ())
    made = [dsse.add_signature(envelope, SIGNERS[i]).signatures[0] for i in order]
    return replace(envelope, signatures=tuple(made))


@given(order=st.lists(st.integers(0, 3), max_size=6), trusted=st.sets(st.integers(0, 3)), threshold=st.integers(1, 4))
def test_a_threshold_counts_trusted_keys_each_once(order: list[int], trusted: set[int], threshold: int) -> None:
    """However often a key signs, under whatever hint, and however often it is listed, it counts once."""
    envelope = signed_by(order)
    envelope = replace(envelope, signatures=tuple(replace(one, key_id="any") for one in envelope.signatures))
    keys = [KEYS[i] for i in trusted] * 2
    assert {key.key_id for key in dsse.signers_of(envelope, keys)} == {KEYS[i].key_id for i in set(order) & trusted}
    if len(set(order) & trusted) >= threshold:
        assert dsse.verify_threshold(envelope, keys, threshold) == PAYLOAD
    else:
        with pytest.raises(CryptographicError):
            dsse.verify_threshold(envelope, keys, threshold)


def test_a_threshold_of_none_is_refused() -> None:
    with pytest.raises(CryptographicError):
        dsse.verify_threshold(signed_by([]), KEYS, 0)


def test_signing_again_replaces_the_signature() -> None:
    envelope = dsse.add_signature(dsse.add_signature(signed_by([0, 1]), SIGNERS[0]), SIGNERS[2])
    assert [one.key_id for one in envelope.signatures] == [KEYS[i].key_id for i in (1, 0, 2)]
    assert dsse.verify_threshold(envelope, KEYS, 3) == PAYLOAD


def test_an_envelope_of_several_reads_back_and_is_limited() -> None:
    envelope = signed_by([0, 1])
    assert dsse.parse_threshold_envelope(envelope.to_json(), "e", max_bytes=256) == envelope
    crowded = replace(envelope, signatures=envelope.signatures[:1] * 17)
    for value, most in ((envelope.to_json(), 255), (crowded.to_json(), 256)):
        with pytest.raises(MalformedError):
            dsse.parse_threshold_envelope(value, "e", max_bytes=most)
    with pytest.raises(MalformedError):
        dsse.parse_threshold_envelope({**envelope.to_json(), "payload": "-_8="}, "e", max_bytes=256)
