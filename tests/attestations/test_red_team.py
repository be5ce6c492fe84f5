"""Cheats that once passed: what a hostile issuer signs, or somebody on the way changes, and what names it now."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from attestations import canonical, procurement, statement
from attestations.bundle import Bundle, parse_sigstore
from attestations.digests import Sha256
from attestations.disclosure import Opening
from attestations.errors import MalformedError
from attestations.findings import Check, ExitCode, Status
from attestations.keys import LocalSigner
from attestations.predicate import EvaluationRow
from attestations.procurement import Reached, sign_verdict
from attestations.report import plain, report_json, report_text
from attestations.statements import frame, reading
from attestations.statements.countersignature import Mode
from attestations.statistics import PairedTable
from attestations.status import State
from attestations.verdicts import Measured, Worse
from attestations.verify import Report, verify
from tests.attestations.evidence import HARMFUL, KEPT, make_plan
from tests.attestations.evidence_03 import NOW, World, make_world
from tests.attestations.evidence_hidden import counting_salts
from tests.attestations.statements.complete import make_provenance


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("red"))


def seen(world: World, parts: Bundle, trust: bytes | None = None, **rules: object) -> Report:
    """`rules` are those of a buyer's policy; `tenets` may be among them."""
    acceptance = None
    if rules:
        tenets = rules.pop("tenets", None)
        more = {"tenets": tenets} if tenets else {}
        said = {"schema": "0.2.0", "id": "it", "version": "1", "author": "a buyer", "rules": rules, **more}
        acceptance = procurement.parse(json.dumps(said).encode())
    return verify(parts.encode(), trust or world.keys.trust_file, now=NOW, acceptance=acceptance)


def failing(report: Report) -> list[str]:
    return [check.code for check in report.checks if check.status is Status.FAIL]


def found(report: Report, code: str) -> Check:
    return next(check for check in report.checks if check.code == code)


def test_nothing_is_wrong_with_what_the_cheats_begin_with(world: World) -> None:
    assert seen(world, world.parts).exit_code is ExitCode.ACCEPT


@pytest.mark.parametrize("part", ["tokenizer", "chat_template", "generation_config"])
def test_a_model_is_not_measured_with_one_template_and_shipped_with_another(world: World, part: str) -> None:
    """The plan and the statement agreed with each other, and neither with the files that were signed for."""
    model = world.predicate.model
    served = replace(model.served, **{part: Sha256.of(b"as measured")})
    report = seen(world, world.lying(model=replace(model, served=served)))
    assert "subject" in failing(report)
    assert report.exit_code is ExitCode.CRYPTOGRAPHIC


def test_an_adapter_is_one_of_the_files(world: World) -> None:
    name = "adapter_model.safetensors"
    there = next(one.sha256 for one in world.manifest.files if one.name.endswith(name))
    model = world.predicate.model
    assert failing(seen(world, world.lying(model=replace(model, adapter=Sha256(there))))) == []
    report = seen(world, world.lying(model=replace(model, adapter=Sha256.of(b"another"))))
    assert (failing(report), name in found(report, "subject").sentence) == (["subject"], True)


def test_new_evidence_is_not_judged_by_the_first_and_weakest_rule(tmp_path: Path) -> None:
    weak = make_world(tmp_path, KEPT, replace(make_plan(), schema="0.1.0"), controls=None)
    report = seen(weak, weak.parts, minSchema="0.3.0")
    assert (failing(report), report.exit_code) == (["plan"], ExitCode.POLICY)


def test_a_base_has_the_name_that_its_plan_gave_it(world: World) -> None:
    model = world.predicate.model
    report = seen(world, world.lying(model=replace(model, base=replace(model.base, name="a-famous-safe-base"))))
    assert failing(report) == ["plan"]


@pytest.mark.parametrize(
    ("issued", "finished"), [("2026-03-01T11:10:00Z", None), (None, "2026-03-01T11:01:00Z"), (None, None)]
)
def test_dates_that_cannot_all_be_true(world: World, issued: str | None, finished: str | None) -> None:
    tuning, changes = world.predicate.tuning, {}
    if issued:
        changes["issued_at"] = issued
    if finished:
        changes["tuning"] = replace(tuning, finished_at=finished)
    report = seen(world, world.lying(**changes))
    assert ("validity" in failing(report)) == bool(changes)


