"""Keys that a user names on the command line, as PEM files."""

from pathlib import Path

from attestations.files import read_file
from attestations.keys import MAX_PEM_CHARACTERS, LocalSigner, PublicKey, load_public_key

_MAX_PRIVATE_PEM = 4096


def read_public_key(path: Path) -> PublicKey:
    return load_public_key(read_file(path, MAX_PEM_CHARACTERS).decode("ascii", "replace"))


def read_signer(path: Path) -> LocalSigner:
    """From an unencrypted PKCS#8 file; keys in hardware sign with the tools of their maker."""
    return LocalSigner.from_private_pem(read_file(path, _MAX_PRIVATE_PEM))
