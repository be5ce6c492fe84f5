"""Evidence that hides values, as the verifier sees it: what is hidden is counted, and no opening shows what was not signed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import canonical, disclosure, leaves, plan, statement
from attestations.bundle import Bundle
from attestations.digests import Sha256
from attestations.disclosure import Item, Opening
from attestations.errors import AttestationError
from attestations.findings import ExitCode, Status
from attestations.records import OutputsRef, OutputTree
from attestations.statements import eval_plan, frame
from attestations.verify import Report, verify
from tests.attestations.evidence_hidden import NAMES, counting_salts
from tests.attestations.statements.complete import CLOSE_BY, ISSUER, NOW, SIGNED_PLAN, Complete, make_complete

LINES = [f'{{"answer":"{i}"}}' for i in range(5)]
SALTS = [bytes([i]) * 16 for i in range(5)]
LEAVES = [leaves.leaf_digest(salt, line.encode()) for salt, line in zip(SALTS, LINES, strict=True)]
OUTPUTS = OutputsRef(OutputTree(Sha256(leaves.EMPTY_ROOT), 0), OutputTree(Sha256(leaves.root(LEAVES)), 5))


def answer(index: int) -> Item:
    return Item("candidate", index, SALTS[index].hex(), LINES[index], leaves.inclusion_path(LEAVES, index))


@dataclass(frozen=True)
class Hiding:
    """A bundle whose statement and plan hide values, with all of their openings."""

    parts: Bundle
    trust: bytes
    openings: tuple[Opening, ...]

    def verified(self, shown: Sequence[object], **changes: object) -> Report:
        parts = replace(self.parts, unverified_disclosures=tuple(shown), **changes)
        return verify(parts.encode(), self.trust, now=NOW)

    def opening(self, path: str) -> Opening:
        return next(one for one in self.openings if one.path == path)


def make_hiding(made: Complete) -> Hiding:
    new_salt = counting_salts()
    tree, in_plan = disclosure.hide(json.loads(made.plan.encode()), ["tuning.rank"], new_salt, disclosure.PLAN)
    content = canonical.encode(tree)
    signed_plan = eval_plan.build(content, issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY)
    stated = made.stated.predicate
    named = replace(stated.plan, digest=Sha256.of(content), statement=signed_plan.digest)
    whole = replace(made.stated, predicate=replace(stated, plan=named, outputs=OUTPUTS))
    payload, openings = statement.conceal(whole, NAMES, new_salt)
    issuer = made.signers.issuer
    others = (frame.seal(signed_plan, issuer), *made.bundle.unverified_statements[1:])
    envelope = frame.seal(payload, issuer)
    parts = replace(made.bundle, envelope=envelope, unverified_plan=content, unverified_statements=others)
    return Hiding(parts, made.signers.trust_file, (*openings, *in_plan))


@pytest.fixture(scope="module")
def hiding(tmp_path_factory: pytest.TempPathFactory) -> Hiding:
    return make_hiding(make_complete(tmp_path_factory.mktemp("hiding")))


def found(report: Report, code: str = "disclosures") -> tuple[Status, str]:
    check = next(check for check in report.checks if check.code == code)
    return check.status, check.sentence


def failing(report: Report) -> list[str]:
    return [check.code for check in report.checks if check.status is Status.FAIL]


def test_what_is_hidden_is_counted_and_rejects_nothing(hiding: Hiding) -> None:
    report = hiding.verified([])
    assert failing(report) == []
    assert len(report.hidden) == len(hiding.openings) == 9
    assert "plan.tuning.rank" in report.hidden
    assert "9 values are hidden" in found(report)[1]
    assert report.verified.statement.predicate.model.base.name == "(hidden)"
    assert report.planned.tuning["rank"] == "(hidden)"


def test_who_has_the_openings_sees_everything(hiding: Hiding) -> None:
    report = hiding.verified([one.to_json() for one in hiding.openings])
    assert failing(report) == []
    assert report.hidden == ()
    assert "nothing is hidden from this reader; 9 hidden values are opened here" in found(report)[1]
    assert report.verified.statement.predicate.model.base.name == "smollm2-135m-aligned"
    assert report.planned.tuning["rank"] == "16"


def test_one_signature_has_many_views(hiding: Hiding) -> None:
    for one in hiding.openings:
        report = hiding.verified([one.to_json()])
        assert failing(report) == []
        assert set(report.hidden) == {other.path for other in hiding.openings} - {one.path}


NAME = "model.base.name"


@pytest.mark.parametrize(
    ("cheat", "named"),
    [
        (lambda it: [replace(it.opening(NAME), value="another-base")], NAME),
        (lambda it: [replace(it.opening(NAME), salt="0" * 32)], NAME),
        (lambda it: [it.opening(NAME), it.opening(NAME)], NAME),
        (lambda it: [replace(it.opening(NAME), path="model.base.licence")], "model.base.licence"),
        (lambda it: [replace(it.opening("data.sources[0].id"), path="data.sources[1].id")], "data.sources[1].id"),
        (lambda it: [replace(it.opening("plan.tuning.rank"), value="64")], "plan.tuning.rank"),
        (lambda it: [replace(it.opening("plan.tuning.rank"), path="plan.tuning.alpha")], "plan.tuning.alpha"),
        (lambda it: [replace(it.opening("plan.tuning.rank"), path="tuning.parameters.rank")], "tuning.parameters.rank"),
        (lambda it: [Opening("outcome.status", "0" * 32, "released")], "outcome.status"),
        (lambda it: [replace(answer(2), line=LINES[3])], "candidate[2]"),
        (lambda it: [replace(answer(2), index=3)], "candidate[3]"),
        (lambda it: [replace(answer(2), tree="baseline")], "baseline[2]"),
    ],
)
def test_an_opening_of_something_else_is_named(hiding: Hiding, cheat: object, named: str) -> None:
    report = hiding.verified([one.to_json() for one in cheat(hiding)])
    status, sentence = found(report)
    assert (status, report.exit_code) == (Status.FAIL, ExitCode.CRYPTOGRAPHIC)
    assert named in sentence
    assert report.verified.statement.predicate.model.base.name == "(hidden)"
    assert len(report.hidden) == 9


def test_openings_of_parts_that_are_not_there_are_named(hiding: Hiding) -> None:
    provenance = Opening("tuning.provenance.buildDefinition.externalParameters.rank", "0" * 32, "16")
    report = hiding.verified([provenance.to_json()])
    assert failing(report) == ["provenance"]
    bare = hiding.verified([hiding.opening("plan.tuning.rank").to_json()], unverified_plan=None)
    assert {"plan", "disclosures"} <= set(failing(bare))


def test_single_answers_are_shown(hiding: Hiding) -> None:
    report = hiding.verified([answer(0).to_json(), answer(4).to_json()])
    assert failing(report) == []
    assert "2 single answers are shown as they were kept" in found(report)[1]


def test_an_issuer_cannot_hide_what_verdicts_stand_on(hiding: Hiding, tmp_path: Path) -> None:
    """Signed with the issuer's own key, and still refused before anything is believed."""
    made = make_complete(tmp_path)
    for path in (["outcome"], ["evaluations", 0, "table"], ["notClaimed"], ["status"], ["boundaries", "prohibited"]):
        value = json.loads(made.stated.encode())
        holder = value["predicate"]
        for step in path[:-1]:
            holder = holder[step]
        opening = Opening(disclosure.format_path(tuple(path)), "0" * 32, holder[path[-1]])
        holder[path[-1]] = {"$commit": {"alg": disclosure.ALGORITHM, "value": opening.commitment}}
        envelope = frame.seal(canonical.encode(value), made.signers.issuer)
        for shown in ((), (opening.to_json(),)):
            parts = replace(made.bundle, envelope=envelope, unverified_disclosures=shown)
            with pytest.raises(AttestationError) as caught:
                verify(parts.encode(), made.signers.trust_file, now=NOW)
            assert (caught.value.code, caught.value.exit_code) == ("disclosure.protected", 2)


def test_a_plan_cannot_hide_a_margin(hiding: Hiding) -> None:
    value = json.loads(hiding.parts.unverified_plan)
    value["rows"][0]["margin"] = {"$commit": {"alg": disclosure.ALGORITHM, "value": "0" * 64}}
    with pytest.raises(AttestationError, match=r"plan\.rows\[0\]\.margin: cannot be hidden"):
        plan.parse(canonical.encode(value))


@settings(max_examples=150)
@given(data=st.data())
def test_no_byte_of_a_disclosure_can_be_changed(hiding: Hiding, data: st.DataObject) -> None:
    """Every single change makes another document, and none is accepted as showing more than was signed."""
    shown = [hiding.opening(NAME).to_json(), answer(1).to_json()]
    content = canonical.encode(shown)
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        entries = canonical.parse(bytes(changed), what="it", max_bytes=10**6)
        report = hiding.verified(entries if isinstance(entries, list) else [entries])
    except AttestationError:
        return
    assert report.exit_code is ExitCode.CRYPTOGRAPHIC
    assert report.verified.statement.predicate.model.base.name == "(hidden)"
