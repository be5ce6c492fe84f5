import json
from pathlib import Path

import pytest

from attestations import statement
from attestations.cli import main
from tests.attestations.evidence import Evidence
from tests.attestations.evidence_hidden import counting_salts, statement_03

NOW = ["--now", "2026-03-02T00:00:00Z"]


@pytest.fixture
def files(tmp_path: Path, kept: Evidence, lost: Evidence) -> Path:
    (tmp_path / "kept.json").write_bytes(kept.bundle)
    (tmp_path / "lost.json").write_bytes(lost.bundle)
    (tmp_path / "trust.json").write_bytes(kept.trust)
    return tmp_path


def test_a_difference_is_no_failure(files: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["diff", str(files / "kept.json"), str(files / "lost.json")]) == 0
    shown = capsys.readouterr().out
    assert "NOT VERIFIED" in shown
    assert "plan.seeds" not in shown
    assert main(["diff", str(files / "kept.json"), str(files / "kept.json"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["changes"]) == ([], [])
    assert found["same"]["plan"] > 10


def test_with_a_trust_root_both_are_verified_first(files: Path, kept: Evidence, capsys: pytest.CaptureFixture) -> None:
    trust = ["--trust", str(files / "trust.json")]
    assert main(["diff", str(files / "kept.json"), str(files / "kept.json"), *trust, *NOW]) == 0
    shown = capsys.readouterr().out
    assert "NOT VERIFIED" not in shown
    assert shown.count("verified, accepted by the default policy") == 2
    assert main(["diff", str(files / "kept.json"), str(files / "lost.json"), *trust, *NOW]) == 1
    assert "no trusted key signed it" in capsys.readouterr().err


def test_a_late_one_is_compared_and_said_to_be_late(files: Path, capsys: pytest.CaptureFixture) -> None:
    late = ["--trust", str(files / "trust.json"), "--now", "2027-03-02T00:00:00Z"]
    assert main(["diff", str(files / "kept.json"), str(files / "kept.json"), *late]) == 0
    assert capsys.readouterr().out.count("OUT OF DATE") == 2


def test_malformed_input_ends_with_two(files: Path, capsys: pytest.CaptureFixture) -> None:
    (files / "bad.json").write_bytes(b"{}")
    assert main(["diff", str(files / "kept.json"), str(files / "bad.json")]) == 2
    assert main(["diff", str(files / "none.json"), str(files / "kept.json")]) == 2
    assert "tuneproof: " in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["diff", str(files / "kept.json")])
    assert caught.value.code == 2


def test_for_programs_it_says_why_there_is_no_comparison(files: Path, capsys: pytest.CaptureFixture) -> None:
    (files / "bad.json").write_bytes(b"{")
    assert main(["diff", str(files / "kept.json"), str(files / "bad.json"), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found["exitCode"], found["error"]["code"]) == (2, "json.not_json")


def test_openings_in_the_bundles_count(files: Path, kept: Evidence, capsys: pytest.CaptureFixture) -> None:
    payload, openings = statement.conceal(statement_03(kept), ["environment"], counting_salts())
    for name, shown in (("closed", ()), ("open", openings)):
        content = kept.with_payload(payload, unverified_disclosures=tuple(one.to_json() for one in shown))
        (files / f"{name}.json").write_bytes(content)
    assert main(["diff", str(files / "closed.json"), str(files / "open.json"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["changes"] == []
    assert found["notComparable"] == 2
    assert [side["hidden"] for side in found["attestations"]] == [["environment"], []]
    wrong = kept.with_payload(payload, unverified_disclosures=({**openings[0].to_json(), "value": "x"},))
    (files / "wrong.json").write_bytes(wrong)
    assert main(["diff", str(files / "wrong.json"), str(files / "open.json")]) == 1
    assert "not what was committed to" in capsys.readouterr().err


def test_another_plan_than_the_named_one_is_not_compared(
    files: Path, kept: Evidence, capsys: pytest.CaptureFixture
) -> None:
    (files / "grafted.json").write_bytes(kept.with_payload(kept.statement.encode(), unverified_plan=b"{}"))
    assert main(["diff", str(files / "grafted.json"), str(files / "grafted.json"), "--json"]) == 0
    bare = json.loads(capsys.readouterr().out)["same"]["plan"]
    assert main(["diff", str(files / "kept.json"), str(files / "kept.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["same"]["plan"] > bare + 10
