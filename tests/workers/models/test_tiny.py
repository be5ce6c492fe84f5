from __future__ import annotations

import pytest

from workers.catalog import Catalog
from workers.contract import BaseRef
from workers.models import tiny
from workers.models.load import load_base, load_tokenizer, template_digest

pytestmark = pytest.mark.ml


def test_the_catalog_lists_what_lies_beside_it(tiny_models):
    catalog = Catalog.load(tiny_models / "catalog.json")
    base = catalog.find("gpt-4o-mini-2024-07-18")
    assert base is not None
    assert base.name == tiny.NAME
    loaded = load_base(catalog.weights(base), BaseRef(name=base.name, manifest_digest=base.manifest_digest))
    assert loaded.template_digest == base.template_digest
    assert loaded.model.num_parameters() == base.parameters


def test_equal_seeds_give_equal_models(tiny_models, tmp_path):
    first = Catalog.load(tiny_models / "catalog.json").bases[0]
    assert tiny.build(tmp_path / "same").manifest_digest == first.manifest_digest
    assert tiny.build(tmp_path / "other", seed=1).manifest_digest != first.manifest_digest


def test_building_leaves_the_callers_randomness_alone(tmp_path):
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tiny.build(tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_the_tokenizer_reads_and_writes_any_text(tiny_models):
    tokenizer = load_tokenizer(tiny_models / tiny.NAME)
    text = "Grüße, 日本 🙂\n\tend"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert tokenizer.eos_token == "<|im_end|>"
    assert len(template_digest(tokenizer)) == 64


def test_the_command_says_where_the_catalog_is(tmp_path, capsys):
    assert tiny.main(["--to", str(tmp_path)]) == 0
    assert str(tmp_path / "catalog.json") in capsys.readouterr().out
