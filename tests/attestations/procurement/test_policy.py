"""Signed policies: whose they are, and what happens where that cannot be shown."""

import json
from dataclasses import replace

import pytest

from attestations import canonical, dsse, procurement
from attestations.errors import AttestationError, CryptographicError, MalformedError, PolicyError
from attestations.findings import Status
from attestations.keys import LocalSigner, load_public_key
from attestations.procurement import PAYLOAD_TYPE, Evidence
from tests.attestations.signers import MixedSigner

POLICY = json.dumps(
    {"version": "1", "schema": "0.2.0", "id": "p", "author": "a buyer", "rules": {"minLevel": 0}}, indent=1
).encode()
SIGNER, OTHER = LocalSigner.generate(), LocalSigner.generate()
KEY, OTHER_KEY = load_public_key(SIGNER.public_pem), load_public_key(OTHER.public_pem)
SIGNED = procurement.sign(POLICY, SIGNER)


def test_a_signed_policy_says_who_signed_it(good: Evidence) -> None:
    policy = procurement.parse(SIGNED, keys=[OTHER_KEY, KEY])
    [first, *rest] = procurement.apply(policy, good)
    assert (first.code, first.status) == ("policy.signature", Status.PASS)
    assert [check.code for check in rest] == ["policy.min_level"]
    assert policy.digest == procurement.parse(POLICY).digest


@pytest.mark.parametrize("content", [POLICY, SIGNED])
def test_a_policy_that_nobody_vouches_for_is_applied_and_says_so(content: bytes, good: Evidence) -> None:
    [first, second] = procurement.apply(procurement.parse(content), good)
    assert (first.code, first.status, int(first.exit_code)) == ("policy.signature", Status.NOT_CHECKED, 0)
    assert second.status is Status.PASS


@pytest.mark.parametrize("content", [POLICY, SIGNED, SIGNED.replace(b'"payload":"ey', b'"payload":"ez')])
def test_where_a_key_is_named_nothing_else_is_applied(content: bytes) -> None:
    with pytest.raises(CryptographicError) as caught:
        procurement.parse(content, keys=[OTHER_KEY])
    assert caught.value.exit_code == 1


def test_every_changed_byte_is_found() -> None:
    for place in range(len(SIGNED)):
        changed = SIGNED[:place] + bytes([SIGNED[place] ^ 1]) + SIGNED[place + 1 :]
        try:
            policy = procurement.parse(changed, keys=[KEY])
        except AttestationError:
            continue
        assert policy.document == procurement.parse(POLICY).document  # the key hint is not signed


def test_a_signature_over_something_else_is_none_over_a_policy() -> None:
    value = canonical.parse_relaxed(POLICY, what="it", max_bytes=10_000)
    other_type = dsse.seal(canonical.encode(value), dsse.IN_TOTO_PAYLOAD_TYPE, SIGNER)
    with pytest.raises(MalformedError):
        procurement.parse(canonical.encode(other_type.to_json()), keys=[KEY])
    relabelled = replace(other_type, payload_type=PAYLOAD_TYPE)
    with pytest.raises(CryptographicError):
        procurement.parse(canonical.encode(relabelled.to_json()), keys=[KEY])
    loose = dsse.seal(POLICY, PAYLOAD_TYPE, SIGNER)
    with pytest.raises(MalformedError):
        procurement.parse(canonical.encode(loose.to_json()), keys=[KEY])


def test_what_another_key_signed_is_no_signed_policy() -> None:
    with pytest.raises(CryptographicError) as caught:
        procurement.sign(POLICY, MixedSigner(published=SIGNER, signing=OTHER))
    assert caught.value.code == "key.wrong_signer"


def test_only_a_policy_that_is_understood_is_signed() -> None:
    with pytest.raises(PolicyError):
        procurement.sign(POLICY.replace(b"minLevel", b"minlevel"), SIGNER)
    with pytest.raises(MalformedError):
        procurement.sign(SIGNED, SIGNER)
