"""What a catalog file may say of a base."""

from pathlib import Path

import msgspec
import pytest

from workers.catalog import Catalog, CatalogError

BASE = {
    "name": "small",
    "path": "small",
    "manifest_digest": "a" * 64,
    "template_digest": "b" * 64,
    "licence": "Apache-2.0",
    "origin": "made here",
    "created": 1,
    "parameters": 10,
    "max_length": 64,
    "lora_targets": ["q_proj"],
}
CONTROL = {"control_adapter": "control", "control_digest": "c" * 64}


def load(tmp_path: Path, **changes: object) -> Catalog:
    path = tmp_path / "catalog.json"
    path.write_bytes(msgspec.json.encode({"bases": [BASE | changes]}))
    return Catalog.load(path)


def test_a_base_may_have_a_control_adapter_with_its_levels_and_say_what_it_was_trained_on(tmp_path: Path) -> None:
    base = load(tmp_path, **CONTROL, control_levels=["0.5", "1"], pretraining_tokens=2_000_000).bases[0]
    assert base.control_levels == ["0.5", "1"]
    assert base.pretraining_tokens == 2_000_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"control_adapter": "control"}, "control_adapter and control_digest come together"),
        ({"control_digest": "c" * 64}, "control_adapter and control_digest come together"),
        ({"control_levels": ["0.5"]}, "control_levels are scales of a control_adapter"),
        (CONTROL | {"control_levels": ["0.5", "half"]}, 'scales above 0 and at most 1, like "0.5"'),
        (CONTROL | {"control_levels": ["0.0"]}, "scales above 0"),
        (CONTROL | {"control_levels": ["1.5"]}, "scales above 0 and at most 1"),
        ({"pretraining_tokens": 0}, "pretraining_tokens must be at least 1"),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_place(tmp_path: Path, changes: dict, words: str) -> None:
    with pytest.raises(CatalogError, match=words) as caught:
        load(tmp_path, **changes)
    assert "$.bases[0]" in str(caught.value)
