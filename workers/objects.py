"""Fetches and stores single objects by grant: a time-limited URL for one GET or one PUT.

Bodies stream between disk and network; sizes are limited before and while reading; brief outages are waited out. A grant's
URL is a secret: it appears in no log line and in no error. Only ``http`` and ``https`` are spoken, no redirect is followed
and no proxy from the environment is used. The assignment calls it; the stage's child process never sees a grant.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx

from workers.contract import Grant
from workers.errors import RunFailure

T = TypeVar("T")

_CHUNK = 1024 * 1024
_DELAYS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds between tries; about 24 s of outage are waited out."""
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class ObjectMissing(Exception):  # noqa: N818 - a finding, not always an error
    """The store has no object under this grant. Whether that is a failure is for the caller to say."""


@dataclass(frozen=True, slots=True)
class Fetched:
    size: int
    sha256: str


class Objects:
    """An HTTP client for grants. Use as an async context manager."""

    def __init__(self, *, delays: tuple[float, ...] = _DELAYS) -> None:
        self._delays = delays
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(60.0, connect=10.0), follow_redirects=False, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def fetch(self, grant: Grant, target: Path, *, max_bytes: int) -> Fetched:
        """Writes the object to ``target``. Raises ``ObjectMissing`` on 404 and ``RunFailure`` on everything else."""

        async def once() -> Fetched:
            digest, size = hashlib.sha256(), 0
            async with self._http.stream("GET", grant.url, headers={"accept-encoding": "identity"}) as response:
                _check(response.status_code)
                with target.open("wb") as file:
                    async for chunk in response.aiter_raw(_CHUNK):
                        size += len(chunk)
                        if size > max_bytes:
                            raise RunFailure("input_too_large", f"an input exceeds the limit of {max_bytes} bytes")
                        digest.update(chunk)
                        file.write(chunk)
            return Fetched(size=size, sha256=digest.hexdigest())

        try:
            return await self._persist(grant, once)
        except BaseException:
            target.unlink(missing_ok=True)  # noqa: ASYNC240 - local and quick
            raise

    async def store(self, grant: Grant, source: Path | bytes) -> None:
        """Puts a file or bytes. Raises ``RunFailure``; also for 404, since what is granted for writing must exist."""
        size = len(source) if isinstance(source, bytes) else source.stat().st_size  # noqa: ASYNC240 - local and quick
        headers = {"content-length": str(size), "content-type": "application/octet-stream"}

        async def once() -> None:
            body = source if isinstance(source, bytes) else _chunks(source)
            response = await self._http.put(grant.url, content=body, headers=headers)
            _check(response.status_code)

        try:
            await self._persist(grant, once)
        except ObjectMissing as error:
            raise RunFailure("storage_refused", "the object store does not know the granted place") from error

    async def _persist(self, grant: Grant, once: Callable[[], Awaitable[T]]) -> T:
        """Runs ``once`` until it works, the grant ends, or the delays are used up."""
        if not grant.url.startswith(("http://", "https://")):
            raise RunFailure("grant_invalid", "a grant must be an http or https URL")
        for delay in (*self._delays, None):
            if grant.expires_at <= time.time():
                raise RunFailure(
                    "grant_expired", "the permission to read or write an object has expired", retryable=True
                )
            try:
                return await once()
            except httpx.InvalidURL:
                raise RunFailure("grant_invalid", "a grant must be an http or https URL") from None
            except (_Transient, httpx.TransportError) as error:
                if delay is None:
                    kind = str(error) if isinstance(error, _Transient) else type(error).__name__
                    raise RunFailure(
                        "storage_unavailable", f"the object store did not answer properly ({kind})", retryable=True
                    ) from None
                await asyncio.sleep(delay)
        raise AssertionError("unreachable: the last try returns or raises")


class _Transient(Exception):  # noqa: N818 - a finding
    """An answer after which the same request may succeed."""


def _check(status: int) -> None:
    if status in _TRANSIENT:
        raise _Transient(f"HTTP {status}")
    if status == 404:
        raise ObjectMissing
    if status in {401, 403, 410}:
        raise RunFailure("grant_expired", f"the object store refused the grant (HTTP {status})", retryable=True)
    if not 200 <= status < 300:
        raise RunFailure("storage_refused", f"the object store refused the request (HTTP {status})")


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
