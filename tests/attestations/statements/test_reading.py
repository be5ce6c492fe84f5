"""Every type of statement: the same value from its bytes, nothing from any others, and only our errors."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import canonical, dsse
from attestations.digests import Sha256
from attestations.dsse import Envelope
from attestations.errors import AttestationError, CryptographicError, MalformedError
from attestations.findings import broken, not_checked, passed
from attestations.keys import LocalSigner, load_public_key
from attestations.statement import STATEMENT_TYPE
from attestations.statements import frame, reading, svr
from attestations.statements.frame import Predicate, Statement
from attestations.statements.notice import NoticeKind
from tests.attestations.statements.complete import LATER, Complete, make_complete


def verdict(complete: Complete) -> Statement[svr.VerificationResult]:
    checks = [passed("signature", "signed"), not_checked("log.inclusion", "no log")]
    reached = svr.Verdict.of(checks, Sha256.of(complete.stated.encode()), 0)
    policy = svr.PolicyDescriptor("careful", Sha256.of(b"policy"))
    return svr.build(complete.stated.subject, reached, verifier=svr.Verifier("https://b.example", (policy,)), at=LATER)


def every_kind(complete: Complete) -> dict[str, Statement[Predicate]]:
    made = (
        complete.signed_plan,
        complete.made_by,
        complete.model_sig,
        complete.noticed(NoticeKind.CORRECTION),
        complete.countersigned(),
        verdict(complete),
    )
    return {one.predicate.TYPE: one for one in made}


def test_there_is_an_example_of_every_type_that_is_read(complete: Complete) -> None:
    assert set(every_kind(complete)) == set(reading.READERS)


def test_a_statement_is_read_back_from_its_own_bytes_and_names_itself_by_digest(complete: Complete) -> None:
    for made in every_kind(complete).values():
        assert reading.parse(made.encode()) == made
        assert made.digest == Sha256.of(made.encode())


def test_the_form_is_that_of_an_in_toto_statement_with_one_subject(complete: Complete) -> None:
    for kind, made in every_kind(complete).items():
        value = json.loads(made.encode())
        assert set(value) == {"_type", "subject", "predicateType", "predicate"}
        assert (value["_type"], value["predicateType"], len(value["subject"])) == (STATEMENT_TYPE, kind, 1)
        assert all(len(digest) == 64 for digest in value["subject"][0]["digest"].values())


def changed(made: Statement[Predicate], **parts: object) -> bytes:
    return canonical.encode({**json.loads(made.encode()), **parts})


@pytest.mark.parametrize(
    "parts",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "https://slsa.dev/provenance/v0.2"},
        {"predicateType": "https://tuneproof.example/spec/resilience/v0.1"},
        {"predicateType": 1},
        {"subject": []},
        {"subject": {}},
        {"subject": [{"name": "attestation"}]},
        {"subject": [{"name": "attestation", "digest": {}}]},
        {"subject": [{"name": "attestation", "digest": {"sha256": "00"}}]},
        {"predicate": []},
        {"predicate": {}},
        {"more": 1},
    ],
)
def test_another_frame_is_malformed(complete: Complete, parts: dict[str, object]) -> None:
    for made in every_kind(complete).values():
        with pytest.raises(MalformedError):
            reading.parse(changed(made, **parts))


def test_two_subjects_are_malformed(complete: Complete) -> None:
    for made in every_kind(complete).values():
        [subject] = json.loads(made.encode())["subject"]
        with pytest.raises(MalformedError, match="exactly one subject"):
            reading.parse(changed(made, subject=[subject, subject]))


def test_a_statement_under_another_type_is_malformed(complete: Complete) -> None:
    kinds = every_kind(complete)
    for kind, made in kinds.items():
        for other in set(kinds) - {kind}:
            with pytest.raises(MalformedError):
                reading.parse(changed(made, predicateType=other))


def test_a_subject_of_another_kind_is_malformed(complete: Complete) -> None:
    kinds = every_kind(complete)
    for kind, made in kinds.items():
        names = {json.loads(other.encode())["subject"][0]["name"] for other in kinds.values()}
        own = json.loads(made.encode())["subject"][0]
        for name in names - {own["name"]}:
            if kind == complete.model_sig.predicate.TYPE:
                continue  # the name in model.sig is informative; its digest is held to the resources
            with pytest.raises(MalformedError):
                reading.parse(changed(made, subject=[{**own, "name": name}]))
        other = {"dirHash": "0" * 64} if "dirHash" not in own["digest"] else {}
        unbound = {**own, "digest": {"sha256": own["digest"]["sha256"], **other}}
        with pytest.raises(MalformedError):
            reading.parse(changed(made, subject=[unbound]))


def test_an_unknown_or_missing_field_of_a_predicate_is_malformed(complete: Complete) -> None:
    for made in every_kind(complete).values():
        predicate = json.loads(made.encode())["predicate"]
        with pytest.raises(MalformedError):
            reading.parse(changed(made, predicate={**predicate, "more": "x"}))
        for key in predicate:
            with pytest.raises(MalformedError):
                reading.parse(changed(made, predicate={name: predicate[name] for name in predicate if name != key}))


def test_bytes_that_are_not_canonical_are_malformed(complete: Complete) -> None:
    for made in every_kind(complete).values():
        for bad in (made.encode() + b"\n", json.dumps(json.loads(made.encode())).encode(), b"", b"[]", b"\xff"):
            with pytest.raises(MalformedError):
                reading.parse(bad)


def test_an_envelope_opens_with_the_key_that_signed_it_alone(complete: Complete) -> None:
    signer, stranger = LocalSigner.generate(), load_public_key(LocalSigner.generate().public_pem)
    own = load_public_key(signer.public_pem)
    for made in every_kind(complete).values():
        envelope = frame.seal(made, signer)
        assert reading.open_envelope(envelope, [stranger, own]) == (made, own)
        with pytest.raises(CryptographicError):
            reading.open_envelope(envelope, [stranger])


def test_another_payload_type_is_malformed_even_where_it_is_signed(complete: Complete) -> None:
    signer = LocalSigner.generate()
    envelope = dsse.seal(complete.signed_plan.encode(), "application/json", signer)
    with pytest.raises(MalformedError, match="payload type"):
        reading.open_envelope(envelope, [load_public_key(signer.public_pem)])


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return [made.encode() for made in every_kind(make_complete(tmp_path_factory.mktemp("made"))).values()]


@given(data=st.data())
def test_mutated_bytes_are_another_statement_or_ours_to_refuse(encoded: list[bytes], data: st.DataObject) -> None:
    original = data.draw(st.sampled_from(encoded))
    at = data.draw(st.integers(0, len(original) - 1))
    cut = data.draw(st.integers(0, 3))
    mutated = original[:at] + data.draw(st.binary(max_size=4)) + original[at + cut :]
    try:
        assert reading.parse(mutated).encode() == mutated
    except AttestationError:
        assert mutated != original


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    ),
    kind=st.sampled_from(sorted(reading.READERS)),
)
def test_any_json_as_a_predicate_raises_only_our_errors(value: object, kind: str) -> None:
    subject = {"name": "attestation", "digest": {"sha256": "0" * 64}}
    payload = canonical.encode(
        {"_type": STATEMENT_TYPE, "subject": [subject], "predicateType": kind, "predicate": value}
    )
    with pytest.raises(AttestationError):
        reading.parse_envelope(Envelope(payload, dsse.IN_TOTO_PAYLOAD_TYPE, "", b""))


def test_a_failed_check_makes_no_accepted_verdict(complete: Complete) -> None:
    reached = svr.Verdict.of([passed("a", "x"), broken("b", "y")], Sha256.of(b"attestation"), 0)
    made = svr.build(complete.stated.subject, reached, verifier=svr.Verifier("https://b.example"), at=LATER)
    assert made.predicate.tuneproof_verdict.result is svr.Result.REJECTED
    assert svr.ACCEPTED not in made.predicate.properties
