import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from attestations import procurement, statement
from attestations.errors import MalformedError, PolicyError
from attestations.findings import Status
from attestations.gate import Policy
from attestations.plan import Plan
from attestations.predicate import ResiliencePredicate
from attestations.procurement import AcceptancePolicy
from attestations.verdicts import NotRun, Role
from tests.attestations.evidence import HARMFUL, ISSUED, KEPT, NOW, ROWS, Evidence, make_plan, make_predicate
from tests.attestations.procurement.cases import evidence_of

RULES = {"maxAgeDays": 90, "requiredSuites": ["harmful-requests"], "allowNotMeasurable": False, "minLevel": 0}


def policy_of(**rules: object) -> AcceptancePolicy:
    return procurement.parse(json.dumps({"schema": "0.1.0", "rules": {**RULES, **rules}}, indent=2).encode())


def failing(
    predicate: ResiliencePredicate, plan: Plan | None = None, *, now: datetime = NOW, **rules: object
) -> list[str]:
    checks = procurement.apply(policy_of(**rules), replace(evidence_of(predicate, plan or make_plan()), now=now))
    assert [check.status for check in checks].count(Status.NOT_CHECKED) == 1  # an unsigned policy
    assert len(checks) == 5
    return [check.code for check in checks if check.status not in (Status.PASS, Status.NOT_CHECKED)]


def test_a_policy_may_be_written_by_hand(kept: Evidence) -> None:
    assert failing(kept.statement.predicate) == []


@pytest.mark.parametrize(
    "document",
    [
        {"schema": "0.1.0", "rules": {key: RULES[key] for key in list(RULES)[1:]}},
        {"schema": "0.1.0", "rules": {**RULES, "cel": "true"}},
        {"schema": "0.1.0", "rules": {**RULES, "minLevel": "0"}},
        {"schema": "0.1.0", "rules": {**RULES, "minLevel": -1}},
        {"schema": "0.1.0", "rules": {**RULES, "allowNotMeasurable": None}},
        {"schema": "0.1.0", "rules": {**RULES, "requiredSuites": "harmful-requests"}},
        {"schema": "9", "rules": RULES},
        {"rules": RULES},
        [],
    ],
)
def test_a_policy_that_is_not_fully_understood_rejects(document: object) -> None:
    with pytest.raises(PolicyError) as caught:
        procurement.parse(json.dumps(document).encode())
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("content", [b"", b"allow", b'{"rules":{},"rules":{}}', b'{"a":1.5}', b"\xff"])
def test_a_file_that_is_no_json_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError):
        procurement.parse(content)


def test_age_counts_from_the_issue(kept: Evidence) -> None:
    issued = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert kept.statement.predicate.issued_at == ISSUED
    assert failing(kept.statement.predicate, now=issued + timedelta(days=90)) == []
    assert failing(kept.statement.predicate, now=issued + timedelta(days=90, seconds=1)) == ["policy.max_age_days"]
    assert failing(kept.statement.predicate, maxAgeDays=2**52) == []


def test_a_required_suite_needs_a_whole_gating_row_that_ran(kept: Evidence) -> None:
    assert failing(kept.statement.predicate, requiredSuites=["bias"]) == ["policy.required_suites"]
    one = (replace(ROWS[0]), replace(ROWS[2], role=Role.EXPLORATORY))
    plan = make_plan(one)
    predicate = make_predicate(plan, {r.key: KEPT[r.key] for r in one}, kept.manifest)
    assert failing(predicate, plan) == []
    assert failing(predicate, plan, requiredSuites=["safe-lookalikes"]) == ["policy.required_suites"]


def test_unmeasured_gating_rows_pass_only_where_that_is_allowed(kept: Evidence) -> None:
    lax = make_plan(ROWS[:1], Policy("lax", "1", ()))
    predicate = make_predicate(lax, {HARMFUL: NotRun("the evaluator crashed")}, kept.manifest)
    assert predicate.outcome.status == "released"
    assert failing(predicate, lax, requiredSuites=[]) == ["policy.allow_not_measurable"]
    assert failing(predicate, lax, requiredSuites=[], allowNotMeasurable=True) == []
    assert failing(predicate, lax, allowNotMeasurable=True) == ["policy.required_suites"]


def test_evidence_without_any_row_meets_no_rule_about_rows(kept: Evidence) -> None:
    bare = make_predicate(make_plan(()), {}, kept.manifest)
    assert failing(bare, make_plan(())) == ["policy.required_suites", "policy.allow_not_measurable"]
    assert statement.build_statement(bare).predicate == bare


def test_the_level_asked_for_must_be_reached(kept: Evidence) -> None:
    assert failing(kept.statement.predicate, minLevel=1) == ["policy.min_level"]
