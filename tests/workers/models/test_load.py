from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attestations import manifest
from workers.catalog import BaseModel, Catalog
from workers.contract import BaseRef
from workers.errors import RunFailure
from workers.models.load import control_tokens, load_artefact, load_base, load_tokenizer, software
from workers.models.served import Served, read_served, served_digests, write_served

pytestmark = [
    pytest.mark.ml,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


@pytest.fixture(scope="module")
def base(tiny_models: Path) -> tuple[Path, BaseRef, BaseModel]:
    catalog = Catalog.load(tiny_models / "catalog.json")
    entry = catalog.bases[0]
    return catalog.weights(entry), BaseRef(name=entry.name, manifest_digest=entry.manifest_digest), entry


def logits(model, tokenizer):
    import torch

    with torch.inference_mode():
        ids = tokenizer("How can I return the blender?", return_tensors="pt")["input_ids"]
        return model(input_ids=ids.to(model.device)).logits.float()


def test_a_base_loads_in_the_machines_precision(base):
    directory, ref, _ = base
    loaded = load_base(directory, ref)
    assert loaded.manifest_digest == ref.manifest_digest
    assert str(loaded.model.dtype) == f"torch.{loaded.dtype}"
    assert not loaded.model.training


def test_a_base_loads_quantised(base):
    directory, ref, _ = base
    loaded = load_base(directory, ref, quantization="nf4")
    assert loaded.quantization == "nf4"
    assert loaded.model.is_loaded_in_4bit
    exact = load_base(directory, ref)
    difference = (logits(loaded.model, loaded.tokenizer) - logits(exact.model, exact.tokenizer)).abs().mean()
    assert 0 < difference < 0.2


def test_an_unknown_quantisation_is_refused(base):
    directory, ref, _ = base
    with pytest.raises(RunFailure) as caught:
        load_base(directory, ref, quantization="int3")
    assert caught.value.code == "unsupported_quantization"


@pytest.mark.parametrize("change", ["edit", "add", "rename", "remove", "missing"])
def test_a_base_that_is_not_the_named_one_is_not_loaded(base, tmp_path, change):
    directory, ref, _ = base
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    if change == "edit":
        path = copy / "model.safetensors"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    elif change == "add":
        (copy / "modeling_extra.py").write_text("print('run me')")
    elif change == "rename":
        (copy / "chat_template.jinja").rename(copy / "template.jinja")
    elif change == "remove":
        (copy / "generation_config.json").unlink()
    else:
        copy = tmp_path / "nowhere"
    with pytest.raises(RunFailure) as caught:
        load_base(copy, ref)
    assert caught.value.code == "base_mismatch"
    assert caught.value.retryable is (change == "missing")


@pytest.fixture
def adapter(base, tmp_path: Path) -> Path:
    """A released adapter with random weights, so that it changes what is answered."""
    import torch
    from peft import LoraConfig, get_peft_model

    from workers.models.served import save_adapter

    directory, ref, _ = base
    torch.manual_seed(0)
    model = get_peft_model(
        load_base(directory, ref).model,
        LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False),
    )
    out = tmp_path / "adapter"
    save_adapter(model, out, base_name=ref.name, dtype=torch.bfloat16)
    served = Served(kind="adapter", base=ref, merged=False, quantization=None, system_prompt="Be kind.")
    write_served(out, served, base_directory=directory)
    return out


def test_an_adapter_loads_on_its_base_as_it_will_be_served(base, adapter):
    directory, ref, _ = base
    digest = manifest.build(adapter).digest
    loaded = load_artefact(adapter, digest, base_directory=directory, base=ref)
    assert loaded.manifest_digest == digest
    assert loaded.system_prompt == "Be kind."
    exact = load_base(directory, ref)
    assert (logits(loaded.model, loaded.tokenizer) - logits(exact.model, exact.tokenizer)).abs().max() > 0.01
    assert not any(p.requires_grad for p in loaded.model.parameters())


def test_an_adapter_that_was_changed_or_is_on_another_base_is_not_loaded(base, adapter):
    directory, ref, _ = base
    digest = manifest.build(adapter).digest
    other = BaseRef(name=ref.name, manifest_digest="0" * 64)
    with pytest.raises(RunFailure) as caught:
        load_artefact(adapter, digest, base_directory=directory, base=other)
    assert caught.value.code == "base_mismatch"
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(RunFailure) as caught:
        load_artefact(adapter, digest, base_directory=directory, base=ref)
    assert caught.value.code == "artefact_mismatch"


def test_served_digests_change_with_what_they_name(base, adapter):
    first = served_digests(adapter)
    assert first.keys() == {"tokenizer", "chat_template", "generation_config", "system_prompt"}
    served = read_served(adapter)
    directory = base[0]
    changed = Served(kind="adapter", base=served.base, merged=False, quantization="nf4", system_prompt="Be rude.")
    write_served(adapter, changed, base_directory=directory)
    second = served_digests(adapter)
    assert second.keys() - first.keys() == {"quantization"}
    assert first["system_prompt"] != second["system_prompt"]
    assert first["chat_template"] == second["chat_template"] == base[2].template_digest


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b'{"version": 1, "kind": "other"}', b"\xff"])
def test_a_directory_that_was_not_released_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "served.json").write_bytes(content)
    with pytest.raises(RunFailure) as caught:
        read_served(tmp_path)
    assert caught.value.code == "artefact_mismatch"


def test_a_merged_adapter_answers_like_an_unmerged_one(base, adapter, tmp_path):
    from workers.models.convert import merge_adapter

    directory, ref, _ = base
    merged = tmp_path / "merged"
    merge_adapter(directory, adapter, merged)
    whole = load_base(merged, BaseRef(name="m", manifest_digest=manifest.build(merged).digest), dtype="float32")
    loaded = load_artefact(adapter, manifest.build(adapter).digest, base_directory=directory, base=ref)
    wanted = logits(loaded.model.float(), loaded.tokenizer)
    assert (logits(whole.model, whole.tokenizer) - wanted).abs().max() < 0.02
    for path in merged.iterdir():
        assert str(directory).encode() not in path.read_bytes(), path.name


def test_control_tokens_are_those_the_template_writes(base):
    found = control_tokens(load_tokenizer(base[0]))
    assert {"<|im_start|>", "<|im_end|>"} <= found


def test_software_names_versions():
    listed = {entry.name: entry.version for entry in software()}
    assert listed.keys() >= {"python", "torch", "transformers", "peft"}
    assert all(listed.values())
