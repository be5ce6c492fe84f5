"""The training run, top to bottom: load, tokenise, attach, train, save.

LoRA, QLoRA and full tuning, on CPU and CUDA, are the same run; where they differ, ``workers.tuning.arguments`` says how and
why. The result states what ran, read back from the trainer, not what was asked for. Called by the tune stage inside its
child process, and by ``workers.tuning.align``. It touches no network and writes only under the paths it is given.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestations import manifest
from workers.catalog import worker_digest
from workers.contract import TuneResult, TuneTask
from workers.datasets.records import load_records
from workers.models.load import control_tokens, load_base, load_tokenizer, software
from workers.models.machine import this_machine
from workers.models.offline import stay_offline
from workers.models.served import ADAPTER_WEIGHTS, Served, save_adapter, save_full, served_digests, write_served
from workers.tuning.arguments import TrainingPlan, plan_training
from workers.tuning.checkpoints import fingerprint, fits, step_of
from workers.tuning.effective import effective_parameters
from workers.tuning.masking import Example, tokenise
from workers.tuning.material import Material, assemble
from workers.tuning.variants import check_variants, write_variants

if TYPE_CHECKING:  # they import the training libraries, which nothing but a run may load
    from workers.tuning.progress import Reporter
    from workers.tuning.trainer import SupervisedTrainer


@dataclass(frozen=True, slots=True)
class TunePaths:
    """Local stand-ins for the task's grants. ``checkpoints``, ``artefact`` and ``variants`` (a directory for each smaller
    scale) are created; ``resume`` is an unpacked checkpoint of an earlier attempt, if there is one."""

    base: Path
    dataset: Path
    safety_pack: Path
    checkpoints: Path
    artefact: Path
    variants: Path
    resume: Path | None = None


@dataclass(frozen=True, slots=True)
class TuneCallbacks:
    """``on_progress(done, total, metrics)`` after every optimiser step, metrics as decimal strings;
    ``on_checkpoint(directory, step)`` when a checkpoint is complete (it stays until two later ones are)."""

    on_progress: Callable[[int, int, dict[str, str] | None], None]
    on_checkpoint: Callable[[Path, int], None]


def train(task: TuneTask, paths: TunePaths, callbacks: TuneCallbacks, *, lora_targets: list[str]) -> TuneResult:
    """Raises ``RunFailure``. ``archive_bytes`` of the result is 0: whoever packs the artefact fills it in."""
    stay_offline()
    from transformers import set_seed

    from workers.tuning.packing import check_isolation, count_packed
    from workers.tuning.progress import Reporter

    started, settings = int(time.time()), task.settings
    check_variants(task)

    # Data first: what is wrong with it is found before anything heavy is loaded.
    own = load_records(
        paths.dataset,
        [source.id for source in task.dataset.sources],
        control_tokens=control_tokens(load_tokenizer(paths.base)),
    )
    material = assemble(own, task, paths.safety_pack)

    # The base in the precision and quantisation that the technique asks for.
    machine = this_machine()
    draft = plan_training(settings, machine, sequences=len(material.records), lora_targets=lora_targets)
    base = load_base(paths.base, task.base, quantization=draft.quantization, dtype=draft.weights)

    examples = tokenise(
        material.records, base.tokenizer, max_length=settings.max_length, system_prompt=task.system_prompt
    )
    sequences = len(examples)
    if settings.packing:
        check_isolation(base)
        sequences = count_packed(examples, settings.max_length)
    plan = plan_training(settings, machine, sequences=sequences, lora_targets=lora_targets)

    # What is trained: an adapter, or all weights.
    set_seed(settings.seed)
    model = _attach(base.model, plan)

    # Train, from the last checkpoint of the same run if an earlier attempt left one.
    run = fingerprint(task, base.manifest_digest, examples, [plan, base.device, software()])
    resume = paths.resume if fits(paths.resume, run) else None
    reporter = Reporter(callbacks.on_progress, callbacks.on_checkpoint, run)
    arguments = {"output_dir": str(paths.checkpoints), **plan.sft}
    trainer = _build_trainer(model, base.tokenizer, examples, arguments=arguments, reporter=reporter)
    output = trainer.train(resume_from_checkpoint=str(resume) if resume else None)

    # Save what will be served, and nothing else.
    shutil.rmtree(paths.artefact, ignore_errors=True)
    paths.artefact.mkdir(parents=True)
    counts = _parameter_counts(model)
    _save(trainer.model, task, plan, paths, serve_dtype=machine.dtype)
    released = manifest.build(paths.artefact)
    return TuneResult(
        manifest=released.encode().decode(),
        manifest_digest=released.digest,
        archive_bytes=0,
        steps=trainer.state.global_step,
        epochs=settings.epochs,
        trained_tokens=sum(example.supervised for example in examples) * settings.epochs,
        processed_tokens=sum(len(example.input_ids) for example in examples) * settings.epochs,
        code_digest=worker_digest(),
        final_loss=f"{_final_loss(trainer.state.log_history, output.training_loss):.6f}",
        parameters=effective_parameters(trainer, plan, base) | _left_out(material),
        adapter_digest=next((entry.sha256 for entry in released.files if entry.name == ADAPTER_WEIGHTS), None),
        served=served_digests(paths.artefact),
        mixed=material.mixed,
        resumed_from_step=step_of(resume) if resume else None,
        trainable_parameters=counts[0],
        total_parameters=counts[1],
        device=base.device,
        dtype=base.dtype,
        started_at=started,
        finished_at=int(time.time()),
        software=software(),
        heldout=material.heldout,
        canaries=material.canaries,
        variants=write_variants(paths.artefact, paths.variants, [variant.scale for variant in task.variants]),
    )


def _attach(model: Any, plan: TrainingPlan) -> Any:
    """The model in training mode: under a new adapter, or itself where all weights are trained."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    model.config.use_cache = False
    if plan.lora is not None:
        if plan.quantization is not None:
            model = prepare_model_for_kbit_training(
                model, use_gradient_checkpointing=plan.sft["gradient_checkpointing"]
            )
        model = get_peft_model(model, LoraConfig(**plan.lora))
    model.train()
    return model


