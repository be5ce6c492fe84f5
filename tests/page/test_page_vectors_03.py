"""The same for schema 0.3.0 and all that can go with an attestation: statements, trust roots, status lists, hidden values."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attestations import bundle as bundle_format
from attestations import canonical, disclosure, dsse, statement, status, trust
from attestations.bundle import Bundle
from attestations.digests import Sha256
from attestations.keys import LocalSigner
from attestations.packed_states import compress, from_base64url, to_base64url
from attestations.statements import frame
from attestations.statements.countersignature import Conclusion, Evaluator, Mode
from attestations.statements.notice import NoticeKind
from attestations.status import Reason, State, StateReason, StatusList
from attestations.trust import KeyRole
from tests.attestations.evidence_hidden import counting_salts
from tests.attestations.statements.complete import FROM, UNTIL, Complete, make_complete
from tests.page.damage import damaged_bytes, damaged_values, each_removed
from tests.page.engine import NOW, Case, by_page, differences
from tests.page.given import STATUS_SIGNER, STATUS_URI, codes_of, parsed, token, trust_of


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Complete:
    return make_complete(tmp_path_factory.mktemp("complete"))


def bundle_cases(complete: Complete) -> Iterator[tuple[str, Bundle]]:
    whole, signers = complete.bundle, complete.signers
    plan_statement, origin = whole.unverified_statements
    yield "complete", whole
    yield "no statements", replace(whole, unverified_statements=())
    yield "no plan statement", replace(whole, unverified_statements=(origin,))
    yield "two plan statements", replace(whole, unverified_statements=(plan_statement, plan_statement, origin))
    yield "no model.sig", replace(whole, unverified_oms=None)
    yield "another model.sig", replace(whole, unverified_oms=origin)
    yield "signed by another role", replace(whole, unverified_oms=frame.seal(complete.model_sig, signers.evaluator))
    yield (
        "signed by nobody known",
        replace(whole, unverified_oms=frame.seal(complete.model_sig, LocalSigner.generate())),
    )
    for kind in NoticeKind:
        more = {"superseded_by": Sha256.of(b"next")} if kind is NoticeKind.SUPERSEDED else {}
        yield f"notice {kind}", complete.having(complete.noticed(kind, **more), by=signers.issuer)
        yield f"notice {kind} by an evaluator", complete.having(complete.noticed(kind, **more), by=signers.evaluator)
    yield "countersigned", complete.having(complete.countersigned(), by=signers.evaluator)
    yield (
        "countersigned in house",
        complete.having(
            complete.countersigned(evaluator=Evaluator("x", complete.signers.trust_root.issuer)), by=signers.in_house
        ),
    )
    yield "countersigned by the issuer", complete.having(complete.countersigned(), by=signers.issuer)
    yield (
        "countersigned for another",
        complete.having(complete.countersigned(evaluator=Evaluator("x", "Another")), by=signers.evaluator),
    )
    yield "countersigned early", complete.having(complete.countersigned(at=FROM), by=signers.evaluator)
    yield "countersigned late", complete.having(complete.countersigned(at=UNTIL), by=signers.evaluator)
    disagreement = complete.countersigned(
        conclusion=Conclusion.DISAGREES, disagreements=("It refuses less in German.",)
    )
    yield "disagreement", complete.having(disagreement, by=signers.evaluator)
    yield "observed", complete.having(complete.countersigned_rows((), mode=Mode.OBSERVED), by=signers.evaluator)
    yield (
        "another model countersigned",
        complete.having(complete.countersigned(model=Sha256.of(b"other")), by=signers.evaluator),
    )
    yield (
        "a timestamp over something else",
        replace(whole, unverified_timestamps=(bundle_format.UnverifiedTimestamp("0" * 64, b"token"),)),
    )
    for changes in (
        {"issued_at": "2026-02-01T12:00:00Z"},
        {"boundaries": replace(complete.stated.predicate.boundaries, system_prompt=None)},
    ):
        yield f"restated {sorted(changes)}", complete.restated(**changes).bundle


def test_everything_that_can_go_with_an_attestation_is_judged_alike(complete: Complete) -> None:
    believed, fresh = trust_of(complete), token()
    cases = [Case(name, parts.encode(), believed, fresh) for name, parts in bundle_cases(complete)]
    assert differences(cases) == []
    codes = codes_of(cases)
    assert codes["complete"] == codes["countersigned"] == codes["notice correction"] == 0
    assert codes["notice regression-found"] == codes["disagreement"] == 3
    assert codes["no plan statement"] == codes["another model.sig"] == 1


def status_cases() -> Iterator[tuple[str, str | None]]:
    at = "2026-03-01T00:00:00Z"
    yield "fresh", token()
    yield "none", None
    yield "old", token(at=NOW - timedelta(days=3))
    yield "from the future", token(at=NOW + timedelta(hours=1))
    yield "another list", token(uri="https://tuning.example/status/2")
    yield "too short", token(bytes(2))
    for state in (State.INVALID, State.SUSPENDED, State.SUPERSEDED):
        states = bytes([0, 0, 0, state, 0, 0, 0, 0])
        yield f"{state.name}", token(states)
        yield f"{state.name} and old", token(states, at=NOW - timedelta(days=3))
        more = {"superseded_by": Sha256.of(b"next")} if state is State.SUPERSEDED else {}
        yield (
            f"{state.name} with a reason",
            token(states, reasons={3: StateReason(Reason.SAFETY_FINDING, at, "found", **more)}),
        )
    listed = StatusList(uri=STATUS_URI, issued_at=NOW, expires_at=NOW + timedelta(hours=1), states=bytes(8))
    yield "by another key", status.encode(listed, LocalSigner.generate())
    for number, (how, content) in enumerate(damaged_bytes(token().encode(), 80, 7)):
        if content.isascii() and content:
            yield f"{number} {how}", content.decode()


def signed_token(claims: object, header: object = None) -> str:
    """A list of any content under a good signature."""
    parts = [header or {"alg": "ES256", "typ": status.TYPE}, claims]
    message = ".".join(to_base64url(canonical.encode(part)) for part in parts)
    numbers = decode_dss_signature(STATUS_SIGNER.sign(message.encode()))
    return f"{message}.{to_base64url(b''.join(number.to_bytes(32, 'big') for number in numbers))}"


def test_odd_status_lists_under_good_signatures_are_judged_alike(complete: Complete) -> None:
    encoded, believed = complete.bundle.encode(), trust_of(complete)
    reasons = {3: StateReason(Reason.UNDER_REVIEW, "2026-03-01T00:00:00Z", "why")}
    claims = parsed(from_base64url(token(bytes([0, 0, 0, 2]), reasons=reasons).split(".")[1], "", max_bytes=10**6))
    header = {"alg": "ES256", "kid": STATUS_SIGNER.key_id, "typ": status.TYPE}
    cases = [
        Case(f"claims {how}", encoded, believed, signed_token(made)) for how, made in damaged_values(claims, 80, 30)
    ]
    cases += [
        Case(f"header {how}", encoded, believed, signed_token(claims, made))
        for how, made in damaged_values(header, 40, 31)
    ]
    cases += [Case(how, encoded, believed, signed_token(made)) for how, made in each_removed(claims)]
    for name, packed in (
        ("empty", b""),
        ("no states", compress(b"")),
        ("junk behind", compress(bytes(2)) + b"junk"),
        ("two streams", compress(bytes(2)) * 2),
        ("cut", compress(bytes(2))[:-1]),
        ("a bomb", compress(bytes(1 << 24))),
        ("most", compress(bytes(1 << 18))),
        ("one too many", compress(bytes((1 << 18) + 1))),
        ("raw", b"\x00\x01"),
    ):
        content = {**claims, "status_list": {"bits": 2, "lst": to_base64url(packed)}}
        content.pop("reasons")
        cases.append(Case(f"packed {name}", encoded, believed, signed_token(content)))
    assert differences(cases) == []


def test_status_lists_are_judged_alike(complete: Complete) -> None:
    encoded, believed = complete.bundle.encode(), trust_of(complete)
    cases = [Case(name, encoded, believed, one) for name, one in status_cases()]
    cases.append(Case("no status key", encoded, complete.signers.trust_file, token()))
    cases.append(Case("in the bundle", replace(complete.bundle, unverified_status=token()).encode(), believed))
    assert differences(cases) == []


def trust_cases(complete: Complete) -> Iterator[tuple[str, bytes]]:
    root = complete.signers.trust_root
    yield "signed", trust_of(complete)
    yield "expired", trust_of(complete, expires_at="2026-02-01T00:00:00Z")
    yield "unsigned", trust.encode_file(trust.seal(root, []))
    yield "signed by another", trust.encode_file(trust.seal(root, [LocalSigner.generate()]))
    yield "of version 0", trust.encode_file(trust.seal(replace(root, version=0), [complete.signers.root]))
    for compromised in ("2026-02-01T00:00:00Z", "2026-03-01T15:00:00Z"):
        keys = tuple(
            replace(key, compromised_at=compromised) if key.role is KeyRole.ISSUER else key for key in root.keys
        )
        yield (
            f"compromised on {compromised}",
            trust.encode_file(trust.seal(replace(root, keys=keys), [complete.signers.root])),
        )
    ended = tuple(
        replace(key, valid_until="2026-02-01T00:00:00Z") if key.role is KeyRole.ISSUER else key for key in root.keys
    )
    yield "a key that ended", trust.encode_file(trust.seal(replace(root, keys=ended), [complete.signers.root]))
    for how, value in damaged_values(parsed(root.encode()), 80, 8):
        envelope = dsse.ThresholdEnvelope(canonical.encode(value), trust.PAYLOAD_TYPE, ())
        yield how, trust.encode_file(dsse.add_signature(envelope, complete.signers.root))
    for how, value in damaged_values(parsed(trust_of(complete)), 60, 9):
        yield f"file: {how}", canonical.encode(value)


def test_trust_roots_are_judged_alike(complete: Complete) -> None:
    encoded, fresh = complete.bundle.encode(), token()
    assert differences([Case(name, encoded, one, fresh) for name, one in trust_cases(complete)]) == []


def test_damaged_attachments_are_judged_alike(complete: Complete) -> None:
    signers, believed, fresh = complete.signers, trust_of(complete), token()
    noticed = complete.noticed(NoticeKind.SUPERSEDED, superseded_by=Sha256.of(b"next"))
    held = [
        (complete.signed_plan.encode(), signers.issuer),
        (complete.made_by.encode(), signers.issuer),
        (complete.countersigned().encode(), signers.evaluator),
        (noticed.encode(), signers.issuer),
    ]
    cases = []
    for number, (content, signer) in enumerate(held):
        for how, value in damaged_values(parsed(content), 40, 10 + number):
            sealed = frame.seal(canonical.encode(value), signer)
            others = complete.bundle.unverified_statements
            statements = (*others[:number], sealed, *others[number + 1 :]) if number < 2 else (*others, sealed)
            cases.append(
                Case(
                    f"{number} {how}",
                    replace(complete.bundle, unverified_statements=statements).encode(),
                    believed,
                    fresh,
                )
            )
    for how, value in damaged_values(parsed(complete.model_sig.encode()), 40, 20):
        sealed = frame.seal(canonical.encode(value), signers.issuer)
        cases.append(Case(f"oms {how}", replace(complete.bundle, unverified_oms=sealed).encode(), believed, fresh))
    assert differences(cases) == []


def test_lying_statements_of_schema_03_are_judged_alike(complete: Complete) -> None:
    cases = []
    for how, value in damaged_values(parsed(complete.stated.encode()), 90, 21):
        sealed = frame.seal(canonical.encode(value), complete.signers.issuer)
        cases.append(Case(how, replace(complete.bundle, envelope=sealed).encode(), trust_of(complete), token()))
    assert differences(cases) == []


def restated(complete: Complete, value: object) -> bytes:
    sealed = frame.seal(canonical.encode(value), complete.signers.issuer)
    return replace(complete.bundle, envelope=sealed).encode()


def test_nothing_that_is_left_out_of_a_statement_is_missed_by_one_of_them(complete: Complete) -> None:
    value = parsed(complete.stated.encode())
    believed, fresh = trust_of(complete), token()
    cases = [Case(how, restated(complete, made), believed, fresh) for how, made in each_removed(value)]
    assert len(cases) > 250
    assert differences(cases) == []


def test_nothing_that_is_left_out_of_what_goes_with_it_is_missed_by_one_of_them(complete: Complete) -> None:
    signers, believed, fresh = complete.signers, trust_of(complete), token()
    first, second = complete.bundle.unverified_statements
    cases = []
    for how, made in each_removed(parsed(complete.signed_plan.encode())):
        sealed = frame.seal(canonical.encode(made), signers.issuer)
        cases.append(
            Case(how, replace(complete.bundle, unverified_statements=(sealed, second)).encode(), believed, fresh)
        )
    for how, made in each_removed(parsed(complete.made_by.encode())):
        sealed = frame.seal(canonical.encode(made), signers.issuer)
        cases.append(
            Case(how, replace(complete.bundle, unverified_statements=(first, sealed)).encode(), believed, fresh)
        )
    for how, made in each_removed(parsed(complete.signers.trust_root.encode())):
        envelope = dsse.ThresholdEnvelope(canonical.encode(made), trust.PAYLOAD_TYPE, ())
        signed = trust.encode_file(dsse.add_signature(envelope, signers.root))
        cases.append(Case(how, complete.bundle.encode(), signed, fresh))
    cases += [
        Case(how, canonical.encode(made), believed, fresh)
        for how, made in each_removed(parsed(complete.bundle.encode()))
    ]
    assert differences(cases) == []


# Hidden values


def hidden_cases(complete: Complete) -> Iterator[tuple[str, Bundle]]:
    patterns = (
        "data.sources[*].id",
        "data.sources[0].licence",
        "tuning.parameters.*",
        "model.base.name",
        "environment",
        "reviews[*].reviewer",
    )
    payload, openings = statement.conceal(complete.stated, patterns, counting_salts())
    sealed = replace(complete.bundle, envelope=frame.seal(payload, complete.signers.issuer))
    entries = [opening.to_json() for opening in openings]

    def opening(*disclosures: object) -> Bundle:
        return replace(sealed, unverified_disclosures=tuple(disclosures))

    yield "hidden", sealed
    yield "all open", opening(*entries)
    for entry in entries:
        yield f"open {entry['path']}", opening(entry)
    yield "opened twice", opening(entries[0], entries[0])
    yield "another value", opening({**entries[0], "value": "another"})
    yield "another salt", opening({**entries[0], "salt": "0" * 32})
    yield "another place", opening({**entries[0], "path": "notClaimed[0]"})
    yield "no such place", opening({**entries[0], "path": "data.sources[9].id"})
    yield "nothing hidden", replace(complete.bundle, unverified_disclosures=(entries[0],))
    for path in (
        "",
        "a..b",
        "a[01]",
        "a[*]",
        "*",
        "~",
        "~4",
        "a.",
        "[0]",
        "plan.tuning.rank",
        "tuning.provenance.buildDefinition.externalParameters.rank",
        "x" * 1001,
    ):
        yield f"path {path[:20]}", opening({**entries[0], "path": path})
    for how, value in damaged_values(entries, 40, 22):
        if isinstance(value, list) and value:
            yield f"openings: {how}", opening(*value)
    for how, value in damaged_values(parsed(payload), 60, 23):
        yield (
            f"statement: {how}",
            replace(sealed, envelope=frame.seal(canonical.encode(value), complete.signers.issuer)),
        )


def test_hidden_values_are_judged_alike(complete: Complete) -> None:
    cases = [Case(name, parts.encode(), trust_of(complete), token()) for name, parts in hidden_cases(complete)]
    assert differences(cases) == []


@pytest.mark.parametrize(
    "place",
    [
        "outcome",
        "plan",
        "evaluations[0]",
        "notClaimed[0]",
        "status",
        "boundaries.prohibited",
        "model.manifest",
        "schema",
    ],
)
def test_what_may_not_be_hidden_is_refused_alike(complete: Complete, place: str) -> None:
    value = parsed(complete.stated.encode())
    commitment = {"$commit": {"alg": disclosure.ALGORITHM, "value": "0" * 64}}
    *parents, last = [
        int(step) if step.isdigit() else step for step in place.replace("[", ".").replace("]", "").split(".")
    ]
    at = value["predicate"]
    for step in parents:
        at = at[step]
    at[last] = commitment
    sealed = frame.seal(canonical.encode(value), complete.signers.issuer)
    case = Case(place, replace(complete.bundle, envelope=sealed).encode(), trust_of(complete), token())
    assert differences([case]) == []
    assert by_page([case])[0]["error"]["code"] == "disclosure.protected"
