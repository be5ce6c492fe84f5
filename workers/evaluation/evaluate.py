"""Evaluates one model on what a plan fixed, with its variants and controls: from task to result.

It refuses a task whose suites, judges or openings are not the ones of this worker, by digest; and a model that is not loaded
as the task says it will be served. For every subject (the model, each variant, each control) it measures all items, scores
them under every judge and writes one salted line an item, in the plan's order; it returns scores only, texts stay in that
file. The base is loaded once: variants and positive controls are an adapter at another scale, and only a control in other
arithmetic loads it again, last, after the first one is gone. Called by the evaluation stage in its child process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workers import catalog
from workers.catalog import Suite
from workers.contract import ControlScores, EvaluateTask, EvaluationResult, ItemScore, VariantScores
from workers.errors import RunFailure
from workers.evaluation import judges
from workers.evaluation.adapters import Variant, check_variants, set_alpha
from workers.evaluation.controls import Control, ControlAdapter, Held, check_controls, conditions, in_order_of_loading
from workers.evaluation.outputs import MODEL, OutputWriter
from workers.evaluation.questions import Question, questions_of
from workers.evaluation.scoring import score
from workers.models.load import LoadedModel, software

if TYPE_CHECKING:  # these import torch, which checking a task does not need
    from workers.evaluation.measure import Settings
    from workers.evaluation.own_data import OwnData


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the run's files lie. ``suites`` is the directory of fetched suites, ``artefact`` the served directory,
    ``variants`` are served directories by scale, ``control`` is the base's kept adapter, ``benchmarks`` are the suites that the
    catalog offers beside the built-in ones."""

    outputs: Path
    suites: Path | None = None
    dataset: Path | None = None
    artefact: Path | None = None
    variants: Mapping[str, Path] = field(default_factory=dict)
    control: ControlAdapter | None = None
    benchmarks: Sequence[Suite] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that is to be measured."""

    questions: list[Question]
    variants: tuple[Variant, ...]
    controls: tuple[Control, ...]

    def items(self, records: int) -> int:
        """``records`` are texts of the customer's own and canaries, measured on every subject but controls."""
        measured = (len(self.questions) + records) * (1 + len(self.variants))
        return measured + sum(len(control.questions) for control in self.controls)


def check_task(task: EvaluateTask, inputs: Inputs) -> None:
    """Whether this worker can measure what the plan fixed. Raises ``RunFailure`` with the digest that differs."""
    _plan(task, inputs)


def evaluate(
    task: EvaluateTask, load: Callable[[str | None], LoadedModel], inputs: Inputs, progress: Callable[[int, int], None]
) -> EvaluationResult:
    """``load`` loads the model as it will be served, in the named arithmetic or, for ``None``, in the machine's own. Writes
    ``inputs.outputs`` and returns its root with the scores. Raises ``RunFailure``."""
    plan = _plan(task, inputs)
    started = time.monotonic()
    held = Held(load)
    _check_served(task, held.model)
    about = replace(held.model, model=None, tokenizer=None)  # a control may let go of the weights
    with OutputWriter(inputs.outputs) as writer:
        session = _Session(task, plan, inputs, held, writer)
        session.begin(progress)
        scores = session.model()
        variants = session.variants()
        controls = session.controls()
    return EvaluationResult(
        scores=scores,
        outputs_digest=writer.root,
        outputs_leaves=writer.count,
        model_manifest_digest=about.manifest_digest,
        template_digest=about.template_digest,
        device=about.device,
        dtype=about.dtype,
        seconds=f"{time.monotonic() - started:.1f}",
        software=software(),
        variants=variants,
        controls=controls,
        longest_prompt=session.longest_prompt,
    )