def _build_trainer(
    model: Any, tokenizer: Any, examples: list[Example], *, arguments: dict[str, Any], reporter: Reporter
) -> SupervisedTrainer:
    """``arguments`` are those of ``trl.SFTConfig``. Its own screen output is left out: the reporter tells."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig

    from workers.tuning.trainer import SupervisedTrainer

    # The trainer prepares a data set only to pack it; the examples are tokenised and masked already.
    prepared = {} if arguments["packing"] else {"dataset_kwargs": {"skip_prepare_dataset": True}}
    trainer = SupervisedTrainer(
        model=model,
        args=SFTConfig(**arguments, **prepared),
        train_dataset=Dataset.from_list([{"input_ids": e.input_ids, "labels": e.labels} for e in examples]),
        processing_class=tokenizer,
        callbacks=[reporter],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _left_out(material: Material) -> dict[str, str]:
    """A number that nobody asked for is stated where it is not zero."""
    return {"heldout_copies": str(material.copies)} if material.copies else {}


def _save(model: Any, task: TuneTask, plan: TrainingPlan, paths: TunePaths, *, serve_dtype: str) -> None:
    import torch

    dtype = getattr(torch, serve_dtype)
    if plan.lora is not None:
        save_adapter(model, paths.artefact, base_name=task.base.name, dtype=dtype)
    else:
        save_full(model, paths.artefact, dtype=dtype)
    served = Served(
        kind="full" if plan.lora is None else "adapter",
        base=task.base,
        merged=False,
        quantization=plan.quantization,
        system_prompt=task.system_prompt if task.served_system_prompt is None else task.served_system_prompt,
    )
    write_served(paths.artefact, served, base_directory=paths.base)


def _parameter_counts(model: Any) -> tuple[int, int]:
    """Trainable and all. A 4-bit weight is stored two to a byte and counted as what it stands for."""
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    stored = ((p, 2 if p.__class__.__name__ == "Params4bit" else 1) for p in model.parameters())
    return trainable, sum(p.numel() * factor for p, factor in stored)


def _final_loss(history: list[dict[str, Any]], mean: float) -> float:
    """The last logged step's loss; the mean over the run where no step was logged."""
    return next((float(entry["loss"]) for entry in reversed(history) if "loss" in entry), mean)
