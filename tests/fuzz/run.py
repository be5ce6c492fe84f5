"""Feeds readers with inputs and counts what came of it: accepted, refused by one of our errors, or a fault.

A fault is any other exception, a warning, a broken promise of the reader, or more than `LONGEST` seconds for one input.
It is reported with reader, seed and number, which make the input again.
"""

import random
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from attestations.errors import AttestationError
from tests.fuzz.inputs import damaged, invented
from tests.fuzz.readers import Reader

LONGEST = 5.0
_INVENTED = 0.05
_KEPT = 40


@dataclass
class Tally:
    """What came of the inputs so far, by reader."""

    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        return self.accepted.total() + self.refused.total() + len(self.faults)


def fuzz(
    readers: Sequence[Reader],
    inputs: int,
    seed: int,
    *,
    progress: Callable[[Tally], None] = lambda _: None,
    every: int = 10_000,
) -> Tally:
    """`inputs` inputs in all. What a reader accepts joins its good documents for a while."""
    tally = Tally()
    corpora = {reader.name: list(reader.good) for reader in readers}
    chooser = random.Random(seed)
    shares = [reader.share for reader in readers]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(inputs):
            [reader] = chooser.choices(readers, shares)
            chance = random.Random(seed * 1_000_003 + number)
            corpus = corpora[reader.name]
            content = invented(chance) if chance.random() < _INVENTED else damaged(chance, corpus)
            if _feed(reader, content, tally, f"{reader.name}, seed {seed}, number {number}"):
                _keep(chance, corpus, content, len(reader.good))
            if (number + 1) % every == 0:
                progress(tally)
    return tally


def _feed(reader: Reader, content: bytes, tally: Tally, name: str) -> bool:
    began = time.process_time()
    try:
        reader.read(content)
    except AttestationError as error:
        tally.refused[reader.name] += 1
        tally.codes[error.code] += 1
        accepted = False
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        tally.faults.append(f"{name}: {traceback.format_exc()}\n{content[:2000]!r}")
        return False
    else:
        tally.accepted[reader.name] += 1
        accepted = True
    spent = time.process_time() - began
    tally.slowest = max(tally.slowest, spent)
    if spent > LONGEST:
        tally.faults.append(f"{name}: {spent:.1f} s of processor time\n{content[:2000]!r}")
    return accepted


def _keep(chance: random.Random, corpus: list[bytes], content: bytes, good: int) -> None:
    if len(corpus) < good + _KEPT:
        corpus.append(content)
    else:
        corpus[good + chance.randrange(_KEPT)] = content
