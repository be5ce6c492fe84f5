"""The statements that go with an attestation: there, signed by who may, each once, and believed in their time."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attestations import attachments, timestamps
from attestations.bundle import Bundle, UnverifiedTimestamp
from attestations.digests import Sha256
from attestations.errors import MalformedError
from attestations.findings import Check, ExitCode, broken, not_checked, passed
from attestations.keys import LocalSigner
from attestations.plan import Plan
from attestations.statements import eval_plan, frame, model_signing, svr
from attestations.statements.notice import NoticeKind
from attestations.trust import KeyRole, TrustRoot
from tests.attestations.evidence import ISSUER, KEPT, make_evidence
from tests.attestations.statements.complete import CLOSE_BY, LAB, NOW, SIGNED_PLAN, Complete, make_complete
from tests.attestations.statements.examining import (
    FAIL,
    NOT_CHECKED,
    PASS,
    PLAN,
    PROVENANCE,
    SIGNING,
    STALE,
    examine,
    only,
    refusal,
    replaced,
)


@pytest.fixture
def complete(tmp_path: Path) -> Complete:
    return make_complete(tmp_path)


def test_everything_that_goes_with_honest_evidence_passes(complete: Complete) -> None:
    bundle = complete.having(complete.countersigned(), by=complete.signers.evaluator)
    found = examine(complete, bundle)
    assert {check.code: check.status for check in found.checks} == {
        PLAN: PASS,
        PROVENANCE: PASS,
        SIGNING: PASS,
        "countersignature": PASS,
        "notices": NOT_CHECKED,
    }
    assert [one.key.owner for one in found.countersignatures] == [LAB]
    assert "agrees on 4 rows" in only(found, "countersignature").sentence


def test_in_an_older_schema_nothing_is_named_and_nothing_was_checked(tmp_path: Path, complete: Complete) -> None:
    old = make_evidence(tmp_path / "old", KEPT)
    bundle = Bundle(frame.seal(old.statement.encode(), old.signer), old.manifest.encode(), old.plan.encode())
    found = attachments.examine(bundle, old.statement, old.plan, complete.signers.trust_root, now=NOW)
    assert {check.status for check in found.checks} == {NOT_CHECKED}
    sig = frame.seal(model_signing.build(old.manifest), complete.signers.issuer)
    unnamed = replace(bundle, unverified_oms=sig)
    again = attachments.examine(unnamed, old.statement, old.plan, complete.signers.trust_root, now=NOW)
    assert "does not name" in refusal(again, SIGNING)


@pytest.mark.parametrize(("number", "code"), [(0, PLAN), (1, PROVENANCE)])
def test_a_statement_that_is_named_and_missing_fails(complete: Complete, number: int, code: str) -> None:
    kept = tuple(one for i, one in enumerate(complete.bundle.unverified_statements) if i != number)
    found = examine(complete, replace(complete.bundle, unverified_statements=kept))
    assert "not in the bundle" in refusal(found, code)
    assert only(found, code).exit_code is ExitCode.CRYPTOGRAPHIC


@pytest.mark.parametrize(("number", "code"), [(0, PLAN), (1, PROVENANCE)])
def test_a_statement_that_is_there_twice_fails(complete: Complete, number: int, code: str) -> None:
    statements = complete.bundle.unverified_statements
    found = examine(complete, replace(complete.bundle, unverified_statements=(*statements, statements[number])))
    assert "holds 2 statements" in refusal(found, code)


@pytest.mark.parametrize(("number", "code"), [(0, PLAN), (1, PROVENANCE)])
def test_a_statement_must_be_signed_by_an_issuer_key(complete: Complete, number: int, code: str) -> None:
    genuine = (complete.signed_plan, complete.made_by)[number]
    stranger = examine(complete, replaced(complete, number, genuine, LocalSigner.generate()))
    name = ("the signed plan", "the provenance")[number]
    assert refusal(stranger, code) == (
        f"no trusted key made its signature over these bytes: the trust root knows no key for {name}, or somebody "
        "changed it; get the issuer's newest trust root (`tuneproof trust update`)"
    )
    evaluator = examine(complete, replaced(complete, number, genuine, complete.signers.evaluator))
    assert "a key in the role evaluator" in refusal(evaluator, code)


def test_a_tampered_signature_fails(complete: Complete) -> None:
    first, *rest = complete.bundle.unverified_statements
    changed = replace(first, signature=first.signature[:-1] + bytes([first.signature[-1] ^ 1]))
    found = examine(complete, replace(complete.bundle, unverified_statements=(changed, *rest)))
    assert "no trusted key" in refusal(found, PLAN)


def test_statements_of_another_model_are_called_that(complete: Complete, tmp_path: Path) -> None:
    other = make_complete(tmp_path, complete.signers, "another")
    grafted = examine(complete, replaced(complete, 1, other.made_by))
    assert "about another model" in refusal(grafted, PROVENANCE)
    unlike = replace(other.plan, seeds={"tuning": "18"}).encode()
    plan = eval_plan.build(unlike, issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY)
    assert "about another plan" in refusal(examine(complete, replaced(complete, 0, plan)), PLAN)
    sig = replace(complete.bundle, unverified_oms=other.bundle.unverified_oms)
    assert "about another model" in refusal(examine(complete, sig), SIGNING)
    for made, code, by in (
        (other.countersigned(), "countersignature", complete.signers.evaluator),
        (other.noticed(NoticeKind.CORRECTION), "notices", complete.signers.issuer),
    ):
        assert "about another attestation" in refusal(examine(complete, complete.having(made, by=by)), code)


def stamped(bundle: Bundle, number: int) -> tuple[Bundle, UnverifiedTimestamp]:
    """The bundle with a token over one of its statements; what the token is worth is for a fake to say."""
    over = hashlib.sha256(bundle.unverified_statements[number].signature).hexdigest()
    stamp = UnverifiedTimestamp(over, b"token")
    return replace(bundle, unverified_timestamps=(stamp, UnverifiedTimestamp("0" * 64, b"another"))), stamp


class Authority:
    """Stands for `timestamps.check`: every token proves one time, or none is good."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, says: datetime | None) -> None:
        self.says = says
        self.asked: list[tuple[UnverifiedTimestamp, ...]] = []
        monkeypatch.setattr(timestamps, "check", self.check)

    def check(
        self, given: tuple[UnverifiedTimestamp, ...], signature: bytes, authorities: object, *, now: datetime
    ) -> tuple[Check, datetime | None]:
        if not given:
            return not_checked("time.signing", "none"), None
        self.asked.append(given)
        assert {one.over for one in given} == {hashlib.sha256(signature).hexdigest()}
        if self.says is None:
            return broken("time.signing", "the token does not verify"), None
        return passed("time.signing", "proven"), self.says


