import textwrap
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from attestations import canonical, trust
from attestations.documents import moment, parse_moment
from attestations.dsse import add_signature, to_base64
from attestations.errors import AttestationError, CryptographicError, MalformedError
from attestations.findings import ExitCode, Status
from attestations.keys import LocalSigner
from attestations.trust import KeyRole, TimestampAuthority
from tests.attestations.evidence import make_trust
from tests.attestations.trust_roots import END, ISSUERS, ROOTS, START, file_of, key_of, make_root


@pytest.fixture(scope="module")
def encoded() -> bytes:
    return make_trust(LocalSigner.generate())


def changed(encoded: bytes, **fields: object) -> bytes:
    value = canonical.parse(encoded, what="it", max_bytes=10**6)
    value["keys"][0].update({k: v for k, v in fields.items() if k in value["keys"][0]})
    value.update({k: v for k, v in fields.items() if k not in value["keys"][0]})
    return canonical.encode(value)


def test_a_trust_root_reads_back_as_itself(encoded: bytes) -> None:
    assert trust.parse(encoded).encode() == encoded


def test_a_key_counts_from_its_first_second_to_its_last(encoded: bytes) -> None:
    key = trust.parse(encoded).keys[0]
    assert key.covers(datetime(2026, 1, 1, tzinfo=UTC))
    assert key.covers(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert not key.covers(datetime(2027, 1, 1, tzinfo=UTC))
    assert not key.covers(datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    "fields",
    [
        {"mediaType": "application/json"},
        {"keys": []},
        {"version": "1"},
        {"issuer": ""},
        {"more": 1},
        {"keyId": "0" * 64},
        {"role": "log"},
        {"validUntil": "2025-01-01T00:00:00Z"},
        {"validFrom": "yesterday"},
        {"publicKeyPem": "no key"},
    ],
)
def test_a_bad_trust_root_is_malformed(encoded: bytes, fields: dict) -> None:
    with pytest.raises(MalformedError):
        trust.parse(changed(encoded, **fields))


def test_the_same_key_twice_is_refused(encoded: bytes) -> None:
    root = trust.parse(encoded)
    with pytest.raises(MalformedError, match="each once"):
        replace(root, keys=root.keys * 2)


def test_a_key_that_is_no_p256_key_is_found_when_the_root_is_read(encoded: bytes) -> None:
    pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    with pytest.raises(MalformedError, match="no public key"):
        trust.parse(changed(encoded, publicKeyPem=pem, keyId=trust.public_key_id(pem)))


def test_the_first_format_knows_nothing_of_the_second(encoded: bytes) -> None:
    for fields in ({"compromisedAt": "2026-02-01T00:00:00Z"}, {"owner": "somebody"}, {"role": "status"}):
        value = canonical.parse(encoded, what="it", max_bytes=10**6)
        value["keys"][0].update(fields)
        with pytest.raises(MalformedError, match="format 1"):
            trust.parse(canonical.encode(value))


@given(signed_by=st.sets(st.integers(0, 4)), threshold=st.integers(1, 3))
def test_a_signed_root_is_read_if_a_threshold_of_its_own_keys_signed_it(signed_by: set[int], threshold: int) -> None:
    root = make_root(threshold=threshold)
    content = file_of(root, [ROOTS[i] for i in signed_by])
    if len(signed_by & {0, 1, 2}) >= threshold:
        assert trust.parse(content) == root
    else:
        with pytest.raises(CryptographicError):
            trust.parse(content)


def test_keys_are_found_by_their_role() -> None:
    root = trust.parse(file_of(make_root()))
    assert [len(root.keys_of(role)) for role in KeyRole] == [3, 1, 0, 1, 0]
    assert root.issuer_keys() == root.keys_of(KeyRole.ISSUER)
    assert root.keys_of(KeyRole.EVALUATOR)[0].owner == "the evaluators"


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 0},
        {"threshold": 4},
        {"version": 0},
        {"created_at": None},
        {"expires_at": None},
        {"expires_at": "2026-01-31T00:00:00Z"},
        {"created_at": "2026-13-01T00:00:00Z"},
        {"created_at": "2025-12-31T23:59:59Z"},  # before any root key's time, so that none counts
        {"keys": (key_of(ISSUERS[0]),)},
    ],
)
def test_a_root_that_nobody_could_sign_is_malformed(changes: dict) -> None:
    with pytest.raises(MalformedError):
        trust.parse(file_of(replace(make_root(), **changes)))


CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUQXZ9OSUM6M2tF+M8RkvECdONzhowCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "a timestamp authority")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start.replace(year=2036))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_a_timestamp_authority_is_a_certificate_with_a_time() -> None:
    authority = TimestampAuthority("the authority", certificate(), START, END)
    root = make_root(timestamp_authorities=(authority,))
    assert trust.parse(file_of(root)).timestamp_authorities == (authority,)
    assert authority.covers(datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert not authority.covers(datetime(2028, 1, 1, tzinfo=UTC))
    with pytest.raises(MalformedError, match="own id"):
        make_root(timestamp_authorities=(authority, authority))
    with pytest.raises(MalformedError, match="ends before"):
        replace(authority, valid_until="2025-12-31T00:00:00Z")


@pytest.mark.parametrize(
    "change", [lambda pem: CERTIFICATE, lambda pem: pem + "\n", lambda pem: "x" + pem, lambda pem: pem * 2]
)
def test_another_spelling_of_a_certificate_is_refused(change) -> None:
    authority = TimestampAuthority("the authority", change(certificate()), START, END)
    with pytest.raises(MalformedError, match="certificate"):
        trust.parse(file_of(make_root(timestamp_authorities=(authority,))))


@pytest.mark.parametrize(
    "change",
    [
        lambda value: {**value, "payloadType": "application/vnd.in-toto+json"},
        lambda value: {**value, "signatures": []},
        lambda value: {**value, "signatures": value["signatures"] * 9},
        lambda value: {**value, "more": 1},
        lambda value: {**value, "payload": to_base64(b"{}")},
        lambda value: {**value, "payload": to_base64(b'{"version": 1}')},
    ],
)
def test_an_envelope_around_something_else_is_no_trust_root(change) -> None:
    with pytest.raises(AttestationError):
        trust.parse(canonical.encode(change(trust.seal(make_root(), ROOTS[:3]).to_json())))


def test_a_key_of_somebody_else_names_its_owner() -> None:
    for role in (KeyRole.EVALUATOR, KeyRole.BUYER):
        with pytest.raises(MalformedError, match="owner"):
            trust.trusted_key(ISSUERS[0].public_pem, START, END, role=role)
        assert trust.trusted_key(ISSUERS[0].public_pem, START, END, role=role, owner="them").owner == "them"


IN_TIME, LATE, STOLEN = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 7, 6))
BEFORE_THE_KEY, AFTER_THE_END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("claimed", "proven", "stolen", "sound"),
    [
        (IN_TIME, None, Status.STALE, Status.PASS),
        (IN_TIME, IN_TIME, Status.PASS, Status.PASS),
        (IN_TIME, LATE, Status.STALE, Status.PASS),
        (LATE, None, Status.FAIL, Status.PASS),
        (LATE, LATE, Status.FAIL, Status.PASS),
        (LATE, IN_TIME, Status.PASS, Status.PASS),
        (IN_TIME, BEFORE_THE_KEY, Status.FAIL, Status.FAIL),
        (STOLEN, STOLEN, Status.FAIL, Status.PASS),
        (IN_TIME, AFTER_THE_END, Status.STALE, Status.PASS),
        (AFTER_THE_END, None, Status.FAIL, Status.FAIL),
    ],
)
def test_what_a_stolen_key_signed_is_believed_only_where_a_timestamp_is_older(
    claimed: datetime, proven: datetime | None, stolen: Status, sound: Status
) -> None:
    for since, expected in ((moment(STOLEN), stolen), (None, sound)):
        check = trust.believed(key_of(ISSUERS[0], compromised_at=since), claimed=claimed, proven=proven)
        assert (check.code, check.status) == ("key.validity", expected)
        wanted = {
            Status.PASS: ExitCode.ACCEPT,
            Status.FAIL: ExitCode.CRYPTOGRAPHIC,
            Status.STALE: ExitCode.UNDETERMINED,
        }
        assert check.exit_code is wanted[expected]


MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(claimed=MOMENTS, proven=st.none() | MOMENTS, since=MOMENTS)
def test_no_claim_alone_makes_a_stolen_key_believed(
    claimed: datetime, proven: datetime | None, since: datetime
) -> None:
    key = key_of(ISSUERS[0], compromised_at=moment(since))
    believed = trust.believed(key, claimed=claimed, proven=proven).status is Status.PASS
    start, stolen = parse_moment(key.valid_from), since.replace(microsecond=0)
    assert believed == (key.covers(claimed) and proven is not None and start <= proven < stolen)


