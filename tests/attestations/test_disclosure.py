"""Hidden values: what is signed hides them, an opening shows one of them, and nothing else could be shown there."""

import copy
import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import canonical, disclosure
from attestations.disclosure import PLAN, PREDICATE, Disclosed, Opening, disclose, hide
from attestations.documents import Hidden
from attestations.errors import CryptographicError, MalformedError
from attestations.value_paths import format_path
from tests.attestations.evidence_hidden import counting_salts

TREE = {
    "schema": "0.3.0",
    "data": {"sources": [{"id": "shop", "records": 3}, {"id": "chat", "records": 4}]},
    "tuning": {"parameters": {"rank": "16", "learning.rate": "0.0005"}, "steps": 57},
}
SALT = bytes(range(16))


def test_the_digest_is_over_the_canonical_opening() -> None:
    tree, openings = hide(TREE, ["data.sources[1].id"], lambda: SALT)
    assert openings == (Opening("data.sources[1].id", SALT.hex(), "chat"),)
    written = '{"path":"data.sources[1].id","salt":"000102030405060708090a0b0c0d0e0f","value":"chat"}'
    value = hashlib.sha256(written.encode()).hexdigest()
    assert tree["data"]["sources"][1] == {
        "id": {"$commit": {"alg": "sha256-jcs-salted-v1", "value": value}},
        "records": 4,
    }


def test_what_is_hidden_shows_where_it_is_and_nothing_else() -> None:
    before = copy.deepcopy(TREE)
    tree, openings = hide(TREE, ["data.sources[*].id", "tuning.parameters.*", "nothing.here"], counting_salts())
    assert before == TREE
    assert len({opening.salt for opening in openings}) == len(openings) == 4
    text = json.dumps(tree)
    assert not any(word in text for word in ("shop", "chat", '"16"', "0.0005"))
    found = disclose(tree)
    assert found.hidden == (
        *("data.sources[0].id", "data.sources[1].id"),
        *("tuning.parameters.rank", "tuning.parameters.learning~1rate"),
    )
    assert found.tree["data"]["sources"][0] == {"id": Hidden(), "records": 3}
    assert disclose(tree, openings) == Disclosed(TREE, (), found.hidden)
    some = disclose(tree, openings[1:2])
    assert (some.opened, len(some.hidden)) == (("data.sources[1].id",), 3)
    assert some.tree["data"]["sources"][1]["id"] == "chat"


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.recursive(
            st.text(max_size=5) | st.booleans() | st.integers(0, 99), lambda inner: st.lists(inner, max_size=3)
        ),
        max_size=5,
    ),
    st.data(),
)
def test_every_value_comes_back_by_its_opening(parameters: dict, data: st.DataObject) -> None:
    tree = {"tuning": {"parameters": parameters}}
    keys = data.draw(st.sets(st.sampled_from(sorted(parameters)))) if parameters else set()
    patterns = [format_path(("tuning", "parameters", key)) for key in keys]
    hidden, openings = hide(tree, patterns, counting_salts())
    given_back = data.draw(st.permutations(openings))
    assert disclose(hidden, given_back).tree == tree
    assert set(disclose(hidden).hidden) == set(patterns)


def good() -> tuple[object, tuple[Opening, ...]]:
    return hide(TREE, ["data.sources[*].id", "tuning.steps"], counting_salts())


@pytest.mark.parametrize(
    ("change", "code", "at"),
    [
        (lambda one: [replace(one[0], value="shop2")], "disclosure.digest", "data.sources[0].id"),
        (lambda one: [replace(one[0], salt="0" * 32)], "disclosure.digest", "data.sources[0].id"),
        (lambda one: [replace(one[0], path="data.sources[1].id")], "disclosure.digest", "data.sources[1].id"),
        (lambda one: [replace(one[0], path="data.sources[2].id")], "disclosure.not_hidden", "data.sources[2].id"),
        (
            lambda one: [replace(one[0], path="tuning.parameters.rank")],
            "disclosure.not_hidden",
            "tuning.parameters.rank",
        ),
        (lambda one: [one[0], one[0]], "disclosure.duplicate", "data.sources[0].id"),
        (lambda one: [one[2], replace(one[2], value=58)], "disclosure.duplicate", "tuning.steps"),
        (lambda one: [replace(one[2], value="57")], "disclosure.digest", "tuning.steps"),
    ],
)
def test_an_opening_that_does_not_fit_is_named(change: object, code: str, at: str) -> None:
    tree, openings = good()
    with pytest.raises(CryptographicError) as caught:
        disclose(tree, change(openings))
    assert (caught.value.code, caught.value.at) == (code, at)


