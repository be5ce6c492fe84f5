"""The shipped adapter is the one that the recipe makes, as far as that can be told without training."""

from __future__ import annotations

import json

import pytest

from workers.models import demo
from workers.models.served import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from workers.tuning.align import RECIPE

CONFIG = json.loads((demo.ALIGNED_ADAPTER / ADAPTER_CONFIG).read_text())


def test_it_holds_weights_and_configuration_and_nothing_else():
    names = sorted(path.name for path in demo.ALIGNED_ADAPTER.iterdir())
    assert names == [ADAPTER_CONFIG, ADAPTER_WEIGHTS]
    assert (demo.ALIGNED_ADAPTER / ADAPTER_WEIGHTS).stat().st_size < 5_000_000


def test_its_configuration_is_the_recipes():
    assert CONFIG["base_model_name_or_path"] == demo.PUBLISHED
    assert CONFIG["target_modules"] == sorted(RECIPE.target_modules or demo.LORA_TARGETS)
    assert (CONFIG["r"], CONFIG["lora_alpha"]) == (RECIPE.rank, RECIPE.alpha)
    assert CONFIG["lora_dropout"] == float(RECIPE.dropout or "0")


@pytest.mark.ml
def test_its_tensors_fit_the_published_model():
    from safetensors import safe_open

    with safe_open(demo.ALIGNED_ADAPTER / ADAPTER_WEIGHTS, "pt") as tensors:
        names = list(tensors.keys())
        shapes = {name: tensors.get_slice(name).get_shape() for name in names}
        dtypes = {tensors.get_slice(name).get_dtype() for name in names}
    layers, per_module = 30, 2
    assert len(names) == layers * per_module * len(CONFIG["target_modules"])
    assert dtypes == {"BF16"}
    assert all(CONFIG["r"] in shape for shape in shapes.values())
