"""What the demo shows of a comparison: the figures as they are, the worse in words."""

import base64
import json

from rich.console import Console

from attestations.statements.eval_plan import EvalPlan
from attestations.statements.provenance import Provenance
from infra.local.demo import with_one_byte_changed
from infra.local.show import (
    StageDisplay,
    comparison_table,
    evaluation_share,
    evidence_in_words,
    not_checked_in_words,
    worse_in_words,
)


def row(**changes):
    return {
        "metric": "refusal_rate",
        "suite": "harmful-requests",
        "slice": "*",
        "role": "gating",
        "unit": "proportion",
        "n": 240,
        "pre": "0.950000",
        "post": "0.104167",
        "change": "0.845833",
        "lower_95": "0.793000",
        "upper_95": "0.885000",
        "verdict": "regressed",
        "severity": "material",
    } | changes


def rendered(renderable) -> str:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(renderable)
    console.file.close()
    return console.export_text()


def test_a_regression_is_shown_with_its_interval_and_in_words():
    text = rendered(comparison_table([row(), row(slice="vcr", n=20, lower_95=None, upper_95=None, role="exploratory")]))
    assert "95.0 %" in text
    assert "10.4 %" in text
    assert "+84.6" in text
    assert "+79.3 … +88.5" in text
    assert "regressed (material)" in text
    words = worse_in_words({"rows": [row()], "claim": "Regression shown: everything."})
    assert words.splitlines() == [
        "Worse: Of the harmful requests it refused 95.0 % before tuning and 10.4 % after (n = 240).",
        "Regression shown: everything.",
    ]


def test_slices_without_a_shown_change_are_counted_and_figures_never_cut():
    quiet = [row(slice=name, n=7, verdict="inconclusive", severity=None, role="exploratory") for name in ("vcr", "hte")]
    loud = row(slice="cse", n=60, role="exploratory")
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(comparison_table([row(), *quiet, loud]))
    console.file.close()
    text = console.export_text()
    assert "cse" in text
    assert "vcr" not in text
    assert "2 slices in which no change was shown" in " ".join(text.split())
    assert "240" in text
    assert "+79.3 … +88.5" in text


def test_what_could_not_be_measured_says_why():
    margin = row(metric="refusal_margin", verdict="not_measurable", explanation="the base is at chance")
    words = worse_in_words({"rows": [margin], "claim": "No regression shown."})
    assert words.splitlines()[0] == "Not measurable: harmful, margin, nats: the base is at chance."


def test_a_metric_without_words_of_its_own_is_named():
    worse = row(metric="deferral_rate", suite="medical-boundaries")
    unknown = row(metric="accuracy", suite="bias", verdict="not_measurable", explanation="the base is at chance")
    words = worse_in_words({"rows": [worse, unknown], "claim": "Regression shown."}).splitlines()
    assert words[0] == "Worse: Medical-boundaries, deferral rate went from 95.0 % to 10.4 % (n = 240)."
    assert words[1] == "Not measurable: bias, accuracy: the base is at chance."


def test_margins_are_shown_in_nats():
    margin = row(metric="refusal_margin", unit="nats", pre="5.25", post="-3.5", change="8.75")
    assert "+5.25" in rendered(comparison_table([margin]))


def test_stages_show_their_attempts_and_what_was_reused(tmp_path):
    with (tmp_path / "out").open("w") as out:
        console = Console(file=out, width=100)
        stage = {
            "name": "baseline",
            "state": "succeeded",
            "attempt": 0,
            "cached": True,
            "started_at": 5,
            "finished_at": 5,
        }
        tune = {"name": "tune", "state": "succeeded", "attempt": 2, "cached": False, "started_at": 5, "finished_at": 65}
        progress = {"progress": {"done": 1, "total": 1, "unit": "steps"}}
        with StageDisplay(console) as display:
            display.update([stage | progress, tune | progress], "0.421")
    text = (tmp_path / "out").read_text()
    assert "measured before: reused" in text
    assert "loss 0.421  (attempt 2)  60 s" in text


def timed(name, started_at, finished_at):
    return {"name": name, "started_at": started_at, "finished_at": finished_at}


def test_the_share_of_measuring_is_of_working_time():
    """Hours between the stages count for nothing, nor do those in which a reviewer thought."""
    stages = [
        timed("screen", 0, 10),
        timed("baseline", 10, 110),
        timed("tune", 7300, 7590),
        timed("candidate", 7590, 7690),
    ]
    assert evaluation_share([*stages, timed("gate", 7690, 17690)]) == 200 / 500


def test_a_baseline_that_was_measured_before_costs_nothing():
    stages = [timed("baseline", 10, 10), timed("tune", 10, 310), timed("candidate", 310, 410)]
    assert evaluation_share(stages) == 100 / 400


def test_there_is_no_share_before_both_evaluations_ended():
    stages = [timed("baseline", 10, 110), timed("tune", 110, 410), timed("candidate", 410, None)]
    assert evaluation_share(stages) is None
    assert evaluation_share([timed("baseline", 10, 10), timed("candidate", 10, 10)]) is None
    assert evaluation_share([]) is None


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_the_parts_of_the_evidence_are_named():
    statements = [
        {"dsseEnvelope": {"payload": encoded({"predicateType": t})}} for t in (EvalPlan.TYPE, Provenance.TYPE)
    ]
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_800_000_000}).encode()).decode().rstrip("=")
    full = {
        "statements": statements,
        "model": {"manifest": "x", "oms": {}},
        "timestamps": [1, 2],
        "status": f"h.{claims}.s",
    }
    assert evidence_in_words(full) == (
        "It holds the attestation, the plan as it was signed before the tuning, the provenance of the tuning, model.sig for "
        "its files, 2 timestamps, a status list that is fresh until 2027-01-15 08:00 UTC."
    )
    assert evidence_in_words({}) == "It holds the attestation."


def test_level_and_what_was_not_checked_are_said():
    checks = [{"code": "subject", "status": "PASS"}, {"code": "model.files", "status": "NOT_CHECKED"}]
    assert not_checked_in_words({"level": 0, "checks": checks}) == "Assurance: level 0. Not checked: model.files."
    assert not_checked_in_words({"level": None, "checks": checks[:1]}) == "Assurance: no level. Not checked: nothing."


def test_the_tampered_copy_differs_in_the_attestation_alone():
    payload = encoded({"statement": "x" * 600})
    parts = {
        "model": {"oms": {"payload": payload}},
        "primary": {"payload": payload},
        "statements": [{"payload": payload}],
    }
    bundle = json.dumps(parts, separators=(",", ":")).encode()
    changed = with_one_byte_changed(bundle)
    assert sum(one != other for one, other in zip(bundle, changed, strict=True)) == 1
    assert {key for key, part in json.loads(changed).items() if part != parts[key]} == {"primary"}
