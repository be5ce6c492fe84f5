"""Policies against evidence, in a file that other implementations can share: every check that fails, and the exit code.

A vector's `policy` is a document, a part of one (rules or tenets), or the name of an example in docs/policies-of-buyers; its
evidence is a signed sample verified as a whole, or the assistant of `assistant.py` with `changes`. What is not in `fails`
passes.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from attestations import procurement
from attestations.documents import parse_moment
from attestations.findings import Check, Status, overall
from attestations.procurement import AcceptancePolicy
from attestations.procurement.rules import RULES, demanded
from attestations.verify import verify
from tests.attestations.procurement.assistant import evidence

HERE = Path(__file__).parent
VECTORS = json.loads((HERE / "vectors.json").read_text(encoding="utf-8"))
SAMPLES = HERE.parent / "samples"
EXAMPLES = HERE.parents[2] / "docs" / "policies-of-buyers"
FRAME = {"schema": "0.2.0", "id": "vector", "version": "1", "author": "a buyer", "rules": {}}


def policy_of(vector: dict[str, Any]) -> AcceptancePolicy:
    policy = vector["policy"]
    if isinstance(policy, str):
        path = EXAMPLES / f"{policy}.json"
        if not path.exists():
            pytest.skip("the examples of the documentation are not here")
        return procurement.parse(path.read_bytes())
    return procurement.parse(json.dumps({**FRAME, **policy} if policy.get("schema") != "0.1.0" else policy).encode())


def found(vector: dict[str, Any], policy: AcceptancePolicy, directory: Path) -> tuple[list[Check], int]:
    if "sample" not in vector:
        checks = procurement.apply(policy, evidence(directory / "model", vector["changes"]))
        return checks, overall(checks)
    path = SAMPLES / f"{vector['sample']}.resilience.json"
    trust = (path.parent / "trust.json").read_bytes()
    report = verify(path.read_bytes(), trust, now=parse_moment(vector["now"]), acceptance=policy)
    return [check for check in report.checks if check.code.startswith("policy.")], report.exit_code


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_vector(vector: dict[str, Any], tmp_path: Path) -> None:
    policy = policy_of(vector)
    if policy.document.tenets:
        pytest.importorskip("celpy", reason="the extra that evaluates CEL is not installed")
    checks, exit_code = found(vector, policy, tmp_path)
    assert sorted(check.code for check in checks if check.status is Status.FAIL) == vector["fails"]
    assert exit_code == vector["exitCode"]
    rest = {check.code for check in checks} - set(vector["fails"]) - {"policy.signature"}
    assert {check.status for check in checks if check.code in rest} <= {Status.PASS}
    asked = len(demanded(policy.document.rules)) + len(policy.document.tenets or ())
    assert len(checks) == 1 + asked


def test_every_rule_is_failed_by_a_vector_and_met_by_another() -> None:
    failed = {code.removeprefix("policy.") for vector in VECTORS for code in vector["fails"]}
    assert set(RULES) <= failed
    met = set()
    for vector in VECTORS:
        if vector["exitCode"] == 0:
            met |= set(demanded(policy_of(vector).document.rules))
    assert set(RULES) <= met


def test_the_documentation_names_every_rule_and_its_example_is_one() -> None:
    page = HERE.parents[2] / "docs" / "procurement.md"
    if not page.exists():
        pytest.skip("the documentation is not here")
    text = page.read_text(encoding="utf-8")
    for rule in RULES:
        first, *rest = rule.split("_")
        assert f"`{first}{''.join(word.capitalize() for word in rest)}" in text
    example = text.partition("```json\n")[2].partition("```")[0]
    assert procurement.parse(example.encode()).document.id == "ward-assistant"
