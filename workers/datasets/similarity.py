"""Which records repeat each other, and which repeat an evaluation item nearly word for word.

Texts are compared by their words alone: case, punctuation and spacing do not count. Near-duplicates are found by bottom-k
sketches of hashed word triples (Broder, "On the resemblance and containment of documents", 1997), so memory and time grow
with the number of records and not with its square. Pure. Called by screening.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Iterable, Sequence

NEAR = 0.8
"""Estimated resemblance of two records, or share of an item's triples within one turn, from which they count as the same."""
_WORDS = re.compile(r"\w+")
_GRAM = 3
_SKETCH = 64
_KEYS = 4
_MAX_CANDIDATES = 64


def words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())


def grams(text: str) -> set[tuple[str, ...]]:
    """Word triples; a shorter text is one gram of all its words."""
    found = words(text)
    if len(found) <= _GRAM:
        return {tuple(found)} if found else set()
    return {tuple(found[i : i + _GRAM]) for i in range(len(found) - _GRAM + 1)}


class Duplicates:
    """Counts texts that repeat an earlier one, word for word or nearly."""

    def __init__(self) -> None:
        self._sketches: list[list[int]] = []
        self._by_key: dict[int, list[int]] = {}

    def add(self, text: str) -> bool:
        """Whether the text repeats one that was added before."""
        sketch = heapq.nsmallest(_SKETCH, {_hash(gram) for gram in grams(text)})
        candidates = {index for key in sketch[:_KEYS] for index in self._by_key.get(key, ())}
        repeated = any(_resemblance(sketch, self._sketches[index]) >= NEAR for index in candidates)
        if not repeated:
            for key in sketch[:_KEYS]:
                seen = self._by_key.setdefault(key, [])
                if len(seen) < _MAX_CANDIDATES:
                    seen.append(len(self._sketches))
            self._sketches.append(sketch)
        return repeated


class ItemIndex:
    """Finds evaluation items in training text. ``items`` are pairs of an item's name and its prompt."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self._sizes: dict[str, int] = {}
        self._by_gram: dict[tuple[str, ...], list[str]] = {}
        for name, prompt in items:
            own = grams(prompt)
            self._sizes[name] = len(own)
            for gram in own:
                self._by_gram.setdefault(gram, []).append(name)

    def repeated_in(self, text: str) -> set[str]:
        """Names of the items of which the text holds at least the share ``NEAR``."""
        hits = Counter(name for gram in grams(text) for name in self._by_gram.get(gram, ()))
        return {name for name, count in hits.items() if count >= NEAR * self._sizes[name]}


def _hash(gram: tuple[str, ...]) -> int:
    return int.from_bytes(hashlib.blake2b(" ".join(gram).encode(), digest_size=8).digest())


def _resemblance(one: Sequence[int], other: Sequence[int]) -> float:
    """Estimate of the Jaccard index from two bottom-k sketches; exact where the texts are no longer than a sketch."""
    union = heapq.nsmallest(_SKETCH, set(one) | set(other))
    shared = set(one) & set(other)
    return sum(value in shared for value in union) / len(union) if union else 0.0
