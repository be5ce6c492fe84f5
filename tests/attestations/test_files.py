"""Files appear whole or not at all, and are for whom their writer means them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attestations.errors import FileAccessError
from attestations.files import read_file, read_if_there, write_file


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0, 0o666)])
def test_a_file_may_be_read_by_whom_the_umask_lets(tmp_path: Path, mask: int, mode: int) -> None:
    path = tmp_path / "bundle.json"
    with umask(mask):
        write_file(path, b"one")
        assert path.stat().st_mode & 0o777 == mode
        path.chmod(0o600)
        write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == mode


def test_a_private_file_is_its_owners_whatever_lay_there_before(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with umask(0):
        write_file(path, b"one")
        write_file(path, b"two", private=True)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_lay_there_stays_until_the_new_content_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bundle.json"
    write_file(path, b"one")
    found = []

    def interrupted(_: int) -> None:
        found.append(path.read_bytes())
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_file(path, b"two")
    assert found == [b"one"]
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_another_file_of_the_name_beside_it_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)
    taken = tmp_path / f".bundle.json.{'0' * 16}"
    taken.write_bytes(b"somebody else's")
    with pytest.raises(FileAccessError, match="exists"):
        write_file(tmp_path / "bundle.json", b"one")
    assert taken.read_bytes() == b"somebody else's"
    assert list(tmp_path.iterdir()) == [taken]


@pytest.mark.parametrize("name", ["missing/bundle.json", ".", "bundle\0.json", "x" * 300])
def test_a_place_that_cannot_be_written_is_one_of_our_errors(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileAccessError) as caught:
        write_file(tmp_path / name, b"one")
    assert caught.value.code == "file.unwritable"
    assert list(tmp_path.iterdir()) == []


def test_reading_stops_one_byte_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"123456789")
    assert read_file(path, 5) == read_if_there(path, 5) == b"123456"


def test_a_file_that_is_not_there_is_told_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_if_there(tmp_path / "none", 5) is None
    with pytest.raises(FileAccessError, match="No such file"):
        read_file(tmp_path / "none", 5)
    for unreadable in (tmp_path, tmp_path / "nul\0"):
        with pytest.raises(FileAccessError):
            read_if_there(unreadable, 5)
