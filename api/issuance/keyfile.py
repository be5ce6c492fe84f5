"""A private key in a file: for development and for installations without a KMS or HSM.

``create`` makes a P-256 key that only its owner can read; it never writes over a file. The key never leaves the file but
into ``LocalSigner``, whose ``repr`` shows the public name alone.
"""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from api.issuance.errors import SigningKeyError
from attestations.errors import MalformedError
from attestations.keys import LocalSigner


def create(path: Path, *, passphrase: str | None = None) -> LocalSigner:
    """Writes a new key, encrypted where there is a passphrase. Raises ``SigningKeyError`` when the file exists."""
    private = ec.generate_private_key(ec.SECP256R1())
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        protection = serialization.BestAvailableEncryption(passphrase.encode())
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(pem)
            handle.flush()
            os.fsync(descriptor)
    except FileExistsError:
        raise SigningKeyError(f"{path} exists; a signing key is rotated, never overwritten") from None
    except OSError as error:
        raise SigningKeyError(f"cannot write the signing key {path}: {error.strerror}") from error
    return LocalSigner(private)


def load(path: Path, *, passphrase: str | None = None) -> LocalSigner:
    """Raises ``SigningKeyError`` for a file that is missing, open to others, encrypted otherwise, or of another kind."""
    try:
        if path.stat().st_mode & 0o077:
            raise SigningKeyError(f"{path} can be read by others; run: chmod 600 {path}")
        pem = path.read_bytes()
    except OSError as error:
        raise SigningKeyError(f"cannot read the signing key {path}: {error.strerror}") from error
    try:
        private = serialization.load_pem_private_key(pem, password=passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningKeyError(f"{path} is no private key in PEM that opens with the given passphrase") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise SigningKeyError(f"{path} is not an ECDSA key on P-256")
    try:
        return LocalSigner(private)
    except MalformedError:
        raise SigningKeyError(f"{path} is not an ECDSA key on P-256") from None
