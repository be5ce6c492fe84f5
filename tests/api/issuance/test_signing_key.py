"""A key signs only while the newest trust root on disk believes it, in its role."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.issuance.errors import KeyNotBelievedError
from api.issuance.issuer import Issuer
from api.issuance.keyring import Keyring
from api.issuance.signing import known_keyrings
from api.issuance.signing_key import SigningKey
from attestations import keys, status, trust
from attestations.errors import CryptographicError
from attestations.findings import Status
from attestations.keys import LocalSigner
from attestations.trust import KeyRole
from tests.api.own_trust import OwnTrust

NOW = 1_800_000_000
DAY = 86_400
ISSUING, STATUS, NEXT = (LocalSigner.generate() for _ in range(3))


@pytest.fixture
def own(tmp_path: Path) -> OwnTrust:
    made = OwnTrust(tmp_path / "issuer.trust", NOW)
    made.begin(ISSUING, STATUS)
    return made


def key(own: OwnTrust, signer: LocalSigner = ISSUING, role: KeyRole = KeyRole.ISSUER, *, at: int = NOW) -> SigningKey:
    return SigningKey(signer, role, (own.keyring,), lambda: at)


def refusal(signing: SigningKey) -> str:
    """What the key says; it has signed nothing."""
    with pytest.raises(KeyNotBelievedError) as caught:
        keys.sign(signing, b"message")
    assert str(caught.value) == signing.doubt()
    return str(caught.value)


def test_a_believed_key_signs_what_verifies_with_it(own: OwnTrust) -> None:
    for signer, role in ((ISSUING, KeyRole.ISSUER), (STATUS, KeyRole.STATUS)):
        signing = key(own, signer, role)
        assert signing.doubt() is None
        assert keys.load_public_key(signer.public_pem).verifies(keys.sign(signing, b"message"), b"message")
        assert signing.key_id == signer.key_id


def test_a_key_whose_window_has_ended_signs_nothing_and_names_the_remedy(own: OwnTrust) -> None:
    own.rotate(NEXT, KeyRole.ISSUER, now=NOW + DAY)
    assert key(own, at=NOW + DAY).doubt() is None, "its last second belongs to the window"
    words = refusal(key(own, at=NOW + DAY + 1))
    for part in (ISSUING.key_id[:16], "version 2", str(own.directory), "TUNEPROOF_SIGNING_KEY", "restart control"):
        assert part in words
    assert key(own, NEXT, at=NOW + DAY + 1).doubt() is None
    assert key(own, STATUS, KeyRole.STATUS, at=NOW + DAY + 1).doubt() is None, "the other role's key goes on"


def test_within_the_overlap_both_sign(own: OwnTrust) -> None:
    own.rotate(NEXT, KeyRole.ISSUER, now=NOW, overlap_days=7)
    assert [key(own, signer, at=NOW + 7 * DAY).doubt() for signer in (ISSUING, NEXT)] == [None, None]
    assert "only" in refusal(key(own, at=NOW + 7 * DAY + 1))


def test_a_key_whose_window_has_not_begun_signs_nothing(own: OwnTrust) -> None:
    assert "only" in refusal(key(own, at=NOW - 1))


@pytest.mark.parametrize("stolen", [NOW, NOW + DAY])
def test_a_compromised_key_never_signs_again(own: OwnTrust, stolen: int) -> None:
    """Not even as of a time before the theft, as a clock that was set back would have it."""
    own.compromise(ISSUING, at=stolen, now=NOW + DAY)
    for at in (NOW, NOW + DAY, NOW + 2 * DAY):
        assert "compromised" in refusal(key(own, at=at))


def test_a_key_signs_in_its_role_alone(own: OwnTrust) -> None:
    assert "in the role issuer, and status is needed" in refusal(key(own, ISSUING, KeyRole.STATUS))
    words = refusal(key(own, NEXT, KeyRole.STATUS))
    assert "does not know the status key" in words
    assert "TUNEPROOF_STATUS_KEY" in words


def test_an_expired_trust_root_does_not_stop_it(own: OwnTrust) -> None:
    at = NOW + 500 * DAY
    fresh = trust.freshness(own.keyring.current(), now=datetime.fromtimestamp(at, UTC))
    assert fresh.status is Status.STALE
    assert key(own, at=at).doubt() is None


def test_trust_roots_that_are_gone_or_do_not_follow_stop_it(own: OwnTrust) -> None:
    own.renew(now=NOW)
    second = own.directory / "2.root.json"
    second.write_bytes((own.directory / "1.root.json").read_bytes())
    assert "do not follow from each other" in refusal(key(own))
    shutil.rmtree(own.directory)
    assert "holds no trust root" in refusal(key(own))


def test_without_a_trust_root_there_is_nothing_to_hold_a_key_against() -> None:
    assert SigningKey(ISSUING, KeyRole.ISSUER, (), lambda: NOW).doubt() is None


def test_neither_a_statement_nor_a_status_list_gets_out(own: OwnTrust) -> None:
    own.compromise(ISSUING, at=NOW, now=NOW)
    own.compromise(STATUS, at=NOW, now=NOW)
    with pytest.raises(KeyNotBelievedError):
        Issuer(own.issuer, key(own), 30).seal(b"{}")
    at = datetime.fromtimestamp(NOW, UTC)
    listed = status.StatusList(uri="https://i/status/1", issued_at=at, expires_at=at + status.LIFE, states=b"\0" * 16)
    with pytest.raises(KeyNotBelievedError):
        status.encode(listed, key(own, STATUS, KeyRole.STATUS))


def test_what_the_signer_answers_is_still_checked(own: OwnTrust) -> None:
    class Stranger:
        key_id, public_pem = ISSUING.key_id, ISSUING.public_pem

        def sign(self, message: bytes) -> bytes:
            return NEXT.sign(message)

    with pytest.raises(CryptographicError):
        Issuer(own.issuer, SigningKey(Stranger(), KeyRole.ISSUER, (own.keyring,), lambda: NOW), 30).seal(b"{}")


def test_a_published_copy_that_is_behind_does_not_hide_the_end_of_a_key(own: OwnTrust, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(own.directory, copy)
    own.rotate(NEXT, KeyRole.ISSUER, now=NOW)
    places = known_keyrings(str(tmp_path / "issuer.pem"), copy, issuer=own.issuer)
    assert places == (Keyring(copy), own.keyring)
    assert "version 2" in refusal(SigningKey(ISSUING, KeyRole.ISSUER, places, lambda: NOW + 1))


def test_where_trust_roots_are_looked_for(own: OwnTrust, tmp_path: Path) -> None:
    other = OwnTrust(tmp_path / "another.trust", NOW, issuer="https://other.test")
    other.begin(ISSUING, STATUS)
    (tmp_path / "empty.trust").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def found(setting: str, named: Path | None = None) -> tuple[Keyring, ...]:
        return known_keyrings(setting, named, issuer=own.issuer)

    assert found(str(tmp_path / "issuer.pem")) == (own.keyring,)
    assert found(str(tmp_path / "issuer.pem"), own.directory) == (own.keyring,)
    assert found(str(tmp_path / "issuer-2.pem")) == (own.keyring,), "the new file of a rotated key"
    assert found(str(elsewhere / "issuer.pem")) == ()
    for setting in ("awskms:alias/issuer", "pkcs11:token=t;object=o"):
        assert found(setting) == ()
        assert found(setting, own.directory) == (own.keyring,)
    missing = found("awskms:alias/issuer", tmp_path / "nowhere.trust")
    assert "holds no trust root" in refusal(SigningKey(ISSUING, KeyRole.ISSUER, missing, lambda: NOW))
