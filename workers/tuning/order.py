"""The order in which an epoch visits its sequences: shuffled, with sequences of like length in one batch.

It depends on seed and epoch alone, never on a generator's state, so a run that is resumed in the middle of an epoch sees
exactly the batches that an unbroken one would have seen. Pure but for ``LengthGrouped``, which hands the order to the trainer.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

_POOL_BATCHES = 8
"""Lengths are sorted within pools of so many batches: little padding, and still another company in each epoch."""


def epoch_order(lengths: Sequence[int], *, batch_size: int, seed: int, epoch: int) -> list[int]:
    """Indices of all sequences, each once; every consecutive ``batch_size`` of them make a batch."""
    rng = random.Random(f"{seed}/{epoch}")  # noqa: S311 - a reproducible shuffle, nothing secret
    shuffled = rng.sample(range(len(lengths)), len(lengths))
    pool = batch_size * _POOL_BATCHES
    grouped = [
        index
        for start in range(0, len(shuffled), pool)
        for index in sorted(shuffled[start : start + pool], key=lambda index: lengths[index], reverse=True)
    ]
    batches = [grouped[start : start + batch_size] for start in range(0, len(grouped), batch_size)]
    # A smaller batch stays last, since the trainer cuts the order into batches by counting.
    last = [batches.pop()] if batches and len(batches[-1]) < batch_size else []
    rng.shuffle(batches)
    return [index for batch in [*batches, *last] for index in batch]


class LengthGrouped(Sampler[int]):
    """``epoch_order`` as the sampler that the trainer asks for; it calls ``set_epoch`` before each epoch."""

    def __init__(self, lengths: Sequence[int], *, batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(epoch_order(self._lengths, batch_size=self._batch_size, seed=self._seed, epoch=self._epoch))
