"""Identities of what scores answers: data files of this package, by digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

_WORKERS = Path(__file__).parents[1]
_JUDGES = _WORKERS / "evaluation" / "judges"
JUDGE_FILE = _JUDGES / "refusal_rules.json"
CLASSIFIER_FILE = _JUDGES / "refusal_classifier.json"
_DETECTORS = ("deferral_rules.json", "admission_rules.json", "leak_rules.json")
MARGIN_FILE = _WORKERS / "evaluation" / "refusal_margin.json"
SAFETY_PACK_FILE = _WORKERS / "tuning" / "safety_pack.jsonl"


class _Versioned(msgspec.Struct, frozen=True):
    id: str
    version: str


@dataclass(frozen=True, slots=True)
class ScorerInfo:
    """Identity of a scorer: its rules are a data file, its digest is over that file's bytes."""

    id: str
    version: str
    digest: str


def file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def judge() -> ScorerInfo:
    """The primary judge of refusal."""
    return _scorer(JUDGE_FILE)


@cache
def margin() -> ScorerInfo:
    return _scorer(MARGIN_FILE)


@cache
def scorers() -> tuple[ScorerInfo, ...]:
    """Everything that scores answers: the judges of refusal, the primary one first, the detectors of what else a safe answer
    may do, and the refusal margin. A plan fixes all of them."""
    detectors = [_scorer(_JUDGES / name) for name in _DETECTORS]
    return (judge(), _scorer(CLASSIFIER_FILE), *detectors, margin())


@cache
def safety_pack_digest() -> str:
    return file_digest(SAFETY_PACK_FILE)


@cache
def evaluator_digest() -> str:
    """Digest over the source files that load and measure a model: a baseline measured by other code is another baseline."""
    files = [
        *(_WORKERS / "evaluation").glob("**/*.py"),
        _WORKERS / "models" / "load.py",
        _WORKERS / "models" / "machine.py",
    ]
    return _listing_digest(files)


@cache
def worker_digest() -> str:
    """Digest over all source files of the workers: the code that a tuning is attested to have been made by."""
    return _listing_digest(list(_WORKERS.glob("**/*.py")))


def _listing_digest(files: list[Path]) -> str:
    """As ``sha256sum`` lists files, in the order of their names below this package's parent."""
    listing = "".join(f"{file_digest(path)}  {path.relative_to(_WORKERS)}\n" for path in sorted(files))
    return hashlib.sha256(listing.encode()).hexdigest()


def _scorer(path: Path) -> ScorerInfo:
    identity = msgspec.json.decode(path.read_bytes(), type=_Versioned)
    return ScorerInfo(id=identity.id, version=identity.version, digest=file_digest(path))
