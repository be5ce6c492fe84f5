"""What others say after an attestation was signed: countersignatures that agree or not, and notices."""

from dataclasses import replace

import pytest

from attestations.digests import Sha256
from attestations.findings import ExitCode
from attestations.predicate import Issuer
from attestations.statements import frame
from attestations.statements.countersignature import Conclusion, Evaluator, Mode, Relationship
from attestations.statements.notice import NoticeKind
from attestations.statistics import PairedTable
from tests.attestations.evidence import ISSUER
from tests.attestations.statements.complete import LAB, Complete
from tests.attestations.statements.examining import FAIL, NOT_CHECKED, PASS, STALE, examine, only, refusal


def test_an_evaluator_of_the_issuer_is_not_independent(complete: Complete) -> None:
    made = complete.countersigned(evaluator=Evaluator(f"{ISSUER}/evaluation", ISSUER))
    found = examine(complete, complete.having(made, by=complete.signers.in_house))
    assert only(found, "countersignature").status is NOT_CHECKED
    assert "not independent" in only(found, "countersignature").sentence
    assert found.countersignatures == ()


def test_a_countersignature_is_by_the_organisation_that_it_names(complete: Complete) -> None:
    found = examine(complete, complete.having(complete.countersigned(), by=complete.signers.in_house))
    assert f"signed for {LAB} with a key of {ISSUER}" in refusal(found, "countersignature")
    own = examine(complete, complete.having(complete.countersigned(), by=complete.signers.issuer))
    assert "role issuer, which may not say this" in refusal(own, "countersignature")


def test_an_evaluator_who_measured_something_else_rejects(complete: Complete) -> None:
    rows = complete.stated.predicate.evaluations
    worse = replace(rows[0], table=PairedTable(200, 37, 1, 2))
    made = complete.countersigned_rows((worse,))
    assert not made.predicate.agreement[0].within
    found = examine(complete, complete.having(made, by=complete.signers.evaluator))
    assert "disagrees: 1 rows are outside their margin (refusal_rate / harmful-requests / *)" in refusal(
        found, "countersignature"
    )
    assert only(found, "countersignature").exit_code is ExitCode.POLICY
    words = complete.countersigned(
        mode=Mode.OBSERVED,
        conclusion=Conclusion.DISAGREES,
        disagreements=("Two runs were started and one was told of.",),
    )
    told = examine(complete, complete.having(words, by=complete.signers.evaluator))
    assert "Two runs were started" in refusal(told, "countersignature")


def test_agreement_that_does_not_follow_from_the_counts_is_rejected(complete: Complete) -> None:
    rows = complete.stated.predicate.evaluations
    worse = complete.countersigned_rows((replace(rows[0], table=PairedTable(200, 37, 1, 2)),)).predicate
    lie = replace(worse, agreement=(replace(worse.agreement[0], within=True),), conclusion=Conclusion.AGREES)
    made = replace(complete.countersigned(), predicate=lie)
    assert "does not follow from its counts" in refusal(
        examine(complete, complete.having(made, by=complete.signers.evaluator)), "countersignature"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": Sha256.of(b"other")}, "model"),
        ({"plan": Sha256.of(b"other")}, "plan"),
        ({"at": "2026-03-01T11:00:00Z"}, "dated before the attestation"),
    ],
)
def test_a_countersignature_is_about_this_model_plan_and_time(
    complete: Complete, changes: dict[str, object], words: str
) -> None:
    made = complete.countersigned(**changes)
    found = examine(complete, complete.having(made, by=complete.signers.evaluator))
    assert words in refusal(found, "countersignature")


def test_who_paid_is_said(complete: Complete) -> None:
    paid = Relationship("City Hospital", complete.countersigned().predicate.relationship.access_level)
    found = examine(complete, complete.having(complete.countersigned(relationship=paid), by=complete.signers.evaluator))
    assert "paid by City Hospital" in only(found, "countersignature").sentence


@pytest.mark.parametrize("kind", [NoticeKind.REGRESSION_FOUND, NoticeKind.REVOKED, NoticeKind.SUPERSEDED])
def test_a_notice_that_takes_the_evidence_back_rejects(complete: Complete, kind: NoticeKind) -> None:
    more = {"superseded_by": Sha256.of(b"next")} if kind is NoticeKind.SUPERSEDED else {}
    found = examine(complete, complete.having(complete.noticed(kind, **more), by=complete.signers.issuer))
    said = kind.replace("-", " ")
    assert refusal(found, "notices") == f"{said} on 2026-03-01T18:00:00Z, says the issuer: found by a customer"
    assert only(found, "notices").exit_code is ExitCode.POLICY


def test_a_correction_is_shown_and_does_not_reject(complete: Complete) -> None:
    made = complete.noticed(NoticeKind.CORRECTION)
    found = examine(complete, complete.having(made, by=complete.signers.issuer))
    assert only(found, "notices").status is PASS
    assert [one.predicate.kind for one in found.notices] == [NoticeKind.CORRECTION]


def test_an_evaluator_may_say_that_something_got_worse_and_no_more(complete: Complete) -> None:
    evaluator = complete.signers.evaluator
    made = complete.noticed(NoticeKind.REGRESSION_FOUND, issuer=Issuer("https://lab.example"))
    assert f"says {LAB}" in refusal(examine(complete, complete.having(made, by=evaluator)), "notices")
    revoked = complete.noticed(NoticeKind.REVOKED)
    assert "may not say this" in refusal(examine(complete, complete.having(revoked, by=evaluator)), "notices")


def test_a_notice_from_the_future_is_undetermined(complete: Complete) -> None:
    made = complete.noticed(NoticeKind.CORRECTION, at="2026-03-03T00:00:00Z")
    check = only(examine(complete, complete.having(made, by=complete.signers.issuer)), "notices")
    assert (check.status, check.exit_code) == (STALE, ExitCode.UNDETERMINED)


def test_each_notice_and_each_countersignature_has_its_own_check(complete: Complete) -> None:
    evaluator, issuer = complete.signers.evaluator, complete.signers.issuer
    one = complete.having(complete.countersigned(), complete.countersigned(mode=Mode.REANALYSED), by=evaluator)
    told = (complete.noticed(NoticeKind.CORRECTION), complete.noticed(NoticeKind.REVOKED))
    both = replace(
        one, unverified_statements=(*one.unverified_statements, *(frame.seal(notice, issuer) for notice in told))
    )
    found = examine(complete, both)
    assert [check.status for check in found.checks if check.code == "countersignature"] == [PASS, PASS]
    assert [check.status for check in found.checks if check.code == "notices"] == [PASS, FAIL]
