"""The issuer's key in a file: for development and for installations without a KMS or HSM.

``create`` makes a P-256 key that only its owner can read, and beside it the trust root that buyers get. The key never
leaves the file but into ``LocalSigner``, whose ``repr`` shows the public name alone.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from attestations import trust
from attestations.documents import moment
from attestations.keys import LocalSigner

KEY_YEARS = 2


class KeyFileError(Exception):
    """The key file cannot be used; the message says why and never quotes it."""


def trust_path(key: Path) -> Path:
    return key.with_suffix(".trust.json")


def create(path: Path, *, issuer: str, passphrase: str | None = None) -> LocalSigner:
    """Writes the key and its trust root. Raises ``KeyFileError`` when the key exists: a key is rotated, never overwritten."""
    private = ec.generate_private_key(ec.SECP256R1())
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        protection = serialization.BestAvailableEncryption(passphrase.encode())
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists; a signing key is never overwritten") from None
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(pem)
    signer = LocalSigner(private)
    now = datetime.now(UTC)
    key = trust.trusted_key(signer.public_pem, moment(now), moment(now + timedelta(days=365 * KEY_YEARS)))
    trust_path(path).write_bytes(trust.TrustRoot(version=1, issuer=issuer, keys=(key,)).encode())
    return signer


def load(path: Path, *, passphrase: str | None = None) -> LocalSigner:
    """Raises ``KeyFileError`` for a file that is missing, open to others, encrypted otherwise, or of another kind."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"{path} can be read by others; run: chmod 600 {path}")
        pem = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"cannot read the signing key {path}: {error.strerror}") from error
    try:
        private = serialization.load_pem_private_key(pem, password=passphrase.encode() if passphrase else None)
    except (ValueError, TypeError):
        raise KeyFileError(f"{path} is no private key in PEM that opens with the given passphrase") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"{path} is not an ECDSA key on P-256")
    return LocalSigner(private)
