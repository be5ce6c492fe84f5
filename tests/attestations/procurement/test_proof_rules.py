from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from attestations.findings import Check, broken, not_checked, passed, rejected, stale
from attestations.procurement import Evidence
from tests.attestations.evidence import ISSUER
from tests.attestations.procurement.cases import ALL_HOLD, EVALUATOR, bounded, findings, holds, policy_of, why_not


def test_issuers(good: Evidence) -> None:
    assert holds(good, allowedIssuers=["https://other.example", ISSUER])
    assert ISSUER in why_not(good, allowedIssuers=["https://other.example"])


def test_schemas(good: Evidence) -> None:
    assert holds(good, minSchema="0.2.0")
    assert not holds(good, minSchema="0.3.0")
    assert holds(replace(good, predicate=bounded(good.predicate)), minSchema="0.3.0")


def test_age_and_validity(good: Evidence) -> None:
    issued = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert holds(replace(good, now=issued + timedelta(days=30)), maxAgeDays=30)
    assert not holds(replace(good, now=issued + timedelta(days=30, seconds=1)), maxAgeDays=30)
    assert holds(good, maxValidityDays=184)
    assert not holds(good, maxValidityDays=183)
    # a validity that is said to begin late does not make it shorter
    late = replace(good.predicate, valid_from="2026-08-01T12:00:00Z")
    assert not holds(replace(good, predicate=late), maxValidityDays=183)
    assert holds(
        good,
        maxValidityDays=2**52,
    )
    assert holds(good, maxAgeDays=2**52)


@pytest.mark.parametrize("rule", ["requireStatus", "requireTimestamp", "requireCountersignature"])
@pytest.mark.parametrize("found", [None, not_checked, stale, rejected, broken])
def test_only_what_was_found_to_hold_holds(good: Evidence, rule: str, found: object) -> None:
    def checks(code: str) -> tuple[Check, ...]:
        return () if found is None else (found(code, "…"),)  # type: ignore[operator]

    code = {
        "requireStatus": "status",
        "requireTimestamp": "time.signing",
        "requireCountersignature": "countersignature",
    }
    evidence = replace(good, checks=checks(code[rule]))
    assert not holds(evidence, **{rule: True})


def test_status_timestamp_and_countersignature_that_hold(good: Evidence) -> None:
    proven = replace(good, checks=ALL_HOLD, evaluators=(EVALUATOR,), proven_at=datetime(2026, 3, 1, 13, tzinfo=UTC))
    assert holds(proven, requireStatus=True)
    assert holds(proven, requireTimestamp=True)
    assert holds(proven, requireCountersignature=True)
    assert not holds(replace(proven, proven_at=None), requireTimestamp=True)
    assert not holds(replace(proven, evaluators=()), requireCountersignature=True)
    # of two lists one of which is stale, the worse counts
    twice = replace(proven, checks=(*ALL_HOLD, stale("status", "expired")))
    assert not holds(twice, requireStatus=True)


def test_a_countersignature_by_an_unknown_key_takes_nothing_from_one_that_holds(good: Evidence) -> None:
    checks = (passed("countersignature", "holds"), not_checked("countersignature", "an unknown key"))
    both = replace(good, checks=checks, evaluators=(EVALUATOR,))
    assert holds(both, requireCountersignature=True)
    assert not holds(
        replace(both, checks=(*checks, rejected("countersignature", "found otherwise"))), requireCountersignature=True
    )


def test_evaluators_that_the_buyer_names(good: Evidence) -> None:
    signed = replace(good, checks=ALL_HOLD, evaluators=("a" * 64, EVALUATOR))
    assert holds(signed, allowedEvaluators=[EVALUATOR])
    assert not holds(signed, allowedEvaluators=["b" * 64])
    assert not holds(good, allowedEvaluators=[EVALUATOR])


def test_a_rule_stated_as_false_asks_for_nothing(good: Evidence) -> None:
    rules = {"requireStatus": False, "requireTimestamp": False, "requireCountersignature": False}
    assert list(findings(policy_of(**rules, minLevel=0, noJudgeDependentRow=False), good)) == ["policy.min_level"]


def test_levels(good: Evidence) -> None:
    assert holds(replace(good, level=2), minLevel=2)
    assert "level 3 is asked for" in why_not(replace(good, level=2), minLevel=3)
