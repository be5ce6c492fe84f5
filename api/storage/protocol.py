"""What every object store promises.

An object is written whole or not at all: a reader never sees half of one, and a failed or cancelled write leaves nothing
behind. Keys are checked before they reach a disk or a bucket. A grant lets its holder read or write one object until it
expires, and needs no other credential: this is all that workers ever get.
"""

# ruff: noqa: N818 - these say what is the case, and callers read as sentences
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from workers.contract import Grant

CHUNK_BYTES = 1024 * 1024
MAX_KEY_LENGTH = 512
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:=-]{0,199}")


class StorageError(Exception):
    """An operation on stored objects failed; the message names the key and never a secret."""


class InvalidKey(StorageError):
    """A key that could leave the store or that a backend would read in another way."""


class ObjectMissing(StorageError):
    """No object is stored under the key."""


class ObjectTooLarge(StorageError):
    """The object exceeds what the caller is ready to hold in memory."""


class StorageFull(StorageError):
    """No space is left; nothing was written."""


class StorageUnavailable(StorageError):
    """The store cannot be reached or refuses us; trying again later may help."""


def check_key(key: str) -> str:
    """Relative, ``/``-separated, each segment of letters, digits and ``._:=-`` and not beginning with a dot.

    Raises ``InvalidKey``.
    """
    if len(key) > MAX_KEY_LENGTH or not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise InvalidKey(f"{key[:80]!r} is not a storage key")
    return key


@runtime_checkable
class Storage(Protocol):
    """Objects under keys. Every method raises ``StorageError`` or a subclass, and nothing else of the backend's."""

    async def put_file(self, key: str, path: Path) -> None:
        """Store a copy of the file, replacing what was there."""

    async def put_bytes(self, key: str, content: bytes) -> None:
        """Store the bytes, replacing what was there."""

    async def get_bytes(self, key: str, max_bytes: int) -> bytes:
        """Raises ``ObjectMissing``, and ``ObjectTooLarge`` beyond ``max_bytes`` without reading it all."""

    async def get_file(self, key: str, path: Path) -> None:
        """Copy the object to ``path``, which appears complete or not at all. Raises ``ObjectMissing``."""

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """Chunks of at most ``CHUNK_BYTES``. Raises ``ObjectMissing`` at the first one."""

    async def exists(self, key: str) -> bool: ...

    async def size(self, key: str) -> int:
        """In bytes. Raises ``ObjectMissing``."""

    async def delete(self, key: str) -> None:
        """Deleting what does not exist succeeds, so that deletion can be repeated."""

    async def grant_read(self, key: str, seconds: int) -> Grant:
        """Permission to GET the object for that long, whether or not it exists yet."""

    async def grant_write(self, key: str, seconds: int) -> Grant:
        """Permission to PUT the object for that long, any number of times, as ``application/octet-stream``."""

    async def check(self) -> None:
        """Raises ``StorageUnavailable`` when the store cannot serve now."""
