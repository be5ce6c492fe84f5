"""Hidden values: what is signed hides them, an opening shows one of them, and nothing else could be shown there."""

import copy
import hashlib
import json
from dataclasses import fields, is_dataclass, replace
from typing import get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import canonical, disclosure, documents, leaves, plan, statement
from attestations.disclosure import PLAN, PREDICATE, PROVENANCE, Disclosed, Item, Opening, disclose, hide
from attestations.documents import Hidden
from attestations.errors import AttestationError, CryptographicError, MalformedError
from attestations.predicate import ResiliencePredicate
from attestations.value_paths import format_path, matches
from tests.attestations.evidence import Evidence, make_plan
from tests.attestations.evidence_hidden import NAMES, counting_salts, plan_03, statement_03

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


PROTECTED = [
    *(
        "schema",
        "attestationId",
        "issuer.id",
        "issuedAt",
        "validFrom",
        "validUntil",
        "status",
        "status.uri",
        "supersedes",
    ),
    *("outcome", "outcome.error.message", "outcome.gate.blocking[*]", "plan", "plan.digest", "evaluations", "model"),
    *("evaluations[0].table", "regressions", "regressions.rows[3]", "controls[0]", "candidates[0].claim", "outputs"),
    *("notClaimed", "notClaimed[0]", "model.manifest.digest", "model.omsRoot", "model.base.manifest", "model.base"),
    *("model.served", "model.served.systemPrompt", "tuning", "tuning.method", "tuning.seed", "tuning.startedAt"),
    *("tuning.provenance", "data", "data.datasets", "data.datasets[0]", "data.contamination[0].suite", "reviews"),
    *("reviews[0]", "reviews[0].decision", "boundaries", "boundaries.prohibited[0]", "boundaries.cautions"),
    *("boundaries.requires[0].why", "boundaries.transformsPermitted"),
]
FREE = [
    *("model.adapter", "model.base.name", "model.base.licence", "model.merged", "model.served.generationConfig"),
    *("tuning.parameters.*", "tuning.code", "tuning.steps", "tuning.software", "tuning.software.torch"),
    *("tuning.compute", "tuning.compute.method", "data.sources[0].id", "data.sources[*].origin"),
    *("data.filters", "data.filters[*]", "reviews[*].reviewer", "reviews[*].rationale", "boundaries.objective"),
    *("boundaries.rationale", "boundaries.intended", "boundaries.intended[1]", "environment", "environment.software.*"),
]
MUST_BE_READ = ["tuning.parameters"]


@pytest.mark.parametrize("pattern", PROTECTED)
def test_what_verdicts_stand_on_cannot_be_hidden(kept: Evidence, pattern: str) -> None:
    with pytest.raises(MalformedError, match="cannot be hidden"):
        statement.check_patterns([pattern])
    commitment = {"$commit": {"alg": disclosure.ALGORITHM, "value": "0" * 64}}
    steps = disclosure.parse_path(pattern.replace("[*]", "[0]"))
    tree: object = commitment
    for step in reversed(steps):
        tree = [tree] * (step + 1) if isinstance(step, int) else {step: tree}
    with pytest.raises(MalformedError, match="cannot be hidden"):
        disclose(tree)


@pytest.mark.parametrize("pattern", FREE)
def test_what_else_can_be_hidden(pattern: str) -> None:
    statement.check_patterns([pattern])


@pytest.mark.parametrize("pattern", MUST_BE_READ)
def test_what_a_reader_would_have_to_make_up_cannot_be_hidden(pattern: str) -> None:
    with pytest.raises(MalformedError, match="must be there to be read"):
        statement.check_patterns([pattern])


@pytest.mark.parametrize("pattern", ["data.source[*].id", "tuning.parameters.rank.x", "data[*]", "", "tuning.*.x"])
def test_a_misspelt_pattern_is_told_when_it_is_set(pattern: str) -> None:
    with pytest.raises(MalformedError):
        statement.check_patterns([pattern])


