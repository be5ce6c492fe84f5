import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from attestations import manifest
from attestations.errors import FileAccessError, MalformedError
from attestations.manifest import FileEntry, Manifest
from tests.attestations.evidence import write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def test_every_file_counts_hidden_ones_too_in_byte_order(model: Path) -> None:
    made = manifest.build(model)
    assert [entry.name for entry in made.files] == [
        ".hidden",
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "chat_template.jinja",
    ]
    assert made.files[0] == FileEntry(".hidden", 10, hashlib.sha256(b"counts too").hexdigest())
    assert manifest.parse(made.encode()) == made
    assert made.total_bytes == 7020


def test_order_is_that_of_bytes_across_directory_borders(tmp_path: Path) -> None:
    for name in ("a/b", "a-b", "a.b", "é", "Z", "😀", "דּ"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    names = [entry.name for entry in manifest.build(tmp_path).files]
    assert names == sorted(names, key=str.encode)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs coreutils")
def test_the_directory_hash_is_what_coreutils_computes(model: Path) -> None:
    command = "find . -type f | cut -c3- | LC_ALL=C sort | xargs sha256sum | sha256sum"
    output = subprocess.run(["sh", "-c", command], cwd=model, capture_output=True, check=True, text=True).stdout
    assert manifest.build(model).dir_hash == output.split()[0]


def test_a_directory_that_is_as_listed_has_no_differences(model: Path) -> None:
    assert manifest.differences(manifest.build(model), model) == []


def test_each_difference_is_a_sentence_in_the_order_of_names(model: Path) -> None:
    made = manifest.build(model)
    (model / "chat_template.jinja").write_bytes(b"{{ Messages }}")
    (model / "adapter" / "adapter_config.json").rename(model / "adapter" / "config.json")
    (model / ".github").mkdir()
    (model / ".github" / "evil.py").write_bytes(b"1")
    (model / ".hidden").unlink()
    assert manifest.differences(made, model) == [
        ".github/evil.py was added",
        ".hidden is missing",
        "adapter/adapter_config.json was renamed to adapter/config.json",
        "chat_template.jinja was changed",
    ]


def test_two_files_that_swap_names_change_both_digests(model: Path) -> None:
    made = manifest.build(model)
    one, two = model / "chat_template.jinja", model / ".hidden"
    contents = one.read_bytes(), two.read_bytes()
    one.write_bytes(contents[1])
    two.write_bytes(contents[0])
    again = manifest.build(model)
    assert again.digest != made.digest
    assert again.dir_hash != made.dir_hash
    assert manifest.differences(made, model) == [".hidden was changed", "chat_template.jinja was changed"]


def test_links_and_devices_are_refused_and_reported(model: Path) -> None:
    made = manifest.build(model)
    (model / "link").symlink_to(model / ".hidden")
    with pytest.raises(MalformedError, match="'link' is no regular file"):
        manifest.build(model)
    assert "symbolic links are refused" in manifest.differences(made, model)[0]
    (model / "link").unlink()
    os.mkfifo(model / "pipe")
    assert "'pipe' is no regular file" in manifest.differences(made, model)[0]


@pytest.mark.parametrize(
    "name", ["/abs", "a/../b", "..", "./a", "a//b", "a\\b", "a\nb", "C:x", "a/", "\x7f", "a" * 201, "\udc80"]
)
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        FileEntry(name, 0, "0" * 64)


def test_an_undecodable_file_name_is_refused(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))).write_bytes(b"")
    with pytest.raises(MalformedError, match="no safe relative"):
        manifest.build(tmp_path)


def test_an_empty_or_missing_directory_has_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="at least one"):
        manifest.build(tmp_path)
    with pytest.raises(FileAccessError, match="nowhere"):
        manifest.build(tmp_path / "nowhere")


def test_a_list_in_another_order_or_with_a_repeated_name_is_refused() -> None:
    a, b = FileEntry("a", 0, "0" * 64), FileEntry("b", 0, "0" * 64)
    assert Manifest.of([b, a]) == Manifest((a, b))
    for files in ((b, a), (a, a)):
        with pytest.raises(MalformedError, match="in the order of their names"):
            Manifest(files)


def test_a_file_that_may_lie_beside_is_held_to_its_content(model: Path) -> None:
    made = manifest.build(model)
    (model / "model.sig").write_bytes(b"{}")
    beside = {"model.sig": hashlib.sha256(b"{}").hexdigest()}
    assert manifest.differences(made, model) == ["model.sig was added"]
    assert manifest.differences(made, model, beside=beside) == []
    (model / "model.sig").write_bytes(b"{ }")
    assert manifest.differences(made, model, beside=beside) == ["model.sig was added"]
    listed = manifest.build(model)
    (model / "model.sig").write_bytes(b"{}")
    assert manifest.differences(listed, model, beside=beside) == ["model.sig was changed"]


def test_many_files_hashed_at_once_are_listed_as_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        (tmp_path / f"{number:03}").write_bytes(bytes([number]) * number * 70_001)
    together = manifest.build(tmp_path)
    monkeypatch.setattr(manifest, "_AT_ONCE", 1)
    assert together == manifest.build(tmp_path)
    assert together.files[3] == FileEntry("003", 210_003, hashlib.sha256(b"\x03" * 210_003).hexdigest())


def test_a_file_that_cannot_be_read_is_our_error_among_many(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileAccessError, match="Permission denied"):
        manifest.build(model)