def test_a_timestamp_over_the_signed_plan_proves_that_it_is_older_than_the_tuning(
    complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, stamp = stamped(complete.bundle, 0)
    authority = Authority(monkeypatch, datetime(2026, 3, 1, 11, 2, tzinfo=UTC))
    assert "as a timestamp proves" in only(examine(complete, bundle), PLAN).sentence
    assert authority.asked == [(stamp,)]
    authority.says = NOW
    assert "by the issuer's clock" in only(examine(complete, bundle), PLAN).sentence
    authority.says = None
    assert "does not verify" in refusal(examine(complete, bundle), PLAN)


def test_a_timestamp_over_an_attached_statement_is_not_the_attestations(complete: Complete) -> None:
    bundle, stamp = stamped(complete.bundle, 1)
    assert attachments.stamps_of_attestation(bundle) == tuple(
        one for one in bundle.unverified_timestamps if one != stamp
    )


def test_a_stolen_evaluator_key_is_believed_for_what_a_timestamp_proves(
    complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = complete.having(complete.countersigned(), by=complete.signers.evaluator)
    later = compromised(complete, KeyRole.EVALUATOR, "2026-03-01T20:00:00Z")
    assert only(examine(complete, bundle, root=later), "countersignature").status is STALE
    bundle, _ = stamped(bundle, 2)
    Authority(monkeypatch, datetime(2026, 3, 1, 19, tzinfo=UTC))
    assert only(examine(complete, bundle, root=later), "countersignature").status is PASS


def compromised(complete: Complete, role: KeyRole, since: str) -> TrustRoot:
    root = complete.signers.trust_root
    keys = tuple(replace(key, compromised_at=since) if key.role is role else key for key in root.keys)
    return replace(root, keys=keys)


def test_what_a_stolen_key_signed_is_believed_only_with_proof(complete: Complete) -> None:
    later = compromised(complete, KeyRole.ISSUER, "2026-03-01T20:00:00Z")
    doubtful = examine(complete, root=later)
    assert {only(doubtful, code).status for code in (PLAN, PROVENANCE, SIGNING)} == {STALE}
    proof = datetime(2026, 3, 1, 13, tzinfo=UTC)
    assert {only(examine(complete, root=later, proven=proof), code).status for code in (PLAN, PROVENANCE)} == {PASS}
    earlier = compromised(complete, KeyRole.ISSUER, "2026-03-01T10:00:00Z")
    assert "compromised" in refusal(examine(complete, root=earlier), PLAN)


def test_a_key_that_was_retired_before_the_timestamp_still_signed_in_its_time(complete: Complete) -> None:
    root = complete.signers.trust_root
    ended = tuple(
        replace(key, valid_until="2026-03-01T11:02:00Z") if key.role is KeyRole.ISSUER else key for key in root.keys
    )
    found = examine(complete, root=replace(root, keys=ended), proven=datetime(2026, 3, 1, 13, tzinfo=UTC))
    assert only(found, PLAN).status is PASS
    assert "is believed from" in refusal(found, PROVENANCE)


def test_other_statements_have_no_place_in_a_bundle(complete: Complete) -> None:
    verdict = svr.Verdict.of([], Sha256.of(complete.stated.encode()), 0)
    made = svr.build(complete.stated.subject, verdict, verifier=svr.Verifier("https://b.example"), at=SIGNED_PLAN)
    for other in (complete.model_sig, made):
        with pytest.raises(MalformedError, match="has no place"):
            examine(complete, complete.having(other, by=complete.signers.issuer))


def test_a_plan_that_did_not_hold_leaves_the_signature_to_be_checked(complete: Complete) -> None:
    no_plan: Plan | None = None
    assert only(examine(complete, planned=no_plan), PLAN).status is PASS


def test_the_same_statement_twice_counts_once_and_fails(complete: Complete) -> None:
    evaluator, issuer = complete.signers.evaluator, complete.signers.issuer
    made, told = complete.countersigned(), complete.noticed(NoticeKind.CORRECTION)
    one = complete.having(made, made, by=evaluator)
    twice = (frame.seal(told, issuer), frame.seal(told, issuer))
    found = examine(complete, replace(one, unverified_statements=(*one.unverified_statements, *twice)))
    assert [check.status for check in found.checks if check.code == "countersignature"] == [PASS, FAIL]
    assert [check.status for check in found.checks if check.code == "notices"] == [PASS, FAIL]
    assert (len(found.countersignatures), len(found.notices)) == (1, 1)
