"""Ways to damage a document, the same ones in every run: bytes flipped, cut and put in, values replaced, removed and doubled.

`TUNEPROOF_PAGE_DAMAGE` multiplies how many there are, for a long run, and takes others than the short one.
"""

import os
import random
from collections.abc import Iterator
from copy import deepcopy

WRONG = (
    None,
    True,
    False,
    0,
    1,
    3,
    -1,
    2**53 - 1,
    "",
    "0",
    "-1",
    "0.5",
    "x",
    "*",
    "2026-03-01T12:00:00Z",
    [],
    {},
    ["x"],
    {"a": 1},
)


FACTOR = int(os.environ.get("TUNEPROOF_PAGE_DAMAGE", "1"))


def damaged_bytes(content: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` times `FACTOR` damaged copies, each with what was done to it."""
    chance = random.Random(seed + 1000 * (FACTOR - 1))
    for _ in range(count * FACTOR):
        place = chance.randrange(len(content))
        kind = chance.choice(["flip", "flip", "cut", "put", "swap"])
        if kind == "flip":
            made = bytearray(content)
            made[place] ^= 1 << chance.randrange(8)
            yield f"flip {place}", bytes(made)
        elif kind == "cut":
            yield f"cut {place}", content[:place] + content[place + chance.randrange(1, 9) :]
        elif kind == "put":
            piece = chance.choice(
                [b'"', b"\\", b" ", b"\n", b",", b"{}", b"[", b"=", b"\xff", b"\xc3\xa9", b"1.0", b"-0"]
            )
            yield f"put {place}", content[:place] + piece + content[place:]
        else:
            other = chance.randrange(len(content))
            low, high = sorted((place, other))
            yield f"swap {low} {high}", content[high:] + content[low:high] + content[:low]


def damaged_values(value: object, count: int, seed: int) -> Iterator[tuple[str, object]]:
    """`count` times `FACTOR` copies of a JSON value with one place replaced, removed or doubled, or one key added."""
    chance = random.Random(seed + 1000 * (FACTOR - 1))
    places = list(_places(value, ()))
    for _ in range(count * FACTOR):
        path = chance.choice(places)
        made = deepcopy(value)
        at = made
        for step in path[:-1]:
            at = at[step]
        last = path[-1]
        kind = chance.choice(["replace", "replace", "replace", "remove", "double", "add"])
        if kind == "remove":
            del at[last]
        elif kind == "double" and isinstance(at, list):
            at.insert(last, deepcopy(at[last]))
        elif kind == "add" and isinstance(at, dict):
            at[chance.choice(["zzz", "schema", "__proto__", "note", "constructor", "status", "hidden"])] = (
                chance.choice(WRONG)
            )
        else:
            old = at[last]
            near = [old + 1, max(0, old - 1)] if isinstance(old, int) and not isinstance(old, bool) else []
            at[last] = chance.choice([*WRONG, *near, *near])
            kind = "replace"
        yield f"{kind} {'.'.join(map(str, path))}", made


def _places(value: object, path: tuple) -> Iterator[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*path, key)
        yield from _places(child, (*path, key))


def each_removed(value: object) -> Iterator[tuple[str, object]]:
    """The value without one of its places, for every place."""
    for path in _places(value, ()):
        made = deepcopy(value)
        at = made
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]
        yield f"without {'.'.join(map(str, path))}", made
