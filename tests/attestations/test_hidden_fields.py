"""What may be hidden in each of our documents, and that nothing that a verdict stands on is among it."""

from dataclasses import fields, is_dataclass
from typing import get_args, get_origin

import pytest

from attestations import canonical, disclosure, documents, plan, statement
from attestations.disclosure import PLAN, PROVENANCE, Opening, disclose, hide
from attestations.errors import CryptographicError, MalformedError
from attestations.predicate import ResiliencePredicate
from attestations.value_paths import matches
from tests.attestations.evidence import Evidence, make_plan
from tests.attestations.evidence_hidden import NAMES, counting_salts, plan_03, statement_03

SALT = bytes(range(16))
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