@pytest.mark.parametrize(
    "commitment",
    [
        {"$commit": "x"},
        {"$commit": {"alg": "sha256-jcs-salted-v1"}},
        {"$commit": {"alg": "md5", "value": "0" * 64}},
        {"$commit": {"alg": "sha256-jcs-salted-v1", "value": "A" * 64}},
        {"$commit": {"alg": "sha256-jcs-salted-v1", "value": "0" * 64, "more": 1}},
        {"$commit": {"alg": "sha256-jcs-salted-v1", "value": "0" * 64}, "id": "shop"},
    ],
)
def test_a_commitment_has_one_form(commitment: dict) -> None:
    with pytest.raises(MalformedError, match=r"data\.sources\[0\]\.id"):
        disclose({"data": {"sources": [{"id": commitment}]}})


def test_a_hidden_value_hides_nothing_itself() -> None:
    inner, _ = hide({"a": 1}, ["a"], lambda: SALT)
    with pytest.raises(MalformedError, match="no commitment of its own"):
        hide({"tuning": {"software": inner}}, ["tuning.software"], lambda: SALT)
    with pytest.raises(MalformedError, match="is a commitment already"):
        hide(inner, ["a"], lambda: SALT)
    nested = Opening("data.a", SALT.hex(), inner)
    tree = {"data": {"a": {"$commit": {"alg": disclosure.ALGORITHM, "value": nested.commitment}}}}
    with pytest.raises(MalformedError, match="no commitment of its own"):
        disclose(tree, [nested])


def test_what_could_never_be_opened_is_not_hidden() -> None:
    with pytest.raises(MalformedError, match="at most 1000 characters"):
        hide({"tuning": {"parameters": {"x" * 1001: "1"}}}, ["tuning.parameters.*"], lambda: SALT)
    with pytest.raises(ValueError, match="16 bytes"):
        hide(TREE, ["tuning.steps"], lambda: b"short")


def test_text_that_looks_like_a_commitment_is_text() -> None:
    looks = '{"$commit":{}}'
    tree, openings = hide({"data": {"a": looks}}, ["data.a"], lambda: SALT)
    assert disclose(tree, openings).tree == {"data": {"a": looks}}
    assert disclosure.MARK not in canonical.encode({"a": looks})


def test_too_many_hidden_values_are_refused() -> None:
    commitment = {"$commit": {"alg": disclosure.ALGORITHM, "value": "0" * 64}}
    with pytest.raises(MalformedError, match="4096 values are hidden"):
        disclose({"data": {"filters": [commitment] * 4097}})


@pytest.mark.parametrize("schema", ["0.1.0", "0.2.0"])
def test_old_schemas_hide_nothing(schema: str) -> None:
    tree, openings = hide({**TREE, "schema": schema}, ["tuning.steps"], lambda: SALT)
    for shown in ((), openings):
        with pytest.raises(MalformedError, match=r"from schema 0\.3\.0 on"):
            disclose(tree, shown)


def test_the_scopes_do_not_overlap() -> None:
    assert PREDICATE.path(("plan", "tuning")) == PLAN.path(("tuning",))
    with pytest.raises(MalformedError):
        PREDICATE.refuse(("plan", "tuning", "rank"))
    with pytest.raises(MalformedError):
        PREDICATE.refuse(("tuning", "provenance", "buildDefinition", "externalParameters", "rank"))
