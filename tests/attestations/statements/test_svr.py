"""A buyer's verdict: what passed is a property, what did not pass is none, and acceptance follows from the checks."""

import json
from dataclasses import replace

import pytest

from attestations.digests import Sha256
from attestations.errors import MalformedError
from attestations.findings import Check, broken, not_checked, passed, rejected, stale
from attestations.statements import frame, svr
from attestations.statements.svr import PolicyDescriptor, Result, Verdict, Verifier
from tests.attestations.statements.complete import LATER, Complete

ATTESTATION = Sha256.of(b"attestation")
GOOD = [passed("signature", "signed"), passed("plan.statement", "in time"), not_checked("log.inclusion", "no log")]


def verdict(complete: Complete, checks: list[Check], level: int | None = 0) -> frame.Statement[svr.VerificationResult]:
    policies = (PolicyDescriptor("hospital", Sha256.of(b"policy")),)
    reached = Verdict.of(checks, ATTESTATION, level)
    return svr.build(complete.stated.subject, reached, verifier=Verifier("https://b.example/v1", policies), at=LATER)


def test_the_form_is_svr_0_2(complete: Complete) -> None:
    predicate = json.loads(verdict(complete, GOOD, 2).encode())["predicate"]
    assert predicate["verifier"] == {
        "id": "https://b.example/v1",
        "policies": [{"name": "hospital", "digest": {"sha256": Sha256.of(b"policy").sha256}}],
    }
    assert predicate["timeCreated"] == LATER
    assert predicate["properties"] == [
        "TUNEPROOF_ACCEPTED",
        "TUNEPROOF_CHECK_PLAN_STATEMENT",
        "TUNEPROOF_CHECK_SIGNATURE",
        "TUNEPROOF_LEVEL_0",
        "TUNEPROOF_LEVEL_1",
        "TUNEPROOF_LEVEL_2",
    ]


def test_policies_are_there_even_where_there_are_none(complete: Complete) -> None:
    reached = Verdict.of(GOOD, ATTESTATION, 0)
    made = svr.build(complete.stated.subject, reached, verifier=Verifier("https://b.example"), at=LATER)
    assert json.loads(made.encode())["predicate"]["verifier"]["policies"] == []


@pytest.mark.parametrize(
    ("check", "result"),
    [
        (broken("model.signing", "x"), Result.REJECTED),
        (rejected("outcome", "x"), Result.REJECTED),
        (stale("status", "x"), Result.UNDETERMINED),
    ],
)
def test_one_bad_check_takes_acceptance_away(complete: Complete, check: Check, result: Result) -> None:
    predicate = verdict(complete, [*GOOD, check]).predicate
    assert predicate.tuneproof_verdict.result is result
    assert svr.ACCEPTED not in predicate.properties


def test_a_code_passes_only_where_all_of_its_checks_do(complete: Complete) -> None:
    checks = [passed("notices", "a correction"), rejected("notices", "revoked")]
    assert "TUNEPROOF_CHECK_NOTICES" not in verdict(complete, checks).predicate.properties


def test_acceptance_cannot_be_added_to_a_verdict_that_fails(complete: Complete) -> None:
    made = verdict(complete, [*GOOD, broken("subject", "x")]).predicate
    with pytest.raises(MalformedError, match="follow from the checks"):
        replace(made, properties=(svr.ACCEPTED, *made.properties))
    lie = replace(made.tuneproof_verdict, result=Result.ACCEPTED)
    with pytest.raises(MalformedError, match="not accepted"):
        replace(made, tuneproof_verdict=lie, properties=lie.properties)


def test_without_a_level_nothing_is_accepted_and_levels_end_at_four(complete: Complete) -> None:
    with pytest.raises(MalformedError, match="no level"):
        verdict(complete, GOOD, None)
    with pytest.raises(MalformedError, match="0 to 4"):
        verdict(complete, GOOD, 5)


def test_a_long_sentence_is_cut(complete: Complete) -> None:
    made = verdict(complete, [passed("signature", "x" * 9000)]).predicate
    assert len(made.tuneproof_verdict.checks[0].sentence) == 2000
