"""Timestamps: what an authority's word proves, and every way in which it might seem to prove it and does not."""

import hashlib
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import der, timestamps
from attestations.bundle import UnverifiedTimestamp
from attestations.documents import moment
from attestations.errors import AttestationError, CryptographicError, MalformedError
from attestations.findings import Check, ExitCode, Status
from attestations.timestamp_form import normalised, refuse_other_forms
from attestations.trust import TimestampAuthority

SIGNATURE = b"the bytes of a signature"
BEGUN = datetime.now(UTC)


def tsa() -> Any:
    """The local authority's module; it is not there where the wheel is tested alone."""
    pytest.importorskip("rfc3161_client", reason="needs the extra timestamps")
    module = pytest.importorskip("tests.openssl_tsa", reason="needs the local timestamp authority")
    if not shutil.which("openssl"):
        pytest.skip("needs openssl as a timestamp authority")
    return module


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory):
    return tsa().make_authority(tmp_path_factory.mktemp("tsa") / "good")


def believed(authority, **changes: object) -> TimestampAuthority:
    """What a trust root says of an authority."""
    made = TimestampAuthority("Test stamps", authority.root_pem, "2026-01-01T00:00:00Z", "2099-12-31T00:00:00Z")
    return replace(made, **changes)


def stamp(authority, signature: bytes = SIGNATURE) -> bytes:
    """A token as the service would keep it, without asking whether it holds."""
    return normalised(authority.reply(timestamps.request(signature)))


@pytest.fixture(scope="module")
def token(authority) -> bytes:
    return stamp(authority)


def over(token: bytes, signature: bytes = SIGNATURE) -> UnverifiedTimestamp:
    return UnverifiedTimestamp(hashlib.sha256(signature).hexdigest(), token)


def check(
    *tokens: bytes, by, signature: bytes = SIGNATURE, now: datetime | None = None
) -> tuple[Check, datetime | None]:
    found = timestamps.check([over(token) for token in tokens], signature, by, now=now or datetime.now(UTC))
    assert found[0].code == "time.signing"
    assert (found[1] is not None) == (found[0].status is Status.PASS)
    return found


def assert_broken(found: tuple[Check, datetime | None], words: str = "") -> None:
    assert (found[0].status, found[0].exit_code, found[1]) == (Status.FAIL, ExitCode.CRYPTOGRAPHIC, None)
    assert words in found[0].sentence


def test_a_timestamp_proves_a_time_before_which_the_signature_existed(authority, token: bytes) -> None:
    found, proven = check(token, by=[believed(authority)])
    assert found.status is Status.PASS
    assert proven is not None
    assert BEGUN - timedelta(seconds=1) < proven < datetime.now(UTC) + timedelta(seconds=2)
    assert found.sentence == f"signed before {moment(proven)}, says Test stamps"


def test_the_proven_time_is_the_latest_that_the_accuracy_allows(authority, token: bytes, tmp_path) -> None:
    stated = pytest.importorskip("rfc3161_client").decode_timestamp_response(token).tst_info.gen_time
    assert check(token, by=[believed(authority)])[1] == stated + timedelta(seconds=1, milliseconds=500)
    silent = tsa().make_authority(tmp_path / "silent", tsa().Kind(accuracy=""))
    quiet = stamp(silent)
    stated = pytest.importorskip("rfc3161_client").decode_timestamp_response(quiet).tst_info.gen_time
    assert check(quiet, by=[believed(silent)])[1] == stated + timedelta(seconds=1)
    vague = tsa().make_authority(tmp_path / "vague", tsa().Kind(accuracy="accuracy = secs:3601"))
    assert_broken(check(stamp(vague), by=[believed(vague)]), "may be off")


def test_without_a_timestamp_or_an_authority_nothing_is_checked() -> None:
    found, proven = timestamps.check([], SIGNATURE, [], now=BEGUN)
    assert (found.code, found.status, proven) == ("time.signing", Status.NOT_CHECKED, None)
    found, proven = timestamps.check([over(b"anything")], SIGNATURE, [], now=BEGUN)
    assert (found.code, found.status, proven) == ("time.signing", Status.NOT_CHECKED, None)


def test_without_the_extra_nothing_is_checked_and_the_finding_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    named = TimestampAuthority("Test stamps", "", "2026-01-01T00:00:00Z", "2099-12-31T00:00:00Z")
    found, proven = timestamps.check([over(b"anything")], SIGNATURE, [named], now=BEGUN)
    assert (found.status, found.exit_code, proven) == (Status.NOT_CHECKED, ExitCode.ACCEPT, None)
    assert "pip install 'tuneproof[timestamps]'" in found.sentence


