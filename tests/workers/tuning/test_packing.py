from __future__ import annotations

from dataclasses import replace

import pytest

from workers.errors import RunFailure
from workers.models.load import load_base
from workers.tuning.masking import Example
from workers.tuning.packing import check_isolation, count_packed

pytestmark = pytest.mark.ml


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_that_isolates_packed_conversations_may_pack(bench, dtype):
    check_isolation(load_base(bench.base_directory, bench.ref, dtype=dtype))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_that_lets_them_see_each_other_may_not(bench, dtype):
    import torch

    loaded = load_base(bench.base_directory, bench.ref, dtype=dtype)

    class Leaking:
        """Ignores the restart of the positions, as an attention without support for packing does."""

        config = loaded.model.config

        def __call__(self, *, input_ids, position_ids, use_cache):
            straight = torch.arange(input_ids.shape[1])[None]
            return loaded.model(input_ids=input_ids, position_ids=straight, use_cache=use_cache)

    with pytest.raises(RunFailure) as caught:
        check_isolation(replace(loaded, model=Leaking()))
    assert (caught.value.code, caught.value.param) == ("packing_unsupported", "tuning.packing")


@pytest.mark.parametrize(
    ("lengths", "packed"), [([10], 1), ([60, 50, 40, 30, 20], 2), ([90, 90, 5, 5], 2), ([51] * 4, 4), ([25] * 8, 2)]
)
def test_the_number_of_packed_sequences_is_the_trainers(lengths, packed):
    from datasets import Dataset
    from trl import pack_dataset

    examples = [Example([1] * length, [1] * length, length) for length in lengths]
    assert count_packed(examples, 100) == packed
    rows = Dataset.from_list([{"input_ids": e.input_ids, "labels": e.labels} for e in examples])
    assert len(pack_dataset(rows, 100, "bfd")) == packed
