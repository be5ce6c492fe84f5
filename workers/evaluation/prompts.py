"""From items to batches of token ids: pure apart from the tokenizer it is given.

Prompts are rendered by the model's own chat template, system prompt included, as they will be served. What all of them
begin with (the system turn, the template's frame) is split off, because the engine computes it once. Batches hold prompts
of similar length, so that little padding is computed; the order of items never changes what is computed for one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workers.errors import RunFailure

MAX_PROMPT_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Batch:
    """``indices`` are positions in the given order of prompts, ``rows`` their token ids without the shared beginning."""

    indices: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Prompts:
    """``shared`` are the token ids that every prompt begins with; each row keeps at least one token of its own."""

    shared: tuple[int, ...]
    batches: tuple[Batch, ...]


def render(tokenizer: Any, prompt: str, system_prompt: str | None) -> tuple[int, ...]:
    """Token ids up to where the assistant begins to speak. Raises ``RunFailure`` where they exceed the limit."""
    messages = [{"role": "user", "content": prompt}]
    if system_prompt is not None:
        messages.insert(0, {"role": "system", "content": system_prompt})
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    if len(ids) > MAX_PROMPT_TOKENS:
        raise RunFailure(
            "prompt_too_long",
            f"an item with its system prompt takes {len(ids)} tokens, more than {MAX_PROMPT_TOKENS}; shorten the system prompt",
            param="deployment.system_prompt",
        )
    return ids


def arrange(rendered: Sequence[tuple[int, ...]], *, batch_size: int, share: bool = True) -> Prompts:
    """Splits off the shared beginning and batches the rest by length. ``share`` is off only to measure what it saves."""
    shared = _common_beginning(rendered) if share else ()
    own = [ids[len(shared) :] for ids in rendered]
    order = sorted(range(len(own)), key=lambda index: (len(own[index]), index))
    chunks = [tuple(order[start : start + batch_size]) for start in range(0, len(order), batch_size)]
    return Prompts(
        shared=shared, batches=tuple(Batch(indices=chunk, rows=tuple(own[i] for i in chunk)) for chunk in chunks)
    )


def _common_beginning(rendered: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The longest beginning that leaves every prompt a token of its own."""
    if not rendered:
        return ()
    first, last = min(rendered), max(rendered)  # what the smallest and largest share, all share
    limit = min(len(ids) for ids in rendered) - 1
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), limit)
    return first[: min(length, limit)]
