"""Disclosures as they travel: openings, and single answers that are shown, each under its leaf; no third form is read."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import disclosure, leaves
from attestations.disclosure import Item, Opening, disclose, hide
from attestations.errors import AttestationError, CryptographicError, MalformedError

SALT = bytes(range(16))
LINES = [f'{{"answer":"{word}"}}' for word in ("no", "never", "sure", "why not", "maybe")]
SALTS = [hashlib.sha256(line.encode()).digest()[:16] for line in LINES]
TREE_LEAVES = [leaves.leaf_digest(salt, line.encode()) for salt, line in zip(SALTS, LINES, strict=True)]
TREES = {"baseline": (leaves.EMPTY_ROOT, 0), "candidate": (leaves.root(TREE_LEAVES), 5)}


def item(index: int) -> Item:
    path = leaves.inclusion_path(TREE_LEAVES, index)
    return Item("candidate", index, SALTS[index].hex(), LINES[index], path)


THIRD = item(2)


def test_a_single_answer_is_shown() -> None:
    for index in range(5):
        shown = disclosure.parse([item(index).to_json()]).items[0]
        assert shown == item(index)
        disclosure.verify_item(shown, TREES)


@pytest.mark.parametrize(
    "changes",
    [
        {"line": LINES[0] + " "},
        {"index": 1},
        {"index": 5},
        {"salt": "0" * 32},
        {"path": ()},
        {"tree": "baseline"},
        {"path": THIRD.path[::-1]},
    ],
)
def test_another_answer_is_not(changes: dict) -> None:
    with pytest.raises(CryptographicError, match=r"(candidate|baseline)\[[0-9]\]"):
        disclosure.verify_item(replace(THIRD, **changes), TREES)
    with pytest.raises(CryptographicError, match="commits to no such answers"):
        disclosure.verify_item(THIRD, {})


def test_openings_and_items_travel_together() -> None:
    paths = ("model.base.name", "plan.tuning.rank", "tuning.provenance.buildDefinition.externalParameters.rank")
    mixed = [Opening(path, SALT.hex(), "v").to_json() for path in paths]
    found = disclosure.parse([mixed[0], item(1).to_json(), *mixed[1:]])
    assert [one.path for one in (*found.predicate, *found.plan, *found.provenance)] == list(paths)
    assert found.items == (item(1),)
    assert (len(found.predicate), len(found.plan), len(found.provenance)) == (1, 1, 1)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        "x",
        {},
        {"path": "a", "salt": SALT.hex()},
        {"path": "a", "salt": SALT.hex(), "value": 1, "more": 1},
        {"path": "", "salt": SALT.hex(), "value": 1},
        {"path": "a.*", "salt": SALT.hex(), "value": 1},
        {"path": 1, "salt": SALT.hex(), "value": 1},
        {"path": "a", "salt": SALT.hex().upper(), "value": 1},
        {"path": "a", "salt": "", "value": 1},
        {**item(1).to_json(), "tree": "other"},
        {**item(1).to_json(), "index": -1},
        {**item(1).to_json(), "salt": "0"},
        {**item(1).to_json(), "line": 3},
        {**item(1).to_json(), "line": "\ud800"},
        {**item(1).to_json(), "line": "x" * (disclosure.MAX_LINE_BYTES + 1)},
        {**item(1).to_json(), "path": ["0" * 64] * 25},
        {**item(1).to_json(), "path": ["0" * 63]},
        {**item(1).to_json(), "value": 3},
    ],
)
def test_a_disclosure_has_one_of_two_forms(entry: object) -> None:
    with pytest.raises(MalformedError, match=r"disclosures\[0\]|no path|pattern|surrogate"):
        disclosure.parse([entry])


def test_too_many_are_refused() -> None:
    opening = Opening("a", SALT.hex(), 1).to_json()
    with pytest.raises(MalformedError, match="at most 4096"):
        disclosure.parse([opening] * (disclosure.MAX_OPENINGS + 1))
    with pytest.raises(MalformedError, match="at most 4096"):
        disclosure.parse([item(1).to_json()] * (disclosure.MAX_ITEMS + 1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["$commit", "alg", "value", "path", "salt", "tree", "line", "index", "data", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=3), JSON)
def test_only_our_errors_come_out(entries: list, tree: object) -> None:
    for call in (
        lambda: disclosure.parse(entries),
        lambda: disclose(tree),
        lambda: hide(tree, ["a", "data.a"], lambda: SALT),
    ):
        try:
            call()
        except AttestationError:
            continue