@given(claimed=MOMENTS, proven=MOMENTS, since=st.none() | MOMENTS)
def test_taking_a_timestamp_away_never_helps(claimed: datetime, proven: datetime, since: datetime | None) -> None:
    key = key_of(ISSUERS[0], compromised_at=moment(since) if since is not None else None)
    without = trust.believed(key, claimed=claimed, proven=None)
    timely = proven >= parse_moment(key.valid_from)
    if timely and without.status is Status.PASS:
        assert trust.believed(key, claimed=claimed, proven=proven).status is Status.PASS


def test_a_retired_key_is_believed_for_its_time() -> None:
    retired = key_of(ISSUERS[0], valid_until="2026-06-01T00:00:00Z")
    assert trust.believed(retired, claimed=IN_TIME, proven=None).status is Status.PASS
    assert trust.believed(retired, claimed=LATE, proven=None).status is Status.FAIL
    assert trust.believed(retired, claimed=IN_TIME, proven=LATE).status is Status.PASS


def test_an_expired_root_is_stale_and_a_root_without_expiry_is_not_checked(encoded: bytes) -> None:
    root = make_root()
    at = {Status.PASS: datetime(2026, 12, 1, tzinfo=UTC), Status.STALE: datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)}
    for status, now in at.items():
        assert trust.freshness(root, now=now).status is status
    assert trust.freshness(trust.parse(encoded), now=IN_TIME).status is Status.NOT_CHECKED


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_bytes_that_are_no_trust_root_end_in_our_errors(unverified: bytes) -> None:
    with pytest.raises(AttestationError):
        trust.parse(unverified)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places(value: object, at: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, item in inner for place in places(item, (*at, name)))]


def changed_at(value: object, place: tuple, new: object, drop: bool) -> object:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(place) == 1 and drop:
        del copy[place[0]]
    else:
        copy[place[0]] = changed_at(copy[place[0]], place[1:], new, drop)
    return copy


FULL = make_root(timestamp_authorities=(TimestampAuthority("the authority", certificate(), START, END),))
TREE = canonical.parse(FULL.encode(), what="it", max_bytes=10**6)


@given(place=st.sampled_from(places(TREE)), new=JSON, drop=st.booleans())
def test_whatever_root_keys_sign_is_a_root_or_ends_in_our_errors(place: tuple, new: object, drop: bool) -> None:
    """A change of one value, however odd; what is read back is what was signed."""
    payload = canonical.encode(changed_at(TREE, place, new, drop))
    envelope = replace(trust.seal(FULL, ()), unverified_payload=payload)
    for signer in ROOTS[:3]:
        envelope = add_signature(envelope, signer)
    try:
        root = trust.parse(trust.encode_file(envelope))
    except AttestationError:
        return
    assert root.encode() == payload


def test_a_certificate_that_is_read_with_a_warning_is_refused() -> None:
    """A negative serial number, which RFC 5280 forbids, and which the library still reads."""
    der = x509.load_pem_x509_certificate(certificate().encode()).public_bytes(serialization.Encoding.DER)
    negative = der.replace(b"\x02\x01\x01\x30", b"\x02\x01\xff\x30", 1)
    assert negative != der
    lines = ["-----BEGIN CERTIFICATE-----", *textwrap.wrap(to_base64(negative), 64), "-----END CERTIFICATE-----", ""]
    pem = "\n".join(lines)
    with pytest.raises(MalformedError, match="certificate"):
        trust.parse(file_of(make_root(timestamp_authorities=(TimestampAuthority("a", pem, START, END),))))


def test_other_peoples_client_counts_the_signatures_of_a_trust_root_the_same_way() -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    keys = [
        SSlibKey.from_crypto(serialization.load_pem_public_key(one.public_pem.encode()), keyid=one.key_id)
        for one in ROOTS[:3]
    ]
    for signers, threshold in ((ROOTS[:2], 2), (ROOTS[:1], 1)):
        envelope = dsse.Envelope.from_dict(trust.seal(make_root(), signers).to_json())
        assert set(envelope.verify(keys, threshold)) == {one.key_id for one in signers}
        with pytest.raises(VerificationError):
            envelope.verify(keys, threshold + 1)
