"""Reading the files that a user names: bounded, and with errors that say which file."""

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