def test_a_timestamp_over_another_signature_is_broken(authority, token: bytes) -> None:
    by = [believed(authority)]
    assert_broken(timestamps.check([over(token, b"other")], SIGNATURE, by, now=BEGUN), "over another signature")
    other = stamp(authority, b"other")
    assert_broken(check(other, by=by))  # said to be over this one


def test_one_token_that_does_not_hold_breaks_the_proof(authority, token: bytes) -> None:
    by = [believed(authority)]
    assert check(token, stamp(authority), by=by)[0].status is Status.PASS
    assert_broken(check(token, stamp(authority, b"other"), by=by))
    assert_broken(check(b"", token, by=by))


def test_the_earliest_of_several_proven_times_counts(authority, token: bytes, tmp_path) -> None:
    early = check(token, by=[believed(authority)])[1]
    other = tsa().make_authority(tmp_path / "other", tsa().Kind(accuracy="accuracy = secs:3000"))
    by = [believed(other), believed(authority)]
    assert check(stamp(other), token, by=by)[1] == early
    assert check(token, stamp(other), by=by)[1] == early


def test_an_authority_that_is_not_in_the_trust_root_is_not_believed(authority, token: bytes, tmp_path) -> None:
    foreign = tsa().make_authority(tmp_path / "foreign")
    assert_broken(check(token, by=[believed(foreign)]))
    namesake = tsa().make_authority(tmp_path / "namesake" / "good")  # with the same names in its certificates
    assert namesake.certificate("root.pem").subject == authority.certificate("root.pem").subject
    assert_broken(check(token, by=[believed(namesake)]))
    assert check(token, by=[believed(namesake), believed(authority)])[0].status is Status.PASS


def test_a_signer_whose_certificate_had_expired_is_not_believed(tmp_path) -> None:
    late = tsa().make_authority(tmp_path / "late", tsa().Kind(end=timedelta(minutes=-1)))
    assert_broken(check(stamp(late), by=[believed(late)]), "expired")
    early = tsa().make_authority(tmp_path / "early", tsa().Kind(begin=timedelta(hours=1)))
    assert_broken(check(stamp(early), by=[believed(early)]))


def test_a_certificate_that_expires_later_does_not_take_the_proof_away(authority, token: bytes) -> None:
    assert check(token, by=[believed(authority)], now=BEGUN + timedelta(days=3650))[0].status is Status.PASS


def test_an_authority_is_believed_in_its_window_alone(authority, token: bytes) -> None:
    yesterday, tomorrow = (moment(BEGUN + timedelta(days=days)) for days in (-1, 1))
    assert_broken(check(token, by=[believed(authority, valid_until=yesterday)]), "is believed from")
    assert_broken(check(token, by=[believed(authority, valid_from=tomorrow)]), "is believed from")
    window = believed(authority, valid_from=yesterday, valid_until=tomorrow)
    assert check(token, by=[window])[0].status is Status.PASS


def test_a_time_that_the_clock_has_not_reached_is_undetermined(authority, token: bytes) -> None:
    found, proven = check(token, by=[believed(authority)], now=BEGUN - timedelta(hours=1))
    assert (found.status, found.exit_code, proven) == (Status.STALE, ExitCode.UNDETERMINED, None)


def test_an_imprint_with_another_digest_is_refused(authority) -> None:
    client = pytest.importorskip("rfc3161_client")
    asked = client.TimestampRequestBuilder().data(SIGNATURE).hash_algorithm(client.HashAlgorithm.SHA512).build()
    token = normalised(authority.reply(asked.as_bytes()))
    root = authority.certificate("root.pem")
    verifier = client.VerifierBuilder().add_root_certificate(root).build()
    assert verifier.verify_message(client.decode_timestamp_response(token), SIGNATURE)
    assert_broken(check(token, by=[believed(authority)]), "SHA-256")


def test_a_signer_with_an_rsa_key_is_believed(tmp_path) -> None:
    with_rsa = tsa().make_authority(tmp_path / "rsa", tsa().Kind(use_rsa=True))
    token, by = stamp(with_rsa), [believed(with_rsa)]
    assert check(token, by=by)[0].status is Status.PASS
    signed, signer = parts(token)
    assert signer[4] == bytes.fromhex("300d06092a864886f70d0101010500")
    longer = bytes.fromhex(
        "300d06092a864886f70d01010b0500"
    )  # sha256WithRSAEncryption says the same, and nobody signs it
    renamed = built(token, signed=signed, signer=[*signer[:4], longer, signer[5]])
    assert_broken(check(renamed, by=by))
    assert normalised(renamed) == token


