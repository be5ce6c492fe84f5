"""Tokens and labels of a conversation: loss on what the assistant says, and on nothing else.

The base's chat template decides how a conversation is written, in training as in service. Few templates mark the
assistant's turns, so the mask is computed here: the conversation is rendered once as a whole and once up to each assistant
turn as the server would prompt it; the text between is what the assistant says, its end token included, so the model
learns to stop. A template that does not render prefixes of a conversation as prefixes of its text, or a tokenizer that
joins a prompt's last character with the answer's first, is refused: the mask would be wrong, and so would be the prompt.

Pure apart from the tokenizer it is given. Called by the training run, and by screening for the lengths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from workers.datasets.records import Record, Role
from workers.errors import RunFailure

IGNORED = -100
"""Label of a position that takes no loss (the value that PyTorch's cross entropy skips)."""


@dataclass(frozen=True, slots=True)
class Example:
    """``labels[i]`` is ``input_ids[i]`` where the assistant speaks with weight 1, else ``IGNORED``. ``full_length`` is the
    number of tokens before truncation."""

    input_ids: list[int]
    labels: list[int]
    full_length: int

    @property
    def supervised(self) -> int:
        return sum(label != IGNORED for label in self.labels)


def tokenise(records: Iterable[Record], tokenizer: Any, *, max_length: int, system_prompt: str | None) -> list[Example]:
    """One example per record, of which the first ``max_length`` tokens are kept. ``system_prompt`` is rendered in each record
    that has none of its own, as it will be served. Raises ``RunFailure`` when the cut leaves a record without any label."""
    examples: list[Example] = []
    lost: list[int] = []
    for record in records:
        example = mask(conversation(record, system_prompt), weights(record, system_prompt), tokenizer)
        cut = Example(example.input_ids[:max_length], example.labels[:max_length], example.full_length)
        # The first token is never predicted, so its label does not count.
        if all(label == IGNORED for label in cut.labels[1:]):
            lost.append(record.line)
        examples.append(cut)
    if lost:
        lines = ", ".join(str(line) for line in lost[:10]) + (", …" if len(lost) > 10 else "")
        raise RunFailure(
            "invalid_training_file",
            f"{len(lost)} record(s) have no assistant token left within max_length {max_length} (lines {lines}); "
            "shorten what comes before the answer, or raise max_length",
            param="training_file",
        )
    return examples


def conversation(record: Record, system_prompt: str | None) -> list[dict[str, str]]:
    """The record's messages as they are rendered."""
    messages = record.messages()
    if system_prompt is not None and record.turns[0].role is not Role.SYSTEM:
        return [{"role": Role.SYSTEM.value, "content": system_prompt}, *messages]
    return messages


def weights(record: Record, system_prompt: str | None) -> list[int]:
    """Loss weight per rendered message: 1 only for assistant turns that the record does not set to 0."""
    own = [turn.weight if turn.role is Role.ASSISTANT else 0 for turn in record.turns]
    return [0] * (len(conversation(record, system_prompt)) - len(own)) + own


def mask(messages: Sequence[dict[str, str]], turn_weights: Sequence[int], tokenizer: Any) -> Example:
    """Tokens and labels of one conversation, uncut. Raises ``RunFailure`` for an unsuitable template."""
    text = _render(tokenizer, messages)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids: list[int] = encoded["input_ids"]
    offsets: list[tuple[int, int]] = encoded["offset_mapping"]
    labels = [IGNORED] * len(ids)
    for index, weight in enumerate(turn_weights):
        if not weight:
            continue
        start, end = _span(tokenizer, messages, index, text)
        prompt = tokenizer(text[:start], add_special_tokens=False)["input_ids"]
        if ids[: len(prompt)] != prompt:
            raise _unsuitable("tokenises the start of an answer together with its prompt")
        for position in range(len(prompt), len(ids)):
            if offsets[position][1] > end:
                break
            labels[position] = ids[position]
    return Example(input_ids=ids, labels=labels, full_length=len(ids))


def _span(tokenizer: Any, messages: Sequence[dict[str, str]], index: int, text: str) -> tuple[int, int]:
    """Where, in characters of ``text``, the assistant's turn ``index`` begins and ends, end token included."""
    prompt = _render(tokenizer, messages[:index], prompted=True)
    through = _render(tokenizer, messages[: index + 1])
    if not through.startswith(prompt) or not text.startswith(through):
        raise _unsuitable("does not render the beginning of a conversation as the beginning of its text")
    said = through[len(prompt) :]
    at = said.rfind(tokenizer.eos_token)
    if at < 0:
        raise _unsuitable(f"does not end an assistant turn with the end token {tokenizer.eos_token!r}")
    return len(prompt), len(prompt) + at + len(tokenizer.eos_token)


def _render(tokenizer: Any, messages: Sequence[dict[str, str]], *, prompted: bool = False) -> str:
    text: str = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=prompted)
    return text


def _unsuitable(what: str) -> RunFailure:
    return RunFailure(
        "unsupported_template", f"the base model's chat template {what}, so the loss cannot be limited to the assistant"
    )
