"""Uncompressed tar archives of a directory of files, the same bytes for the same files.

``pack`` is deterministic: names sorted, times zero, owner zero, mode 0644. ``unpack`` trusts nothing: only plain files and
directories, names that stay inside, no name twice, bounded count and size; what fails leaves nothing behind. The worker
ships artefacts and checkpoints in it.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from workers.errors import RunFailure

MAX_FILES = 10_000
_CHUNK = 1024 * 1024


def pack(directory: Path, archive: Path) -> int:
    """Writes ``archive`` and returns its size in bytes. Raises ``RunFailure`` for anything but plain files."""
    files = []
    for path in sorted(directory.rglob("*"), key=lambda p: p.relative_to(directory).as_posix()):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise RunFailure("archive_invalid", f"{path.relative_to(directory)} is not a plain file")
        if path.is_file():
            files.append(path)
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in files:
            with path.open("rb") as content:
                member = tarfile.TarInfo(path.relative_to(directory).as_posix())
                member.size = os.fstat(content.fileno()).st_size
                member.mode = 0o644
                tar.addfile(member, content)
    return archive.stat().st_size


def unpack(archive: Path, directory: Path, *, max_bytes: int) -> None:
    """Creates ``directory`` with the archive's files. Raises ``RunFailure`` and removes it when anything is amiss."""
    directory.mkdir()
    try:
        _unpack(archive, directory, max_bytes)
    except BaseException as error:
        shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, (tarfile.TarError, EOFError, ValueError, UnicodeError)):
            raise RunFailure("archive_invalid", "the archive is damaged or not an uncompressed tar") from error
        raise


def _unpack(archive: Path, directory: Path, max_bytes: int) -> None:
    seen: set[str] = set()
    total = 0
    with tarfile.open(archive, "r:") as tar:
        for member in tar:
            name = _checked_name(member)
            total += member.size
            if name in seen:
                raise RunFailure("archive_invalid", f"the archive holds {name!r} twice")
            if len(seen) >= MAX_FILES or total > max_bytes:
                raise RunFailure(
                    "archive_invalid", f"the archive holds more than {MAX_FILES} files or {max_bytes} bytes"
                )
            seen.add(name)
            target = directory / name
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            if content is None:
                raise RunFailure("archive_invalid", f"{name!r} in the archive has no content")
            with content, target.open("xb") as file:
                shutil.copyfileobj(content, file, _CHUNK)
            if target.stat().st_size != member.size:
                raise RunFailure("archive_invalid", f"{name!r} in the archive is cut short")


def _checked_name(member: tarfile.TarInfo) -> str:
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise RunFailure("archive_invalid", f"{member.name!r} in the archive is a link or a special file")
    name = PurePosixPath(member.name)
    wrong = name.is_absolute() or not name.parts or ".." in name.parts or len(name.parts) > 8 or len(member.name) > 512
    if wrong or "\\" in member.name or not member.name.isprintable():
        raise RunFailure("archive_invalid", f"{member.name!r} is not a name that an archive may hold")
    return name.as_posix()
