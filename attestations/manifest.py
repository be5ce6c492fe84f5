"""Name-binding manifest of a directory: what is served, file by file.

Both digests bind names: `digest` is over the canonical JSON, `dir_hash` is Go's dirhash.Hash1 in hex, which coreutils
can compute (`find . -type f | cut -c3- | LC_ALL=C sort | xargs sha256sum | sha256sum`). Hidden files count; nothing is
excluded. Refused: symbolic links, devices, names that are absolute, hold `..`, a backslash or a control character.
Files are read in chunks, several at a time where there are several, so weights of any size pass through little memory.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from threading import Thread

from attestations import canonical, documents
from attestations.documents import Digest, Name
from attestations.errors import FileAccessError, MalformedError

SCHEMA = "0.1.0"
MEDIA_TYPE = "application/vnd.tuneproof.manifest.v1+json"
MAX_BYTES = 4 * 1024 * 1024
_CHUNK = 1 << 20
_AT_ONCE = 8
"""Files hashed at once at most. Hashing leaves the interpreter's lock; each needs a buffer of its own."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """`name` is relative to the directory, with `/`; `size` in bytes; `sha256` of the content."""

    name: Name
    size: int
    sha256: Digest

    def __post_init__(self) -> None:
        _refuse_unsafe(self.name)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files in the byte order of their names, each once. `of` sorts; the constructor refuses another order."""

    files: tuple[FileEntry, ...]
    schema: Name = SCHEMA
    media_type: Name = MEDIA_TYPE

    def __post_init__(self) -> None:
        if (self.schema, self.media_type) != (SCHEMA, MEDIA_TYPE):
            raise MalformedError("manifest.schema", f"this version reads manifests of schema {SCHEMA}")
        names = [entry.name for entry in self.files]
        if not names:
            raise MalformedError("manifest.empty", "a manifest lists at least one file")
        if names != sorted(set(names)):
            raise MalformedError("manifest.order", "the files are not in the order of their names, each once")

    @classmethod
    def of(cls, entries: Iterable[FileEntry]) -> "Manifest":
        return cls(tuple(sorted(entries, key=lambda entry: entry.name)))

    def encode(self) -> bytes:
        return canonical.encode(documents.encode(self))

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.encode()).hexdigest()

    @property
    def dir_hash(self) -> str:
        lines = "".join(f"{entry.sha256}  {entry.name}\n" for entry in self.files)
        return hashlib.sha256(lines.encode("utf-8")).hexdigest()

    @property
    def total_bytes(self) -> int:
        return sum(entry.size for entry in self.files)


def build(directory: Path) -> Manifest:
    """The manifest of every file below `directory`."""
    try:
        return Manifest.of(_entries(directory, list(_names(directory, ""))))
    except OSError as error:
        raise FileAccessError("manifest.unreadable", f"{error.filename or directory}: {error.strerror}") from error


def parse(unverified: bytes) -> Manifest:
    value = canonical.parse(unverified, what="the manifest", max_bytes=MAX_BYTES)
    return documents.decode(Manifest, value, "manifest")


def differences(manifest: Manifest, directory: Path, beside: Mapping[str, Digest] | None = None) -> list[str]:
    """What in `directory` is not as the manifest says, a sentence each, in the order of names; empty means none.

    `beside` are files that may lie there as well, with exactly the content of this SHA-256: model.sig, whose custom it is.
    """
    try:
        found = {entry.name: entry for entry in build(directory).files}
    except MalformedError as error:
        return [str(error)]
    wanted = {entry.name: entry for entry in manifest.files}
    for name, digest in (beside or {}).items():
        if name not in wanted and name in found and found[name].sha256 == digest:
            del found[name]
    missing = {name: entry for name, entry in wanted.items() if name not in found}
    added = {name: entry for name, entry in found.items() if name not in wanted}
    sentences = {name: f"{name} was changed" for name in wanted if name in found and wanted[name] != found[name]}
    for name, entry in sorted(missing.items()):
        twin = next((new for new in sorted(added) if added[new].sha256 == entry.sha256), None)
        if twin is None:
            sentences[name] = f"{name} is missing"
        else:
            sentences[name] = f"{name} was renamed to {twin}"
            del added[twin]
    sentences.update({name: f"{name} was added" for name in added})
    return [sentences[name] for name in sorted(sentences)]


def _names(directory: Path, prefix: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = prefix + entry.name
            _refuse_unsafe(name)
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                yield from _names(Path(entry.path), f"{name}/")
            elif stat.S_ISREG(mode):
                yield name
            else:
                raise MalformedError(
                    "manifest.special_file", f"{name!a} is no regular file (symbolic links are refused)"
                )


def _entries(directory: Path, names: Sequence[str]) -> list[FileEntry]:
    """In no order: the largest files begin first, so that none of them is hashed alone at the end."""
    waiting = sorted(names, key=lambda name: (directory / name).stat().st_size)
    done: list[FileEntry] = []
    failed: list[Exception] = []

    def work() -> None:
        # Anonymous memory begins at a page, and copying from the page cache to there is faster than to where malloc puts it.
        with mmap(-1, _CHUNK) as buffer, memoryview(buffer) as view:
            while waiting and not failed:
                try:
                    done.append(_entry(directory, waiting.pop(), view))
                except IndexError:
                    return  # another thread took the last one
                except Exception as error:
                    failed.append(error)

    # concurrent.futures takes longer to import than a small model to hash.
    at_once = min(_AT_ONCE, (os.cpu_count() or 1) + 4, len(names))  # some of them wait for the disk
    threads = [Thread(target=work) for _ in range(at_once - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return done


def _entry(directory: Path, name: str, view: memoryview) -> FileEntry:
    """The entry of one file, read through `view`."""
    digest, size = hashlib.sha256(), 0
    with (directory / name).open("rb", buffering=0) as file:
        while read := file.readinto(view):
            digest.update(view[:read])
            size += read
    return FileEntry(name, size, digest.hexdigest())


def _refuse_unsafe(name: str) -> None:
    segments = name.split("/")
    control = any(ord(letter) < 0x20 or ord(letter) == 0x7F or 0xD800 <= ord(letter) <= 0xDFFF for letter in name)
    if control or "\\" in name or any(segment in ("", ".", "..") for segment in segments) or name[1:2] == ":":
        raise MalformedError("manifest.name", f"{name!a} is no safe relative file name")
    if len(name) > 200 or len(segments) > 32:
        raise MalformedError("manifest.name", f"{name[:60]!a}… is longer than 200 characters or 32 levels")
