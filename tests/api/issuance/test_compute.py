"""Floating-point operations as the evidence states them, against counts by hand."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from api.issuance.compute import compute_of, magnitude
from tests.api.control.played import BASE, played
from workers.contract import BaseRef, DatasetRef, Grant, RunRequest, SafetyMix, Technique, TuneSettings, TuneTask

MAGNITUDE = re.compile(r"[1-9](?:\.[0-9]{1,6})?e(?:0|[1-9][0-9]?)")


def tuned(**changes):
    grant = Grant(url="http://x", expires_at=1)
    settings = TuneSettings(
        technique=Technique.LORA, epochs=1, batch_size=1, learning_rate="1", seed=1, max_length=1, packing=False
    )
    task = TuneTask(
        base=BaseRef(name="tiny", manifest_digest="b" * 64),
        dataset=DatasetRef(content=grant, sha256="d" * 64, sources=[]),
        settings=settings,
        mix=SafetyMix(ratio="0", pack_digest="0" * 64),
        system_prompt=None,
        artefact=grant,
        checkpoint=grant,
    )
    made = played(RunRequest(run_id="r", attempt=1, task=task, report=grant))
    return structs.replace(made, **changes)


SMOLLM = structs.replace(BASE, parameters=134_515_008, pretraining_tokens=2_000_000_000_000)


def test_full_tuning_counts_six_operations_a_parameter_and_token() -> None:
    made = compute_of(
        tuned(total_parameters=1000, trainable_parameters=1000, processed_tokens=500), Technique.FULL, BASE
    )
    assert made is not None
    assert made.modification_flop == "3e6"
    assert (made.base_flop, made.ratio) == (None, None)
    assert "no ratio is stated" in made.method


@pytest.mark.parametrize("technique", [Technique.LORA, Technique.QLORA])
def test_an_adapter_spares_the_gradients_of_what_stays_as_it_is(technique: Technique) -> None:
    facts = tuned(total_parameters=1000, trainable_parameters=10, processed_tokens=500)
    made = compute_of(facts, technique, BASE)
    assert made is not None
    assert made.modification_flop == magnitude((4 * 1000 + 2 * 10) * 500) == "2.01e6"


def test_activations_that_are_computed_twice_are_counted_twice() -> None:
    again = tuned(
        total_parameters=1000,
        trainable_parameters=10,
        processed_tokens=500,
        parameters={"gradient_checkpointing": "true"},
    )
    made = compute_of(again, Technique.LORA, BASE)
    assert made is not None
    assert made.modification_flop == magnitude((6 * 1000 + 2 * 10) * 500) == "3.01e6"
    assert "a second time" in made.method


def test_the_demo_models_training_is_that_of_its_authors_tokens() -> None:
    facts = tuned(total_parameters=134_515_008, trainable_parameters=4_884_480, processed_tokens=300_000)
    made = compute_of(facts, Technique.LORA, SMOLLM)
    assert made is not None
    assert made.base_flop == "1.614e21"
    exact = Decimal((4 * 134_515_008 + 2 * 4_884_480) * 300_000) / Decimal(6 * 134_515_008 * 2 * 10**12)
    assert exact <= Decimal(made.ratio) < exact + Decimal("1e-12")


def test_a_ratio_is_rounded_up_and_never_to_nothing() -> None:
    facts = tuned(total_parameters=1, trainable_parameters=1, processed_tokens=1)
    made = compute_of(facts, Technique.FULL, SMOLLM)
    assert made is not None
    assert made.ratio == "0.000000000001"


def test_a_worker_that_did_not_count_every_token_is_said_to_have_counted_fewer() -> None:
    made = compute_of(tuned(processed_tokens=None, trained_tokens=100, total_parameters=1000), Technique.FULL, BASE)
    assert made is not None
    assert made.modification_flop == "6e5"
    assert "took a loss" in made.method


def test_where_nothing_was_trained_on_nothing_is_counted() -> None:
    assert compute_of(tuned(processed_tokens=0), Technique.FULL, BASE) is None


@given(st.integers(1, 10**60))
def test_a_magnitude_reads_back_to_four_digits(count: int) -> None:
    text = magnitude(count)
    assert MAGNITUDE.fullmatch(text)
    assert abs(Decimal(text) - count) <= Decimal(count) / 1000
