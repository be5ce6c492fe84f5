"""Project only labelled positions through the vocabulary head when training on a CPU.

TRL's supervised loss does this on CUDA; on a CPU it projects every position in float32, and with a vocabulary of 49,152
over a hidden size of 576 that is a quarter or more of a step spent on prompts that take no loss. The loss is the same number,
which a test holds against TRL's own. Used by the training run instead of ``trl.SFTTrainer``; on CUDA it adds nothing.
"""

from __future__ import annotations

from typing import Any

import torch
from trl import SFTTrainer

from workers.tuning.masking import IGNORED


class LabelledHeadTrainer(SFTTrainer):
    """``SFTTrainer`` for text data with labels, cheaper on a CPU in one process."""

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
