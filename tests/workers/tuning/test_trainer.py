"""The cheaper loss on a CPU is the same loss: equal number, equal gradients, equal metric as TRL's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers.models.tiny_models import LIBRARY_NOISE
from tests.workers.tuning.conftest import Bench

pytestmark = [pytest.mark.ml, *(pytest.mark.filterwarnings(line) for line in LIBRARY_NOISE)]


@pytest.mark.parametrize("adapter", [True, False])
@pytest.mark.parametrize("packing", [False, True])
def test_loss_gradients_and_accuracy_equal_trls(bench: Bench, tmp_path: Path, adapter, packing):
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from trl import SFTConfig, SFTTrainer

    from workers.models.load import load_base
    from workers.tuning.trainer import SupervisedTrainer

    rows = [
        {"input_ids": list(range(3, 3 + n)), "labels": [-100] * (n // 2) + list(range(3 + n // 2, 3 + n))}
        for n in (8, 13, 21, 34)
    ]

    def one_pass(trainer_class: type[SFTTrainer]):
        base = load_base(bench.base_directory, bench.ref, dtype="float32")
        torch.manual_seed(0)
        model = base.model
        if adapter:
            model = get_peft_model(
                model, LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
            )
        arguments = SFTConfig(
            output_dir=str(tmp_path), per_device_train_batch_size=4, bf16=False, use_cpu=True, report_to=[],
            gradient_checkpointing=False, max_length=64, packing=packing,
            dataset_kwargs=None if packing else {"skip_prepare_dataset": True}, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = trainer_class(
            model=model, args=arguments, train_dataset=Dataset.from_list(rows), processing_class=base.tokenizer
        )
        trainer.model.train()
        batch = trainer._prepare_inputs(trainer.data_collator(list(trainer.train_dataset)))
        loss = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=torch.tensor(20))
        loss.backward()
        gradients = {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}
        return loss.detach(), gradients, trainer._metrics["train"]

    theirs, their_gradients, their_metrics = one_pass(SFTTrainer)
    ours, our_gradients, our_metrics = one_pass(SupervisedTrainer)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert our_gradients.keys() == their_gradients.keys()
    for name, gradient in their_gradients.items():
        torch.testing.assert_close(our_gradients[name], gradient, rtol=1e-3, atol=1e-6)
    assert our_metrics["mean_token_accuracy"] == pytest.approx(their_metrics["mean_token_accuracy"])
    assert our_metrics["num_tokens"] == their_metrics["num_tokens"]
