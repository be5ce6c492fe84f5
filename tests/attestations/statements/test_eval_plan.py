"""The signed plan says what the plan's bytes fix, part by part."""

from dataclasses import replace

import pytest

from attestations import canonical, documents
from attestations.digests import Sha256
from attestations.errors import MalformedError
from attestations.statements import eval_plan
from attestations.statements.eval_plan import Counts, Fixed
from tests.attestations.evidence import ISSUER
from tests.attestations.evidence_02 import make_plan_02
from tests.attestations.statements.complete import CLOSE_BY, SIGNED_PLAN, Complete


def test_the_subject_is_the_plan_by_its_bytes(complete: Complete) -> None:
    subject = complete.signed_plan.subject
    assert (subject.name, subject.digest.sha256) == ("eval-plan", complete.plan.digest.sha256)
    assert subject.digest.dir_hash is None


def test_counts_and_parts_are_those_of_the_plan() -> None:
    plan = make_plan_02(candidates=("1", "0.5"))
    made = eval_plan.build(plan.encode(), issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY).predicate
    assert (
        made.counts
        == Counts(suites=4, rows=6, gating_rows=plan.gating_rows, judges=2, controls=3, candidates=2)
        == Counts.of(plan)
    )
    assert made.fixed.policy == Sha256.of(canonical.encode(documents.encode(plan.policy)))
    assert made.fixed.margin == Sha256.of(b"null")
    assert made.strays(plan, plan.encode()) == []


@pytest.mark.parametrize(
    ("changes", "strays"),
    [
        ({"seeds": {"tuning": "18"}}, ["seeds"]),
        ({"candidates": ("1", "0.25")}, ["counts", "candidates"]),
        ({"tuning": {"technique": "full"}}, ["tuning"]),
        ({"runs_declared": 9}, ["number of runs"]),
    ],
)
def test_what_another_plan_changed_is_named(changes: dict[str, object], strays: list[str]) -> None:
    plan = make_plan_02()
    made = eval_plan.build(plan.encode(), issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY).predicate
    other = replace(plan, **changes)
    assert made.strays(other, other.encode()) == strays


def test_a_value_that_the_plan_keeps_back_counts_as_its_commitment() -> None:
    plan = replace(make_plan_02(), schema="0.3.0")
    tree = documents.encode(plan)
    kept = {**tree, "tuning": {"technique": {"$commit": {"alg": "sha256-jcs-salted-v1", "value": "0" * 64}}}}
    assert Fixed.by(canonical.encode(kept)).tuning == Sha256.of(canonical.encode(kept["tuning"]))
    assert Fixed.by(canonical.encode(kept)).rows == Fixed.by(plan.encode()).rows


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"close_by": SIGNED_PLAN}, "end before they can begin"),
        ({"runs_declared": 0}, "at least one run"),
        ({"schema": "0.9.0"}, "schema 0.1.0"),
        ({"created_at": "2026-02-31T00:00:00Z"}, "a time must be"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_malformed(complete: Complete, changes: dict[str, object], words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        replace(complete.signed_plan.predicate, **changes)