def _fields_of(hint: object, path: str) -> list[str]:
    if get_origin(hint) is tuple:
        return _fields_of(get_args(hint)[0], f"{path}[*]")
    if not is_dataclass(hint):
        return [path]
    slots = documents.fields_of(hint)
    return [inner for slot in slots for inner in _fields_of(slot.hint, f"{path}.{slot.key}" if path else slot.key)]


def test_it_was_decided_for_every_field_whether_it_may_be_hidden() -> None:
    """A new field must be put into one of the lists: what a verdict or a check stands on belongs to `PREDICATE.never`."""
    assert len(fields(ResiliencePredicate)) > 20
    undecided = []
    for path in _fields_of(ResiliencePredicate, ""):
        try:
            statement.check_patterns([path])
        except MalformedError:
            continue
        if not any(matches(pattern.replace("[0]", "[*]"), path.replace("[*]", "[0]")) for pattern in FREE_LEAVES):
            undecided.append(path)
    assert undecided == []


FREE_LEAVES = [
    *("model.adapter.sha256", "model.base.name", "model.base.licence", "model.merged", "model.served.*.sha256"),
    *("tuning.code.sha256", "tuning.steps", "tuning.tokens", "tuning.software", "tuning.compute.method"),
    *("tuning.compute.baseFlop", "tuning.compute.ratio", "data.sources[*].id", "data.sources[*].licence"),
    *("data.sources[*].consent", "data.sources[*].origin", "data.sources[*].digest.sha256", "data.filters[*].id"),
    *("data.filters[*].version", "reviews[*].reviewer", "reviews[*].rationale", "boundaries.objective"),
    *("boundaries.rationale", "boundaries.intended[*]", "environment.hardware", "environment.software"),
]


def test_a_statement_hides_and_shows(kept: Evidence) -> None:
    whole = statement_03(kept)
    payload, openings = statement.conceal(whole, NAMES, counting_salts())
    text = payload.decode()
    assert not any(word in text for word in ("help-centre", "shop", "smollm2", "torch", 'learning_rate":"0.0005'))
    closed = statement.parse(payload)
    assert len(closed.hidden) == len(openings) == 8
    assert closed.predicate.data.sources[0].id == "(hidden)"
    assert closed.predicate.tuning.parameters == {"rank": "(hidden)", "learning_rate": "(hidden)"}
    assert closed.predicate.environment is None
    assert closed.predicate.evaluations == whole.predicate.evaluations
    opened = statement.parse(payload, openings)
    assert opened.predicate == whole.predicate
    assert (opened.hidden, opened.opened) == ((), closed.hidden)
    for read in (closed, opened):
        with pytest.raises(MalformedError, match="cannot be encoded"):
            read.encode()


def test_a_statement_that_hides_nothing_is_the_same_bytes(kept: Evidence) -> None:
    whole = statement_03(kept)
    assert statement.conceal(whole, (), counting_salts()) == (whole.encode(), ())
    with pytest.raises(CryptographicError, match="hides nothing"):
        statement.parse(whole.encode(), [Opening("model.base.name", SALT.hex(), "smollm2-135m-aligned")])


def test_a_filter_may_be_hidden_as_a_whole_and_still_counts(kept: Evidence) -> None:
    payload, openings = statement.conceal(statement_03(kept), ["data.filters[0]"], counting_salts())
    closed = statement.parse(payload)
    assert closed.predicate.data.filters == ()
    assert closed.hidden == ("data.filters[0]",)
    assert openings[0].value["id"] == "exact-duplicates"


@pytest.mark.parametrize("pattern", ["data.sources[0]", "data.sources[*]", "data.sources[*].records", "data.sources"])
def test_a_source_may_hide_its_name_and_not_that_it_is_there(kept: Evidence, pattern: str) -> None:
    with pytest.raises(MalformedError, match="cannot be hidden"):
        statement.conceal(statement_03(kept), [pattern], counting_salts())


