"""The tiny model, in float32 so that equality means something."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workers.contract import BaseRef


@pytest.fixture(scope="session")
def tiny_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from workers.models.tiny import prepare

    return prepare(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_ref(tiny_catalog: Path) -> BaseRef:
    from workers.catalog import Catalog

    (base,) = Catalog.load(tiny_catalog).bases
    return BaseRef(name=base.name, manifest_digest=base.manifest_digest)


@pytest.fixture(scope="session")
def tiny(tiny_catalog: Path, tiny_ref: BaseRef) -> Any:
    from workers.models.load import load_base

    return load_base(tiny_catalog.parent / tiny_ref.name, tiny_ref, dtype="float32")


@pytest.fixture(scope="session")
def lively(tiny: Any) -> Any:
    """The tiny model with larger random weights: as they come, it repeats one token, and every batching would agree."""
    import torch

    model = copy.deepcopy(tiny.model)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(3)
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(std=0.25)
    return replace(tiny, model=model)