class _Session:
    """One evaluation under way."""

    def __init__(self, task: EvaluateTask, plan: _Plan, inputs: Inputs, held: Held, writer: OutputWriter) -> None:
        from workers.evaluation.measure import Settings

        self._plan, self._inputs, self._held, self._writer = plan, inputs, held, writer
        self._judges = judges.load()
        self._settings = Settings(
            batch_size=task.decoding.batch_size,
            max_new_tokens=task.decoding.max_new_tokens,
            system_prompt=task.system_prompt,
            repeats=task.decoding.repeats,
            temperature=float(task.decoding.temperature),
            seed=task.decoding.seed,
        )
        self._own = _own_data(task, inputs, held.model)
        self.longest_prompt: int | None = None

    def begin(self, progress: Callable[[int, int], None]) -> None:
        total = self._plan.items(self._own.count if self._own is not None else 0)
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress(done, total)

        self._advance = advance
        advance(0)

    def model(self) -> list[ItemScore]:
        return self._subject(MODEL)

    def variants(self) -> list[VariantScores]:
        measured = []
        for variant in self._plan.variants:
            set_alpha(self._held.model.model, variant.alpha)
            scores = self._subject(f"variant:{variant.scale}")
            measured.append(
                VariantScores(scale=variant.scale, scores=scores, model_manifest_digest=variant.manifest_digest)
            )
        return measured

    def controls(self) -> list[ControlScores]:
        """In the task's order, whatever the order in which they ran."""
        measured: dict[str, ControlScores] = {}
        for control in in_order_of_loading(self._plan.controls, self._held.model.dtype):
            with conditions(control.task, self._held, self._inputs.control) as words:
                settings = replace(self._settings, batch_size=control.task.batch_size, repeats=0)
                scores = self._items(control.subject, control.questions, settings)
            measured[control.subject] = ControlScores(
                kind=control.task.kind, level=control.task.level, conditions=words, scores=scores
            )
        return [measured[control.subject] for control in self._plan.controls]

    def _subject(self, name: str) -> list[ItemScore]:
        scores = self._items(name, self._plan.questions, self._settings)
        if self._own is not None:
            for digest, found in self._own.measure(self._held.model, self._advance):
                self._writer.record(name, digest, found)
                scores.append(found)
        return scores

    def _items(self, subject: str, questions: Sequence[Question], settings: Settings) -> list[ItemScore]:
        from workers.evaluation.measure import measure

        scores = []
        outcomes = measure(self._held.model, questions, settings, self._advance)
        for question, outcome in zip(questions, outcomes, strict=True):
            scores.append(score(question, outcome, self._judges))
            self._writer.item(subject, question, outcome, scores[-1])
            if outcome.prompt_tokens is not None:
                self.longest_prompt = max(self.longest_prompt or 0, outcome.prompt_tokens)
        return scores


def _own_data(task: EvaluateTask, inputs: Inputs, model: LoadedModel) -> OwnData | None:
    from workers.evaluation.own_data import load_own_data

    if task.own_data is None:
        return None
    if inputs.dataset is None:
        raise RunFailure("input_missing", "the data set whose records are to be measured was not fetched")
    return load_own_data(
        task.own_data,
        inputs.dataset,
        model.tokenizer,
        system_prompt=task.system_prompt,
        batch_size=task.decoding.batch_size,
    )


def _plan(task: EvaluateTask, inputs: Inputs) -> _Plan:
    here = {scorer.id: scorer.digest for scorer in catalog.scorers()}
    for scorer in task.scorers:
        if here.get(scorer.id) != scorer.digest:
            raise RunFailure(
                "scorer_mismatch",
                f"this worker's scorer {scorer.id!r} has digest {here.get(scorer.id, 'none')}, the plan asks for "
                f"{scorer.digest}; update the worker",
                retryable=True,
            )
    _check_decoding(task)
    # Where the suites were measured before, the base is measured on a job's own records alone.
    own_alone = not task.suites and task.own_data is not None
    return _Plan(
        questions=[] if own_alone else questions_of(task.suites, inputs.suites, inputs.benchmarks),
        variants=check_variants(task, inputs.artefact, inputs.variants),
        controls=check_controls(task, inputs.control, inputs.suites, inputs.benchmarks),
    )


def _check_decoding(task: EvaluateTask) -> None:
    decoding = task.decoding
    if decoding.max_new_tokens < 1 or decoding.batch_size < 1:
        raise RunFailure("invalid_decoding", "max_new_tokens and batch_size must be at least 1")
    try:
        temperature = float(decoding.temperature)
    except ValueError:
        temperature = math.nan
    if decoding.repeats < 0 or (decoding.repeats and not 0 < temperature < math.inf):
        raise RunFailure("invalid_decoding", "repeats must not be negative, and sampling needs a temperature above 0")


def _check_served(task: EvaluateTask, model: LoadedModel) -> None:
    """A tuned artefact brings its own system prompt and quantisation; the plan must mean the same."""
    if task.artefact is None:
        return
    for what, planned, found in (
        ("system prompt", task.system_prompt, model.system_prompt),
        ("quantisation", task.quantization, model.quantization),
    ):
        if planned != found:
            raise RunFailure("served_mismatch", f"the artefact is not served with the {what} that the plan fixed")
