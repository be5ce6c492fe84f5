"""Files that a user names: read within bounds, written whole or not at all, with errors that say which file."""

import os
import tempfile
from pathlib import Path

from attestations.errors import FileAccessError


def read_file(path: Path, max_bytes: int) -> bytes:
    """The file's bytes; one byte more than allowed is enough for the parser to refuse it."""
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        raise FileAccessError("file.unreadable", f"{path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise FileAccessError("file.unreadable", "a file name holds a NUL") from error


def write_file(path: Path, content: bytes) -> None:
    """Puts the whole content in place of what was there, or leaves that as it was."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileAccessError("file.unwritable", f"{path} cannot be written: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise FileAccessError("file.unwritable", "a file name holds a NUL") from error
