"""A document as a flat mapping from places to facts, so that two of them can be compared fact by fact.

Items of an array stand under what names them (a source under its id, a row under its metric, suite and slice, a string under
itself), not under their number: an item that was added at the front changes one fact and not all. `attestations.diff` is
the only caller.
"""

from collections.abc import Mapping, Sequence

Place = tuple[str, ...]
Facts = dict[Place, str]
THERE = "there"
"""The fact of an item that is nothing but its name."""

_NAMES: tuple[tuple[str, ...], ...] = (
    ("metric", "suite", "slice"),
    ("kind", "level", "metric", "suite"),
    ("id",),
    ("scale",),
    ("suite",),
    ("control",),
    ("reviewer", "at"),
    ("sha256",),
    ("kind",),
    ("verdict",),
)
"""What names an item of an array: the first of these whose keys it has all."""


def facts_of(value: object, at: Place = ()) -> Facts:
    """Every leaf below `value`, as text. Steps are JSON keys, and names of items in square brackets."""
    if isinstance(value, Mapping):
        return {place: fact for key, inner in value.items() for place, fact in facts_of(inner, (*at, str(key))).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _items(value, at)
    if isinstance(value, bool):
        return {at: "yes" if value else "no"}
    return {at: str(value)}


def place_text(place: Place) -> str:
    """`data.sources[shop].licence`"""
    text = ""
    for step in place:
        text += f".{step}" if text and not step.startswith("[") else step
    return text


def _items(items: Sequence[object], at: Place) -> Facts:
    found: Facts = {}
    names: set[str] = set()
    for i, item in enumerate(items):
        name, rest = _named(item, i)
        if name in names:  # two items of one name: numbers tell them apart
            name = f"{name} #{i}"
        names.add(name)
        place = (*at, f"[{name}]")
        found |= facts_of(rest, place) or {place: THERE}
    return found


def _named(item: object, i: int) -> tuple[str, object]:
    """What an item is called, and what else there is of it."""
    if isinstance(item, str):
        return item, {}
    if isinstance(item, Mapping):
        for keys in _NAMES:
            if all(isinstance(item.get(key), str) for key in keys):
                return " / ".join(item[key] for key in keys), {key: item[key] for key in item if key not in keys}
    return str(i), item
