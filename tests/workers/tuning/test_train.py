"""The training run on the tiny base: each technique end to end, resumed runs equal to unbroken ones, same seed same bytes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from attestations import manifest
from tests.workers.models.tiny_models import LIBRARY_NOISE
from tests.workers.tuning.conftest import Bench
from workers.catalog import worker_digest
from workers.contract import Technique, TuneResult
from workers.errors import RunFailure
from workers.evaluation.items.canaries import canaries
from workers.models.load import load_artefact
from workers.models.served import read_served
from workers.tuning.train import TuneCallbacks, train
from workers.tuning.trainer import SupervisedTrainer

pytestmark = [pytest.mark.ml, *(pytest.mark.filterwarnings(line) for line in LIBRARY_NOISE)]


class LostError(Exception):
    """Stands for the loss of the worker."""


def run(bench: Bench, name: str = "a", *, resume: Path | None = None, **asked: object) -> TuneResult:
    task, paths = bench.task(**asked), bench.paths(name, resume)
    return train(task, paths, bench.callbacks(), lora_targets=bench.base.lora_targets)


@pytest.mark.parametrize(
    ("technique", "rate", "kind", "quantization"),
    [
        (Technique.LORA, "0.01", "adapter", None),
        (Technique.QLORA, "0.01", "adapter", "nf4"),
        (Technique.FULL, "0.002", "full", None),
    ],
)
def test_each_technique_learns_and_releases_what_can_be_loaded(bench, technique, rate, kind, quantization):
    result = run(bench, technique=technique, learning_rate=rate, epochs=4)
    directory = bench.paths().artefact

    losses = [float(metrics["train_loss"]) for _, _, metrics in bench.steps]
    assert losses[-1] < losses[0] - 0.2
    assert [done for done, _, _ in bench.steps] == list(range(1, 13))
    assert {total for _, total, _ in bench.steps} == {12}
    assert bench.checkpoints == [2, 4, 6, 8, 10, 12]

    assert result.manifest_digest == manifest.build(directory).digest
    assert manifest.differences(manifest.parse(result.manifest.encode()), directory) == []
    served = read_served(directory)
    assert (served.kind, served.quantization, served.base) == (kind, quantization, bench.ref)
    assert (result.adapter_digest is None) is (kind == "full")
    assert (result.trainable_parameters == result.total_parameters) is (kind == "full")
    assert ("quantization" in result.served) is (quantization is not None)

    loaded = load_artefact(directory, result.manifest_digest, base_directory=bench.base_directory, base=bench.ref)
    answer = loaded.model.generate(**loaded.tokenizer("Hi", return_tensors="pt"), max_new_tokens=2, do_sample=False)
    assert answer.shape[1] > 2


def test_the_result_states_what_ran(bench):
    result = run(bench, rank=4, alpha=8)
    assert (result.steps, result.epochs) == (6, 2)
    assert result.parameters["learning_rate"] == "0.01"
    assert result.parameters["num_train_epochs"] == "2"
    assert result.parameters["lora.r"] == "4"
    assert result.parameters["lora.target_modules"] == "down_proj,gate_proj,k_proj,o_proj,q_proj,up_proj,v_proj"
    assert result.parameters["optim"] == "adamw_torch"
    assert all(isinstance(value, str) for value in result.parameters.values())
    assert result.resumed_from_step is None
    assert result.mixed == []
    assert {entry.name for entry in result.software} >= {"python", "torch", "transformers", "peft", "trl"}
    assert result.started_at <= result.finished_at
    # Twelve answers of the same form, two epochs, all of them supervised.
    assert result.trained_tokens > 12 * 2 * 10
    assert result.processed_tokens > result.trained_tokens, "prompts pass through the model and take no loss"
    assert result.code_digest == worker_digest()


def test_nothing_released_names_this_machine(bench):
    run(bench)
    directory = bench.paths().artefact
    assert json.loads((directory / "adapter_config.json").read_text())["base_model_name_or_path"] == "tiny-llama"
    for path in directory.iterdir():
        content = path.read_bytes()
        assert str(bench.scratch).encode() not in content, path.name
        assert str(bench.base_directory).encode() not in content, path.name


def test_equal_runs_give_equal_bytes_and_another_seed_does_not(bench):
    first, again, other = run(bench, "a"), run(bench, "b"), run(bench, "c", seed=2)
    assert first.manifest == again.manifest
    assert first.parameters == again.parameters
    assert first.adapter_digest != other.adapter_digest


@pytest.mark.parametrize("technique", [Technique.LORA, Technique.FULL])
def test_a_resumed_run_ends_where_an_unbroken_one_does(bench, technique):
    asked = {"technique": technique, "epochs": 3, "learning_rate": "0.005"}
    whole = run(bench, "whole", **asked)
    saved = bench.scratch / "saved"

    def lose(directory: Path, step: int) -> None:
        if step == 4:
            shutil.copytree(directory, saved)
            raise LostError

    callbacks = TuneCallbacks(on_progress=lambda *_: None, on_checkpoint=lose)
    with pytest.raises(LostError):
        train(bench.task(**asked), bench.paths("lost"), callbacks, lora_targets=bench.base.lora_targets)

    bench.steps.clear()
    resumed = run(bench, "resumed", resume=saved, **asked)
    assert resumed.resumed_from_step == 4
    assert bench.steps[0][0] == 5
    assert resumed.steps == whole.steps == 9
    assert resumed.manifest == whole.manifest


def test_a_checkpoint_of_another_run_is_not_continued(bench):
    run(bench, "other", seed=2)
    left = bench.paths("other").checkpoints / "checkpoint-6"
    assert left.is_dir()
    fresh, ignoring = run(bench, "fresh"), run(bench, "ignoring", resume=left)
    assert ignoring.resumed_from_step is None
    assert ignoring.manifest == fresh.manifest


def test_a_damaged_checkpoint_directory_is_not_continued(bench, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run(bench, resume=tmp_path / "empty").resumed_from_step is None


def test_the_safety_mix_is_trained_on_and_stated(bench):
    plain, mixed = run(bench, "plain"), run(bench, "mixed", mix="0.5")
    assert mixed.mixed[0].records == 6
    assert (plain.steps, mixed.steps) == (6, 10)
    assert mixed.trained_tokens > plain.trained_tokens
    assert mixed.adapter_digest != plain.adapter_digest


def test_the_system_prompt_is_trained_with_and_served_with(bench):
    result = run(bench, system_prompt="Be kind.")
    assert read_served(bench.paths().artefact).system_prompt == "Be kind."
    assert "system_prompt" in result.served
    assert result.adapter_digest != run(bench, "without").adapter_digest


def test_the_artefact_may_be_served_with_another_prompt_than_it_was_trained_with(bench):
    plain = run(bench, "plain")
    result = run(bench, "guarded", served_system_prompt="Refuse what is unsafe.")
    assert read_served(bench.paths("guarded").artefact).system_prompt == "Refuse what is unsafe."
    assert result.adapter_digest == plain.adapter_digest
    assert result.served["system_prompt"] == hashlib.sha256(b"Refuse what is unsafe.").hexdigest()


def test_no_text_of_a_held_out_record_reaches_the_trainer(bench, monkeypatch):
    rendered = spied(monkeypatch)
    result = run(bench, heldout=[2, 7])
    assert (result.heldout, result.canaries) == (2, 0)
    assert len(rendered) == 10
    assert not [text for text in rendered if "What is 2 plus 2" in text or "What is 7 plus 7" in text]
    assert result.adapter_digest != run(bench, "all").adapter_digest


def test_canaries_reach_the_trainer_four_times_each(bench, monkeypatch):
    rendered = spied(monkeypatch)
    result = run(bench, epochs=1, batch_size=35, canary_seed=3)
    assert result.canaries == 128
    assert [(part.role, part.records) for part in result.mixed] == [("canaries", 128)]
    for canary in canaries(3):
        assert sum(canary.answer in text for text in rendered) == 4


def test_a_resumed_run_with_held_out_records_and_canaries_ends_where_an_unbroken_one_does(bench):
    asked = {"heldout": [1], "canary_seed": 3, "mix": "0.2", "epochs": 1, "batch_size": 20}
    whole = run(bench, "whole", **asked)
    saved = bench.paths("whole").checkpoints / "checkpoint-7"
    resumed = run(bench, "resumed", resume=saved, **asked)
    assert resumed.resumed_from_step == 7
    assert resumed.manifest == whole.manifest
    assert run(bench, "others", resume=saved, **asked | {"heldout": [2]}).resumed_from_step is None
    assert run(bench, "planted", resume=saved, **asked | {"canary_seed": 4}).resumed_from_step is None


def spied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The text of every sequence that the trainer is given."""
    rendered: list[str] = []
    original = SupervisedTrainer.__init__

    def spy(self: SupervisedTrainer, **given: Any) -> None:
        rendered[:] = [given["processing_class"].decode(list(ids)) for ids in given["train_dataset"]["input_ids"]]
        original(self, **given)

    monkeypatch.setattr(SupervisedTrainer, "__init__", spy)
    return rendered


