from dataclasses import replace

import pytest

from attestations.procurement import Evidence
from tests.attestations.procurement.cases import bounded, holds, why_not


@pytest.fixture
def newest(good: Evidence) -> Evidence:
    """Evidence of schema 0.3.0."""
    return replace(good, predicate=bounded(good.predicate))


def test_bases_are_allowed_by_content_and_not_by_name(good: Evidence) -> None:
    model = good.predicate.model
    assert model is not None
    assert model.base.manifest is not None
    mine = model.base.manifest.sha256
    assert holds(good, allowedBases=["0" * 64, mine])
    assert "is not on the list" in why_not(good, allowedBases=["0" * 64])
    unnamed = replace(good.predicate, model=replace(model, base=replace(model.base, manifest=None)))
    assert "not stated" in why_not(replace(good, predicate=unnamed), allowedBases=[mine])


def test_methods(good: Evidence) -> None:
    assert holds(good, allowedMethods=["qlora", "lora"])
    assert "tuned by lora" in why_not(good, allowedMethods=["full"])
    assert not holds(replace(good, predicate=replace(good.predicate, tuning=None)), allowedMethods=["lora"])


def test_compute_that_is_not_stated_is_not_little(good: Evidence, newest: Evidence) -> None:
    assert holds(newest, maxComputeRatio="0.0004")
    assert not holds(newest, maxComputeRatio="0.0003")
    assert "not stated" in why_not(good, maxComputeRatio="1")
    unknown = replace(good, predicate=bounded(good.predicate, ratio=None))
    assert "not stated" in why_not(unknown, maxComputeRatio="1")


@pytest.mark.parametrize(
    ("asked", "met"),
    [
        ({"present": ["context.testedPromptTokens", "turns", "retestOn"]}, True),
        ({"present": ["transformsPermitted"]}, False),
        ({"present": ["retestOn[3]"]}, False),
        ({"prohibited": ["Medical  ADVICE"]}, True),
        ({"prohibited": ["medical"]}, False),
        ({"languages": ["de", "en"]}, True),
        ({"languages": ["fr"]}, False),
        ({"controls": ["the operator's own content filter"]}, True),
        ({"controls": ["a human in the loop"]}, False),
        ({"intended": ["customer support in English"]}, True),
        ({"intended": ["medical advice"]}, False),
    ],
)
def test_what_boundaries_must_say(newest: Evidence, asked: dict[str, object], met: bool) -> None:
    assert holds(newest, requiredBoundaries=asked) is met


def test_a_use_that_is_both_intended_and_prohibited_is_not_covered(newest: Evidence) -> None:
    bounds = newest.predicate.boundaries
    assert bounds is not None
    both = replace(bounds, intended=("triage",), prohibited=("Triage",))
    contradicting = replace(newest, predicate=replace(newest.predicate, boundaries=both))
    assert "prohibit 'triage'" in why_not(contradicting, requiredBoundaries={"intended": ["triage"]})


def test_boundaries_that_are_absent_or_hidden_say_nothing(newest: Evidence, good: Evidence) -> None:
    ask = {"present": ["rationale"]}
    silent = replace(good, predicate=replace(good.predicate, boundaries=None))
    assert "no boundaries" in why_not(silent, requiredBoundaries=ask)
    bounds = newest.predicate.boundaries
    assert bounds is not None
    said = replace(newest, predicate=replace(newest.predicate, boundaries=replace(bounds, rationale="(hidden)")))
    assert holds(said, requiredBoundaries=ask)
    assert not holds(replace(said, hidden=("boundaries.rationale",)), requiredBoundaries=ask)


@pytest.mark.parametrize(
    ("hidden", "asked", "met"),
    [
        ((), ["data.sources"], True),
        ((), ["data.sources[*].licence", "plan.tuning.rank", "tuning.parameters.*"], True),
        ((), ["data.sources[9].licence"], False),
        ((), ["environment.accelerator"], False),
        (("data.sources[1].licence",), ["data.sources"], False),
        (("data.sources[1].licence",), ["data.sources[*].licence"], False),
        (("data.sources[1].licence",), ["data.sources[0].licence"], True),
        (("data.sources",), ["data.sources[0].licence"], False),
        (("plan.tuning.rank",), ["plan.tuning"], False),
        (("tuning.parameters.rank",), ["data"], True),
    ],
)
def test_parts_that_must_be_open(good: Evidence, hidden: tuple[str, ...], asked: list[str], met: bool) -> None:
    assert holds(replace(good, hidden=hidden), requireOpen=asked) is met


def test_how_much_may_be_hidden(good: Evidence) -> None:
    assert holds(good, maxHidden=0)
    two = replace(good, hidden=("data.sources[0].id", "data.sources[1].id"))
    assert holds(two, maxHidden=2)
    assert "data.sources[1].id" in why_not(two, maxHidden=1)
