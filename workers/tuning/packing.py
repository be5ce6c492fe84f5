"""Packing several conversations into one sequence, where that is sound.

It is sound only if no conversation attends to another one in the same sequence. Whether it is depends on the model's code,
the attention implementation and library versions, so it is not looked up but tried: the loaded model must give a
conversation the same logits alone and behind another one. Otherwise packing is refused; silently leaking attention would
make the tuned model, and what is said about it, wrong. Called by the training run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workers.errors import RunFailure
from workers.models.load import LoadedModel
from workers.tuning.masking import Example

_PROBE = (3, 5, 7, 11, 13, 17, 19, 23)
_TOLERANCE = {"bfloat16": 0.15, "float32": 0.001}
"""Largest share of the logits' own spread that rounding may account for; leaking attention shifts them by about as much."""


def check_isolation(loaded: LoadedModel) -> None:
    """Raises ``RunFailure`` when a packed conversation sees its neighbour."""
    import torch

    vocabulary = loaded.model.config.vocab_size
    first = [token % vocabulary for token in _PROBE]
    second = [(token * 7 + 1) % vocabulary for token in _PROBE]
    with torch.inference_mode():
        alone = _logits(loaded, second, list(range(len(second))))
        packed = _logits(loaded, first + second, [*range(len(first)), *range(len(second))])[len(first) :]
    shift = float((packed - alone).abs().max() / alone.std())
    if shift > _TOLERANCE[loaded.dtype]:
        raise RunFailure(
            "packing_unsupported",
            "packing was refused: with this base model and attention implementation packed conversations would see each "
            "other; set packing to false",
            param="tuning.packing",
        )


def count_packed(examples: Sequence[Example], max_length: int) -> int:
    """Number of sequences that the trainer's best-fit-decreasing packing makes of the examples."""
    free: list[int] = []
    for length in sorted((len(example.input_ids) for example in examples), reverse=True):
        fitting = [index for index, space in enumerate(free) if space >= length]
        if fitting:
            best = min(fitting, key=lambda index: free[index])
            free[best] -= length
        else:
            free.append(max_length - length)
    return len(free)


def _logits(loaded: LoadedModel, tokens: list[int], positions: list[int]) -> Any:
    import torch

    ids = torch.tensor([tokens], device=loaded.device)
    at = torch.tensor([positions], device=loaded.device)
    return loaded.model(input_ids=ids, position_ids=at, use_cache=False).logits[0].float()
