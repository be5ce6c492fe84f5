"""What is not understood in full rejects: unknown rules, fields and values, and policies that demand nothing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import procurement
from attestations.errors import AttestationError, MalformedError, PolicyError
from tests.attestations.procurement.cases import policy_of

WHOLE = {"schema": "0.2.0", "id": "p", "version": "1", "author": "a buyer", "rules": {"minLevel": 0}}
TENET = {"id": "t", "runtime": "cel@v0", "code": "true", "error": "never"}


def read(document: object) -> object:
    return procurement.parse(json.dumps(document).encode())


def test_a_policy_with_one_rule_is_enough() -> None:
    assert policy_of(minLevel=0).document.rules.stated == {"min_level": 0}
    assert policy_of([TENET]).document.tenets is not None
    assert policy_of(minLevel=0).document.title == "test 1 by a buyer"


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"minLevel": "0"},
        {"minLevel": -1},
        {"minLevel": None},
        {"minlevel": 0},
        {"maxAge": 90},
        {"allowedBases": []},
        {"allowedBases": ["smollm2"]},
        {"allowedBases": "0" * 64},
        {"allowedIssuers": ["x"] * 257},
        {"minSchema": "0.9.0"},
        {"noRegressed": "some"},
        {"noRegressed": True},
        {"maxComputeRatio": 0.1},
        {"maxComputeRatio": "-0.1"},
        {"maxComputeRatio": "1e-3"},
        {"requireOpen": [""]},
        {"requireOpen": ["data..sources"]},
        {"requireOpen": ["data.sources[x]"]},
        {"requiredSuites": ["harmful-requests"]},
        {"requiredSuites": [{"metric": "refusal_rate"}]},
        {"requiredSuites": [{"suite": "s", "postLowerAtLeast": "0.9"}]},
        {"requiredSuites": [{"suite": "s", "metric": "m", "postLowerAtLeast": "1.1"}]},
        {"requiredSuites": [{"suite": "s", "metric": "m", "postLowerAtLeast": "-0.1"}]},
        {"requiredSuites": [{"suite": "s", "metric": "m", "postLower": "0.9"}]},
        {"maxRegression": [{"suite": "s"}]},
        {"maxRegression": [{"suite": "s", "upperAtMost": 0}]},
        {"requiredControls": [{"suite": "s", "kinds": ["placebo"]}]},
        {"requiredBoundaries": {"present": ["a[[0]]"]}},
        {"requiredBoundaries": {"forbidden": ["x"]}},
    ],
)
def test_rules_that_are_not_understood_reject(rules: dict[str, object]) -> None:
    with pytest.raises((PolicyError, MalformedError)) as caught:
        read({**WHOLE, "rules": rules})
    if "maxComputeRatio" not in rules or not isinstance(rules["maxComputeRatio"], float):  # a float is no JSON of ours
        assert isinstance(caught.value, PolicyError)
        assert "not fully understood" in caught.value.sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "0.3.0"},
        {"schema": "0.1.0"},
        {"id": None},
        {"extends": "https://elsewhere.example/policy"},
        {"tenets": [TENET, TENET]},
        {"tenets": [{**TENET, "id": str(i)} for i in range(33)]},
        {"tenets": [{**TENET, "runtime": "rego"}]},
        {"tenets": [{**TENET, "id": "a_b"}]},
        {"tenets": [{**TENET, "id": "a" * 65}]},
        {"tenets": [{**TENET, "code": "x" * 4001}]},
        {"tenets": [{"id": "t", "runtime": "cel@v0", "code": "true"}]},
    ],
)
def test_documents_that_are_not_understood_reject(changes: dict[str, object]) -> None:
    with pytest.raises(PolicyError) as caught:
        read({**WHOLE, **changes})
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", ["schema", "id", "version", "author", "rules"])
def test_nothing_of_the_frame_may_be_missing(name: str) -> None:
    with pytest.raises(PolicyError):
        read({key: value for key, value in WHOLE.items() if key != name})


def test_errors_name_the_place_and_the_remedy() -> None:
    with pytest.raises(PolicyError) as caught:
        read({**WHOLE, "rules": {"requiredSuites": [{"suite": "s"}, {"suite": "t", "postUpperAtMost": "0.1"}]}})
    assert str(caught.value).startswith("policy.rules.requiredSuites[1]: a bound on t needs the metric")


def test_size_is_met_first() -> None:
    with pytest.raises(MalformedError):
        procurement.parse(b" " * (procurement.MAX_BYTES + 1))
    with pytest.raises(MalformedError):
        procurement.parse(json.dumps(WHOLE).encode() + b" " * (256 * 1024))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**53) | st.text(max_size=8) | st.sampled_from(["0.9", "*", "all"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["requiredSuites", "maxRegression", "requiredBoundaries", "requireOpen", "maxHidden", "noRegressed", "allowedBases"]
)


@settings(max_examples=200)
@given(st.dictionaries(names, json_values, max_size=3), st.binary(max_size=20), st.integers(0, 400))
def test_only_our_errors_come_out(rules: dict[str, object], noise: bytes, place: int) -> None:
    content = json.dumps({**WHOLE, "rules": rules}).encode()
    for unverified in (content, content[:place] + noise + content[place:]):
        try:
            procurement.parse(unverified)
        except AttestationError:
            continue