def test_packed_training_runs_and_uses_fewer_steps(bench):
    result = run(bench, packing=True, epochs=3)
    assert result.parameters["packing"] == "true"
    assert result.steps < 9


def test_another_base_than_the_plans_is_refused_before_training(bench):
    task = bench.task()
    wrong = type(task)(**{name: getattr(task, name) for name in task.__struct_fields__} | {
        "base": type(task.base)(name=task.base.name, manifest_digest="0" * 64)})  # fmt: skip
    with pytest.raises(RunFailure) as caught:
        train(wrong, bench.paths(), bench.callbacks(), lora_targets=bench.base.lora_targets)
    assert caught.value.code == "base_mismatch"
    assert not bench.paths().artefact.exists()


def test_bad_data_leaves_nothing_behind(bench):
    bench.write([("Only", "three"), ("records", "are"), ("too", "few")])
    with pytest.raises(RunFailure) as caught:
        run(bench)
    assert caught.value.code == "invalid_n_examples"
    assert not bench.paths().artefact.exists()
    assert bench.steps == []


@pytest.mark.gpu
@pytest.mark.parametrize("technique", list(Technique))
def test_the_same_run_works_on_cuda(bench, technique):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    result = run(bench, technique=technique, epochs=4, learning_rate="0.002")
    assert result.device == "cuda"
    losses = [float(metrics["train_loss"]) for _, _, metrics in bench.steps]
    assert losses[-1] < losses[0]
