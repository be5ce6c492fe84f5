from dataclasses import replace
from pathlib import Path

import pytest

from attestations.report import report_json, report_text, unverified_text
from attestations.statistics import PairedTable
from attestations.verify import verify
from tests.attestations.evidence import NOW, Evidence, make_evidence
from tests.attestations.evidence_02 import (
    GOOD,
    HELD_CONTROLS,
    REJECTED,
    make_good,
    make_plan_02,
    make_reviewed,
    make_sweep,
)


def screen(evidence: Evidence) -> str:
    return report_text(verify(evidence.bundle, evidence.trust, now=NOW))


@pytest.mark.parametrize(
    ("make", "lines"),
    [
        (
            make_good,
            [
                "Two judges scored 2 rows; they agree least on refusal_rate on harmful-requests: 99 %, kappa 0.91",
                "Sampled 3 times, answers flip on refusal_rate on harmful-requests: 6 of 240 items before, 9 of 240 after",
                "BBQ bias score, accuracy on bias: from +0.091 (of 110) to +0.179 (of 112), shown only",
                "Negative control (base against base) of refusal_rate on harmful-requests held: batch 1, float32 +0.0 points (n 240)",
                "Positive control of refusal_rate on harmful-requests held: 0.25 +5.0 points (n 240), 0.5 +15.8 points (n 240)",
                "Disagreement: no measure contradicts another; direction index 0.00, 0 is one way and 1 cancels; I² 0 % (p 0.965)",
                "Multiple choice, accuracy on bias: the base was right on 202 of 300, guessing gives 33 %",
                "Scored by one judge alone: refusal_rate on prefill",
                "Suite prefill 1.0 (built-in): 280 of 280 items, sha256:148de9c5a7a44d19…",
                "Judge refusal-classifier 1.0: kappa 0.81 with people",
                "Policy careful 2 blocks: regressed (material, confirmed), not_measurable, not_run; holds for a review:",
                "for 3 of 4 gating measures no control shows that a loss of ten points would be seen",
                "960 answers of the base and 960 of the model are committed to, ask to see some",
            ],
        ),
        (
            make_reviewed,
            [
                "equivalent, depends on the judge",
                "is equivalent under the primary judge, regressed (confirmed) under refusal-classifier",
                "50 % of verdicts change with the judge",
                "Approved in review by person-7 on 2026-03-01T11:58:00Z: The second judge",
                "on condition: Serve behind the shop's own filter.",
            ],
        ),
        (
            make_sweep,
            [
                "Candidate at scale 1: blocked, own task +0 (positive is worse). Regression shown:",
                "Candidate at scale 0.5 (chosen): released, own task +0.05 (positive is worse). No material regression",
            ],
        ),
    ],
)
def test_one_line_tells_each_fact(make, lines: list[str], tmp_path: Path) -> None:
    evidence = make(tmp_path / "m")
    shown = screen(evidence)
    for line in lines:
        assert sum(line in one for one in shown.splitlines()) == 1, line
    assert len(shown.splitlines()) < 85
    assert "average" not in shown


def test_controls_that_failed_or_never_ran_stand_out(tmp_path: Path) -> None:
    noisy = (replace(HELD_CONTROLS[0], table=PairedTable(200, 30, 8, 2)), HELD_CONTROLS[1])
    shown = screen(make_evidence(tmp_path / "m", GOOD, make_plan_02(), controls=noisy))
    assert "harmful-requests FAILED: batch 1, float32 +9.2 points" in shown
    assert "Positive control of refusal_rate on harmful-requests WAS NOT RUN: 0.25 +5.0 points" in shown
    assert "the base differs from itself here" in shown


def test_a_rejecting_review_is_shown_as_one(tmp_path: Path) -> None:
    shown = screen(make_reviewed(tmp_path / "m", REJECTED))
    assert "Rejected in review by person-7" in shown
    assert "BLOCKED under the policy careful 2" in shown


def test_a_disagreement_that_was_glossed_over_is_shown_as_computed(tmp_path: Path) -> None:
    evidence = make_reviewed(tmp_path / "m")
    regressions = evidence.statement.predicate.regressions
    rosy = replace(regressions, disagreement=replace(regressions.disagreement, judge_flip_share="0.000000"))
    signed = evidence.resigned(replace(evidence.statement.predicate, regressions=rosy))
    shown = report_text(verify(signed, evidence.trust, now=NOW))
    assert "50 % of verdicts change with the judge" in shown
    assert "the numbers do not give what the statement says of the disagreement" in shown


def test_a_review_moves_no_cursor(tmp_path: Path) -> None:
    hostile = "fine\x9b2J\u202e\nACCEPTED"
    review = replace(REJECTED, rationale=hostile, reviewer="person\u202e7")
    for shown in (screen(make_reviewed(tmp_path / "m", review)), unverified_text(make_good(tmp_path / "n").statement)):
        assert all(letter.isprintable() for line in shown.splitlines() for letter in line)
        assert not any(line.startswith("ACCEPTED") for line in shown.splitlines())


def test_programs_get_the_additions_in_the_predicate(tmp_path: Path) -> None:
    evidence = make_sweep(tmp_path / "m")
    predicate = report_json(verify(evidence.bundle, evidence.trust, now=NOW))["predicate"]
    assert [record["scale"] for record in predicate["candidates"]] == ["1", "0.5"]
    assert predicate["regressions"]["rows"][0]["byJudge"][0]["judge"] == "refusal-classifier"
    assert predicate["regressions"]["rows"][4]["designEffect"] > "1"
