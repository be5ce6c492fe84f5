"""Any JSON value at any place of a statement or plan of format 0.2, signed by a trusted key: a report or one of our errors."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import bundle, canonical
from attestations.digests import Sha256
from attestations.errors import AttestationError
from attestations.findings import ExitCode
from attestations.report import report_text
from attestations.verify import verify
from tests.attestations.evidence import NOW, Evidence
from tests.attestations.evidence_02 import make_reviewed, make_sweep

DECISIVE = {
    "agreement",
    "byJudge",
    "candidates",
    "chosen",
    "conditions",
    "controls",
    "decision",
    "designEffect",
    "disagreement",
    "holding",
    "judgeDependent",
    "reviews",
    "rule",
    "table",
}


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evidence, ...]:
    return tuple(make(tmp_path_factory.mktemp("rich") / "m") for make in (make_sweep, make_reviewed))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 400)
    | st.sampled_from(["0.000000", "-1", "0.5", "1", "99999999999.5", "held", "released", "negative", "", "*"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def damage(value: object, new: object, data: st.DataObject) -> tuple[object, bool]:
    """Puts `new` somewhere into the value, which may mean to take an item away or to double one; where, and if it differs."""
    at: object = value
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 5)) == 0:
            break
        at = at[key]
    how = data.draw(st.sampled_from(["replace", "replace", "remove", "double"]))
    if how == "replace":
        changed, at[key] = at[key] != new, new
        return key, changed
    if how == "double" and isinstance(at, list):
        at.append(at[key])
    else:
        del at[key]
    return key, True


def judge_bundle(evidence: Evidence, signed: bytes) -> ExitCode:
    try:
        report = verify(signed, evidence.trust, now=NOW)
    except AttestationError as error:
        return ExitCode(error.exit_code)
    assert report_text(report)
    return report.exit_code


@settings(max_examples=60)
@given(st.data(), json_values, st.integers(0, 1))
def test_no_statement_ends_in_another_exception_and_no_false_one_is_accepted(
    rich: tuple[Evidence, ...], data: st.DataObject, new: object, which: int
) -> None:
    evidence = rich[which]
    value = canonical.parse(evidence.statement.encode(), what="it", max_bytes=10**7)
    key, changed = damage(value, new, data)
    code = judge_bundle(evidence, evidence.with_payload(canonical.encode(value)))
    if changed and key in DECISIVE:
        assert code is not ExitCode.ACCEPT


@settings(max_examples=40)
@given(st.data(), json_values, st.integers(0, 1))
def test_no_plan_ends_in_another_exception(
    rich: tuple[Evidence, ...], data: st.DataObject, new: object, which: int
) -> None:
    """The issuer may have signed for any plan; a plan that decides otherwise gives other verdicts."""
    evidence = rich[which]
    value = canonical.parse(evidence.plan.encode(), what="it", max_bytes=10**7)
    key, changed = damage(value, new, data)
    content = canonical.encode(value)
    predicate = evidence.statement.predicate
    signed = evidence.resigned(replace(predicate, plan=replace(predicate.plan, digest=Sha256.of(content))))
    signed = replace(bundle.parse(signed), unverified_plan=content).encode()
    code = judge_bundle(evidence, signed)
    if changed and key in {"rows", "candidates", "controls", "judges", "schema"}:
        assert code is not ExitCode.ACCEPT
