"""Whatever bytes come as a body, a struct comes out or an ``ApiError`` does."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.bodies import decode
from api.errors import ApiError
from api.files.provenance import Provenance, check
from api.jobs.options import fill_in
from api.jobs.schemas import CreateJob
from workers.catalog import BaseModel

T = TypeVar("T")
BASE = BaseModel(
    name="base",
    path="base",
    manifest_digest="0" * 64,
    template_digest="1" * 64,
    licence="MIT",
    origin="tests",
    created=1,
    parameters=1,
    max_length=2048,
    lora_targets=["q_proj"],
)
TOP = ["model", "training_file", "tuning", "safety", "deployment", "method", "hyperparameters", "metadata", "seed"]
BELOW = ["n_epochs", "rank", "alpha", "dropout", "mix", "policy", "suffix", "learning_rate", "learning_rate_multiplier"]
DEEP = ["supervised", "target_modules", "languages", "intended_use", "sources", "id", "technique", "type"]
NAMES = st.sampled_from([*TOP, *BELOW, *DEEP])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["auto", "lora", "full", "supervised", "general", "1e-3", "-0"])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=5)
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_a_job_or_an_error(body: dict[str, Any]) -> None:
    encoded = msgspec.json.encode({"model": "base", "training_file": "file-1"} | body)
    made = made_or_refused(lambda: fill_in(decode(encoded, CreateJob), base=BASE, seed=1))
    if made is not None:
        assert 0 <= float(made.safety.mix) <= 1
        assert 0 < float(made.settings.learning_rate) <= 1
        assert "e" not in made.settings.learning_rate + made.safety.mix


@given(st.binary(max_size=60) | VALUES.map(msgspec.json.encode))
def test_a_declaration_or_an_error(body: bytes) -> None:
    made_or_refused(lambda: check(decode(body, Provenance)))


def made_or_refused(make: Callable[[], T]) -> T | None:
    try:
        return make()
    except ApiError as error:
        refusal = error
    assert refusal.status == 400
    assert refusal.message.endswith(".")
    return None


def test_numbers_beyond_all_measure_are_refused() -> None:
    for number in (b"9" * 5000, b"1e5000", b"-" + b"9" * 5000, b"0." + b"1" * 5000):
        with pytest.raises(ApiError):
            fill_in(decode(b'{"model":"m","training_file":"f","seed":' + number + b"}", CreateJob), base=BASE, seed=1)


def test_depth_and_width_are_bounded_without_a_crash() -> None:
    for body in (b"[" * 200_000, b'{"a":' * 500 + b"1" + b"}" * 500, b'{"sources":' + b"[" * 40 + b"]" * 40 + b"}"):
        with pytest.raises(ApiError, match="deep"):
            decode(body, Provenance)
