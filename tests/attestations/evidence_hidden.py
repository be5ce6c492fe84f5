"""A statement of schema 0.3.0, as far as hiding values needs one, and salts that tests can predict."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from attestations.digests import Sha256
from attestations.plan import Plan
from attestations.predicate import ResiliencePredicate, StatusRef
from attestations.statement import ResilienceStatement
from attestations.tuned import Compute
from tests.attestations.evidence import Evidence

NAMES = ("data.sources[*].id", "data.sources[*].origin", "tuning.parameters.*", "model.base.name", "environment")


def plan_03(plan: Plan) -> Plan:
    return replace(plan, schema="0.3.0")


def predicate_03(old: ResiliencePredicate) -> ResiliencePredicate:
    """The same predicate with all that schema 0.3.0 asks for."""
    assert old.model is not None
    assert old.tuning is not None
    assert old.plan is not None
    assert old.boundaries is not None
    return replace(
        old,
        schema="0.3.0",
        status=StatusRef("https://tuning.example/status/1", 7),
        model=replace(old.model, oms_root=Sha256.of(b"oms")),
        tuning=replace(
            old.tuning,
            started_at="2026-03-01T11:05:00Z",
            finished_at="2026-03-01T11:40:00Z",
            provenance=Sha256.of(b"slsa"),
            compute=Compute("1.2e15", "6 · parameters · tokens", "1.6e21", "0.000001"),
        ),
        plan=replace(old.plan, statement=Sha256.of(b"plan statement")),
        boundaries=replace(
            old.boundaries, turns=1, decoding="greedy", system_prompt=Sha256.of(b"prompt"), retest_on=("a new base",)
        ),
    )


def statement_03(evidence: Evidence) -> ResilienceStatement:
    return ResilienceStatement(evidence.statement.subject, predicate_03(evidence.statement.predicate))


def counting_salts() -> Callable[[], bytes]:
    """A source of salts that are all different and the same in every run."""
    made = 0

    def new_salt() -> bytes:
        nonlocal made
        made += 1
        return hashlib.sha256(f"salt {made}".encode()).digest()[:16]

    return new_salt
