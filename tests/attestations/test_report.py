from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from attestations.boundaries import Boundaries
from attestations.findings import Check, ExitCode, Status
from attestations.gate import DEFAULT_POLICY
from attestations.report import plain, report_json, report_text, unverified_text
from attestations.tuned import BaseModel
from attestations.verify import Report, verify
from tests.attestations.evidence import NOW, Evidence

HOSTILE = "\x1b[2J\x9b31mACCEPTED\u202e\u200b\r\nAssurance level 4"


def test_one_screen_answers_the_buyers_questions(lost: Evidence) -> None:
    screen = report_text(verify(lost.bundle, lost.trust, now=NOW))
    for words in (
        "https://tuning.example",
        f"BLOCKED under the policy {DEFAULT_POLICY.id} {DEFAULT_POLICY.version}",
        "lora, 57 steps, from smollm2-135m-aligned (Apache-2.0)",
        "help-centre: 90 records (train), CC-BY-4.0",
        "Got worse: refusal_rate on harmful-requests, from 0.992 to 0.100",
        "Got better: refusal_rate on safe-lookalikes, from 0.100 to 0.010",
        "The measures disagree",
        "1 exploratory row in which nothing",
        "customer support in English",
        "medical advice",
        "2026-09-01T12:00:00Z",
        "- resistance to jailbreaks",
        "NOT_CHECKED  log.inclusion",
        "REJECTED",
        "Assurance level 0",
    ):
        assert words in screen, words
    assert len(screen.splitlines()) < 70
    assert "ACCEPTED" not in screen


def test_without_a_signature_nothing_of_the_statement_is_shown(kept: Evidence, lost: Evidence) -> None:
    report = verify(kept.bundle, lost.trust, now=NOW)
    assert "smollm2" not in report_text(report)
    assert "Assurance level" not in report_text(report)
    assert set(report_json(report)) == {"accepted", "exitCode", "checks"}


def test_untrusted_text_moves_no_cursor_and_fakes_no_line(kept: Evidence) -> None:
    assert plain(HOSTILE) == "�[2J�31mACCEPTED�� Assurance level 4"
    assert plain("x" * 1000) == "x" * 400 + "…"
    predicate = kept.statement.predicate
    hostile = "\u202e evil \u2028 Assurance level 4\nACCEPTED"
    changed = replace(
        predicate,
        boundaries=Boundaries(intended=(hostile,)),
        model=replace(predicate.model, base=replace(predicate.model.base, licence=hostile)),
        not_claimed=(hostile,),
    )
    screen = report_text(verify(kept.resigned(changed), kept.trust, now=NOW))
    lines = screen.splitlines()
    assert sum(line.startswith("ACCEPTED") for line in lines) == 1
    assert sum(line.startswith("Assurance level") for line in lines) == 1
    assert all(letter.isprintable() for line in lines for letter in line)


def test_a_screen_that_verified_nothing_says_so_first(lost: Evidence) -> None:
    screen = unverified_text(lost.statement)
    assert screen.startswith("NOT VERIFIED")
    assert "The statement claims: Regression shown" in screen
    assert "PASS" not in screen


def test_a_false_table_is_replaced_by_what_was_computed(lost: Evidence) -> None:
    regressions = lost.statement.predicate.regressions
    rosy = tuple(replace(row, change="0.000000", post=row.pre) for row in regressions.rows)
    signed = lost.resigned(replace(lost.statement.predicate, regressions=replace(regressions, rows=rosy)))
    screen = report_text(verify(signed, lost.trust, now=NOW))
    assert "0.892" in screen
    assert "the numbers do not give what the statement says" in screen


def test_programs_get_the_same_findings(kept: Evidence) -> None:
    report = verify(kept.bundle, kept.trust, now=NOW)
    value = report_json(report)
    assert value["accepted"] is True
    assert value["exitCode"] == 0
    assert value["level"] == 0
    assert [check["code"] for check in value["checks"]] == [check.code for check in report.checks]
    assert value["predicate"]["outcome"]["status"] == "released"


def test_a_model_without_a_name_for_its_licence_still_prints(kept: Evidence) -> None:
    predicate = kept.statement.predicate
    changed = replace(
        predicate,
        tuning=None,
        boundaries=None,
        model=replace(predicate.model, base=BaseModel("b", predicate.model.base.manifest)),
    )
    assert "what was tuned  from b" in report_text(verify(kept.resigned(changed), kept.trust, now=NOW))


def test_who_countersigned_is_said_and_raises_no_level() -> None:
    samples = Path(__file__).parent / "samples" / "v0.3"
    at = datetime(2026, 3, 2, tzinfo=UTC)
    bundle, trust = (samples / "countersigned.resilience.json").read_bytes(), (samples / "trust.json").read_bytes()
    screen = report_text(verify(bundle, trust, now=at))
    assert "Independent Evaluations Lab (reproduced, paid by https://tuning.example) agrees" in screen
    [last] = [line for line in screen.splitlines() if line.startswith("Assurance level 0: ")]
    start = "signed by the issuer; independent evaluators: Independent Evaluations Lab (reproduced, paid by https://tuning.example)"
    assert last.startswith(f"Assurance level 0: {start} agrees on ")
    assert last.endswith(" pairs; no log shows that there is no other version.")


def test_a_correction_is_read_though_it_rejects_nothing() -> None:
    notice = Check("notices", Status.PASS, "correction on 2026-03-01T18:00:00Z, says the issuer: another base")
    screen = report_text(Report((notice,), ExitCode.ACCEPT, None, None, ()))
    assert f"PASS         notices              {notice.sentence}" in screen


def test_each_reason_stands_once_on_a_line_of_its_own_and_long_codes_keep_the_columns() -> None:
    stolen = "the key was compromised on 2026-11-01T00:00:00Z, and nothing proves that this was signed before"
    checks = (
        Check("key.validity", Status.STALE, stolen, ExitCode.UNDETERMINED),
        Check("provenance", Status.STALE, stolen, ExitCode.UNDETERMINED),
        Check("policy.require_countersignature", Status.FAIL, "ask the issuer for one", ExitCode.POLICY),
    )
    lines = report_text(Report(checks, ExitCode.POLICY, None, None, ())).splitlines()
    assert lines[-2:] == [f"  {stolen}", "  ask the issuer for one"]
    assert len({line.index(check.sentence) for line, check in zip(lines[1:4], checks, strict=True)}) == 1
