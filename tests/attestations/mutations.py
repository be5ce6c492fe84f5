"""Every small change of a document, as a sequence that can be sampled: bits flipped, values dropped, doubled, moved, replaced,
emptied. Used by `test_mutation` on a sample that a seed chooses, and by `tests.fuzz` on all of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from attestations import canonical

Place = tuple[str | int, ...]
REPLACEMENTS: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**53 - 1,
    "",
    "0",
    "x",
    "(hidden)",
    [],
    {},
    [[]],
    {"a": 1},
)
"""Of another type than what stands there, or at least another value."""


@dataclass(frozen=True)
class Change:
    """One change at one place of a JSON value; `by` is an index into `REPLACEMENTS` where that is asked for."""

    how: str
    path: Place
    by: int = 0

    def __str__(self) -> str:
        what = f" by {REPLACEMENTS[self.by]!r}" if self.how == "replace" else ""
        return f"{self.how} {'.'.join(map(str, self.path))}{what}"


def changes(value: object, path: Place = ()) -> Iterator[Change]:
    """Every change of the value and of what is in it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, list):
        if len(value) > 1:
            yield Change("reverse", path)
            yield Change("rotate", path)
        if value:
            yield Change("double", path)
    if isinstance(value, dict):
        yield Change("add", path)
        if len(value) > 1:
            yield Change("exchange", path)
    if isinstance(value, str) and value:
        yield Change("empty", path)
        yield Change("lengthen", path)
    for key, child in inner:
        at = (*path, key)
        yield Change("drop", at)
        for by in range(len(REPLACEMENTS)):
            yield Change("replace", at, by)
        yield from changes(child, at)


def changed(encoded: bytes, change: Change) -> bytes:
    """The canonical bytes of the JSON value after a change; the value is read anew, so nothing is shared."""
    root = [json.loads(encoded)]
    holder: list | dict = root
    last: str | int = 0
    for step in change.path:
        holder, last = holder[last], step
    _apply(holder, last, change)
    return canonical.encode(root[0])


def _apply(holder: list | dict, key: str | int, change: Change) -> None:
    value = holder[key]
    match change.how:
        case "drop":
            del holder[key]
        case "replace":
            holder[key] = REPLACEMENTS[change.by]
        case "empty":
            holder[key] = ""
        case "lengthen":
            holder[key] = value + value[-1]
        case "double":
            value.append(value[-1])
        case "reverse":
            value.reverse()
        case "rotate":
            value.append(value.pop(0))
        case "add":
            value["note"] = "x"
        case "exchange":
            names = sorted(value)[:2]
            value[names[0]], value[names[1]] = value[names[1]], value[names[0]]


def flipped(content: bytes, bit: int) -> bytes:
    """The bytes with one bit the other way; bits are counted from the first byte's lowest."""
    made = bytearray(content)
    made[bit // 8] ^= 1 << bit % 8
    return bytes(made)