def test_a_thief_reaches_no_level(world: World) -> None:
    """A verdict would have said TUNEPROOF_LEVEL_0, signed by the issuer, of what a stolen key signed."""
    when = {"2026-02-01T00:00:00Z": ExitCode.CRYPTOGRAPHIC, "2026-04-01T00:00:00Z": ExitCode.UNDETERMINED}
    for since, code in when.items():
        stolen = world.keys.file_of(world.keys.changed(world.keys.issuer, compromised_at=since))
        report = seen(world, world.parts, stolen)
        assert (report.level, report.exit_code) == (None, code)
        assert "signed by the issuer" not in report_text(report)
        assert report_json(report)["level"] is None
        assert "policy.min_level" in failing(seen(world, world.parts, stolen, minLevel=0))
    assert seen(world, world.parts, minLevel=0).level == 0


def told(world: World, **external: str) -> Bundle:
    """The bundle with a provenance of these parameters, which the statement names by its digest."""
    made_by = make_provenance(world.plan, world.manifest, {"technique": "lora", "rank": "16", **external})
    tuning = replace(world.predicate.tuning, provenance=made_by.digest, parameters={"learning_rate": "0.0005"})
    others = (world.parts.unverified_statements[0], frame.seal(made_by, world.keys.issuer))
    return replace(world.lying(tuning=tuning), unverified_statements=others)


@pytest.mark.parametrize(
    ("external", "named"),
    [
        ({}, None),
        ({"technique": "full"}, "parameter technique, planned technique"),
        ({"rank": "64"}, "planned rank"),
        ({"rank": "64", "requested_rank": "16"}, None),
        ({"requested_rank": "64"}, "planned rank"),
        ({"seed": "18"}, "parameter seed"),
    ],
)
def test_plan_statement_and_provenance_tell_of_one_tuning(world: World, external: dict[str, str], named: str) -> None:
    report = seen(world, told(world, **external))
    assert failing(report) == ([] if named is None else ["provenance"])
    assert named is None or found(report, "provenance").sentence.endswith(f": {named}")


def test_words_that_look_hidden_are_not(world: World) -> None:
    """They were compared with nothing, counted as open and stated, and no commitment stood behind them."""
    tuning = world.predicate.tuning
    words = {"rank": "(hidden)", "learning_rate": "0.0005"}
    report = seen(world, world.lying(tuning=replace(tuning, parameters=words)), requireOpen=["tuning.parameters.rank"])
    assert failing(report) == ["provenance", "policy.require_open"]


def test_a_source_of_data_cannot_be_kept_from_the_screen_and_from_tenets(world: World) -> None:
    """It was left out as a whole, so what all sources had to be was true of the others."""
    for pattern in ("data.sources[1]", "data.sources[*]"):
        with pytest.raises(MalformedError, match="cannot be hidden"):
            statement.conceal(world.stated, [pattern], counting_salts())


def test_what_is_hidden_is_said_on_the_screen_and_to_programs(world: World) -> None:
    payload, _ = statement.conceal(world.stated, ["data.sources[1].licence"], counting_salts())
    report = seen(world, world.signed(payload))
    assert report.accepted
    assert "1 values are hidden: data.sources[1].licence" in report_text(report)
    assert report_json(report)["hidden"] == ["data.sources[1].licence"]
    assert "hidden" not in report_text(seen(world, world.parts))


def test_a_ratio_is_not_smaller_than_its_two_counts_say(world: World) -> None:
    tuning = world.predicate.tuning
    assert world.predicate.tuning.compute.ratio == "0.000001"
    with pytest.raises(MalformedError, match="the ratio is smaller"):
        replace(tuning.compute, modification_flop="9e20")
    alone = world.lying(tuning=replace(tuning, compute=replace(tuning.compute, base_flop=None)))
    assert failing(seen(world, alone, maxComputeRatio="0.3")) == ["policy.max_compute_ratio"]
    assert failing(seen(world, world.parts, maxComputeRatio="0.3")) == []


def test_padding_does_not_look_like_another_line() -> None:
    assert plain("safe" + " " * 90 + "PASS  all\u2800\u3164\u00a0checks") == "safe PASS all checks"


def test_the_screen_says_in_which_languages_and_what_ends_it(world: World) -> None:
    bounds = replace(world.predicate.boundaries, expires_on=("a notice about the base",))
    screen = report_text(seen(world, world.lying(boundaries=bounds)))
    assert any(line.split() == ["languages", "en"] for line in screen.splitlines())
    assert any(line.split() == ["ends", "with", "a", "notice", "about", "the", "base"] for line in screen.splitlines())


