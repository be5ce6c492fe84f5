"""Objects as files below one directory.

A write goes to ``.incoming/`` in that directory, is flushed to the disk, and is renamed into place; the directory entry is
flushed too. So an object exists whole, also after a power cut. ``.incoming`` cannot be named by a key.
"""

import asyncio
import errno
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from api.storage.protocol import (
    CHUNK_BYTES,
    ObjectMissing,
    ObjectTooLarge,
    StorageFull,
    StorageUnavailable,
    check_key,
)
from api.storage.signing import GrantSigner
from workers.contract import Grant

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LocalStorage:
    """See ``Storage``. ``signer`` makes the grants that ``api.storage.controllers`` honours."""

    def __init__(self, root: Path, signer: GrantSigner, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self.signer = signer
        self._clock = clock
        self._incoming = root / ".incoming"

    def __repr__(self) -> str:
        return f"LocalStorage({str(self._root)!r})"

    async def put_file(self, key: str, path: Path) -> None:
        def copy(target: BinaryIO) -> None:
            with path.open("rb") as source:
                shutil.copyfileobj(source, target, CHUNK_BYTES)

        await asyncio.to_thread(self._put, check_key(key), copy)

    async def put_bytes(self, key: str, content: bytes) -> None:
        def copy(target: BinaryIO) -> None:
            target.write(content)

        await asyncio.to_thread(self._put, check_key(key), copy)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store what arrives, once all of it has; if ``chunks`` raises, nothing is stored."""
        check_key(key)
        incoming = await asyncio.to_thread(self._open_incoming, key)
        try:
            batch = bytearray()  # servers hand over small pieces, and each thread hop costs as much as many of them
            async for chunk in chunks:
                batch += chunk
                if len(batch) >= CHUNK_BYTES:
                    await asyncio.to_thread(_write, key, incoming, bytes(batch))
                    batch.clear()
            await asyncio.to_thread(_write, key, incoming, bytes(batch))
            await asyncio.to_thread(self._publish, key, incoming)
        finally:
            _discard(incoming)

    async def get_bytes(self, key: str, max_bytes: int) -> bytes:
        return await asyncio.to_thread(self._read, check_key(key), max_bytes)

    async def get_file(self, key: str, path: Path) -> None:
        await asyncio.to_thread(self._fetch, check_key(key), path)

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        source = await asyncio.to_thread(self._open, check_key(key))
        with source:
            while chunk := await asyncio.to_thread(source.read, CHUNK_BYTES):
                yield chunk

    async def exists(self, key: str) -> bool:
        return await asyncio.to_thread((self._root / check_key(key)).is_file)

    async def size(self, key: str) -> int:
        def measure(key: str) -> int:
            with self._open(key) as source:
                return os.fstat(source.fileno()).st_size

        return await asyncio.to_thread(measure, check_key(key))

    async def delete(self, key: str) -> None:
        def remove(key: str) -> None:
            with disk_errors(key):
                (self._root / key).unlink(missing_ok=True)

        await asyncio.to_thread(remove, check_key(key))

    async def grant_read(self, key: str, seconds: int) -> Grant:
        return self.signer.grant("GET", check_key(key), int(self._clock()) + seconds)

    async def grant_write(self, key: str, seconds: int) -> Grant:
        return self.signer.grant("PUT", check_key(key), int(self._clock()) + seconds)

    async def check(self) -> None:
        def probe() -> None:
            with self._open_incoming("(probe)") as incoming:
                Path(incoming.name).unlink()

        await asyncio.to_thread(probe)

    def _open(self, key: str) -> BinaryIO:
        with disk_errors(key):
            path = self._root / key
            if not path.is_file():
                raise ObjectMissing(f"nothing is stored under {key}")
            return path.open("rb")

    def _read(self, key: str, max_bytes: int) -> bytes:
        with self._open(key) as source:
            content = source.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise ObjectTooLarge(f"{key} holds more than {max_bytes} bytes")
        return content

    def _fetch(self, key: str, path: Path) -> None:
        partial = path.with_name(path.name + ".partial")
        with self._open(key) as source, disk_errors(key):
            try:
                with partial.open("wb") as target:
                    shutil.copyfileobj(source, target, CHUNK_BYTES)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def _put(self, key: str, copy: Callable[[BinaryIO], None]) -> None:
        incoming = self._open_incoming(key)
        try:
            with disk_errors(key):
                copy(incoming)
            self._publish(key, incoming)
        finally:
            _discard(incoming)

    def _open_incoming(self, key: str) -> BinaryIO:
        with disk_errors(key):
            self._incoming.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._incoming)
            return open(name, "wb", opener=lambda _name, _flags: descriptor)

    def _publish(self, key: str, incoming: BinaryIO) -> None:
        target = self._root / key
        with disk_errors(key):
            incoming.flush()
            os.fsync(incoming.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(incoming.name).replace(target)
            directory = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)


def _write(key: str, target: BinaryIO, chunk: bytes) -> None:
    with disk_errors(key):
        target.write(chunk)


def _discard(incoming: BinaryIO) -> None:
    """Close; and remove, unless it was renamed into place."""
    with suppress(OSError):  # closing flushes, and may meet the full disk that brought us here
        incoming.close()
    Path(incoming.name).unlink(missing_ok=True)


@contextmanager
def disk_errors(key: str) -> Iterator[None]:
    """Raises ``StorageFull`` or ``StorageUnavailable`` in place of the system's errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"no space left for {key}") from error
        raise StorageUnavailable(f"cannot reach {key}: {error.strerror}") from error
