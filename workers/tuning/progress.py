"""Turn the trainer's callbacks into progress and checkpoint announcements. Used by the training run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from workers.tuning.checkpoints import mark

_METRICS = {"loss": "train_loss", "mean_token_accuracy": "train_mean_token_accuracy", "learning_rate": "learning_rate"}
"""The trainer's names to those of the fine-tuning API's metrics events."""


class Reporter(TrainerCallback):
    """Reports each logged step, and each checkpoint once it is complete and marked with the run's fingerprint."""

    def __init__(
        self,
        on_progress: Callable[[int, int, dict[str, str] | None], None],
        on_checkpoint: Callable[[Path, int], None],
        run: str,
    ) -> None:
        self._on_progress = on_progress
        self._on_checkpoint = on_checkpoint
        self._run = run

    def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if logs is None or "loss" not in logs:
            return
        metrics = {name: decimal(logs[key]) for key, name in _METRICS.items() if key in logs}
        self._on_progress(state.global_step, state.max_steps, metrics)

    def on_save(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        directory = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        mark(directory, self._run)
        self._on_checkpoint(directory, state.global_step)


def decimal(value: float) -> str:
    """Six decimal places, more where the value is so small that these would hide it, and never an exponent."""
    return f"{value:.6f}" if abs(value) >= 0.001 or value == 0 else f"{value:.12f}".rstrip("0").rstrip(".")
