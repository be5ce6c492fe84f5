from dataclasses import replace

import pytest

from attestations import canonical, statement
from attestations.errors import MalformedError
from attestations.predicate import Outcome, OutcomeStatus
from tests.attestations.evidence import Evidence


def test_the_encoded_statement_reads_back_as_itself(kept: Evidence, lost: Evidence) -> None:
    for evidence in (kept, lost):
        assert statement.parse(evidence.statement.encode()) == evidence.statement


def test_absent_facts_are_absent_keys(kept: Evidence) -> None:
    text = kept.statement.encode().decode()
    assert "null" not in text
    assert '"adapter":' not in text


def test_the_subject_is_the_manifest_under_both_name_binding_digests(kept: Evidence) -> None:
    value = canonical.parse(kept.statement.encode(), what="it", max_bytes=10**6)
    digest = {"sha256": kept.manifest.digest, "dirHash": kept.manifest.dir_hash}
    assert value["subject"] == [{"name": "model-manifest", "digest": digest}]


def changed(evidence: Evidence, path: list, new: object) -> object:
    value = canonical.parse(evidence.statement.encode(), what="it", max_bytes=10**6)
    at = value
    for step in path[:-1]:
        at = at[step]
    if new is Ellipsis:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return value


@pytest.mark.parametrize(
    ("path", "new", "words"),
    [
        (["_type"], "https://in-toto.io/Statement/v0.1", "statement._type"),
        (["predicateType"], "https://slsa.dev/provenance/v1", "statement.predicateType"),
        (["subject"], [], "statement.subject: must be an array of exactly one"),
        (["extra"], 1, "has exactly"),
        (["subject", 0, "name"], "job-record", "the subject is not the model"),
        (["subject", 0, "digest", "sha256"], "00" * 32, "the subject is not the model"),
        (["predicate", "notClaimed"], [], "notClaimed is empty"),
        (["predicate", "notClaimed"], ..., "predicate: the field 'notClaimed' is missing"),
        (["predicate", "surprise"], 1, "predicate: the field 'surprise' is not known here"),
        (["predicate", "validUntil"], "2020-01-01T00:00:00Z", "ends before it begins"),
        (["predicate", "issuedAt"], "2026-02-31T00:00:00Z", "a time must be in UTC"),
        (["predicate", "model", "merged"], 1, "predicate.model.merged: must be true or false"),
        (["predicate", "model", "adapter"], None, "predicate.model.adapter: must be an object"),
        (["predicate", "plan"], ..., "come together or not at all"),
        (["predicate", "evaluations", 0, "table"], ..., "predicate.evaluations[0]: has exactly one of table"),
        (
            ["predicate", "evaluations", 0, "table", "worsened"],
            -1,
            "evaluations[0].table.worsened: must be a whole number",
        ),
        (["predicate", "evaluations", 1, "differences", "mean"], "1e5", "differences.mean: must be a decimal"),
        (["predicate", "regressions", "rows", 0, "verdict"], "fine", "rows[0].verdict: must be one of: regressed"),
        (["predicate", "regressions", "coverage"], "some", "the coverage must be all-registered"),
        (["predicate", "outcome", "gate"], ..., "come with the gate's answer"),
        (["predicate", "tuning", "steps"], "57", "predicate.tuning.steps: must be a whole number"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(kept: Evidence, path: list, new: object, words: str) -> None:
    with pytest.raises(MalformedError) as caught:
        statement.validate(changed(kept, path, new))
    assert words in str(caught.value)


def test_a_row_left_out_of_the_regressions_cannot_be_built(kept: Evidence) -> None:
    regressions = kept.statement.predicate.regressions
    assert regressions is not None
    with pytest.raises(MalformedError, match="the same rows"):
        replace(kept.statement.predicate, regressions=replace(regressions, rows=regressions.rows[1:]))


def test_a_failure_needs_its_reason_and_a_job_without_a_model_its_record(kept: Evidence) -> None:
    with pytest.raises(MalformedError, match="says why"):
        Outcome(OutcomeStatus.FAILED)
    cancelled = replace(kept.statement.predicate, outcome=Outcome(OutcomeStatus.CANCELLED), model=None)
    with pytest.raises(MalformedError, match="none was given"):
        statement.build_statement(cancelled)
    assert statement.build_statement(cancelled, b"{}").subject.name == "job-record"
