"""A key in AWS KMS, against a server that holds a real key: what is sent, what is believed, what is refused."""

import base64
import hashlib

import pytest

from api.issuance.errors import SigningKeyError
from api.issuance.signing import open_signer
from api.settings import KeyAccess
from attestations import dsse
from attestations.errors import CryptographicError
from attestations.keys import load_public_key
from tests.api.issuance.fake_kms import ACCOUNT, FakeKms

ACCESS = KeyAccess()


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with FakeKms() as fake:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", fake.url)
        yield fake


@pytest.mark.parametrize("name", ["first", "alias/issuer", f"{ACCOUNT}:key/first", f"{ACCOUNT}:alias/issuer"])
def test_the_digest_of_a_statement_of_any_size_is_signed(kms: FakeKms, name: str) -> None:
    signer = open_signer(f"awskms:{name}", ACCESS)
    envelope = dsse.seal(b"x" * 100_000, "t", signer)
    assert dsse.verify(envelope, [load_public_key(signer.public_pem)]).payload == b"x" * 100_000
    operation, sent = kms.asked[-1]
    assert (operation, sent["MessageType"], sent["SigningAlgorithm"]) == ("Sign", "DIGEST", "ECDSA_SHA_256")
    assert sent["KeyId"] == f"{ACCOUNT}:key/first"
    assert base64.b64decode(sent["Message"]) == hashlib.sha256(dsse.pae("t", b"x" * 100_000)).digest()


def test_an_alias_that_is_pointed_elsewhere_does_not_change_who_signs(kms: FakeKms) -> None:
    signer = open_signer("awskms:alias/issuer", ACCESS)
    kms.alias = f"{ACCOUNT}:key/second"
    assert load_public_key(signer.public_pem).verifies(signer.sign(b"m"), b"m")
    assert open_signer("awskms:alias/issuer", ACCESS).key_id != signer.key_id


def test_a_signature_that_does_not_verify_never_leaves(kms: FakeKms) -> None:
    signer = open_signer("awskms:first", ACCESS)
    kms.broken = True
    with pytest.raises(CryptographicError) as caught:
        dsse.seal(b"m", "t", signer)
    assert caught.value.code == "key.wrong_signer"


@pytest.mark.parametrize(("name", "words"), [("large", "no ECC_NIST_P256 key"), ("missing", "NotFoundException")])
def test_a_key_that_cannot_sign_here_is_refused_when_it_is_opened(kms: FakeKms, name: str, words: str) -> None:
    with pytest.raises(SigningKeyError, match=words) as caught:
        open_signer(f"awskms:{name}", ACCESS)
    assert "hush" not in str(caught.value)


def test_a_key_that_goes_away_is_named(kms: FakeKms) -> None:
    signer = open_signer("awskms:first", ACCESS)
    kms.keys.clear()
    with pytest.raises(SigningKeyError, match=r"does not sign with arn:aws:kms.*key/first"):
        signer.sign(b"m")
