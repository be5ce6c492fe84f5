"""The mapping from what was asked to what the trainer is told, by table."""

from __future__ import annotations

import msgspec
import pytest

from tests.workers.tuning.conftest import SETTINGS
from workers.contract import Technique
from workers.errors import RunFailure
from workers.models.machine import Machine
from workers.tuning.arguments import TrainingPlan, plan_training, split_batch
from workers.tuning.effective import plain
from workers.tuning.progress import decimal

CPU = Machine(device="cpu", bf16=True)
OLD_CPU = Machine(device="cpu", bf16=False)
CUDA = Machine(device="cuda", bf16=True)
TARGETS = ["q_proj", "v_proj"]


def plan(machine: Machine = CPU, sequences: int = 150, **settings: object) -> TrainingPlan:
    asked = msgspec.structs.replace(SETTINGS, **settings)
    return plan_training(asked, machine, sequences=sequences, lora_targets=TARGETS)


@pytest.mark.parametrize(
    ("technique", "machine", "weights", "quantization", "autocast", "adapter"),
    [
        (Technique.LORA, CPU, "bfloat16", None, False, True),
        (Technique.LORA, OLD_CPU, "float32", None, False, True),
        (Technique.LORA, CUDA, "bfloat16", None, False, True),
        (Technique.QLORA, CPU, "bfloat16", "nf4", False, True),
        (Technique.QLORA, OLD_CPU, "float32", "nf4", False, True),
        (Technique.QLORA, CUDA, "bfloat16", "nf4", False, True),
        (Technique.FULL, CPU, "float32", None, True, False),
        (Technique.FULL, OLD_CPU, "float32", None, False, False),
        (Technique.FULL, CUDA, "float32", None, True, False),
    ],
)
def test_precision_quantisation_and_adapter_follow_technique_and_machine(
    technique, machine, weights, quantization, autocast, adapter
):
    made = plan(machine, technique=technique)
    assert (made.weights, made.quantization, made.sft["bf16"]) == (weights, quantization, autocast)
    assert (made.lora is not None) is adapter


@pytest.mark.parametrize(("machine", "checkpointing"), [(CPU, False), (CUDA, True)])
def test_activations_are_recomputed_only_on_an_accelerator(machine, checkpointing):
    made = plan(machine)
    assert made.sft["gradient_checkpointing"] is checkpointing
    assert made.sft["use_cpu"] is not checkpointing
    assert made.sft["dataloader_pin_memory"] is checkpointing


@pytest.mark.parametrize(
    ("sequences", "batch", "epochs", "steps", "every", "warmup"),
    [(150, 16, 3, 30, 6, 0), (12, 4, 2, 6, 1, 0), (10, 64, 1, 1, 1, 0), (1000, 8, 4, 500, 100, 15)],
)
def test_steps_checkpoints_and_warmup(sequences, batch, epochs, steps, every, warmup):
    made = plan(sequences=sequences, batch_size=batch, epochs=epochs)
    assert made.steps == steps
    assert made.sft["save_steps"] == every
    assert made.sft["warmup_steps"] == warmup
    assert steps // every >= min(steps, 5)


@pytest.mark.parametrize(
    ("batch", "limit", "split"),
    [(1, 16, (1, 1)), (16, 16, (16, 1)), (32, 16, (16, 2)), (17, 16, (1, 17)), (24, 16, (12, 2))],
)
def test_large_batches_are_accumulated(batch, limit, split):
    assert split_batch(batch, limit) == split


def test_request_values_reach_the_trainer_unchanged():
    made = plan(
        learning_rate="0.0002", seed=9, max_length=99, rank=3, alpha=5, dropout="0.05", target_modules=["v_proj"]
    )
    assert made.sft["learning_rate"] == 0.0002
    assert (made.sft["seed"], made.sft["data_seed"], made.sft["max_length"]) == (9, 9, 99)
    assert made.lora is not None
    assert made.lora["r"] == 3
    assert made.lora["lora_alpha"] == 5
    assert made.lora["lora_dropout"] == 0.05
    assert made.lora["target_modules"] == ["v_proj"]


def test_without_chosen_modules_the_adapter_goes_on_all_that_the_base_offers():
    made = plan()
    assert made.lora is not None
    assert made.lora["target_modules"] == TARGETS


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"rank": 0}, "tuning.rank"),
        ({"rank": None}, "tuning"),
        ({"target_modules": ["lm_head"]}, "tuning.target_modules"),
        ({"epochs": 0}, "hyperparameters.n_epochs"),
        ({"epochs": 10**7}, "hyperparameters.n_epochs"),
        ({"batch_size": 0}, "hyperparameters.batch_size"),
        ({"learning_rate": "0"}, "hyperparameters.learning_rate_multiplier"),
        ({"learning_rate": "NaN"}, "hyperparameters.learning_rate_multiplier"),
        ({"learning_rate": "5"}, "hyperparameters.learning_rate_multiplier"),
        ({"learning_rate": "fast"}, "hyperparameters.learning_rate_multiplier"),
    ],
)
def test_settings_that_cannot_run_name_their_field(settings, param):
    with pytest.raises(RunFailure) as caught:
        plan(**settings)
    assert (caught.value.code, caught.value.param) == ("invalid_hyperparameters", param)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-08, "0.00000001"),
        (0.0002, "0.0002"),
        (1.0, "1"),
        (0.0, "0"),
        (True, "true"),
        (16, "16"),
        ("linear", "linear"),
    ],
)
def test_effective_values_are_written_plainly(value, text):
    assert plain(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(2.5, "2.500000"), (0.0, "0.000000"), (0.00002, "0.00002"), (1e-13, "0"), (-0.5, "-0.500000")]
)
def test_metrics_are_decimal_strings(value, text):
    assert decimal(value) == text
