"""Evidence as a verifier hands it to a policy, and policies as JSON, for the tests of this package."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from attestations import manifest, procurement
from attestations.boundaries import ContextTested, Requirement
from attestations.findings import Check, Status, passed
from attestations.plan import Plan
from attestations.predicate import ResiliencePredicate
from attestations.procurement import AcceptancePolicy, Evidence
from attestations.recompute import recompute
from attestations.verdicts import Measurement, RowKey
from tests.attestations.evidence import NOW, make_predicate, write_model
from tests.attestations.evidence_hidden import predicate_03

EVALUATOR = "e" * 64
ALL_HOLD = tuple(passed(code, "holds") for code in ("signature", "status", "time.signing", "countersignature"))


def policy_of(tenets: object = None, **rules: object) -> AcceptancePolicy:
    """A policy of schema 0.2.0 with these rules, by their JSON names."""
    document = {"schema": "0.2.0", "id": "test", "version": "1", "author": "a buyer", "rules": rules}
    if tenets is not None:
        document["tenets"] = tenets
    return procurement.parse(json.dumps(document, indent=2).encode())


def evidence_of(predicate: ResiliencePredicate, planned: Plan | None, **more: object) -> Evidence:
    """Judged again as the verifier does it."""
    again = recompute(planned, predicate)
    made = Evidence(
        predicate=predicate, now=NOW, level=0, judged=again.judged, findings=again.findings, planned=planned
    )
    return replace(made, **more)


def measured(directory: Path, plan: Plan, measurements: Mapping[RowKey, Measurement], **more: object) -> Evidence:
    """Evidence of a plan and what was measured under it; `more` are fields of the predicate."""
    made = manifest.build(write_model(directory))
    return evidence_of(make_predicate(plan, measurements, made, **more), plan)


def findings(policy: AcceptancePolicy, evidence: Evidence) -> dict[str, Check]:
    """The checks by code, but for the one about the policy's own signature."""
    checks = procurement.apply(policy, evidence)
    assert len({check.code for check in checks}) == len(checks)
    return {check.code: check for check in checks if check.code != "policy.signature"}


def the_one(policy: AcceptancePolicy, evidence: Evidence) -> Check:
    [check] = findings(policy, evidence).values()
    assert check.status in (Status.PASS, Status.FAIL)
    assert (check.exit_code == 3) == (check.status is Status.FAIL)
    return check


def holds(evidence: Evidence, **rules: object) -> bool:
    return the_one(policy_of(**rules), evidence).status is Status.PASS


def why_not(evidence: Evidence, **rules: object) -> str:
    check = the_one(policy_of(**rules), evidence)
    assert check.status is Status.FAIL
    return check.sentence


def bounded(predicate: ResiliencePredicate, *, ratio: str | None = "0.0004") -> ResiliencePredicate:
    """The predicate with what every document has since schema 0.3.0, and the compute that the tuning took."""
    said = predicate_03(predicate)
    bounds = replace(
        said.boundaries,
        requires=(Requirement("the operator's own content filter", "as measured"),),
        languages=("en", "de"),
        context=ContextTested(8192, 2048),
        retest_on=("a change of the system prompt",),
    )
    return replace(
        said, boundaries=bounds, tuning=replace(said.tuning, compute=replace(said.tuning.compute, ratio=ratio))
    )
