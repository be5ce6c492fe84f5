"""Inputs for readers: good documents, damaged a little or a lot, and inventions. A seed and a number give the same input.

Damage is of bytes (bits, cuts, repeats, splices of two documents, tokens of JSON and of numbers at their limits) and, where a
document is JSON, of its values; what a reader accepts is drawn on again, so that damage adds up.
"""

import json
import random
from collections.abc import Sequence
from copy import deepcopy

from attestations import canonical
from attestations.errors import AttestationError

TOKENS = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"0", b"-0", b"1e9", b"0.5", b"NaN", b"-", b"9007199254740993", b'"\\ud800"', b"\xff",
    b"\xef\xbb\xbf", b"\x00", b"\xc0\x80", b'{"$commit":', b'"__proto__":', b"==", b"=", b".", b"/", b"../", b"\n", b" ", b"[[[[[[[[", b'{"a":{"a":{"a":',
)  # fmt: skip
VALUES: tuple[object, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**53 - 1, "", "0", "-1", "x", "*", "(hidden)", "0.000000", "99999999999.5", "1e400", "2026-03-01T12:00:00Z", "9999-12-31T23:59:59Z",
    "0000-00-00T00:00:00Z", "a" * 300, "\u202e", "\ud7ff", "0" * 64, [], {}, [[]], {"a": 1}, {"$commit": {"alg": "sha256-jcs-salted-v1", "value": "0" * 64}}, [None] * 50,
)  # fmt: skip
LONGEST = 200_000


def damaged(chance: random.Random, good: Sequence[bytes]) -> bytes:
    """An input made of one or two of these documents."""
    content = chance.choice(good)
    if chance.random() < 0.5:
        content = _values(chance, content)
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        content = _bytes(chance, content, good)
    return content[:LONGEST]


def invented(chance: random.Random) -> bytes:
    """Bytes that were never a document."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.randrange(60))
    return b"".join(chance.choice(TOKENS) for _ in range(chance.randrange(40)))


def _values(chance: random.Random, content: bytes) -> bytes:
    """The document with one to three values replaced, dropped, doubled or moved; as it was where it is no JSON."""
    try:
        root = [json.loads(content)]
    except (ValueError, RecursionError):
        return content
    for _ in range(chance.choice((1, 1, 2, 3))):
        _one_value(chance, root)
    try:
        return canonical.encode(root[0])
    except AttestationError:
        return json.dumps(root[0]).encode()


def _one_value(chance: random.Random, root: list) -> None:
    holder: list | dict = root
    key: int | str = 0
    while True:
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.12:
            break
        holder, key = inner, chance.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
    kind = chance.randrange(6)
    if kind == 0 and holder is not root:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(int(key), deepcopy(holder[key]))
    elif kind == 2 and isinstance(holder, dict):
        holder[chance.choice(["note", "schema", "$commit", "status", "", "constructor"])] = deepcopy(
            chance.choice(VALUES)
        )
    elif kind == 3 and isinstance(holder[key], int) and not isinstance(holder[key], bool):
        holder[key] += chance.choice((-1, 1, 10**6))
    elif kind == 4 and isinstance(holder[key], str) and holder[key]:
        text = holder[key]
        place = chance.randrange(len(text))
        holder[key] = text[:place] + chance.choice(("", "0", "\u00e9", text[place] * 2)) + text[place + 1 :]
    else:
        holder[key] = deepcopy(chance.choice(VALUES))


def _bytes(chance: random.Random, content: bytes, good: Sequence[bytes]) -> bytes:
    if not content:
        return chance.choice(TOKENS)
    place = chance.randrange(len(content))
    other = chance.randrange(len(content))
    low, high = sorted((place, other))
    kind = chance.randrange(7)
    if kind < 2:
        made = bytearray(content)
        made[place] ^= 1 << chance.randrange(8)
        return bytes(made)
    if kind == 2:
        return content[:place] + content[place + chance.randrange(1, 9) :]
    if kind == 3:
        return content[:place] + chance.choice(TOKENS) + content[place:]
    if kind == 4:
        return content[:low] + content[low : low + 40] * chance.randrange(2, 5) + content[low:]
    second = chance.choice(good) if kind == 5 else content
    return content[:low] + second[min(high, len(second)) :]
