import json
from dataclasses import replace

from attestations import statement
from attestations.diff import Side, compare
from attestations.diff_report import diff_json, diff_text
from attestations.findings import ExitCode
from tests.attestations.evidence import Evidence
from tests.attestations.evidence_hidden import counting_salts, statement_03


def test_the_screen_is_small_and_counts_what_is_the_same(kept: Evidence, lost: Evidence) -> None:
    same = diff_text(compare(Side(kept.statement, kept.plan), Side(kept.statement, kept.plan)))
    assert "Nothing differs." in same
    assert "NOT VERIFIED" in same
    assert "The same in both: 4 rows," in same
    text = diff_text(compare(Side(kept.statement, kept.plan), Side(lost.statement, lost.plan)))
    assert "outcome.status: released → blocked" in text
    assert "refusal_rate on harmful-requests" in text
    assert "→ regressed (material) [0.892, 0.846 to 0.925]" in text
    assert len(text.splitlines()) < 40


def test_verified_sides_say_how_that_ended(kept: Evidence) -> None:
    sides = Side(kept.statement, verified=ExitCode.ACCEPT), Side(kept.statement, verified=ExitCode.POLICY)
    text = diff_text(compare(*sides))
    assert "NOT VERIFIED" not in text
    assert "accepted by the default policy" in text
    assert "genuine, and REJECTED" in text
    half = diff_text(compare(sides[0], Side(kept.statement)))
    assert "NOT VERIFIED" in half


def test_an_item_that_is_new_is_one_line(kept: Evidence) -> None:
    data = kept.statement.predicate.data
    fewer = replace(kept.statement.predicate, data=replace(data, sources=data.sources[:1]))
    text = diff_text(compare(Side(replace(kept.statement, predicate=fewer)), Side(kept.statement)))
    assert "  + data.sources[chat-logs]: role train, records 60, licence proprietary" in text
    back = diff_text(compare(Side(kept.statement), Side(replace(kept.statement, predicate=fewer))))
    assert "  - data.sources[chat-logs]: role train" in back


def test_many_changes_of_one_kind_are_cut_on_the_screen_and_not_in_the_json(kept: Evidence) -> None:
    tuning = kept.statement.predicate.tuning
    many = replace(tuning, parameters={f"parameter-{i}": str(i) for i in range(40)})
    found = compare(
        Side(kept.statement), Side(replace(kept.statement, predicate=replace(kept.statement.predicate, tuning=many)))
    )
    assert "… and 30 more; --json lists them all" in diff_text(found)
    assert len(diff_json(found)["changes"]) == 42


def test_hidden_values_are_listed(kept: Evidence) -> None:
    whole = statement_03(kept)
    payload, openings = statement.conceal(whole, ["environment", "model.base.name"], counting_salts())
    closed, half = statement.parse(payload), statement.parse(payload, openings[:1])
    text = diff_text(compare(Side(whole), Side(closed)))
    assert "Hidden: 0 values before, 2 after; 3 facts could not be compared" in text
    assert "  + environment is hidden now" in text
    assert "Nothing differs in what both show." in text
    opened = half.opened[0]
    assert f"  - {opened} is hidden no longer" in diff_text(compare(Side(closed), Side(half)))


def test_the_json_has_both_sides_of_everything(kept: Evidence, lost: Evidence) -> None:
    found = diff_json(compare(Side(kept.statement, kept.plan, ExitCode.ACCEPT), Side(lost.statement, lost.plan)))
    assert json.loads(json.dumps(found)) == found
    row = found["rows"][0]
    assert (row["metric"], row["verdictChanged"]) == ("refusal_rate", True)
    assert (row["before"]["verdict"], row["after"]["verdict"]) == ("non_inferior", "regressed")
    assert {"group": "outcome", "place": "outcome.status", "before": "released", "after": "blocked"} in found["changes"]
    assert [side["verified"] for side in found["attestations"]] == [True, False]
    assert found["attestations"][0]["exitCode"] == 0
    assert "exitCode" not in found["attestations"][1]


def test_strangers_text_cannot_move_the_cursor(kept: Evidence) -> None:
    evil = replace(kept.statement.predicate, attestation_id="x\u202ey\u009b2J", not_claimed=("\u200fhidden\u2066",))
    text = diff_text(compare(Side(kept.statement), Side(replace(kept.statement, predicate=evil))))
    assert not set(text) & set("\u202e\u009b\u200f\u2066")
