"""The evaluation engine: greedy answers and refusal margins, batched, with one pass over each prompt for both.

What all prompts share is computed once and its keys and values are reused. Each batch is one forward pass over the rest of
the prompts (padded on the left) and the tree of openings behind them; the margin is read off there, the tree's cache entries
are dropped, and greedy decoding goes on from the same cache. Rows that have ended leave the batch. The vocabulary head runs
only where logits are needed. Which prompts share a batch changes results by floating-point noise only.

Works with decoder-only models whose attention takes a mask of four dimensions (``sdpa``, ``eager``).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from workers.errors import RunFailure
from workers.evaluation.margin import OpeningTree, margin
from workers.evaluation.prompts import Batch, Prompts
from workers.models.load import LoadedModel


@dataclass(frozen=True, slots=True)
class Answer:
    """``tokens`` are the new token ids without the end token; ``margin`` is in nats."""

    tokens: tuple[int, ...]
    text: str
    margin: float


@dataclass(slots=True)
class _Decoding:
    """A batch between two steps. ``places`` are the positions of the next token, ``visible`` which cached places each row
    attends to, shape (rows, cached)."""

    cache: Any
    places: torch.Tensor
    visible: torch.Tensor
    rows: list[int]


class Engine:
    """Holds a model ready to answer. Not safe for use by several threads."""

    def __init__(self, loaded: LoadedModel, tree: OpeningTree, *, max_new_tokens: int) -> None:
        self._model = loaded.model
        self._tokenizer = loaded.tokenizer
        self._device = torch.device(loaded.device)
        self._tree = tree
        self._max_new_tokens = max_new_tokens
        self._ends = _end_tokens(loaded)
        self._dtype = next(p.dtype for p in loaded.model.parameters() if p.dtype.is_floating_point)
        self._sees = torch.tensor(tree.sees(), dtype=torch.bool, device=self._device)
        self._depths = torch.tensor(tree.depths, device=self._device)
        attention = getattr(loaded.model.config, "_attn_implementation", None)
        if attention not in {"sdpa", "eager"}:
            raise RunFailure("unsupported_attention", f"evaluation needs sdpa or eager attention, not {attention!r}")

    def answer(self, prompts: Prompts, progress: Callable[[int, int], None] | None = None) -> list[Answer]:
        """One answer per prompt, in the order in which the prompts were given to ``arrange``."""
        total = sum(len(batch.indices) for batch in prompts.batches)
        answers: dict[int, Answer] = {}
        with torch.inference_mode():
            shared = self._shared_cache(prompts.shared)
            for batch in prompts.batches:
                found = self._answer_batch(batch, shared, len(prompts.shared))
                answers.update(zip(batch.indices, found, strict=True))
                if progress is not None:
                    progress(len(answers), total)
        return [answers[index] for index in range(total)]

    def _shared_cache(self, shared: Sequence[int]) -> Any:
        cache = DynamicCache()
        if shared:
            ids = torch.tensor([list(shared)], device=self._device)
            self._model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cache

    def _answer_batch(self, batch: Batch, shared: Any, shared_length: int) -> list[Answer]:
        state, margins, first = self._read(batch, shared, shared_length)
        generated = self._decode(state, first)
        return [
            Answer(
                tokens=tuple(tokens),
                text=self._tokenizer.decode(tokens, skip_special_tokens=True).strip(),
                margin=value,
            )
            for tokens, value in zip(generated, margins, strict=True)
        ]

    def _read(self, batch: Batch, shared: Any, shared_length: int) -> tuple[_Decoding, list[float], torch.Tensor]:
        """The pass over prompts and tree: the state to decode from, the margins, and the first new tokens."""
        rows, nodes = len(batch.rows), len(self._tree.tokens)
        width = max(len(row) for row in batch.rows)
        lengths = torch.tensor([len(row) for row in batch.rows], device=self._device)
        padded = [[0] * (width - len(row)) + list(row) + list(self._tree.tokens) for row in batch.rows]
        # Own tokens sit at the right edge: column c of a row with length n is its token c - (width - n).
        offset = torch.arange(width, device=self._device)[None, :] - (width - lengths)[:, None]
        real = offset >= 0
        own_places = shared_length + offset.clamp(min=0)
        tree_places = shared_length + lengths[:, None] + self._depths[None, :]
        mask = self._reading_mask(real, shared_length)
        cache = copy.deepcopy(shared)
        if shared_length and rows > 1:
            cache.batch_repeat_interleave(rows)
        logits = self._model(
            input_ids=torch.tensor(padded, device=self._device),
            attention_mask=self._additive(mask),
            position_ids=torch.cat([own_places, tree_places], dim=1),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=nodes + 1,
        ).logits
        margins = [margin(row, self._tree) for row in logits]
        if nodes:
            cache.crop(-nodes)
        visible = torch.cat([real.new_ones(rows, shared_length), real], dim=1)
        state = _Decoding(cache, shared_length + lengths, visible, list(range(rows)))
        return state, margins, logits[:, 0].float().argmax(dim=-1)

    def _reading_mask(self, real: torch.Tensor, shared_length: int) -> torch.Tensor:
        """Which key each query sees, shape (rows, 1, width + nodes, shared + width + nodes). Padding sees the shared part and
        itself, so that no row of attention is empty; nothing sees padding."""
        rows, width = real.shape
        nodes = len(self._tree.tokens)
        mask = torch.zeros(rows, width + nodes, shared_length + width + nodes, dtype=torch.bool, device=self._device)
        mask[:, :, :shared_length] = True
        own = mask[:, :width, shared_length : shared_length + width]
        causal = torch.ones(width, width, dtype=torch.bool, device=self._device).tril()
        own[:] = causal & real[:, None, :] | torch.eye(width, dtype=torch.bool, device=self._device)
        mask[:, width:, shared_length : shared_length + width] = real[:, None, :]
        mask[:, width:, shared_length + width :] = self._sees
        return mask[:, None]

    def _decode(self, state: _Decoding, tokens: torch.Tensor) -> list[list[int]]:
        """Greedy decoding: up to ``max_new_tokens`` per row, without the end token."""
        generated: list[list[int]] = [[] for _ in state.rows]
        for step in range(self._max_new_tokens):
            found = tokens.tolist()
            alive = [place for place, token in enumerate(found) if token not in self._ends]
            for place in alive:
                generated[state.rows[place]].append(found[place])
            if not alive or step == self._max_new_tokens - 1:
                break
            if len(alive) < len(found):
                tokens = self._keep(state, tokens, alive)
            tokens = self._step(state, tokens)
        return generated

    def _keep(self, state: _Decoding, tokens: torch.Tensor, alive: list[int]) -> torch.Tensor:
        chosen = torch.tensor(alive, device=self._device)
        state.cache.batch_select_indices(chosen)
        state.places, state.visible = state.places[chosen], state.visible[chosen]
        state.rows = [state.rows[place] for place in alive]
        return tokens[chosen]

    def _step(self, state: _Decoding, tokens: torch.Tensor) -> torch.Tensor:
        state.visible = torch.cat([state.visible, state.visible.new_ones(len(state.rows), 1)], dim=1)
        logits = self._model(
            input_ids=tokens[:, None],
            attention_mask=self._additive(state.visible[:, None, None, :]),
            position_ids=state.places[:, None],
            past_key_values=state.cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        state.places = state.places + 1
        return logits[:, -1].float().argmax(dim=-1)

    def _additive(self, visible: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros(visible.shape, dtype=self._dtype, device=self._device)
        return mask.masked_fill_(~visible, torch.finfo(self._dtype).min)


def _end_tokens(loaded: LoadedModel) -> frozenset[int]:
    ends = {loaded.tokenizer.eos_token_id}
    configured = getattr(loaded.model.generation_config, "eos_token_id", None)
    ends.update(configured if isinstance(configured, list) else [configured])
    return frozenset(token for token in ends if token is not None)