def test_a_loss_is_not_called_a_gain(tmp_path: Path) -> None:
    """Under a plan that has a measure the other way round, fewer refusals are an improvement and pass every bound."""
    rows = tuple(replace(row, worse=Worse.HIGHER) if row.key == HARMFUL else row for row in make_plan().rows)
    lost = Measured(PairedTable(36, 0, 180, 24))  # from 85 % refused to 10 %
    turned = make_world(tmp_path, {**KEPT, HARMFUL: lost}, make_plan(rows), controls=None)
    bound = {"suite": "harmful-requests", "metric": "refusal_rate", "upperAtMost": "0.02"}
    assert failing(seen(turned, turned.parts, maxRegression=[bound])) == []
    assert failing(seen(turned, turned.parts, maxRegression=[{**bound, "worse": "lower"}])) == ["policy.max_regression"]
    suite = {"suite": "harmful-requests", "metric": "refusal_rate"}
    report = seen(turned, turned.parts, requiredSuites=[{**suite, "worse": "lower"}])
    assert "the other way round" in found(report, "policy.required_suites").sentence
    assert failing(seen(turned, turned.parts, requiredSuites=[{**suite, "worse": "higher"}])) == []


def test_nobody_on_the_way_makes_a_verdict_that_cannot_be_read(world: World) -> None:
    opening = Opening("a\x1bcb", "0" * 32, "x")
    report = seen(world, replace(world.parts, unverified_disclosures=(opening.to_json(),)))
    assert (failing(report), report.exit_code) == (["disclosures"], ExitCode.CRYPTOGRAPHIC)
    reached = Reached(report.verified.statement.subject, Sha256.of(b"payload"), report.checks, report.level)
    buyer = LocalSigner.generate()
    signed = sign_verdict(reached, None, signer=buyer, at="2026-03-02T00:00:00Z")
    envelope = parse_sigstore(canonical.parse(signed, what="it", max_bytes=10**6), "it")
    said = reading.parse_envelope(envelope).predicate.tuneproof_verdict
    assert "\N{REPLACEMENT CHARACTER}cb" in next(one.sentence for one in said.checks if one.code == "disclosures")


def test_an_older_list_hides_no_withdrawal_that_the_bundle_tells_of(world: World) -> None:
    revoked = world.listed(State.INVALID, issued_at=NOW - timedelta(hours=1))
    valid, newer = (world.listed(issued_at=NOW - timedelta(minutes=age)) for age in (600, 10))
    parts, trust = replace(world.parts, unverified_status=revoked).encode(), world.keys.trust_file
    assert verify(parts, trust, now=NOW, unverified_status=valid).exit_code is ExitCode.POLICY
    assert verify(parts, trust, now=NOW, unverified_status=newer).exit_code is ExitCode.ACCEPT
    broken = replace(world.parts, unverified_status="no list").encode()
    assert verify(broken, trust, now=NOW, unverified_status=valid).exit_code is ExitCode.ACCEPT


def test_a_countersignature_says_how_little_it_measured(world: World) -> None:
    one = tuple(EvaluationRow(row.registered, table=PairedTable(1, 0, 0, 0)) for row in world.predicate.evaluations[:1])
    tiny = seen(world, world.adding(world.countersigned_rows(one), by=world.keys.evaluator))
    assert found(tiny, "countersignature").sentence.endswith("agrees on 1 rows of its own, the smallest of 1 pairs")
    nothing = world.countersigned_rows((), mode=Mode.OBSERVED)
    report = seen(world, world.adding(nothing, by=world.keys.evaluator))
    assert found(report, "countersignature").sentence.endswith("0 rows of its own, so it measured nothing")


def test_what_must_be_said_is_not_said_by_a_blank(world: World) -> None:
    bounds = world.predicate.boundaries
    for blank in ({"prohibited": (" ",)}, {"retest_on": ("\n",)}):
        with pytest.raises(MalformedError):
            replace(world.predicate, boundaries=replace(bounds, **blank))
    with pytest.raises(MalformedError, match="notClaimed"):
        replace(world.predicate, not_claimed=(" ",))


def test_the_screen_says_how_answers_were_made_as_planned(world: World) -> None:
    bounds = replace(world.predicate.boundaries, decoding="sampled at temperature 1")
    screen = report_text(seen(world, world.lying(boundaries=bounds)))
    assert "sampled at temperature 1" in screen
    assert "Answers of at most 20 tokens, the likeliest token each time" in screen
