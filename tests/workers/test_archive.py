"""Archives: deterministic out, suspicious in."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workers import archive
from workers.errors import RunFailure

Build = Callable[[tarfile.TarFile], None]


def member(name: str, content: bytes = b"x", **fields: object) -> Build:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in fields.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(content))

    return add


def written(tmp_path: Path, *builds: Build) -> Path:
    path = tmp_path / "given.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for build in builds:
            build(tar)
    return path


def tree(root: Path) -> Path:
    (root / "b").mkdir(parents=True)
    (root / "b" / "two").write_bytes(b"2" * 3000)
    (root / "a").write_bytes(b"1")
    (root / ".hidden").write_bytes(b"")
    return root


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = tree(tmp_path / "x"), tree(tmp_path / "y")
    (second / "a").touch()
    (second / "a").chmod(0o600)
    size = archive.pack(first, tmp_path / "1.tar")
    archive.pack(second, tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    assert size == (tmp_path / "1.tar").stat().st_size


def test_what_is_packed_comes_out_again(tmp_path: Path) -> None:
    archive.pack(tree(tmp_path / "x"), tmp_path / "1.tar")
    archive.unpack(tmp_path / "1.tar", tmp_path / "out", max_bytes=10_000)
    found = {
        p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert found == {"a": b"1", "b/two": b"2" * 3000, ".hidden": b""}


def test_links_are_not_packed(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "link").symlink_to("/etc/passwd")
    with pytest.raises(RunFailure, match="not a plain file"):
        archive.pack(tmp_path / "x", tmp_path / "1.tar")


@pytest.mark.parametrize(
    "attack",
    [
        [member("../escape")],
        [member("a/../../escape")],
        [member("/etc/absolute")],
        [member("back\\slash")],
        [member("bell\x07")],
        [member("a/b/c/d/e/f/g/h/i")],
        [member("x" * 600)],
        [member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
        [member("hard", b"", type=tarfile.LNKTYPE, linkname="a")],
        [member("fifo", b"", type=tarfile.FIFOTYPE)],
        [member("device", b"", type=tarfile.CHRTYPE)],
        [member("twice"), member("twice")],
        [member("file"), member("file/below")],
        [member("big", b"y" * 5001)],
        [member("one", b"y" * 3000), member("two", b"y" * 3000)],
    ],
    ids=lambda attack: "archive",
)
def test_an_attack_is_refused_and_leaves_nothing(tmp_path: Path, attack: list[Build]) -> None:
    given = written(tmp_path, member("good"), *attack)
    with pytest.raises((RunFailure, OSError)):
        archive.unpack(given, tmp_path / "out", max_bytes=5000)
    assert not (tmp_path / "out").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["given.tar"]


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    given = written(tmp_path, *[member(f"f{i}") for i in range(4)])
    with pytest.raises(RunFailure, match="more than 3 files"):
        archive.unpack(given, tmp_path / "out", max_bytes=5000)


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:700], lambda raw: b"\x1f\x8b" + raw[2:], lambda raw: b"no tar at all"]
)
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    given = written(tmp_path, member("good", b"z" * 2000))
    given.write_bytes(damage(given.read_bytes()))
    with pytest.raises(RunFailure) as caught:
        archive.unpack(given, tmp_path / "out", max_bytes=5000)
    assert caught.value.code == "archive_invalid"
    assert not (tmp_path / "out").exists()