def test_a_chain_with_an_intermediate_authority_is_followed(tmp_path) -> None:
    for number in range(4):  # openssl writes certificates in its own order, which is that of DER by chance only
        chained = tsa().make_authority(tmp_path / f"chained-{number}", tsa().Kind(with_intermediate=True))
        assert check(stamp(chained), by=[believed(chained)])[0].status is Status.PASS


# What follows takes tokens apart and puts them together otherwise.


def parts(token: bytes) -> tuple[list[bytes], list[bytes]]:
    """The fields of SignedData and those of its one SignerInfo."""
    _, content = der.elements(token)[0].children(der.SEQUENCE, der.SEQUENCE)
    [signed] = der.elements(der.elements(content.content)[1].content)
    fields = der.elements(signed.content)
    [signer] = der.elements(fields[-1].content)
    return [one.raw for one in fields], [one.raw for one in der.elements(signer.content)]


def built(token: bytes, *, signed: list[bytes], signer: list[bytes], status: bytes = bytes.fromhex("3003020100")):
    """The token with other fields; the last of `signed` is made from `signer`."""
    name = der.elements(der.elements(token)[0].children(der.SEQUENCE, der.SEQUENCE)[1].content)[0].raw
    signers = der.wrap(der.SET, der.wrap(der.SEQUENCE, *signer))
    data = der.wrap(der.CONTEXT_0, der.wrap(der.SEQUENCE, *signed[:-1], signers))
    return der.wrap(der.SEQUENCE, status, der.wrap(der.SEQUENCE, name, data))


def with_certificates(token: bytes, *certificates: x509.Certificate) -> bytes:
    """The token with these certificates, in the order of DER."""
    signed, signer = parts(token)
    raw = sorted(one.public_bytes(Encoding.DER) for one in certificates)
    return built(token, signed=[*signed[:3], der.wrap(der.CONTEXT_0, *raw), signed[-1]], signer=signer)


ATTRIBUTE = der.wrap(der.CONTEXT_1, der.wrap(der.SEQUENCE, bytes.fromhex("06032a0304"), der.wrap(der.SET, b"\5\0")))


def test_the_parts_of_a_token_put_together_again_are_the_token(token: bytes) -> None:
    signed, signer = parts(token)
    assert built(token, signed=signed, signer=signer) == token


@pytest.mark.parametrize(
    "change",
    [
        lambda signed, signer: {"signer": [*signer, ATTRIBUTE]},
        lambda signed, signer: {"signed": [*signed[:-1], der.wrap(der.CONTEXT_1), signed[-1]]},
        lambda signed, signer: {"signed": [b"\2\1\1", *signed[1:]]},
        lambda signed, signer: {"signer": [b"\2\1\3", *signer[1:]]},
        lambda signed, signer: {"signer": [*signer[:4], bytes.fromhex("300a06082a8648ce3d040303"), signer[5]]},
        lambda signed, signer: {"signed": [signed[0], der.wrap(der.SET), *signed[2:]]},
        lambda signed, signer: {"signed": [*signed[:3], der.wrap(der.CONTEXT_0), signed[-1]]},
        lambda signed, signer: {"signed": [*signed[:3], signed[-1]]},
        lambda signed, signer: {"status": der.wrap(der.SEQUENCE, b"\2\1\1")},
        lambda signed, signer: {
            "status": der.wrap(der.SEQUENCE, b"\2\1\0", der.wrap(der.SEQUENCE, der.wrap(0x0C, b"all is well")))
        },
    ],
    ids=[
        *("unsigned attribute", "revocation list", "version", "signer's version", "name of the algorithm"),
        *("no digests", "empty certificates", "no certificates", "granted otherwise", "words beside the status"),
    ],
)
def test_what_no_signature_covers_has_one_form(authority, token: bytes, change) -> None:
    signed, signer = parts(token)
    changed = built(token, **{"signed": signed, "signer": signer, **change(signed, signer)})
    with pytest.raises(MalformedError):
        refuse_other_forms(changed)
    assert_broken(check(changed, by=[believed(authority)]))


