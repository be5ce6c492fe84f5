"""ECDSA P-256 keys: the only kind that signs statements here.

A key is named by the SHA-256 of its PEM text (SubjectPublicKeyInfo, trailing newline included), the hint that OpenSSF
Model Signing uses. Keys are read from canonical PEM only, so one key has one name. Private keys in KMS or PKCS#11 live
with the service; `LocalSigner` serves development and tests.
"""

import hashlib
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from attestations.errors import CryptographicError, MalformedError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_PEM_CHARACTERS = 1024
_MAX_DER_SIGNATURE = 80


class Signer(Protocol):
    """Whatever holds a private P-256 key."""

    @property
    def key_id(self) -> str:
        """`public_key_id` of the public half."""
        ...

    @property
    def public_pem(self) -> str:
        """The public half, as `load_public_key` reads it."""
        ...

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256 of `message`, DER-encoded. Nobody has checked it; ask through `attestations.keys.sign`."""
        ...


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A P-256 key that was read by `load_public_key`."""

    key_id: str
    pem: str
    _key: ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        if len(signature) > _MAX_DER_SIGNATURE:
            return False
        try:
            self._key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def public_key_id(pem: str) -> str:
    return hashlib.sha256(pem.encode("utf-8")).hexdigest()


@lru_cache(maxsize=64)
def load_public_key(unverified_pem: str) -> PublicKey:
    """The key in a PEM text, which must be P-256 and exactly as `openssl` writes it."""
    if len(unverified_pem) > MAX_PEM_CHARACTERS:
        raise MalformedError("key.too_large", "a P-256 key in PEM is far shorter")
    try:
        key = serialization.load_pem_public_key(unverified_pem.encode("utf-8"))
    except (ValueError, TypeError, UnsupportedAlgorithm, UnicodeEncodeError) as error:
        raise MalformedError("key.not_pem", "the key is no public key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise MalformedError("key.kind", "only ECDSA keys on the curve P-256 are accepted")
    if public_pem(key) != unverified_pem:
        raise MalformedError(
            "key.not_canonical", "the PEM text is not in its usual form: 64 columns, one newline at its end"
        )
    return PublicKey(public_key_id(unverified_pem), unverified_pem, key)


class LocalSigner:
    """A private key in this process's memory. Its repr shows the public name only."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(private_key.curve, ec.SECP256R1):
            raise MalformedError("key.kind", "only ECDSA keys on the curve P-256 are accepted")
        self._private_key = private_key
        self._public_pem = public_pem(private_key.public_key())
        self._key_id = public_key_id(self._public_pem)

    def __repr__(self) -> str:
        return f"LocalSigner({self._key_id})"

    @classmethod
    def generate(cls) -> "LocalSigner":
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_private_pem(cls, pem: bytes, passphrase: bytes | None = None) -> "LocalSigner":
        """From a PKCS#8 PEM, which is encrypted if and only if there is a passphrase."""
        try:
            key = serialization.load_pem_private_key(pem, password=passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            how = "that opens with this passphrase" if passphrase is not None else "without encryption"
            raise MalformedError("key.not_pem", f"this is no private key in PEM {how}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise MalformedError("key.kind", "only ECDSA keys on the curve P-256 are accepted")
        return cls(key)

    def private_pem(self) -> bytes:
        """Unencrypted PKCS#8 PEM, for a file that its owner alone can read."""
        return self._private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def key_id(self) -> str:
        return self._key_id

    @property
    def public_pem(self) -> str:
        return self._public_pem

    def sign(self, message: bytes) -> bytes:
        return self._private_key.sign(message, ec.ECDSA(hashes.SHA256()))


def load_certificate_pem(unverified_pem: str, *, at: str = "") -> "Certificate":
    """The X.509 certificate in a PEM text exactly as `openssl` writes it; nothing in it is believed for that."""
    from cryptography import x509  # not needed to verify a statement, and slow to import

    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error"
            )  # what is only read with a warning, like a negative serial number, is refused
            certificate = x509.load_pem_x509_certificate(unverified_pem.encode("utf-8"))
            exact = certificate.public_bytes(serialization.Encoding.PEM).decode("ascii") == unverified_pem
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, Warning) as error:
        raise MalformedError("certificate.not_pem", "is no X.509 certificate in PEM", at=at) from error
    if not exact:
        raise MalformedError("certificate.not_canonical", "must hold one certificate in PEM and nothing else", at=at)
    return certificate


def sign(signer: Signer, message: bytes) -> bytes:
    """The signer's signature, which verifies with its published key.

    Whatever is signed is signed through here: a token that is set up with another key, or a device that answers nonsense,
    is found before anything is published, and raises `CryptographicError`.
    """
    public, signature = load_public_key(signer.public_pem), signer.sign(message)
    if signer.key_id != public.key_id or not public.verifies(signature, message):
        raise CryptographicError("key.wrong_signer", "the signer's signature does not verify with its published key")
    return signature


def public_pem(key: ec.EllipticCurvePublicKey) -> str:
    """The one PEM text of a public key, by which it is named."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode("ascii")
