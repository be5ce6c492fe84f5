"""Cheats that once passed: what a hostile issuer signs, or somebody on the way changes, and what names it now."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from attestations import procurement
from attestations.bundle import Bundle
from attestations.digests import Sha256
from attestations.findings import Check, ExitCode, Status
from attestations.report import report_json, report_text
from attestations.verify import Report, verify
from tests.attestations.evidence import KEPT, make_plan
from tests.attestations.evidence_03 import NOW, World, make_world


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
