from dataclasses import replace
from datetime import UTC, datetime

import pytest

from attestations import canonical, trust
from attestations.errors import MalformedError
from attestations.keys import LocalSigner
from tests.attestations.evidence import make_trust


@pytest.fixture(scope="module")
def encoded() -> bytes:
    return make_trust(LocalSigner.generate())


def changed(encoded: bytes, **fields: object) -> bytes:
    value = canonical.parse(encoded, what="it", max_bytes=10**6)
    value["keys"][0].update({k: v for k, v in fields.items() if k in value["keys"][0]})
    value.update({k: v for k, v in fields.items() if k not in value["keys"][0]})
    return canonical.encode(value)


def test_a_trust_root_reads_back_as_itself(encoded: bytes) -> None:
    assert trust.parse(encoded).encode() == encoded


def test_a_key_counts_from_its_first_second_to_its_last(encoded: bytes) -> None:
    key = trust.parse(encoded).keys[0]
    assert key.covers(datetime(2026, 1, 1, tzinfo=UTC))
    assert key.covers(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert not key.covers(datetime(2027, 1, 1, tzinfo=UTC))
    assert not key.covers(datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    "fields",
    [
        {"mediaType": "application/json"},
        {"keys": []},
        {"version": "1"},
        {"issuer": ""},
        {"more": 1},
        {"keyId": "0" * 64},
        {"role": "log"},
        {"validUntil": "2025-01-01T00:00:00Z"},
        {"validFrom": "yesterday"},
        {"publicKeyPem": "no key"},
    ],
)
def test_a_bad_trust_root_is_malformed(encoded: bytes, fields: dict) -> None:
    with pytest.raises(MalformedError):
        trust.parse(changed(encoded, **fields))


def test_the_same_key_twice_is_refused(encoded: bytes) -> None:
    root = trust.parse(encoded)
    with pytest.raises(MalformedError, match="each once"):
        replace(root, keys=root.keys * 2)


def test_a_key_that_is_no_p256_key_is_found_when_the_root_is_read(encoded: bytes) -> None:
    pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    with pytest.raises(MalformedError, match="no public key"):
        trust.parse(changed(encoded, publicKeyPem=pem, keyId=trust.public_key_id(pem)))
