"""Keys that a user names on the command line, as PEM files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attestations.errors import MalformedError
from attestations.files import read_file
from attestations.keys import MAX_PEM_CHARACTERS, LocalSigner, PublicKey, load_public_key

PASSPHRASE = "TUNEPROOF_SIGNING_PASSPHRASE"  # noqa: S105 - the name of the variable
_MAX_PRIVATE_PEM = 4096
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


def read_public_key(path: Path) -> PublicKey:
    with _named(path):
        return load_public_key(read_file(path, MAX_PEM_CHARACTERS).decode("ascii", "replace"))


def read_signer(path: Path) -> LocalSigner:
    """From a PKCS#8 file; an encrypted one opens with the passphrase in the environment. Keys in hardware sign with the tools
    of their maker."""
    pem = read_file(path, _MAX_PRIVATE_PEM)
    if not pem.startswith(_ENCRYPTED):
        with _named(path):
            return LocalSigner.from_private_pem(pem)
    passphrase = os.environ.get(PASSPHRASE)
    if not passphrase:
        raise MalformedError("key.passphrase", f"{path} is encrypted; set {PASSPHRASE} to what opens it")
    with _named(path):
        return LocalSigner.from_private_pem(pem, passphrase.encode())


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """A command takes several keys, so what is wrong with one says with which."""
    try:
        yield
    except MalformedError as error:
        raise MalformedError(error.code, error.sentence, at=error.at or str(path)) from error
