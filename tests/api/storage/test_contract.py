"""What every store promises, on each of them."""

from pathlib import Path

import pytest

from api.storage import InvalidKey, ObjectMissing, ObjectTooLarge, Storage, StorageUnavailable

BODY = bytes(range(256)) * 9000  # more than two chunks


async def test_bytes_come_back_and_can_be_replaced(storage: Storage) -> None:
    await storage.put_bytes("a/b/c.json", b"one")
    await storage.put_bytes("a/b/c.json", b"two")
    assert await storage.get_bytes("a/b/c.json", 3) == b"two"
    assert await storage.size("a/b/c.json") == 3


async def test_a_file_comes_back_as_file_and_as_stream(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(BODY)
    await storage.put_file("files/file-1", source)
    await storage.get_file("files/file-1", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == BODY
    chunks = [chunk async for chunk in storage.stream("files/file-1")]
    assert b"".join(chunks) == BODY
    assert len(chunks) >= 3
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["copy", "source"]


async def test_an_empty_object_is_an_object(storage: Storage) -> None:
    await storage.put_bytes("empty", b"")
    assert await storage.exists("empty")
    assert await storage.get_bytes("empty", 0) == b""
    assert [chunk async for chunk in storage.stream("empty")] == []


async def test_what_is_missing_is_said_to_be_missing(storage: Storage, tmp_path: Path) -> None:
    assert not await storage.exists("no/such")
    with pytest.raises(ObjectMissing, match="no/such"):
        await storage.get_bytes("no/such", 10)
    with pytest.raises(ObjectMissing):
        await storage.size("no/such")
    with pytest.raises(ObjectMissing):
        await storage.get_file("no/such", tmp_path / "copy")
    assert list(tmp_path.glob("copy*")) == []
    with pytest.raises(ObjectMissing):
        _ = [chunk async for chunk in storage.stream("no/such")]


async def test_an_object_above_the_limit_is_refused(storage: Storage) -> None:
    await storage.put_bytes("large", b"12345")
    with pytest.raises(ObjectTooLarge, match="4 bytes"):
        await storage.get_bytes("large", 4)


async def test_deleting_twice_is_deleting(storage: Storage) -> None:
    await storage.put_bytes("gone", b"x")
    await storage.delete("gone")
    await storage.delete("gone")
    assert not await storage.exists("gone")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a//b",
        "a/",
        ".incoming/x",
        "a/.hidden",
        "a\\b",
        "a b",
        "ä",
        "a\n",
        "x" * 600,
        "a\0b",
    ],
)
async def test_keys_that_could_go_elsewhere_are_refused(storage: Storage, key: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidKey):
        await storage.put_bytes(key, b"x")
    with pytest.raises(InvalidKey):
        await storage.grant_write(key, 60)
    with pytest.raises(InvalidKey):
        await storage.exists(key)


async def test_a_failed_copy_leaves_nothing(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="half"):
        await storage.put_file("half", tmp_path / "no-source")
    assert not await storage.exists("half")


async def test_a_healthy_store_passes_its_check(storage: Storage) -> None:
    await storage.check()


def test_no_secret_is_shown(storage: Storage) -> None:
    for text in (repr(storage), repr(vars(storage))):
        assert "s" * 32 not in text
        assert "test-very-secret" not in text
