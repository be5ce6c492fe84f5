"""The trust roots that the operator publishes: a folder with ``1.root.json``, ``2.root.json``, …, as ``api.issuance`` keeps it.

Only public keys lie in it. A buyer who has version N follows from there to the newest (``tuneproof trust update``); the first one
comes to them by another way, for whoever could forge this page could forge a trust root with it.
"""

import re
from pathlib import Path

from attestations.trust import MAX_BYTES

_NAME = re.compile(r"([1-9][0-9]{0,8})\.root\.json")
NEWEST = "root.json"


def trust_root(folder: Path | None, name: str) -> bytes | None:
    """The file as it is, by ``N.root.json`` or ``root.json``; None where there is none."""
    if folder is None:
        return None
    if name == NEWEST:
        versions = _versions(folder)
        return _read(folder / f"{max(versions)}.root.json") if versions else None
    return _read(folder / name) if _NAME.fullmatch(name) else None


def _versions(folder: Path) -> list[int]:
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return [int(found[1]) for name in names if (found := _NAME.fullmatch(name))]


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        return None
    return content if len(content) <= MAX_BYTES else None
