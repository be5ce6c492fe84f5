"""A policy at the end of the whole argument: it sees what the verifier found, and nothing that the evidence says of itself."""

from dataclasses import replace
from datetime import timedelta

import pytest

from attestations.bundle import Bundle
from attestations.findings import Status
from attestations.statements.countersignature import Evaluator
from attestations.status import State
from attestations.verify import Report, verify
from tests.attestations.evidence import ISSUER
from tests.attestations.evidence_03 import NOW, World, make_hiding, make_world
from tests.attestations.procurement.cases import policy_of


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def report_on(world: World, parts: Bundle, later: timedelta = timedelta(0), **rules: object) -> Report:
    return verify(parts.encode(), world.keys.trust_file, now=NOW + later, acceptance=policy_of(**rules))


def failing(report: Report) -> list[str]:
    return [check.code for check in report.checks if check.status is Status.FAIL]


def test_whole_evidence_meets_what_it_can_show(world: World) -> None:
    report = report_on(
        world,
        world.parts,
        minSchema="0.3.0",
        requireStatus=True,
        maxHidden=0,
        requireOpen=["data.sources[*].id", "plan.tuning", "tuning.parameters.*"],
        maxComputeRatio="0.1",
        requiredBoundaries={"present": ["turns", "decoding", "context.testedPromptTokens"], "languages": ["en"]},
        noRegressed="gating",
        requiredControls=[{"suite": "harmful-requests"}],
    )
    assert report.accepted


def test_a_status_that_is_old_or_not_there_is_no_status(world: World) -> None:
    assert failing(report_on(world, world.parts, timedelta(days=2), requireStatus=True)) == ["policy.require_status"]
    without = replace(world.parts, unverified_status=None)
    assert failing(report_on(world, without, requireStatus=True)) == ["policy.require_status"]
    revoked = replace(world.parts, unverified_status=world.listed(State.INVALID))
    assert failing(report_on(world, revoked, requireStatus=True)) == ["status", "policy.require_status"]


def test_evaluators_are_those_whose_countersignature_held(world: World) -> None:
    lab = world.keys.evaluator.key_id
    asked = {"requireCountersignature": True, "allowedEvaluators": [lab]}
    both = ["policy.require_countersignature", "policy.allowed_evaluators"]
    assert failing(report_on(world, world.parts, **asked)) == both
    signed = world.adding(world.countersigned(), by=world.keys.evaluator)
    assert report_on(world, signed, **asked).accepted
    assert failing(report_on(world, signed, allowedEvaluators=["0" * 64])) == ["policy.allowed_evaluators"]
    own = world.adding(world.countersigned(evaluator=Evaluator(f"{ISSUER}/evaluation", ISSUER)), by=world.keys.in_house)
    assert set(failing(report_on(world, own, **asked))) >= set(both)


def test_what_is_hidden_counts_until_it_is_opened(world: World) -> None:
    whole, parts, openings = make_hiding(world)
    parts = replace(parts, unverified_status=world.parts.unverified_status)
    asked = {"maxHidden": 0, "requireOpen": ["tuning.parameters.*"]}
    hidden = report_on(whole, parts, **asked)
    assert failing(hidden) == ["policy.require_open", "policy.max_hidden"]
    assert failing(report_on(whole, parts, requireOpen=["plan.tuning.rank"])) == ["policy.require_open"]
    assert report_on(whole, parts, maxHidden=len(openings)).accepted
    opened = replace(parts, unverified_disclosures=tuple(one.to_json() for one in openings))
    assert report_on(whole, opened, **asked).accepted


def test_a_timestamp_that_is_not_there_proves_nothing(world: World) -> None:
    assert failing(report_on(world, world.parts, requireTimestamp=True)) == ["policy.require_timestamp"]
