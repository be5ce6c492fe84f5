from __future__ import annotations

import random

import pytest

from workers.tuning.order import LengthGrouped, epoch_order

pytestmark = pytest.mark.ml


def batches(order: list[int], size: int) -> list[list[int]]:
    return [order[start : start + size] for start in range(0, len(order), size)]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 150, 1000])
def test_every_sequence_is_visited_once(count):
    order = epoch_order([5] * count, batch_size=8, seed=1, epoch=0)
    assert sorted(order) == list(range(count))


def test_the_order_depends_on_seed_and_epoch_alone():
    lengths = [random.Random(n).randint(5, 99) for n in range(150)]

    def order(seed: int, epoch: int) -> list[int]:
        return epoch_order(lengths, batch_size=16, seed=seed, epoch=epoch)

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_batches_hold_like_lengths_and_spend_little_on_padding():
    rng = random.Random(4)
    lengths = [rng.randint(20, 400) for _ in range(640)]

    def padded(order: list[int]) -> int:
        return sum(max(lengths[i] for i in batch) * len(batch) for batch in batches(order, 16))

    grouped = padded(epoch_order(lengths, batch_size=16, seed=1, epoch=0))
    shuffled = padded(rng.sample(range(640), 640))
    assert grouped < 1.15 * sum(lengths) < 1.5 * sum(lengths) < shuffled


def test_long_batches_are_not_all_first():
    lengths = list(range(640))
    order = epoch_order(lengths, batch_size=16, seed=1, epoch=0)
    firsts = [sum(batch) / len(batch) for batch in batches(order, 16)]
    assert firsts != sorted(firsts, reverse=True)


def test_the_sampler_follows_the_epoch_it_is_told():
    sampler = LengthGrouped([3, 9, 4, 8] * 10, batch_size=4, seed=1)
    first = list(sampler)
    assert len(sampler) == 40
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first
