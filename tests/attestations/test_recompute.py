"""Evidence of format 0.2, and what a lying issuer with a trusted key could write into it: each forgery is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from attestations import canonical, documents, statement
from attestations.digests import Sha256
from attestations.errors import MalformedError
from attestations.findings import ExitCode, Status
from attestations.gate import GateOutcome
from attestations.plan import Plan
from attestations.predicate import CandidateRecord, GateAnswer, Outcome, OutcomeStatus
from attestations.records import ReviewDecision
from attestations.statistics import PairedTable
from attestations.verdicts import RULE_0_1, JudgeStatistics, Verdict
from attestations.verify import Report, verify
from tests.attestations.evidence import (
    HARMFUL,
    KEPT,
    LOOKALIKES,
    NOW,
    ROWS,
    Evidence,
    make_evidence,
    make_plan,
    make_predicate,
)
from tests.attestations.evidence_02 import (
    APPROVED,
    BAD,
    CONTROLS,
    GOOD,
    HELD_CONTROLS,
    POLICY,
    REJECTED,
    SECOND,
    clustered,
    make_blocked,
    make_good,
    make_plan_02,
    make_reviewed,
    make_sweep,
    sweep,
)


@pytest.fixture
def good(tmp_path: Path) -> Evidence:
    return make_good(tmp_path / "good")


@pytest.fixture
def held(tmp_path: Path) -> Evidence:
    return make_reviewed(tmp_path / "held")


@pytest.fixture
def swept(tmp_path: Path) -> Evidence:
    return make_sweep(tmp_path / "swept")


def checked(evidence: Evidence, bundle: bytes | None = None) -> Report:
    return verify(bundle or evidence.bundle, evidence.trust, now=NOW)


def failing(evidence: Evidence, **changes: object) -> dict[str, str]:
    """The checks that fail, with their sentences, where the trusted issuer signs a changed predicate."""
    signed = evidence.resigned(replace(evidence.statement.predicate, **changes))
    return {check.code: check.sentence for check in checked(evidence, signed).checks if check.status is Status.FAIL}


# What is true is believed


def test_honest_evidence_of_every_kind_verifies(
    good: Evidence, held: Evidence, swept: Evidence, tmp_path: Path
) -> None:
    for evidence, more in ((good, "controls"), (held, "controls"), (swept, "candidates")):
        report = checked(evidence)
        assert report.exit_code is ExitCode.ACCEPT, report.checks
        assert more in [check.code for check in report.checks if check.status is Status.PASS]
    blocked = checked(make_blocked(tmp_path / "blocked"))
    assert [check.code for check in blocked.checks if check.status is Status.FAIL] == ["outcome"]


def test_a_review_decides_about_a_held_model(held: Evidence, tmp_path: Path) -> None:
    [outcome] = [check for check in checked(held).checks if check.code == "outcome"]
    assert outcome.sentence.startswith("a review released the model")
    rejected = make_reviewed(tmp_path / "rejected", REJECTED)
    report = checked(rejected)
    assert report.exit_code is ExitCode.POLICY
    [outcome] = [check for check in report.checks if check.status is Status.FAIL]
    assert outcome.sentence.startswith(
        "a review blocked the model that the gate had held: refusal_rate on safe-lookalikes"
    )


def test_failing_controls_are_evidence_too(tmp_path: Path) -> None:
    """Nothing is wrong with a document that says that its measurement cannot be trusted; its verdicts say so."""
    noisy = (replace(HELD_CONTROLS[0], table=PairedTable(200, 30, 8, 2)), *HELD_CONTROLS[1:])
    for results in (noisy, HELD_CONTROLS[1:], HELD_CONTROLS[:2]):
        evidence = make_evidence(tmp_path / str(len(list(tmp_path.iterdir()))), GOOD, make_plan_02(), controls=results)
        report = checked(evidence)
        assert [check.code for check in report.checks if check.status is Status.FAIL] == ["outcome"]
        [row] = [row for row in report.judged if row.registered.key == HARMFUL]
        assert row.verdict is Verdict.NOT_MEASURABLE


def test_where_no_candidate_passes_the_first_is_kept(tmp_path: Path) -> None:
    plan = make_plan_02(candidates=("1", "0.5"))
    records = sweep(plan, {"1": BAD, "0.5": BAD})
    evidence = make_evidence(tmp_path / "m", BAD, plan, controls=HELD_CONTROLS, candidates=records)
    report = checked(evidence)
    [candidates] = [check for check in report.checks if check.code == "candidates"]
    assert candidates.status is Status.PASS
    assert "none passes" in candidates.sentence
    assert [check.code for check in report.checks if check.status is Status.FAIL] == ["outcome"]


# Judges


def test_leaving_the_second_judge_out_is_malformed_where_it_was_planned(good: Evidence) -> None:
    evaluations = good.statement.predicate.evaluations
    silent = (replace(evaluations[0], by_judge=None, agreement=None), *evaluations[1:])
    with pytest.raises(MalformedError, match="other judges than its plan names"):
        failing(good, evaluations=silent)


def test_a_dependence_on_the_judge_that_is_denied_is_found(held: Evidence) -> None:
    regressions = held.statement.predicate.regressions
    for gloss in ({"judge_dependent": False}, {"judge_dependent": None, "by_judge": None}):
        rows = (*regressions.rows[:2], replace(regressions.rows[2], **gloss), *regressions.rows[3:])
        found = failing(held, regressions=replace(regressions, rows=rows))
        assert "refusal_rate / safe-lookalikes / *" in found["verdicts"]


def test_kinder_counts_of_the_second_judge_do_not_fit_the_verdict(held: Evidence) -> None:
    evaluations = held.statement.predicate.evaluations
    mild = PairedTable(166, 15, 1, 18)
    better = replace(evaluations[2], by_judge=(JudgeStatistics(SECOND, mild),))
    with pytest.raises(MalformedError, match="does not fit"):
        failing(held, evaluations=(*evaluations[:2], better, *evaluations[3:]))


# Clusters, disagreement, rule


def test_clusters_left_out_or_made_up_are_found(good: Evidence) -> None:
    evaluations = good.statement.predicate.evaluations
    without = (*evaluations[:4], replace(evaluations[4], clusters=None), evaluations[5])
    with pytest.raises(MalformedError, match="has no clusters"):
        failing(good, evaluations=without)
    apart = clustered(4, dict.fromkeys(range(4), 1) | dict.fromkeys(range(4, 8), -1), 280)
    spread = (*evaluations[:4], replace(evaluations[4], clusters=apart), evaluations[5])
    assert "refusal_rate / prefill / *" in failing(good, evaluations=spread)["verdicts"]


@pytest.mark.parametrize(
    "gloss", [{"direction_index": "0.000001"}, {"judge_flip_share": None}, {"i_squared": "0.900000"}, None]
)
def test_another_disagreement_than_the_counts_give_is_found(held: Evidence, gloss: dict | None) -> None:
    regressions = held.statement.predicate.regressions
    changed = replace(regressions.disagreement, **gloss) if gloss else None
    found = failing(held, regressions=replace(regressions, disagreement=changed))
    assert "the disagreement" in found["verdicts"]


def test_the_plan_chooses_the_rule(good: Evidence, tmp_path: Path) -> None:
    regressions = good.statement.predicate.regressions
    with pytest.raises(MalformedError, match=r"is not known in schema 0.1.0"):
        replace(good.statement.predicate, regressions=replace(regressions, rule=RULE_0_1))
    plain = make_evidence(tmp_path / "plain", KEPT)
    stated = plain.statement.predicate
    older = replace(stated.regressions, rule=RULE_0_1, disagreement=None)
    rows = tuple(replace(row, judge_dependent=None) for row in older.rows)
    found = failing(plain, regressions=replace(older, rows=rows))
    assert "is not that of its plan" in found["verdicts"]


def test_a_plan_of_the_first_schema_is_still_judged_by_the_first_rule(tmp_path: Path) -> None:
    evidence = make_evidence(tmp_path / "m", KEPT, make_plan(schema="0.1.0"))
    assert evidence.statement.predicate.regressions.rule == RULE_0_1
    assert evidence.statement.predicate.regressions.disagreement is None
    assert checked(evidence).accepted


# Controls


@pytest.mark.parametrize(
    "results",
    [
        HELD_CONTROLS[1:],  # the noise was left out
        (replace(HELD_CONTROLS[0], table=PairedTable(200, 30, 8, 2)), *HELD_CONTROLS[1:]),
        (*HELD_CONTROLS[:2], replace(HELD_CONTROLS[2], table=PairedTable(216, 22, 0, 2))),
        None,
    ],
)
def test_verdicts_that_ignore_their_controls_are_found(good: Evidence, results: tuple | None) -> None:
    assert "refusal_rate / harmful-requests / *" in failing(good, controls=results)["verdicts"]


def test_controls_that_nobody_planned_are_malformed(good: Evidence) -> None:
    with pytest.raises(MalformedError, match="never planned"):
        failing(good, controls=(*HELD_CONTROLS, replace(HELD_CONTROLS[0], level="another")))
    with pytest.raises(MalformedError):
        failing(good, controls=(replace(HELD_CONTROLS[0], clusters=clustered(4, {0: 4}, 240)), *HELD_CONTROLS[1:]))


# Candidates


def records_of(evidence: Evidence) -> tuple[CandidateRecord, ...]:
    return evidence.statement.predicate.candidates


def test_a_missing_candidate_is_a_denial(swept: Evidence) -> None:
    first, second = records_of(swept)
    assert failing(swept, candidates=(second,)) == {
        "candidates": "the candidates are not those of the plan; missing: 1"
    }
    assert "missing: 1, 0.5" in failing(swept, candidates=None)["candidates"]
    assert "in another order" in failing(swept, candidates=(second, first))["candidates"]
    more = replace(first, scale="0.25", manifest=Sha256.of(b"quarter"))
    assert "others" in failing(swept, candidates=(first, second, more))["candidates"]


def test_a_candidate_that_nobody_planned_is_found(good: Evidence, swept: Evidence) -> None:
    predicate = good.statement.predicate
    own = replace(records_of(swept)[1], manifest=Sha256(predicate.model.manifest.digest.sha256))
    assert "not those of the plan" in failing(good, candidates=(own,))["candidates"]


@pytest.mark.parametrize(
    "gloss",
    [
        {"decision": GateOutcome.RELEASED},
        {"decision": GateOutcome.HELD},
        {"claim": "No material regression: every gating row was shown not to be worse by its margin."},
    ],
)
def test_another_decision_about_a_candidate_is_found(swept: Evidence, gloss: dict) -> None:
    first, second = records_of(swept)
    assert "said of the candidate 1" in failing(swept, candidates=(replace(first, **gloss), second))["candidates"]


def test_a_rejected_candidate_has_all_its_rows(swept: Evidence) -> None:
    first, second = records_of(swept)
    fewer = replace(first, evaluations=first.evaluations[1:])
    assert "said of the candidate 1" in failing(swept, candidates=(fewer, second))["candidates"]


def test_choosing_a_smaller_scale_than_needed_is_found(tmp_path: Path) -> None:
    """With the first candidate good as well, the second has no business to be the model."""
    plan = make_plan_02(candidates=("1", "0.5"))
    evidence = make_evidence(
        tmp_path / "m", GOOD, plan, controls=HELD_CONTROLS, candidates=sweep(plan, {"1": GOOD, "0.5": GOOD})
    )
    first, second = records_of(evidence)
    swapped = (
        replace(first, chosen=False, manifest=Sha256.of(b"whole")),
        replace(second, chosen=True, manifest=Sha256(evidence.manifest.digest)),
    )
    found = failing(evidence, candidates=swapped)
    assert found == {"candidates": "the candidate 1 should have been chosen: the largest that passes"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda first, second: (replace(first, chosen=True), second),
        lambda first, second: (first, replace(second, chosen=False)),
        lambda first, second: (replace(first, scale="0.5"), second),
        lambda first, second: (first, replace(second, manifest=Sha256.of(b"another model"))),
        lambda first, second: (first, replace(second, evaluations=first.evaluations)),
    ],
)
def test_candidates_that_contradict_the_statement_cannot_be_built(swept: Evidence, spoil) -> None:
    with pytest.raises(MalformedError, match="candidate"):
        replace(swept.statement.predicate, candidates=spoil(*records_of(swept)))


def test_every_row_is_corrected_for_the_candidates(swept: Evidence, good: Evidence) -> None:
    of_two, alone = (
        {row.key: row for row in evidence.statement.predicate.regressions.rows} for evidence in (swept, good)
    )
    assert of_two[HARMFUL].upper_90 > alone[HARMFUL].upper_90
    uncorrected = replace(swept.statement.predicate.regressions, rows=tuple(alone.values()))
    assert "verdicts" in failing(swept, regressions=uncorrected)


# The gate and reviews


def test_a_held_model_that_nobody_reviewed_cannot_be_released(held: Evidence) -> None:
    predicate = held.statement.predicate
    with pytest.raises(MalformedError, match="a held model has a review"):
        replace(predicate, reviews=None)
    policy = predicate.outcome.gate.policy
    unheld = Outcome(OutcomeStatus.RELEASED, gate=GateAnswer(policy, ()))
    assert list(failing(held, outcome=unheld, reviews=None)) == ["gate"]


def test_a_review_beside_a_model_that_was_not_held_is_malformed(good: Evidence, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="not held"):
        replace(good.statement.predicate, reviews=(REJECTED,))
    blocked = make_blocked(tmp_path / "blocked").statement.predicate
    released = Outcome(OutcomeStatus.RELEASED, gate=replace(blocked.outcome.gate, blocking=()))
    with pytest.raises(MalformedError, match="not held"):
        replace(blocked, outcome=released, reviews=(replace(APPROVED, conditions=None),))


def test_inventing_a_hold_to_let_a_person_release_a_blocked_model_is_found(tmp_path: Path) -> None:
    blocked = make_blocked(tmp_path / "blocked")
    answer = blocked.statement.predicate.outcome.gate
    outcome = Outcome(OutcomeStatus.RELEASED, gate=GateAnswer(answer.policy, (), answer.blocking))
    found = failing(blocked, outcome=outcome, reviews=(replace(APPROVED, conditions=None),))
    assert list(found) == ["gate"]


def test_the_outcome_is_what_the_reviews_decided(held: Evidence) -> None:
    predicate = held.statement.predicate
    with pytest.raises(MalformedError, match="not what the reviews decided"):
        replace(predicate, reviews=(replace(APPROVED, decision=ReviewDecision.REJECT),))
    with pytest.raises(MalformedError, match="not what the reviews decided"):
        replace(predicate, reviews=(APPROVED, REJECTED))
    with pytest.raises(MalformedError, match="not what the reviews decided"):
        replace(predicate, outcome=replace(predicate.outcome, status=OutcomeStatus.BLOCKED))


def test_conditions_of_a_review_are_requirements_of_the_boundaries(held: Evidence) -> None:
    predicate = held.statement.predicate
    for boundaries in (None, replace(predicate.boundaries, requires=None)):
        with pytest.raises(MalformedError, match="must be a control"):
            replace(predicate, boundaries=boundaries)
    with pytest.raises(MalformedError, match="dated after"):
        replace(predicate, reviews=(replace(APPROVED, at="2026-03-01T12:00:01Z"),))


def test_a_row_of_a_suite_that_the_policy_asks_for_cannot_be_left_out_of_the_plan(tmp_path: Path) -> None:
    plan = make_plan_02(rows=(make_plan_02().rows[0],), judges=make_plan_02().judges)
    evidence = make_evidence(tmp_path / "m", {HARMFUL: GOOD[HARMFUL]}, plan, controls=HELD_CONTROLS)
    [outcome] = [check for check in checked(evidence).checks if check.status is Status.FAIL]
    assert "safe-lookalikes: the policy asks for it" in outcome.sentence


# Versions


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("controls", HELD_CONTROLS),
        ("reviews", (REJECTED,)),
        ("outputs", "good"),
        ("candidates", "swept"),
        ("evaluations", "good"),
        ("regressions", "good"),
    ],
)
def test_a_predicate_of_the_first_schema_has_nothing_of_the_second(
    good: Evidence, swept: Evidence, kept: Evidence, place: str, value: object
) -> None:
    source = {"good": good, "swept": swept}.get(value)
    added = getattr(source.statement.predicate, place) if source else value
    older = replace(
        kept.statement.predicate,
        schema="0.1.0",
        regressions=replace(kept.statement.predicate.regressions, rule=RULE_0_1, disagreement=None),
    )
    with pytest.raises(MalformedError, match=r"is not known in schema 0\.1\.0"):
        replace(older, **{place: added})


def test_new_fields_in_an_old_document_are_refused_with_their_place(kept: Evidence) -> None:
    value = canonical.parse(kept.statement.encode(), what="it", max_bytes=10**6)
    value["predicate"]["schema"] = "0.1.0"
    with pytest.raises(MalformedError, match=r"the field 'disagreement' is not known in schema 0\.1\.0"):
        statement.validate(value)


def test_any_plan_field_of_the_second_schema_is_refused_in_the_first() -> None:
    made = make_plan_02()
    for changes in (
        {"judges": made.judges},
        {"controls": CONTROLS, "rows": ROWS},
        {"candidates": ("1",)},
        {"repeats": 3},
        {"policy": POLICY},
        {"judge": made.judge},
        {"rows": (replace(ROWS[0], minimum_items=100), *ROWS[1:])},
    ):
        with pytest.raises(MalformedError, match=r"is not known in schema 0\.1\.0"):
            replace(make_plan(schema="0.1.0"), **changes)


def test_a_document_without_the_additions_reads_back_in_both_schemas() -> None:
    for schema in ("0.1.0", "0.2.0"):
        made = make_plan(schema=schema)
        assert documents.decode(Plan, documents.encode(made), "plan") == made


def test_the_predicate_of_a_failed_job_may_plan_a_sweep(tmp_path: Path) -> None:
    """A job that ended before its candidates were made has none to show."""
    plan = make_plan_02(candidates=("1", "0.5"))
    evidence = make_evidence(tmp_path / "m", KEPT)
    cancelled = replace(
        make_predicate(plan, GOOD, evidence.manifest, controls=HELD_CONTROLS),
        outcome=Outcome(OutcomeStatus.CANCELLED),
    )
    signed = evidence.resigned(cancelled, unverified_plan=plan.encode())
    report = checked(evidence, signed)
    assert [check.code for check in report.checks if check.status is Status.FAIL] == ["outcome"]
    assert LOOKALIKES in [row.registered.key for row in report.judged]
