"""Grants over real HTTP: what a worker can do with one, and that nobody can do anything else."""

import asyncio
import socket
import time
from pathlib import Path

import httpx
import pytest

from api.settings import StorageSettings
from api.storage import LocalStorage, ObjectMissing, Storage, StorageUnavailable, open_storage
from api.storage.signing import GrantSigner
from tests.api.serving import Served

BODY = bytes(range(256)) * 20_000
UPLOAD = {"content-type": "application/octet-stream"}


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> Storage:
    """As ``storage``, with somebody at the other end of the local one's grants."""
    if request.param == "s3":
        return open_storage(request.getfixturevalue("s3_settings"))
    served: Served = request.getfixturevalue("served_on_sqlite")
    return local_store(served)


def local_store(served: Served) -> LocalStorage:
    return LocalStorage(served.directory / "objects", GrantSigner(served.url, "s" * 32))


async def test_a_granted_write_and_a_granted_read(store: Storage) -> None:
    writing, reading = await store.grant_write("runs/1/out.tar", 60), await store.grant_read("runs/1/out.tar", 60)
    assert 50 < reading.expires_at - time.time() < 70
    async with httpx.AsyncClient() as client:
        assert (await client.put(writing.url, content=BODY, headers=UPLOAD)).status_code == 200
        assert await store.get_bytes("runs/1/out.tar", len(BODY)) == BODY
        read = await client.get(reading.url)
        assert (read.status_code, read.content) == (200, BODY)
        assert read.headers["content-length"] == str(len(BODY))
        assert (await client.put(writing.url, content=b"second", headers=UPLOAD)).status_code == 200
        assert (await client.get(reading.url)).content == b"second"


async def test_a_grant_for_what_does_not_exist_reads_404(store: Storage) -> None:
    grant = await store.grant_read("not/there", 60)
    async with httpx.AsyncClient() as client:
        assert (await client.get(grant.url)).status_code == 404


async def test_a_large_body_of_unknown_length_is_taken(served_on_sqlite: Served) -> None:
    store = local_store(served_on_sqlite)

    async def pieces() -> object:
        for _ in range(24):
            yield b"x" * 1024 * 1024

    grant = await store.grant_write("large", 60)
    async with httpx.AsyncClient() as client:
        assert (await client.put(grant.url, content=pieces(), headers=UPLOAD)).status_code == 200  # type: ignore[arg-type]
    assert await store.size("large") == 24 * 1024 * 1024


async def test_without_a_fitting_grant_nothing_is_read_or_written(served_on_sqlite: Served) -> None:
    store = local_store(served_on_sqlite)
    await store.put_bytes("a/secret", b"secret")
    reading = (await store.grant_read("a/secret", 60)).url
    expired = GrantSigner(served_on_sqlite.url, "s" * 32).grant("GET", "a/secret", int(time.time()) - 1).url
    forged = GrantSigner(served_on_sqlite.url, "t" * 32).grant("GET", "a/secret", int(time.time()) + 60).url
    attempts = [
        ("GET", reading.split("?")[0]),
        ("GET", reading.replace("a/secret", "a/other")),
        ("GET", reading.replace("a/secret", "a/%2e%2e/a/secret")),
        ("GET", reading.replace("a/secret", ".incoming/x")),
        ("GET", reading.replace("expires=", "expires=9")),
        ("GET", reading[:-1] + ("0" if reading[-1] != "0" else "1")),
        ("PUT", reading),
        ("PUT", reading.replace("method=GET", "method=PUT")),
        ("GET", expired),
        ("GET", forged),
    ]
    async with httpx.AsyncClient() as client:
        for method, url in attempts:
            answer = await client.request(method, url, content=b"changed" if method == "PUT" else None)
            assert answer.status_code == 403, (method, url)
            assert answer.json()["error"]["code"] == "grant_refused"
            assert answer.json()["error"]["type"] == "permission_error"
        assert (await client.delete(reading)).status_code == 405
    assert await store.get_bytes("a/secret", 10) == b"secret"


async def test_a_broken_off_write_changes_nothing(served_on_sqlite: Served) -> None:
    store = local_store(served_on_sqlite)
    await store.put_bytes("kept", b"old")
    path = (await store.grant_write("kept", 60)).url.removeprefix(served_on_sqlite.url)
    with socket.create_connection(("127.0.0.1", served_on_sqlite.port)) as raw:
        raw.sendall(f"PUT {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n".encode() + b"y" * 100_000)
        await until(lambda: len(served_on_sqlite.stored_files) == 2)
    await until(lambda: len(served_on_sqlite.stored_files) == 1)
    assert await store.get_bytes("kept", 10) == b"old"


async def until(condition: object, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.01)


async def test_a_store_that_is_away_is_unavailable(s3_settings: StorageSettings, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{unused.getsockname()[1]}"
    store = open_storage(
        StorageSettings(s3_settings.url, s3_settings.internal_url, s3_settings.secret, away, s3_settings.s3_region)
    )
    with pytest.raises(StorageUnavailable):
        await store.get_bytes("a", 1)
    missing = StorageSettings(
        "s3://no-such-bucket/x", "http://unused.invalid", "s" * 32, s3_settings.s3_endpoint, s3_settings.s3_region
    )
    with pytest.raises(StorageUnavailable, match="does not exist"):
        await open_storage(missing).check()
    with pytest.raises(ObjectMissing):
        await open_storage(s3_settings).get_bytes("a", 1)
