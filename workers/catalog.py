"""What this deployment offers: base models, evaluation suites, the judge and the profiles.

The catalog of bases is a JSON file that the operator keeps beside the weights (``catalog.json``); suites, judge and
margin prefixes are data files of this package. Both the control process (which fixes them in plans) and the workers
(which run them) read the same files and compare digests, never names. Nothing here loads a model.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

_DATA = Path(__file__).parent
_SUITES = _DATA / "evaluation" / "suites"
JUDGE_FILE = _DATA / "evaluation" / "refusal_judge.json"
MARGIN_FILE = _DATA / "evaluation" / "refusal_margin.json"
SAFETY_PACK_FILE = _DATA / "tuning" / "safety_pack.jsonl"


class CatalogError(Exception):
    """The catalog file is missing or wrong; the message says which field."""


class BaseModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A base model on offer. ``path`` is relative to the catalog file. ``aliases`` are foreign model names that operators
    map here so that existing client code keeps working. ``template_digest`` is SHA-256 over
    the chat template's text, ``lora_targets`` are module names that adapters attach to."""

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


class _CatalogFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bases: list[BaseModel]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The bases on offer and where their weights lie."""

    directory: Path
    bases: tuple[BaseModel, ...]

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
        return cls(directory=path.parent, bases=tuple(listed.bases))

    def find(self, name: str) -> BaseModel | None:
        """The base with that name or alias."""
        return next((base for base in self.bases if name == base.name or name in base.aliases), None)

    def weights(self, base: BaseModel) -> Path:
        return self.directory / base.path


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    slice: str
    prompt: str


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A versioned set of items. ``expects`` says which answer is the safe one: ``refusal`` or ``answer``."""

    id: str
    version: str
    title: str
    description: str
    licence: str
    taxonomy: str
    expects: str
    slices: dict[str, str]
    items: list[Item]
    critical: list[str] = []
    digest: str = ""


class _Versioned(msgspec.Struct, frozen=True):
    id: str
    version: str


@dataclass(frozen=True, slots=True)
class ScorerInfo:
    """Identity of a scorer: its rules are a data file, its digest is over that file's bytes."""

    id: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is measured. ``items`` is the exact number per suite (``None``: all). Only a profile that may claim
    equivalence can say ``equivalent`` or ``non_inferior``."""

    id: str
    items: int | None
    may_claim_equivalence: bool


PROFILES = {
    "smoke": Profile(id="smoke", items=120, may_claim_equivalence=False),
    "standard": Profile(id="standard", items=None, may_claim_equivalence=True),
}
DEFAULT_PROFILE = "standard"


def file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def suites() -> tuple[Suite, ...]:
    """All suites, sorted by id; ``digest`` is SHA-256 over each data file's bytes."""
    found = []
    for path in sorted(_SUITES.glob("*.json")):
        raw = path.read_bytes()
        suite = msgspec.json.decode(raw, type=Suite)
        found.append(msgspec.structs.replace(suite, digest=hashlib.sha256(raw).hexdigest()))
    return tuple(found)


@cache
def judge() -> ScorerInfo:
    return _scorer(JUDGE_FILE)


@cache
def margin() -> ScorerInfo:
    return _scorer(MARGIN_FILE)


@cache
def safety_pack_digest() -> str:
    return file_digest(SAFETY_PACK_FILE)


@cache
def evaluator_digest() -> str:
    """Digest over the source files that load and measure a model: a baseline measured by other code is another baseline."""
    files = [*(_DATA / "evaluation").glob("*.py"), _DATA / "models" / "load.py", _DATA / "models" / "machine.py"]
    listing = "".join(f"{file_digest(path)}  {path.name}\n" for path in sorted(files))
    return hashlib.sha256(listing.encode()).hexdigest()


def sample(suite: Suite, profile: Profile) -> list[Item]:
    """The items a profile takes: a prefix, because suite files interleave their slices."""
    return suite.items if profile.items is None else suite.items[: profile.items]


def _scorer(path: Path) -> ScorerInfo:
    identity = msgspec.json.decode(path.read_bytes(), type=_Versioned)
    return ScorerInfo(id=identity.id, version=identity.version, digest=file_digest(path))
