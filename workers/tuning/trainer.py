"""TRL's supervised trainer with two differences, each held by a test.

The order of the sequences is ours (``workers.tuning.order``), so that a resumed run repeats an unbroken one. And on a CPU
only labelled positions go through the vocabulary head: TRL does that on CUDA, but on a CPU it projects every position, and
with a vocabulary of 49,152 over a hidden size of 576 that is a quarter or more of a step, spent on prompts that take no
loss. The loss is the same number. Used by the training run instead of ``trl.SFTTrainer``.
"""

from __future__ import annotations

from typing import Any

import torch
from trl import SFTTrainer

from workers.tuning.masking import IGNORED
from workers.tuning.order import LengthGrouped


class SupervisedTrainer(SFTTrainer):
    """For text data with ``input_ids`` and ``labels``."""

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGrouped:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        return LengthGrouped(
            [len(ids) for ids in dataset["input_ids"]],
            batch_size=self.args.per_device_train_batch_size,
            seed=self.args.data_seed,
        )

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        if self.accelerator.device.type != "cpu" or self.accelerator.num_processes > 1 or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        labels = inputs["labels"][:, 1:]
        labelled = labels != IGNORED
        passed = {key: value for key, value in inputs.items() if key != "labels"}
        # Accelerate puts its autocast around the outermost forward, which is not the one called here.
        with self.accelerator.autocast():
            hidden = causal.base_model(**passed, use_cache=False).last_hidden_state[:, :-1]
            logits = causal.get_output_embeddings()(hidden[labelled]).float()
        targets = labels[labelled]
        total = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        count = labelled.sum() if num_items_in_batch is None else num_items_in_batch
        self._record(logits.detach(), targets, inputs)
        return total / torch.as_tensor(count).clamp(min=1)

    def _record(self, logits: torch.Tensor, targets: torch.Tensor, inputs: dict[str, Any]) -> None:
        """Feed the metrics that TRL averages between two log lines."""
        metrics = self._metrics["train" if self.model.training else "eval"]
        if len(targets):
            metrics["mean_token_accuracy"].append((logits.argmax(-1) == targets).float().mean().item())
        self._total_train_tokens += int(inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])).sum())
        metrics["num_tokens"] = [self._total_train_tokens]
