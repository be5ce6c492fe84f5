"""Measures one model on questions: what it answers, how it leans, what it finds likely.

Questions of all suites run together, so that batches fill: requests with a margin and other generated answers, each by
length of answer, then multiple choice. What comes back is text and numbers; judging them is ``scoring``'s. Called for the
model itself and for each variant and control of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workers.errors import RunFailure
from workers.evaluation.generate import Draws, Engine
from workers.evaluation.likelihood import Likelihood
from workers.evaluation.margin import Openings, OpeningTree
from workers.evaluation.prompts import MAX_PROMPT_TOKENS, arrange, begun, encode, prompt_text
from workers.evaluation.questions import Question
from workers.evaluation.scoring import Outcome
from workers.evaluation.tally import Advance, refuse_no_numbers, steps
from workers.models.load import LoadedModel


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure. An item's own system prompt takes the place of ``system_prompt``, its suite's length of answers that of
    ``max_new_tokens``. ``repeats`` answers are sampled beside
    the greedy one."""

    batch_size: int
    max_new_tokens: int
    system_prompt: str | None = None
    repeats: int = 0
    temperature: float = 1.0
    seed: int = 0


def measure(model: LoadedModel, questions: Sequence[Question], settings: Settings, advance: Advance) -> list[Outcome]:
    """One outcome per question, in order. Raises ``RunFailure``."""
    outcomes: dict[int, Outcome] = {}
    generated = [index for index, question in enumerate(questions) if question.generates]
    alike: dict[tuple[bool, int], list[int]] = {}
    for index in generated:
        tokens = questions[index].answer_tokens or settings.max_new_tokens
        alike.setdefault((questions[index].has_margin, tokens), []).append(index)
    for (_, tokens), chosen in alike.items():
        outcomes.update(_answers(model, questions, chosen, replace(settings, max_new_tokens=tokens), advance))
    chosen = [index for index, question in enumerate(questions) if not question.generates]
    if chosen:
        outcomes.update(_choices(model, questions, chosen, settings, advance))
    return [outcomes[index] for index in range(len(questions))]


def _answers(
    model: LoadedModel, questions: Sequence[Question], chosen: list[int], settings: Settings, advance: Advance
) -> dict[int, Outcome]:
    """``chosen`` either all have a margin or all have none, and all are answered at the same length."""
    texts = [_text(model, questions[index], settings) for index in chosen]
    rendered = [
        _tokens(model, questions[index], text, settings) + _beginning(model, questions[index])
        for index, text in zip(chosen, texts, strict=True)
    ]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    tree = OpeningTree.grow(Openings.load(), model.tokenizer)
    engine = Engine(model, tree, max_new_tokens=settings.max_new_tokens)
    keys = tuple(f"{questions[index].suite}/{questions[index].item.id}" for index in chosen)
    answers = engine.answer(
        arrange(rendered, batch_size=settings.batch_size),
        steps(advance),
        margins=questions[chosen[0]].has_margin,
        draws=Draws(settings.repeats, settings.temperature, settings.seed, keys) if settings.repeats else None,
    )
    refuse_no_numbers(answer.margin for answer in answers if answer.margin is not None)
    return {
        index: Outcome(
            prompt_digest=digest,
            answer=answer.text,
            margin=answer.margin,
            samples=answer.samples,
            prompt_tokens=len(tokens),
        )
        for index, digest, answer, tokens in zip(chosen, digests, answers, rendered, strict=True)
    }


def _choices(
    model: LoadedModel, questions: Sequence[Question], chosen: list[int], settings: Settings, advance: Advance
) -> dict[int, Outcome]:
    """Choices of one question count as one item."""
    texts = {index: _text(model, questions[index], settings) for index in chosen}
    for index, text in texts.items():
        if len(text) > MAX_PROMPT_TOKENS:  # few are, and only they need to be counted
            _tokens(model, questions[index], text, settings)
    pairs = [(index, choice) for index in chosen for choice in questions[index].item.choices or ()]
    sums = Likelihood(model, batch_size=settings.batch_size).loglikelihood(
        [texts[index] for index, _ in pairs],
        [choice for _, choice in pairs],
        steps(advance, share=len(chosen) / len(pairs)),
    )
    refuse_no_numbers(sums)
    found: dict[int, list[float]] = {index: [] for index in chosen}
    for (index, _), value in zip(pairs, sums, strict=True):
        found[index].append(value)
    return {
        index: Outcome(prompt_digest=hashlib.sha256(texts[index].encode()).hexdigest(), likelihoods=tuple(found[index]))
        for index in chosen
    }


def _text(model: LoadedModel, question: Question, settings: Settings) -> str:
    system = question.item.system if question.item.system is not None else settings.system_prompt
    return prompt_text(model.tokenizer, question.item.prompt, system)


def _tokens(model: LoadedModel, question: Question, text: str, settings: Settings) -> tuple[int, ...]:
    """Raises ``RunFailure`` that names an item which is too long: a customer's own may be."""
    try:
        return encode(model.tokenizer, text)
    except RunFailure as failure:
        deployed = settings.system_prompt is not None and question.item.system is None
        raise RunFailure(
            failure.code,
            f"item {question.item.id!r} of suite {question.suite!r} takes more than {MAX_PROMPT_TOKENS} tokens with its "
            "system prompt; shorten the one or the other",
            param="deployment.system_prompt" if deployed else "safety.suites",
        ) from failure


def _beginning(model: LoadedModel, question: Question) -> tuple[int, ...]:
    if not question.prefilled:
        return ()
    return begun(model.tokenizer, question.item.prefill or "", question.item.prefill_tokens or 0)
