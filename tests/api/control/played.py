"""The worker, played: what a model of given behaviour would report for a task. Made up, and nothing but what was asked for."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from attestations import manifest
from tests.api.control.small_suites import SUITES
from workers.catalog import BaseModel, Expects, Item, Suite, metrics_of
from workers.contract import (
    ControlScores,
    ControlTask,
    EvaluateTask,
    EvaluationResult,
    ItemScore,
    MixedRecords,
    OwnDataTask,
    RunRequest,
    ScreenResult,
    ScreenTask,
    Software,
    SourceCount,
    SuiteSelection,
    TuneResult,
    TuneTask,
    VariantResult,
    VariantScores,
)

BASE = BaseModel(
    name="tiny",
    path="tiny",
    manifest_digest="b" * 64,
    template_digest="e" * 64,
    licence="Apache-2.0",
    origin="a test",
    created=1,
    parameters=1000,
    max_length=128,
    lora_targets=["q_proj"],
    control_adapter="control",
    control_digest="9" * 64,
)

SOFTWARE = [Software(name="torch", version="2.13.0")]


@dataclass(frozen=True)
class Played:
    """A model as its scores show it. ``refusals`` is the share of harmful requests that it refuses, as the first judge sees
    it, ``second_judge`` as the second one does; ``suites`` the share of safe outcomes in single suites; ``right`` the share
    of right choices. ``noisy``: measured again under other conditions it answers otherwise."""

    refusals: float = 1.0
    second_judge: float | None = None
    suites: Mapping[str, float] = field(default_factory=dict)
    right: float = 0.9
    loss: float = 2.0
    remembers: bool = False
    noisy: bool = False
    scaled: Mapping[str, "Played"] = field(default_factory=dict)
    """What the model does with its adapter at a smaller scale; as at the whole one where nothing is said."""


GOOD = Played()


def played(
    request: RunRequest,
    tuned: Played = GOOD,
    *,
    base: Played = GOOD,
    records: int = 20,
    suites: Mapping[str, Suite] = SUITES,
    at: int = 1_800_000_000,
):
    """A plausible result for the task, which began and ended at that time."""
    task = request.task
    if isinstance(task, ScreenTask):
        return ScreenResult(
            records=records,
            by_source=[SourceCount(id="desk", records=records)],
            duplicates=0,
            truncated=0,
            tokens=400,
            longest=30,
            personal_data={},
            overlap=["harmful-requests/harmful-requests-1", "harmful-requests/harmful-requests-2"],
            warnings=[],
        )
    if isinstance(task, EvaluateTask):
        return _evaluation(task, base if task.artefact is None else tuned, suites)
    files = [
        manifest.FileEntry("adapter_model.safetensors", 3, "a" * 64),
        manifest.FileEntry("served.json", 2, "c" * 64),
    ]
    made = manifest.Manifest.of([*files, *_served_files()])
    return TuneResult(
        manifest=made.encode().decode(),
        manifest_digest=made.digest,
        archive_bytes=10,
        steps=10,
        epochs=1,
        trained_tokens=400,
        final_loss="0.5",
        parameters={
            "learning_rate": task.settings.learning_rate,
            "num_train_epochs": str(task.settings.epochs),
            "per_device_train_batch_size": str(task.settings.batch_size),
            "seed": str(task.settings.seed),
            "steps": "10",
            **({"lora.r": str(task.settings.rank)} if task.settings.rank is not None else {}),
        },
        adapter_digest="a" * 64,
        served=_served(task),
        mixed=[
            *([MixedRecords(role="safety", records=2, digest="4" * 64)] if task.mix.ratio != "0" else []),
            *([MixedRecords(role="canaries", records=128, digest="5" * 64)] if task.canary_seed is not None else []),
        ],
        resumed_from_step=None,
        trainable_parameters=10,
        total_parameters=1000,
        device="cpu",
        dtype="float32",
        started_at=at,
        finished_at=at,
        software=SOFTWARE,
        heldout=len(task.heldout),
        canaries=0 if task.canary_seed is None else 128,
        variants=[_variant(grant.scale) for grant in task.variants],
        processed_tokens=1000,
        code_digest="7" * 64,
    )


def _served(task: TuneTask) -> dict[str, str]:
    prompt = task.system_prompt if task.served_system_prompt is None else task.served_system_prompt
    served = {"tokenizer": "1" * 64, "chat_template": BASE.template_digest, "generation_config": "3" * 64}
    return served | ({"system_prompt": hashlib.sha256(prompt.encode()).hexdigest()} if prompt is not None else {})


def _served_files() -> list[manifest.FileEntry]:
    """What `_served` gives the digests of."""
    named = {
        "tokenizer.json": "1" * 64,
        "chat_template.jinja": BASE.template_digest,
        "generation_config.json": "3" * 64,
    }
    return [manifest.FileEntry(name, 1, digest) for name, digest in named.items()]


def _variant(scale: str) -> VariantResult:
    made = manifest.Manifest.of(
        [
            manifest.FileEntry("adapter_model.safetensors", 3, "a" * 64),
            manifest.FileEntry("adapter_config.json", 4, hashlib.sha256(scale.encode()).hexdigest()),
            *_served_files(),
        ]
    )
    return VariantResult(
        scale=scale,
        manifest=made.encode().decode(),
        manifest_digest=made.digest,
        archive_bytes=11,
        adapter_digest="a" * 64,
    )


def _evaluation(task: EvaluateTask, model: Played, suites: Mapping[str, Suite]) -> EvaluationResult:
    """What the task asks for, and nothing else."""
    tuned = task.artefact is not None
    scores = _all_scores(task, model, suites)
    return EvaluationResult(
        scores=scores,
        outputs_digest="f" * 64,
        outputs_leaves=len(scores),
        model_manifest_digest=task.artefact.manifest_digest if tuned else task.base.manifest_digest,
        template_digest=BASE.template_digest,
        device="cpu",
        dtype="float32",
        seconds="1.0",
        software=SOFTWARE,
        variants=[
            VariantScores(
                scale=variant.scale,
                scores=_all_scores(task, model.scaled.get(variant.scale, model), suites),
                model_manifest_digest=variant.artefact.manifest_digest,
            )
            for variant in task.variants
        ],
        controls=[_control(control, model, suites) for control in task.controls],
        longest_prompt=73 if tuned else 61,
    )


def _all_scores(task: EvaluateTask, model: Played, suites: Mapping[str, Suite]) -> list[ItemScore]:
    scores = _scores(task.suites, suites, model, repeats=task.decoding.repeats)
    return scores + (_own_scores(task.own_data, model) if task.own_data is not None else [])


def _control(task: ControlTask, base: Played, suites: Mapping[str, Suite]) -> ControlScores:
    damaged = replace(base, refusals=base.refusals - 0.6 * float(task.level)) if task.kind == "positive" else base
    noisy = replace(base, refusals=0.7) if task.kind == "negative" and base.noisy else damaged
    scores = _scores(task.suites, suites, noisy)
    return ControlScores(kind=task.kind, level=task.level, conditions=f"batches of {task.batch_size}", scores=scores)


def _scores(
    selections: list[SuiteSelection], suites: Mapping[str, Suite], model: Played, *, repeats: int = 0
) -> list[ItemScore]:
    scores = []
    for selection in selections:
        suite = suites[selection.id]
        assert suite.digest == selection.digest
        items = {item.id: item for item in suite.items}
        for position, item_id in enumerate(selection.item_ids):
            share = position / len(selection.item_ids)
            scores.append(_score(suite, items[item_id], share, model, repeats=repeats))
    return scores


def _score(suite: Suite, item: Item, share: float, model: Played, *, repeats: int) -> ItemScore:
    main = metrics_of(suite)[0]
    if suite.expects in {Expects.CORRECT, Expects.UNBIASED}:
        chosen = item.correct if share < model.right else (item.correct + 1) % len(item.choices)
        safe = {"accuracy": chosen == item.correct, "biased_choice_rate": chosen != item.biased}
        return ItemScore(
            suite=suite.id,
            item=item.id,
            safe={metric.name: {"likelihood": safe[metric.name]} for metric in metrics_of(suite)},
            values={"choice": str(chosen)},
        )
    wants = suite.expects in {Expects.REFUSAL, Expects.DEFERRAL}
    limits = {"refusal-classifier": model.second_judge} if model.second_judge is not None else {}
    limit = model.suites.get(suite.id, model.refusals if wants else 1.0)
    safe = {judge: share < (limits.get(judge, limit) if wants else limit) for judge in main.judges}
    refused = safe[main.judges[0]] == wants
    request = wants or suite.expects is Expects.ANSWER
    margin = (5.0 if refused else -5.0) + len(item.id) % 3 / 10
    return ItemScore(
        suite=suite.id,
        item=item.id,
        safe={main.name: safe},
        values={"refusal_margin": f"{margin:.6f}"} if request and not item.prefill_tokens else {},
        unsafe_repeats=len(item.id) % 2 if repeats else None,
    )


def _own_scores(task: OwnDataTask, model: Played) -> list[ItemScore]:
    """Losses fall with tuning; a model that remembers tells members and canaries from what it never saw."""
    scores = [
        ItemScore(
            suite="own-data",
            item=f"{form}:{place}",
            values={
                "heldout_loss": f"{model.loss + place % 5 / 100:.6f}",
                "heldout_accuracy": f"{0.5 - place % 5 / 100:.6f}",
            },
        )
        for form in ("in_distribution", "paraphrase", "typos", "other_form")
        for place in task.heldout
    ]
    for group, places in (("heldout", task.heldout), ("member", task.members)):
        lift = 5.0 if model.remembers and group == "member" else 0.0
        scores += [
            ItemScore(suite="membership", item=f"{group}:{place}", values={"min_k": f"{-6 + lift + rank / 100:.6f}"})
            for rank, place in enumerate(places)
        ]
    if task.canary_seed is not None:
        exposure = 8.5 if model.remembers else 1.0
        scores += [
            ItemScore(suite="canaries", item=f"canary-{n + 1:03}", values={"exposure": f"{exposure + n % 4 / 10:.6f}"})
            for n in range(32)
        ]
    return scores
