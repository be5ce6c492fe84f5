import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from attestations import keys
from attestations.errors import CryptographicError, MalformedError
from attestations.keys import LocalSigner, Signer, load_public_key
from tests.attestations.signers import MixedSigner

SIGNER, OTHER = LocalSigner.generate(), LocalSigner.generate()


def pem_of(key: object) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_key_is_named_by_the_digest_of_its_pem_text() -> None:
    signer = LocalSigner.generate()
    key = load_public_key(signer.public_pem)
    assert key.key_id == signer.key_id == keys.public_key_id(signer.public_pem)
    signature = signer.sign(b"message")
    assert key.verifies(signature, b"message")
    assert not key.verifies(signature, b"massage")
    assert not key.verifies(b"", b"message")
    assert not key.verifies(b"\x30" * 81, b"message")


def test_a_private_key_survives_its_pem_and_shows_in_no_repr() -> None:
    signer = LocalSigner.generate()
    again = LocalSigner.from_private_pem(signer.private_pem())
    assert again.key_id == signer.key_id
    assert "PRIVATE" in signer.private_pem().decode()
    assert repr(signer) == f"LocalSigner({signer.key_id})"


@pytest.mark.parametrize(
    "change", [str.strip, lambda pem: pem + "\n", lambda pem: pem.replace("\n", "\r\n"), lambda pem: " " + pem]
)
def test_another_spelling_of_a_key_is_refused_so_that_it_has_one_name(change) -> None:
    with pytest.raises(MalformedError):
        load_public_key(change(LocalSigner.generate().public_pem))


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no key",
        "x" * 2000,
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        pem_of(ec.generate_private_key(ec.SECP384R1()).public_key()),
        pem_of(ed25519.Ed25519PrivateKey.generate().public_key()),
        LocalSigner.generate().private_pem().decode(),
        "\ud800",
    ],
)
def test_what_is_no_p256_public_key_is_refused(pem: str) -> None:
    with pytest.raises(MalformedError):
        load_public_key(pem)


def test_only_p256_signs() -> None:
    with pytest.raises(MalformedError):
        LocalSigner(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(MalformedError):
        LocalSigner.from_private_pem(b"no key")
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(MalformedError):
        LocalSigner.from_private_pem(other)


class Named(LocalSigner):
    """Goes by the name of another key."""

    key_id = "0" * 64


class Nonsense(LocalSigner):
    def sign(self, message: bytes) -> bytes:
        return b"\x30\x06\x02\x01\x01\x02\x01"


def test_what_was_signed_verifies_under_the_published_key() -> None:
    signer = LocalSigner.generate()
    assert load_public_key(signer.public_pem).verifies(keys.sign(signer, b"m"), b"m")


@pytest.mark.parametrize(
    "bad", [MixedSigner(SIGNER, OTHER), Named.generate(), Nonsense.generate()], ids=lambda bad: type(bad).__name__
)
def test_a_signer_that_is_not_what_it_says_is_found_when_it_signs(bad: Signer) -> None:
    with pytest.raises(CryptographicError) as caught:
        keys.sign(bad, b"m")
    assert caught.value.code == "key.wrong_signer"


def test_a_signer_without_a_proper_public_key_signs_nothing() -> None:
    class Spaced(LocalSigner):
        public_pem = SIGNER.public_pem + " "

    with pytest.raises(MalformedError):
        keys.sign(Spaced.generate(), b"m")