def test_an_opening_cannot_bring_in_what_the_document_would_refuse(kept: Evidence) -> None:
    """The issuer may commit to anything; what is shown is read as strictly as everything else."""
    whole = statement_03(kept)
    value = canonical.parse(whole.encode(), what="it", max_bytes=10**6)
    opening = Opening("environment", SALT.hex(), {"hardware": "x", "surprise": 1})
    value["predicate"]["environment"] = {"$commit": {"alg": disclosure.ALGORITHM, "value": opening.commitment}}
    payload = canonical.encode(value)
    assert statement.parse(payload).hidden == ("environment",)
    with pytest.raises(MalformedError, match="surprise"):
        statement.parse(payload, [opening])


def test_an_unknown_field_is_refused_hidden_or_not(kept: Evidence) -> None:
    value = canonical.parse(statement_03(kept).encode(), what="it", max_bytes=10**6)
    value["predicate"]["surprise"] = {"$commit": {"alg": disclosure.ALGORITHM, "value": "0" * 64}}
    with pytest.raises(MalformedError, match="surprise"):
        statement.parse(canonical.encode(value))


def test_a_required_number_cannot_be_hidden(kept: Evidence) -> None:
    with pytest.raises(MalformedError, match=r"data\.sources\[0\]\.records: cannot be hidden"):
        statement.conceal(statement_03(kept), ["data.sources[0].records"], counting_salts())
    value = canonical.parse(statement_03(kept).encode(), what="it", max_bytes=10**6)
    value["predicate"]["data"]["sources"][0]["records"] = {"$commit": {"alg": disclosure.ALGORITHM, "value": "0" * 64}}
    with pytest.raises(MalformedError, match=r"records: cannot be hidden"):
        statement.parse(canonical.encode(value))


def test_a_statement_of_an_old_schema_hides_nothing(kept: Evidence) -> None:
    with pytest.raises(MalformedError, match=r"from schema 0\.3\.0 on"):
        statement.conceal(kept.statement, ["model.base.name"], counting_salts())


def test_the_plan_hides_tuning_parameters_alone() -> None:
    fixed = plan_03(make_plan())
    value = canonical.parse(fixed.encode(), what="it", max_bytes=10**6)
    tree, openings = hide(value, ["tuning.rank"], counting_salts(), PLAN)
    content = canonical.encode(tree)
    assert [opening.path for opening in openings] == ["plan.tuning.rank"]
    assert plan.parse(content).tuning == {"technique": "lora", "rank": "(hidden)"}
    assert plan.parse(content, openings) == fixed
    for pattern in ("rows[0].margin", "tuning.technique", "tuning", "seeds.tuning", "judge.version"):
        with pytest.raises(MalformedError, match="cannot be hidden"):
            hide(value, [pattern], counting_salts(), PLAN)


def test_the_provenance_hides_parameters_alone() -> None:
    tree = {"buildDefinition": {"externalParameters": {"rank": {"value": "16"}}, "buildType": "x"}}
    _, openings = hide(tree, ["buildDefinition.externalParameters.rank"], counting_salts(), PROVENANCE)
    assert openings[0].path == "tuning.provenance.buildDefinition.externalParameters.rank"
    for pattern in ("buildDefinition.buildType", "buildDefinition.externalParameters", "buildDefinition"):
        with pytest.raises(MalformedError, match="cannot be hidden"):
            hide(tree, [pattern], counting_salts(), PROVENANCE)


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


def test_the_scopes_do_not_overlap() -> None:
    assert PREDICATE.path(("plan", "tuning")) == PLAN.path(("tuning",))
    with pytest.raises(MalformedError):
        PREDICATE.refuse(("plan", "tuning", "rank"))
    with pytest.raises(MalformedError):
        PREDICATE.refuse(("tuning", "provenance", "buildDefinition", "externalParameters", "rank"))
