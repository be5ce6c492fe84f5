"""Each statement that goes with an attestation, as it should be and as a cheat would have it."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attestations import attachments, disclosure, timestamps
from attestations.attachments import Attachments
from attestations.bundle import Bundle, UnverifiedTimestamp
from attestations.digests import Sha256
from attestations.disclosure import Opening
from attestations.errors import MalformedError
from attestations.findings import Check, ExitCode, Status, broken, not_checked, passed
from attestations.keys import LocalSigner
from attestations.plan import Plan
from attestations.predicate import Issuer
from attestations.statements import eval_plan, frame, model_signing, provenance, svr
from attestations.statements.countersignature import Conclusion, Evaluator, Mode, Relationship
from attestations.statements.frame import Predicate, Statement
from attestations.statements.notice import NoticeKind
from attestations.statistics import PairedTable
from attestations.trust import KeyRole, TrustRoot
from tests.attestations.evidence import ISSUER, KEPT, make_evidence
from tests.attestations.statements.complete import (
    CLOSE_BY,
    LAB,
    NOW,
    SIGNED_PLAN,
    Complete,
    make_complete,
    make_provenance,
)

PLAN, PROVENANCE, SIGNING = "plan.statement", "provenance", "model.signing"
PASS, FAIL, STALE, NOT_CHECKED = Status.PASS, Status.FAIL, Status.STALE, Status.NOT_CHECKED


@pytest.fixture
def complete(tmp_path: Path) -> Complete:
    return make_complete(tmp_path)


def examine(complete: Complete, bundle: Bundle | None = None, **changes: object) -> Attachments:
    values: dict[str, object] = {"planned": complete.plan, "root": complete.signers.trust_root, "now": NOW, **changes}
    return attachments.examine(bundle or complete.bundle, complete.stated, **values)


def only(found: Attachments, code: str) -> Check:
    [check] = [one for one in found.checks if one.code == code]
    return check


def refusal(found: Attachments, code: str) -> str:
    """The sentence of the one check with this code, which must have failed."""
    check = only(found, code)
    assert check.status is FAIL, check
    return check.sentence


def replaced(complete: Complete, number: int, other: Statement[Predicate], by: LocalSigner | None = None) -> Bundle:
    """The bundle with another statement in a place."""
    statements = list(complete.bundle.unverified_statements)
    statements[number] = frame.seal(other, by or complete.signers.issuer)
    return replace(complete.bundle, unverified_statements=tuple(statements))


def with_plan_statement(complete: Complete, **changes: object) -> tuple[Complete, Bundle]:
    """An issuer that signs another plan statement and names it, too."""
    told = replace(complete.signed_plan, predicate=replace(complete.signed_plan.predicate, **changes))
    plan_ref = replace(complete.stated.predicate.plan, statement=told.digest)
    lying = replace(complete, signed_plan=told).restated(plan=plan_ref)
    return lying, lying.bundle


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
    assert "no trusted key" in refusal(stranger, code)
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


def test_a_plan_statement_that_is_not_the_named_one_fails(complete: Complete) -> None:
    backdated = replace(
        complete.signed_plan, predicate=replace(complete.signed_plan.predicate, created_at="2026-03-01T10:59:00Z")
    )
    assert "not the one that the attestation names" in refusal(
        examine(complete, replaced(complete, 0, backdated)), PLAN
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"created_at": "2026-03-01T11:30:00Z"}, "signed after the tuning began"),
        ({"created_at": "2026-03-01T10:00:00Z"}, "signed before the plan was made"),
        ({"close_by": "2026-03-01T11:20:00Z"}, "its runs had to end by"),
        ({"runs_declared": 1}, "number of runs"),
        ({"base": Sha256.of(b"other")}, "base"),
    ],
)
def test_a_plan_statement_that_contradicts_is_rejected(
    complete: Complete, changes: dict[str, object], words: str
) -> None:
    lying, bundle = with_plan_statement(complete, **changes)
    found = examine(lying, bundle)
    assert words in refusal(found, PLAN)
    assert only(found, PLAN).exit_code is ExitCode.POLICY


@pytest.mark.parametrize("part", ["rows", "policy", "judge", "suites", "seeds"])
def test_what_a_plan_statement_fixes_must_be_what_the_plan_says(complete: Complete, part: str) -> None:
    fixed = replace(complete.signed_plan.predicate.fixed, **{part: Sha256.of(b"other")})
    lying, bundle = with_plan_statement(complete, fixed=fixed)
    assert refusal(examine(lying, bundle), PLAN).endswith(f"do not agree: {part}")


def test_a_plan_statement_of_another_issuer_fails(complete: Complete) -> None:
    lying, bundle = with_plan_statement(complete, issuer=Issuer("https://other.example"))
    assert "another issuer" in refusal(examine(lying, bundle), PLAN)


def test_a_gated_model_says_when_its_tuning_began_as_else_the_order_could_not_be_checked(complete: Complete) -> None:
    for silent in ({"started_at": None}, {"finished_at": None}):
        with pytest.raises(MalformedError, match="when its tuning began"):
            complete.restated(tuning=replace(complete.stated.predicate.tuning, **silent))


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


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 58}, None),  # no parameter of this provenance
        ({"seed": "18"}, "parameter seed"),
        ({"method": "full"}, "parameter technique"),
        ({"parameters": {"rank": "8"}}, "parameter rank"),
        ({"code": Sha256.of(b"other")}, "code"),
        ({"started_at": "2026-03-01T11:06:00Z"}, "start"),
        ({"finished_at": "2026-03-01T11:41:00Z"}, "end"),
    ],
)
def test_provenance_tells_the_same_tuning(complete: Complete, changes: dict[str, object], words: str | None) -> None:
    lying = complete.restated(tuning=replace(complete.stated.predicate.tuning, **changes))
    found = examine(lying, lying.bundle)
    if words is None:
        assert only(found, PROVENANCE).status is PASS
    else:
        assert refusal(found, PROVENANCE).endswith(f"do not agree: {words}")


def test_provenance_names_the_same_inputs(complete: Complete) -> None:
    model, data = complete.stated.predicate.model, complete.stated.predicate.data
    base = complete.restated(model=replace(model, base=replace(model.base, manifest=Sha256.of(b"other"))))
    assert refusal(examine(base, base.bundle), PROVENANCE).endswith("base model")
    more = complete.restated(data=replace(data, datasets=(*data.datasets, Sha256.of(b"more"))))
    assert refusal(examine(more, more.bundle), PROVENANCE).endswith("data sets")


def test_provenance_is_built_by_the_issuer(complete: Complete) -> None:
    details = replace(complete.made_by.predicate.run_details, builder=provenance.Builder("https://tuning.example.evil"))
    told = replace(complete.made_by, predicate=replace(complete.made_by.predicate, run_details=details))
    tuning = replace(complete.stated.predicate.tuning, provenance=told.digest)
    lying = replace(complete, made_by=told).restated(tuning=tuning)
    assert "builder is not the issuer" in refusal(examine(lying, lying.bundle), PROVENANCE)


def hidden_provenance(complete: Complete) -> tuple[Complete, Bundle, tuple[Opening, ...]]:
    salts = iter(bytes([i]) * 16 for i in range(9))
    external = {"technique": "lora", "rank": "16", "learning_rate": "0.0005"}
    whole = make_provenance(complete.plan, complete.manifest, external)
    patterns = ["buildDefinition.externalParameters.rank", "buildDefinition.internalParameters.seed"]
    payload, openings = provenance.hide(whole, patterns, lambda: next(salts))
    tuning = replace(complete.stated.predicate.tuning, provenance=Sha256.of(payload))
    secret = complete.restated(tuning=tuning)
    issuer = complete.signers.issuer
    statements = (frame.seal(complete.signed_plan, issuer), frame.seal(payload, issuer))
    return secret, replace(secret.bundle, unverified_statements=statements), openings


def test_hidden_parameters_of_provenance_are_counted_and_can_be_opened(complete: Complete) -> None:
    secret, bundle, openings = hidden_provenance(complete)
    found = examine(secret, bundle)
    assert only(found, PROVENANCE).status is PASS
    assert "2 of its parameters are hidden" in only(found, PROVENANCE).sentence
    assert len(found.hidden) == 2
    assert all(path.startswith("tuning.provenance.buildDefinition.") for path in found.hidden)
    opened = examine(secret, bundle, openings=openings[:1])
    assert (len(opened.hidden), len(opened.opened)) == (1, 1)
    lie = replace(openings[0], value="32")
    assert "not what was committed to" in refusal(examine(secret, bundle, openings=(lie,)), PROVENANCE)


def test_a_hidden_parameter_that_contradicts_shows_when_it_is_opened(complete: Complete) -> None:
    secret, bundle, openings = hidden_provenance(complete)
    lying = secret.restated(tuning=replace(secret.stated.predicate.tuning, parameters={"rank": "8"}))
    bundle = replace(bundle, envelope=lying.envelope)
    assert only(examine(lying, bundle), PROVENANCE).status is PASS
    assert "parameter rank" in refusal(examine(lying, bundle, openings=openings), PROVENANCE)


def test_openings_of_a_provenance_that_is_not_there_fail(complete: Complete) -> None:
    _, _, openings = hidden_provenance(complete)
    bare = replace(complete.bundle, unverified_statements=complete.bundle.unverified_statements[:1])
    assert "not there" in refusal(examine(complete, bare, openings=openings), PROVENANCE)
    assert disclosure.PROVENANCE.at in openings[0].path


def test_model_sig_lists_the_files_of_the_manifest_and_no_others(complete: Complete) -> None:
    files = complete.manifest.files
    fewer = model_signing.build(replace(complete.manifest, files=files[:-1]))
    model = replace(complete.stated.predicate.model, oms_root=fewer.predicate.root)
    lying = replace(complete, model_sig=fewer).restated(model=model)
    assert files[-1].name in refusal(examine(lying, lying.bundle), SIGNING)


def test_a_model_sig_over_renamed_files_has_the_same_root_and_fails(complete: Complete) -> None:
    renamed = replace(
        complete.manifest, files=tuple(replace(one, name=f"{one.name}x") for one in complete.manifest.files)
    )
    sig = model_signing.build(renamed)
    assert sig.predicate.root == complete.model_sig.predicate.root
    bundle = replace(complete.bundle, unverified_oms=frame.seal(sig, complete.signers.issuer))
    assert "do not list the same files" in refusal(examine(complete, bundle), SIGNING)


def test_model_sig_must_be_there_be_signed_and_be_model_sig(complete: Complete) -> None:
    gone = examine(complete, replace(complete.bundle, unverified_oms=None))
    assert "not in the bundle" in refusal(gone, SIGNING)
    other = frame.seal(complete.model_sig, complete.signers.evaluator)
    assert "role evaluator" in refusal(examine(complete, replace(complete.bundle, unverified_oms=other)), SIGNING)
    wrong = frame.seal(complete.made_by, complete.signers.issuer)
    assert "another statement" in refusal(examine(complete, replace(complete.bundle, unverified_oms=wrong)), SIGNING)


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


def test_an_evaluator_of_the_issuer_is_not_independent(complete: Complete) -> None:
    made = complete.countersigned(evaluator=Evaluator(f"{ISSUER}/evaluation", ISSUER))
    found = examine(complete, complete.having(made, by=complete.signers.in_house))
    assert only(found, "countersignature").status is NOT_CHECKED
    assert "not independent" in only(found, "countersignature").sentence
    assert found.countersignatures == ()


def test_a_countersignature_is_by_the_organisation_that_it_names(complete: Complete) -> None:
    found = examine(complete, complete.having(complete.countersigned(), by=complete.signers.in_house))
    assert f"signed for {LAB} with a key of {ISSUER}" in refusal(found, "countersignature")
    own = examine(complete, complete.having(complete.countersigned(), by=complete.signers.issuer))
    assert "role issuer, which may not say this" in refusal(own, "countersignature")


def test_an_evaluator_who_measured_something_else_rejects(complete: Complete) -> None:
    rows = complete.stated.predicate.evaluations
    worse = replace(rows[0], table=PairedTable(200, 37, 1, 2))
    made = complete.countersigned_rows((worse,))
    assert not made.predicate.agreement[0].within
    found = examine(complete, complete.having(made, by=complete.signers.evaluator))
    assert "disagrees: 1 rows are outside their margin (refusal_rate / harmful-requests / *)" in refusal(
        found, "countersignature"
    )
    assert only(found, "countersignature").exit_code is ExitCode.POLICY
    words = complete.countersigned(
        mode=Mode.OBSERVED,
        conclusion=Conclusion.DISAGREES,
        disagreements=("Two runs were started and one was told of.",),
    )
    told = examine(complete, complete.having(words, by=complete.signers.evaluator))
    assert "Two runs were started" in refusal(told, "countersignature")


def test_agreement_that_does_not_follow_from_the_counts_is_rejected(complete: Complete) -> None:
    rows = complete.stated.predicate.evaluations
    worse = complete.countersigned_rows((replace(rows[0], table=PairedTable(200, 37, 1, 2)),)).predicate
    lie = replace(worse, agreement=(replace(worse.agreement[0], within=True),), conclusion=Conclusion.AGREES)
    made = replace(complete.countersigned(), predicate=lie)
    assert "does not follow from its counts" in refusal(
        examine(complete, complete.having(made, by=complete.signers.evaluator)), "countersignature"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": Sha256.of(b"other")}, "model"),
        ({"plan": Sha256.of(b"other")}, "plan"),
        ({"at": "2026-03-01T11:00:00Z"}, "dated before the attestation"),
    ],
)
def test_a_countersignature_is_about_this_model_plan_and_time(
    complete: Complete, changes: dict[str, object], words: str
) -> None:
    made = complete.countersigned(**changes)
    found = examine(complete, complete.having(made, by=complete.signers.evaluator))
    assert words in refusal(found, "countersignature")


def test_who_paid_is_said(complete: Complete) -> None:
    paid = Relationship("City Hospital", complete.countersigned().predicate.relationship.access_level)
    found = examine(complete, complete.having(complete.countersigned(relationship=paid), by=complete.signers.evaluator))
    assert "paid by City Hospital" in only(found, "countersignature").sentence


@pytest.mark.parametrize("kind", [NoticeKind.REGRESSION_FOUND, NoticeKind.REVOKED, NoticeKind.SUPERSEDED])
def test_a_notice_that_takes_the_evidence_back_rejects(complete: Complete, kind: NoticeKind) -> None:
    more = {"superseded_by": Sha256.of(b"next")} if kind is NoticeKind.SUPERSEDED else {}
    found = examine(complete, complete.having(complete.noticed(kind, **more), by=complete.signers.issuer))
    assert refusal(found, "notices") == f"{kind} on 2026-03-01T18:00:00Z, says the issuer: found by a customer"
    assert only(found, "notices").exit_code is ExitCode.POLICY


def test_a_correction_is_shown_and_does_not_reject(complete: Complete) -> None:
    made = complete.noticed(NoticeKind.CORRECTION)
    found = examine(complete, complete.having(made, by=complete.signers.issuer))
    assert only(found, "notices").status is PASS
    assert [one.predicate.kind for one in found.notices] == [NoticeKind.CORRECTION]


def test_an_evaluator_may_say_that_something_got_worse_and_no_more(complete: Complete) -> None:
    evaluator = complete.signers.evaluator
    made = complete.noticed(NoticeKind.REGRESSION_FOUND, issuer=Issuer("https://lab.example"))
    assert f"says {LAB}" in refusal(examine(complete, complete.having(made, by=evaluator)), "notices")
    revoked = complete.noticed(NoticeKind.REVOKED)
    assert "may not say this" in refusal(examine(complete, complete.having(revoked, by=evaluator)), "notices")


def test_a_notice_from_the_future_is_undetermined(complete: Complete) -> None:
    made = complete.noticed(NoticeKind.CORRECTION, at="2026-03-03T00:00:00Z")
    check = only(examine(complete, complete.having(made, by=complete.signers.issuer)), "notices")
    assert (check.status, check.exit_code) == (STALE, ExitCode.UNDETERMINED)


def test_each_notice_and_each_countersignature_has_its_own_check(complete: Complete) -> None:
    evaluator, issuer = complete.signers.evaluator, complete.signers.issuer
    one = complete.having(complete.countersigned(), complete.countersigned(mode=Mode.REANALYSED), by=evaluator)
    told = (complete.noticed(NoticeKind.CORRECTION), complete.noticed(NoticeKind.REVOKED))
    both = replace(
        one, unverified_statements=(*one.unverified_statements, *(frame.seal(notice, issuer) for notice in told))
    )
    found = examine(complete, both)
    assert [check.status for check in found.checks if check.code == "countersignature"] == [PASS, PASS]
    assert [check.status for check in found.checks if check.code == "notices"] == [PASS, FAIL]


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