def test_certificates_beside_the_chain_are_refused_but_the_root_may_be_there(authority, token: bytes, tmp_path) -> None:
    by = [believed(authority)]
    signer, root = authority.certificate("tsa.pem"), authority.certificate("root.pem")
    assert with_certificates(token, signer) == token
    assert check(with_certificates(token, signer, root), by=by)[0].status is Status.PASS
    assert_broken(check(with_certificates(token, root), by=by))
    assert_broken(check(with_certificates(token, signer, signer), by=by))
    other = tsa().make_authority(tmp_path / "other")
    assert_broken(check(with_certificates(token, signer, other.certificate("tsa.pem")), by=by), "chain")
    namesake = tsa().make_authority(tmp_path / "again" / "good").certificate("root.pem")
    assert_broken(check(with_certificates(token, signer, namesake), by=by), "chain")


def test_a_certificate_for_another_purpose_does_not_pass_beside_a_forged_one(tmp_path) -> None:
    server = tsa().make_authority(tmp_path / "server", tsa().Kind(purpose=ExtendedKeyUsageOID.SERVER_AUTH))
    server.forge_purpose()
    forged, real = server.certificate("tsa.pem"), server.certificate("real.pem")
    token = stamp(server)
    for certificates in ((forged,), (real,), (forged, real)):
        assert_broken(check(with_certificates(token, *certificates), by=[believed(server)]))


def test_every_byte_that_is_changed_or_lost_is_noticed(authority, token: bytes) -> None:
    by = [believed(authority)]
    for place in range(len(token)):
        flipped = bytearray(token)
        flipped[place] ^= 1 << place % 8
        assert_broken(check(bytes(flipped), by=by))
    for length in range(0, len(token), 7):
        assert_broken(check(token[:length], by=by))
    assert_broken(check(token + b"\0", by=by))


@settings(max_examples=200)
@given(data=st.data())
def test_any_bytes_at_all_are_broken_and_never_another_error(authority, token: bytes, data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        content = data.draw(st.binary(max_size=200))
    else:
        begin = data.draw(st.integers(0, len(token)))
        end = data.draw(st.integers(begin, len(token)))
        content = token[:begin] + data.draw(st.binary(max_size=8)) + token[end:]
    if content != token:
        assert_broken(check(content, by=[believed(authority)]))


def test_a_token_that_is_too_large_is_not_looked_at(authority) -> None:
    assert_broken(check(der.wrap(der.SEQUENCE, bytes(65536)), by=[believed(authority)]), "more than")


# The service's side: what it makes of an authority's response.


def test_the_service_keeps_what_answers_its_request(authority) -> None:
    asked = timestamps.request(SIGNATURE)
    kept = timestamps.answer_to(asked, SIGNATURE, authority.reply(asked), [believed(authority)])
    assert check(kept, by=[believed(authority)])[0].status is Status.PASS


def test_the_service_refuses_an_answer_to_another_request(authority, tmp_path) -> None:
    asked = timestamps.request(SIGNATURE)
    again = authority.reply(timestamps.request(SIGNATURE))
    with pytest.raises(CryptographicError, match="Nonce mismatch"):
        timestamps.answer_to(asked, SIGNATURE, again, [believed(authority)])
    foreign = tsa().make_authority(tmp_path / "foreign")
    with pytest.raises(CryptographicError):
        timestamps.answer_to(asked, SIGNATURE, foreign.reply(asked), [believed(authority)])
    with pytest.raises(CryptographicError):
        timestamps.answer_to(asked, b"other", authority.reply(asked), [believed(authority)])


def test_the_service_hears_a_refusal(authority) -> None:
    asked = timestamps.request(SIGNATURE)
    refused = authority.reply(
        asked.replace(bytes.fromhex("0609608648016503040201"), bytes.fromhex("0609608648016503040204"))
    )
    with pytest.raises(CryptographicError, match="did not grant"):
        timestamps.answer_to(asked, SIGNATURE, refused, [believed(authority)])


def test_the_service_leaves_out_what_no_signature_covers(authority, token: bytes) -> None:
    signed, signer = parts(token)
    words = der.wrap(der.SEQUENCE, b"\2\1\0", der.wrap(der.SEQUENCE, der.wrap(0x0C, b"all is well")))
    more = [*signed[:-1], der.wrap(der.CONTEXT_1, b""), signed[-1]]
    said = built(token, signed=more, signer=[*signer, ATTRIBUTE], status=words)
    assert said != token
    assert normalised(said) == token


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda raw: der.wrap(der.SEQUENCE, raw)))
def test_any_response_at_all_is_one_of_our_errors(response: bytes) -> None:
    with pytest.raises(AttestationError):
        normalised(response)
    with pytest.raises(AttestationError):
        refuse_other_forms(response)
