"""Files that a user names: read within bounds, written whole or not at all, with errors that say which file."""

import os
import secrets
from pathlib import Path

from attestations.errors import FileAccessError

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # Windows alone tells text from bytes


def read_file(path: Path, max_bytes: int) -> bytes:
    """The file's bytes; one byte more than allowed is enough for the parser to refuse it."""
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        raise FileAccessError("file.unreadable", f"{path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise FileAccessError("file.unreadable", "a file name holds a NUL") from error


def read_if_there(path: Path, max_bytes: int) -> bytes | None:
    """As `read_file`; None where there is no such file."""
    try:
        return read_file(path, max_bytes)
    except FileAccessError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def write_file(path: Path, content: bytes, *, private: bool = False) -> None:
    """Puts the whole content in place of what was there, or leaves that as it was.

    Whoever the umask lets may read it, as bundles and trust roots are meant to be read; a private file its owner alone.
    """
    beside = path.parent / f".{path.name[:40]}.{secrets.token_hex(8)}"
    try:
        descriptor = os.open(beside, _NEW, 0o600 if private else 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileAccessError("file.unwritable", f"{path} cannot be written: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise FileAccessError("file.unwritable", "a file name holds a NUL") from error
