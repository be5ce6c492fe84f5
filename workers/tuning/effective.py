"""What the trainer really used, as decimal strings for the evidence. Read back from the constructed objects."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workers.models.load import LoadedModel
from workers.tuning.arguments import TrainingPlan

_ARGUMENTS = (
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "learning_rate",
    "lr_scheduler_type",
    "warmup_steps",
    "weight_decay",
    "max_grad_norm",
    "optim",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "seed",
    "data_seed",
    "max_length",
    "packing",
    "bf16",
    "gradient_checkpointing",
    "loss_type",
)


def effective_parameters(trainer: Any, plan: TrainingPlan, base: LoadedModel) -> dict[str, str]:
    """Names are the libraries' own; ``lora.`` marks the adapter's."""
    found = {name: plain(getattr(trainer.args, name)) for name in _ARGUMENTS}
    found["attention"] = str(base.model.config._attn_implementation)  # noqa: SLF001 - has no public name
    found["order"] = "grouped_by_length"
    found["weights_dtype"] = plan.weights
    found["steps"] = plain(trainer.state.max_steps)
    if plan.quantization is not None:
        found["quantization"] = plan.quantization
        found["quantization.double"] = "true"
    if plan.lora is not None:
        config = trainer.model.peft_config["default"]
        for name in ("r", "lora_alpha", "lora_dropout", "bias"):
            found[f"lora.{name}"] = plain(getattr(config, name))
        found["lora.target_modules"] = ",".join(sorted(config.target_modules))
    return found


def plain(value: object) -> str:
    """``0.00000001`` rather than ``1e-08``, ``true`` rather than ``True``, an enum by its value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{Decimal(repr(value)).normalize():f}"
    return str(getattr(value, "value", value))
