"""Objects by grant: streaming, limits, outages, expiry; and no URL in any message."""

import hashlib
from pathlib import Path

import pytest

from tests.workers.object_store import ObjectStore
from workers.contract import Grant
from workers.errors import RunFailure
from workers.objects import ObjectMissing, Objects


async def test_an_object_comes_and_goes(objects: Objects, store: ObjectStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "up").write_bytes(content)
    await objects.store(store.grant("thing"), tmp_path / "up")
    got = await objects.fetch(store.grant("thing"), tmp_path / "down", max_bytes=len(content))
    assert (got.size, got.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (tmp_path / "down").read_bytes() == content


async def test_bytes_are_stored_too(objects: Objects, store: ObjectStore) -> None:
    await objects.store(store.grant("report"), b"{}")
    assert store.objects["report"] == b"{}"


async def test_brief_outages_are_waited_out(objects: Objects, store: ObjectStore, tmp_path: Path) -> None:
    store.objects["thing"] = b"abc"
    store.failures = [503, 500, 429]
    await objects.fetch(store.grant("thing"), tmp_path / "down", max_bytes=10)
    store.failures = [502]
    await objects.store(store.grant("thing"), tmp_path / "down")
    assert store.objects["thing"] == b"abc"


async def test_a_lasting_outage_is_worth_another_attempt(objects: Objects, store: ObjectStore, tmp_path: Path) -> None:
    store.failures = [500] * 10
    with pytest.raises(RunFailure) as caught:
        await objects.fetch(store.grant("thing"), tmp_path / "down", max_bytes=10)
    assert (caught.value.code, caught.value.retryable) == ("storage_unavailable", True)
    assert len(store.requests) == 4


async def test_a_closed_port_is_an_outage(objects: Objects, store: ObjectStore, tmp_path: Path) -> None:
    grant = store.grant("thing")
    store.close()
    with pytest.raises(RunFailure, match="ConnectError") as caught:
        await objects.fetch(grant, tmp_path / "down", max_bytes=10)
    assert caught.value.retryable


async def test_more_than_the_limit_is_refused_and_removed(objects: Objects, store: ObjectStore, tmp_path: Path) -> None:
    store.objects["thing"] = b"x" * 100
    with pytest.raises(RunFailure, match="limit of 99 bytes") as caught:
        await objects.fetch(store.grant("thing"), tmp_path / "down", max_bytes=99)
    assert caught.value.code == "input_too_large"
    assert not (tmp_path / "down").exists()


async def test_what_is_not_there_is_missing(objects: Objects, store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing):
        await objects.fetch(store.grant("nothing"), tmp_path / "down", max_bytes=10)


async def test_an_expired_grant_is_not_tried(objects: Objects, store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(RunFailure) as caught:
        await objects.fetch(store.grant("thing", seconds=-5), tmp_path / "down", max_bytes=10)
    assert (caught.value.code, caught.value.retryable, store.requests) == ("grant_expired", True, [])


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "grant_expired"), (401, "grant_expired"), (413, "storage_refused"), (302, "storage_refused")],
)
async def test_a_refusal_is_final(objects: Objects, store: ObjectStore, status: int, code: str) -> None:
    store.failures = [status]
    with pytest.raises(RunFailure) as caught:
        await objects.store(store.grant("thing"), b"x")
    assert caught.value.code == code
    assert len(store.requests) == 1


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host/x", "/etc/passwd", "", "http://[bad", "unix:///run/x"]
)
async def test_only_http_is_spoken(objects: Objects, tmp_path: Path, url: str) -> None:
    with pytest.raises(RunFailure) as caught:
        await objects.fetch(Grant(url=url, expires_at=2**40), tmp_path / "down", max_bytes=10)
    assert caught.value.code in {"grant_invalid", "storage_unavailable"}


async def test_no_url_in_a_message(
    objects: Objects, store: ObjectStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for failures in ([403], [500] * 9, [302], [404]):
        store.failures = failures
        with pytest.raises((RunFailure, ObjectMissing)) as caught:
            await objects.fetch(store.grant("thing"), tmp_path / "down", max_bytes=10)
        shown = f"{caught.value!r} {caught.value} {caught.value.__context__!r}"
        assert "topsecret" not in shown
    assert "topsecret" not in repr(store.grant("thing"))
