from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attestations.findings import ExitCode, Status
from attestations.gate import Policy
from attestations.keys import LocalSigner
from attestations.procurement import parse as parse_policy
from attestations.statistics import PairedTable
from attestations.verdicts import Measured
from attestations.verify import Report, VerifiedStatement, verify
from tests.attestations.evidence import (
    KEPT,
    LOOKALIKES,
    LOST,
    NOW,
    Evidence,
    make_evidence,
    make_failed_evidence,
    make_plan,
    make_trust,
)

STEPS = [
    "signature",
    "issuer",
    "key.validity",
    "subject",
    "model.files",
    "plan",
    "disclosures",
    "rows",
    "verdicts",
    "gate",
    "outcome",
    "validity",
]
OPEN = [
    "time.signing",
    "plan.time",
    "plan.statement",
    "provenance",
    "model.signing",
    "countersignature",
    "notices",
    "status",
    "controls.coverage",
    "answers",
    "trust.root",
    "log.inclusion",
    "log.completeness",
]


def found(report: Report, status: Status) -> list[str]:
    return [check.code for check in report.checks if check.status is status]


def test_good_evidence_is_accepted_and_every_step_is_listed(kept: Evidence) -> None:
    report = verify(kept.bundle, kept.trust, now=NOW, model_dir=kept.model_dir)
    assert report.accepted
    assert report.exit_code == 0
    assert report.level == 0
    assert found(report, Status.PASS) == STEPS
    assert found(report, Status.NOT_CHECKED) == OPEN
    assert report.verified is not None
    assert report.verified.statement == kept.statement
    assert report.verified.key_id == kept.signer.key_id
    assert len(report.judged) == len(kept.plan.rows)


def test_nothing_is_green_that_was_not_looked_at(kept: Evidence) -> None:
    report = verify(kept.bundle, kept.trust, now=NOW)
    assert report.accepted
    assert "model.files" in found(report, Status.NOT_CHECKED)


def test_a_blocked_model_has_valid_evidence_that_is_not_accepted(lost: Evidence) -> None:
    report = verify(lost.bundle, lost.trust, now=NOW, model_dir=lost.model_dir)
    assert report.exit_code is ExitCode.POLICY
    assert found(report, Status.FAIL) == ["outcome"]
    [outcome] = [check for check in report.checks if check.code == "outcome"]
    assert "refusal_rate on harmful-requests: regressed (material)" in outcome.sentence


@pytest.mark.parametrize("planned", [True, False])
def test_a_failed_job_has_evidence_too(planned: bool, tmp_path: Path) -> None:
    signer = LocalSigner.generate()
    report = verify(make_failed_evidence(signer, make_plan() if planned else None), make_trust(signer), now=NOW)
    assert report.exit_code is ExitCode.POLICY
    assert found(report, Status.FAIL) == ["outcome"]
    assert ("verdicts" in found(report, Status.PASS)) is planned
    assert report.verified is not None
    assert report.verified.statement.subject.name == "job-record"
    with_model = verify(make_failed_evidence(signer, None), make_trust(signer), now=NOW, model_dir=tmp_path)
    assert with_model.exit_code is ExitCode.CRYPTOGRAPHIC


def test_evidence_ends_with_its_validity_and_does_not_begin_before_it(kept: Evidence) -> None:
    def at(now: datetime) -> Report:
        return verify(kept.bundle, kept.trust, now=now)

    issued, until = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 9, 1, 12, tzinfo=UTC)
    assert at(until).accepted
    late = at(until + timedelta(seconds=1))
    assert (late.exit_code, found(late, Status.STALE)) == (ExitCode.UNDETERMINED, ["validity"])
    assert at(issued - timedelta(minutes=5)).accepted  # clocks differ
    early = at(issued - timedelta(minutes=5, seconds=1))
    assert (early.exit_code, found(early, Status.STALE)) == (ExitCode.UNDETERMINED, ["validity"])


def test_a_rejection_weighs_more_than_age_and_a_broken_proof_more_than_both(lost: Evidence) -> None:
    old = datetime(2030, 1, 1, tzinfo=UTC)
    assert verify(lost.bundle, lost.trust, now=old).exit_code is ExitCode.POLICY
    other = make_trust(lost.signer, issuer="https://somebody.else")
    assert verify(lost.bundle, other, now=old).exit_code is ExitCode.CRYPTOGRAPHIC


def test_a_lax_gate_is_followed_and_named(tmp_path: Path) -> None:
    lax = make_evidence(tmp_path / "m", LOST, make_plan(policy=Policy("anything-goes", "1", ())))
    report = verify(lax.bundle, lax.trust, now=NOW)
    [outcome] = [check for check in report.checks if check.code == "outcome"]
    assert report.accepted
    assert "it regressed (its policy lets that pass): refusal_rate on harmful-requests" in outcome.sentence


def test_a_profile_that_may_not_claim_absence_is_judged_so_again(tmp_path: Path) -> None:
    smoke = make_evidence(tmp_path / "m", KEPT, make_plan(profile="smoke", may_claim_equivalence=False))
    report = verify(smoke.bundle, smoke.trust, now=NOW)
    assert report.accepted
    assert {row.verdict for row in report.judged} == {"inconclusive"}


def test_the_buyers_own_rules_come_on_top(kept: Evidence) -> None:
    rules = b'{"maxAgeDays":90,"requiredSuites":["harmful-requests"],"allowNotMeasurable":false,"minLevel":%d}'
    policy = b'{"schema":"0.1.0","rules":' + rules + b"}"
    report = verify(kept.bundle, kept.trust, now=NOW, acceptance=parse_policy(policy % 0))
    assert report.accepted
    assert found(report, Status.PASS)[-4:] == [
        "policy.max_age_days",
        "policy.required_suites",
        "policy.allow_not_measurable",
        "policy.min_level",
    ]
    assert verify(kept.bundle, kept.trust, now=NOW, acceptance=parse_policy(policy % 1)).exit_code is ExitCode.POLICY


def test_a_measure_that_cannot_be_settled_still_verifies(tmp_path: Path) -> None:
    open_row = make_evidence(tmp_path / "m", {**KEPT, LOOKALIKES: Measured(PairedTable(120, 20, 18, 40))})
    assert verify(open_row.bundle, open_row.trust, now=NOW).accepted


def test_nobody_else_makes_a_verified_statement(kept: Evidence) -> None:
    with pytest.raises(TypeError):
        VerifiedStatement(kept.statement, kept.signer.key_id, object())
