"""The base models and benchmarks on offer: a JSON file that the operator keeps beside the weights (``catalog.json``).

Both the control process (which fixes models in plans) and the workers (which load them) read the same file and compare
digests, never names. Nothing here loads a model.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from workers.catalog.benchmarks import BenchmarkError, read_benchmark
from workers.catalog.suites import Suite, built_in_suites

_SCALE = re.compile(r"0\.(?=[0-9]*[1-9])[0-9]{1,6}|1")


class CatalogError(Exception):
    """The catalog file is missing or wrong; the message says which field."""


class BaseModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A base model on offer. ``path`` is relative to the catalog file. ``aliases`` are foreign model names that operators
    map here so that existing client code keeps working. ``template_digest`` is SHA-256 over the chat template's text,
    ``lora_targets`` are module names that adapters attach to. ``control_adapter`` is the path of a kept adapter, relative to
    the catalog file, that damages the base's refusals by graded amounts when it is attached at the scales of the positive
    control; ``control_digest`` is its manifest's digest. ``control_levels`` are scales that suit this adapter, in place of the
    profile's: one should take away a little less than ten points of refusals, one a little more. ``pretraining_tokens`` are
    those that its makers say it was trained on, from which the compute of that training is estimated."""

    name: str
    path: str
    manifest_digest: str
    template_digest: str
    licence: str
    origin: str
    created: int
    parameters: int
    max_length: int
    lora_targets: list[str]
    aliases: list[str] = []
    description: str = ""
    control_adapter: str | None = None
    control_digest: str | None = None
    control_levels: list[str] = []
    pretraining_tokens: int | None = None

    def __post_init__(self) -> None:
        if (self.control_adapter is None) != (self.control_digest is None):
            raise ValueError("control_adapter and control_digest come together")
        if self.control_levels and self.control_adapter is None:
            raise ValueError("control_levels are scales of a control_adapter, and there is none")
        if not all(_SCALE.fullmatch(level) for level in self.control_levels):
            raise ValueError('control_levels are scales above 0 and at most 1, like "0.5"')
        if self.pretraining_tokens is not None and self.pretraining_tokens < 1:
            raise ValueError("pretraining_tokens must be at least 1")


class BenchmarkFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A publisher's file that the operator supplies: which adapter reads it, where it lies (relative to the catalog file)
    and the SHA-256 it must have (of a folder: ``workers.catalog.benchmarks.source``). ``options`` are the adapter's own."""

    adapter: str
    path: str
    sha256: str
    options: dict[str, str] = {}


class _CatalogFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bases: list[BaseModel]
    benchmarks: list[BenchmarkFile] = []


@dataclass(frozen=True, slots=True)
class Catalog:
    """The bases on offer and where their weights lie, and the benchmark files that the operator supplies."""

    directory: Path
    bases: tuple[BaseModel, ...]
    benchmarks: tuple[BenchmarkFile, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Catalog:
        """Reads ``catalog.json``. Raises ``CatalogError``."""
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise CatalogError(f"cannot read the model catalog {path}: {error.strerror}") from error
        try:
            listed = msgspec.json.decode(raw, type=_CatalogFile)
        except msgspec.DecodeError as error:
            raise CatalogError(f"the model catalog {path} is not valid: {error}") from error
        names = [name for base in listed.bases for name in (base.name, *base.aliases)]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise CatalogError(f"the model catalog {path} gives {sorted(repeated)[0]!r} to two bases")
        return cls(directory=path.parent, bases=tuple(listed.bases), benchmarks=tuple(listed.benchmarks))

    def find(self, name: str) -> BaseModel | None:
        """The base with that name or alias."""
        return next((base for base in self.bases if name == base.name or name in base.aliases), None)

    def weights(self, base: BaseModel) -> Path:
        return self.directory / base.path

    def control_adapter(self, base: BaseModel) -> Path | None:
        return self.directory / base.control_adapter if base.control_adapter is not None else None

    def benchmark_suites(self) -> tuple[Suite, ...]:
        """The suites of the operator's benchmark files, sorted by id. A file is read once in a process, since its digest is
        pinned. Raises ``CatalogError`` where one is missing, is not the pinned one, is not what its adapter reads, or gives
        a suite that is there already."""
        found = self._read_benchmarks()
        names = Counter(suite.id for suite in (*built_in_suites(), *found))
        repeated = [name for name, count in names.items() if count > 1]
        if repeated:
            raise CatalogError(f"the model catalog has two suites {repeated[0]!r}; keep one of their benchmark entries")
        return tuple(sorted(found, key=lambda suite: suite.id))

    def suites(self) -> tuple[Suite, ...]:
        """Everything that this deployment can measure, customers' own suites aside, sorted by id. Raises ``CatalogError``."""
        return tuple(sorted((*built_in_suites(), *self.benchmark_suites()), key=lambda suite: suite.id))

    def _read_benchmarks(self) -> list[Suite]:
        return [
            suite
            for entry in self.benchmarks
            for suite in _benchmark(
                entry.adapter, self.directory / entry.path, entry.sha256, tuple(sorted(entry.options.items()))
            )
        ]


@lru_cache(maxsize=64)
def _benchmark(adapter: str, path: Path, sha256: str, options: tuple[tuple[str, str], ...]) -> tuple[Suite, ...]:
    try:
        return read_benchmark(adapter, path, dict(options), sha256=sha256)[1]
    except BenchmarkError as error:
        raise CatalogError(f"benchmark entry {adapter!r}: {error}") from error
