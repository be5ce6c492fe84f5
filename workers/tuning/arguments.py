"""From what was asked to what the trainer is told: pure, so that it can be tested by table.

A choice that the request leaves open is made here and nowhere else, with its reason beside it; the evidence records what
the trainer ended up with, not this table. Called by the training run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from workers.contract import Technique, TuneSettings
from workers.errors import RunFailure
from workers.models.machine import Machine

CHECKPOINTS_PER_RUN = 5
MICRO_BATCH = {"cpu": 16, "cuda": 8}
"""Records per forward pass; a larger batch is accumulated. On a CPU short records in wide batches are fastest."""
WARMUP_SHARE = Decimal("0.03")
MAX_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """``sft`` are keyword arguments of ``trl.SFTConfig`` (without ``output_dir``), ``lora`` of ``peft.LoraConfig`` (``None``:
    all weights are trained). ``weights`` is the dtype the base is loaded in, ``quantization`` its quantisation."""

    sft: dict[str, Any]
    lora: dict[str, Any] | None
    quantization: str | None
    weights: str
    steps: int
    steps_per_epoch: int


def plan_training(settings: TuneSettings, machine: Machine, *, sequences: int, lora_targets: list[str]) -> TrainingPlan:
    """``sequences`` is the number of training sequences, after mixing and packing. Raises ``RunFailure`` for settings
    that cannot run."""
    _check(settings, sequences)
    micro, accumulation = split_batch(settings.batch_size, MICRO_BATCH[machine.device])
    steps_per_epoch = math.ceil(sequences / settings.batch_size)
    steps = steps_per_epoch * settings.epochs
    if steps > MAX_STEPS:
        raise RunFailure(
            "invalid_hyperparameters",
            f"{steps} training steps are more than {MAX_STEPS}; use fewer epochs or a larger batch",
            param="hyperparameters.n_epochs",
        )
    full = settings.technique is Technique.FULL
    return TrainingPlan(
        sft={
            "num_train_epochs": settings.epochs,
            "per_device_train_batch_size": micro,
            "gradient_accumulation_steps": accumulation,
            "learning_rate": float(settings.learning_rate),
            "lr_scheduler_type": "linear",
            "warmup_steps": int(WARMUP_SHARE * steps),
            "weight_decay": 0.0,
            "max_grad_norm": 1.0,
            "optim": "adamw_torch",
            "seed": settings.seed,
            "data_seed": settings.seed,
            "max_length": settings.max_length,
            "packing": settings.packing,
            # All weights are trained in float32 (bfloat16 would round small updates away) with bfloat16 arithmetic; an
            # adapter is trained in float32 on a bfloat16 base, which needs no autocast.
            "bf16": full and machine.bf16,
            # Recomputing activations saves memory that only an accelerator is short of; on a CPU it costs a third.
            "gradient_checkpointing": machine.device == "cuda",
            "use_cpu": machine.device == "cpu",
            "dataloader_pin_memory": machine.device == "cuda",
            "logging_steps": 1,
            "save_strategy": "steps",
            "save_steps": max(1, steps // CHECKPOINTS_PER_RUN),
            "save_total_limit": 2,
            "report_to": [],
            "disable_tqdm": True,
        },
        lora=None if full else _lora(settings, lora_targets),
        quantization="nf4" if settings.technique is Technique.QLORA else None,
        weights="float32" if full else machine.dtype,
        steps=steps,
        steps_per_epoch=steps_per_epoch,
    )


def split_batch(batch_size: int, limit: int) -> tuple[int, int]:
    """Records per pass and passes per step: the largest divisor of ``batch_size`` up to ``limit``, and the rest."""
    micro = max(size for size in range(1, min(batch_size, limit) + 1) if batch_size % size == 0)
    return micro, batch_size // micro


def _lora(settings: TuneSettings, lora_targets: list[str]) -> dict[str, Any]:
    if settings.rank is None or settings.alpha is None or settings.dropout is None:
        raise RunFailure(
            "invalid_hyperparameters", f"{settings.technique} needs rank, alpha and dropout", param="tuning"
        )
    if settings.rank < 1:
        raise RunFailure("invalid_hyperparameters", "rank must be at least 1", param="tuning.rank")
    targets = settings.target_modules or lora_targets
    if unknown := sorted(set(targets) - set(lora_targets)):
        raise RunFailure(
            "invalid_hyperparameters",
            f"the base model has no adaptable module {unknown[0]!r}; use some of {', '.join(lora_targets)}",
            param="tuning.target_modules",
        )
    return {
        "r": settings.rank,
        "lora_alpha": settings.alpha,
        "lora_dropout": float(settings.dropout),
        "target_modules": sorted(set(targets)),
        "bias": "none",
        "task_type": "CAUSAL_LM",
    }


def _check(settings: TuneSettings, sequences: int) -> None:
    def refuse(message: str, param: str) -> RunFailure:
        return RunFailure("invalid_hyperparameters", message, param=param)

    if sequences < 1:
        raise refuse("there is nothing to train on", "training_file")
    if settings.epochs < 1:
        raise refuse("n_epochs must be at least 1", "hyperparameters.n_epochs")
    if settings.batch_size < 1:
        raise refuse("batch_size must be at least 1", "hyperparameters.batch_size")
    if not _is_rate(settings.learning_rate):
        raise refuse("the learning rate must lie between 0 and 1", "hyperparameters.learning_rate_multiplier")


def _is_rate(text: str) -> bool:
    try:
        return 0 < Decimal(text) < 1
    except InvalidOperation:
        return False
