"""What only the disk does: atomic renames, full disks, signed grants."""

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from api.settings import SettingsError, StorageSettings
from api.storage import LocalStorage, StorageFull, StorageUnavailable, open_storage
from api.storage.signing import GrantRefused, GrantSigner

SIGNER = GrantSigner(internal_url="http://api:8000/", secret="s" * 32)


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "objects", SIGNER, clock=lambda: 1000.0)


def leftovers(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


async def test_an_interrupted_stream_keeps_the_old_object_and_nothing_else(local: LocalStorage, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    await local.put_bytes("kept", b"old")
    with pytest.raises(ConnectionResetError):
        await local.put_stream("kept", broken())
    assert await local.get_bytes("kept", 10) == b"old"
    assert [path.name for path in leftovers(tmp_path)] == ["kept"]


async def test_a_full_disk_is_named_and_leaves_nothing(
    local: LocalStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="no space left for some/key"):
        await local.put_bytes("some/key", b"x" * 100)
    assert leftovers(tmp_path) == []


async def test_a_root_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("a file, not a directory")
    local = LocalStorage(tmp_path / "objects", SIGNER)
    with pytest.raises(StorageUnavailable):
        await local.check()


async def test_a_grant_admits_its_own_request_until_it_expires(local: LocalStorage) -> None:
    grant = await local.grant_read("runs/1/report.json", 60)
    url = urlsplit(grant.url)
    query = dict(parse_qsl(url.query))
    assert (url.netloc, url.path, grant.expires_at) == ("api:8000", "/storage/runs/1/report.json", 1060)
    SIGNER.verify("GET", "runs/1/report.json", query, now=1059.9)
    with pytest.raises(GrantRefused, match="expired"):
        SIGNER.verify("GET", "runs/1/report.json", query, now=1060)


@pytest.mark.parametrize(
    ("method", "key", "change"),
    [
        ("PUT", "runs/1", {}),
        ("PUT", "runs/1", {"method": "PUT"}),
        ("GET", "runs/2", {}),
        ("GET", "runs/1", {"expires": "9999999999"}),
        ("GET", "runs/1", {"expires": "-1"}),
        ("GET", "runs/1", {"expires": "1060\n"}),
        ("GET", "runs/1", {"expires": "٣"}),
        ("GET", "runs/1", {"expires": ""}),
        ("GET", "runs/1", {"signature": ""}),
        ("GET", "runs/1", {"signature": "ü" * 64}),
        ("GET", "runs/1", {"signature": "\ud800" * 64}),
        ("GET", "runs/1", {"method": "PUT"}),
        ("DELETE", "runs/1", {"method": "DELETE"}),
    ],
)
async def test_a_grant_admits_nothing_else(local: LocalStorage, method: str, key: str, change: dict[str, str]) -> None:
    query = dict(parse_qsl(urlsplit((await local.grant_read("runs/1", 60)).url).query)) | change
    with pytest.raises(GrantRefused):
        SIGNER.verify(method, key, query, now=1000)


def test_another_secret_signs_differently() -> None:
    other = GrantSigner(internal_url="http://api:8000", secret="t" * 32)
    query = dict(parse_qsl(urlsplit(other.grant("GET", "a", 2000).url).query))
    with pytest.raises(GrantRefused):
        SIGNER.verify("GET", "a", query, now=1000)


@pytest.mark.parametrize("url", ["", "ftp://x/y", "file://host/path", "file:relative", "s3://", "/plain/path"])
def test_other_urls_are_refused_by_name(url: str) -> None:
    with pytest.raises(SettingsError, match="TUNEPROOF_STORAGE_URL"):
        open_storage(StorageSettings(url=url, internal_url="http://x", secret="s" * 32))


def test_a_guessable_secret_is_refused() -> None:
    with pytest.raises(SettingsError, match="TUNEPROOF_STORAGE_SECRET"):
        open_storage(StorageSettings(url="file:///tmp/x", internal_url="http://x", secret="changeme"))
