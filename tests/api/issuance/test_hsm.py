"""Keys in a real PKCS#11 token: SoftHSM2, whose tokens lie in a temporary folder."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.issuance.errors import SigningKeyError
from api.issuance.signing import open_signer
from api.settings import KeyAccess
from attestations import dsse
from attestations.keys import LocalSigner, Signer, load_public_key

pkcs11 = pytest.importorskip("pkcs11")

MODULE = Path(os.environ.get("TUNEPROOF_PKCS11_MODULE", "/usr/lib/softhsm/libsofthsm2.so"))
PIN, SO_PIN = "hush-4711", "so-4711"
if not MODULE.exists() or shutil.which("softhsm2-util") is None:
    pytest.skip("SoftHSM2 is not installed", allow_module_level=True)


@dataclass(frozen=True)
class Token:
    """A token with the P-256 pairs `issuer` and `status`, a P-384 pair and a private key alone."""

    label: str
    serial: str

    def open(self, key: str = "object=issuer", access: KeyAccess | None = None) -> Signer:
        return open_signer(f"pkcs11:token={self.label};{key}", access or KeyAccess(None, MODULE, PIN))


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    directory = tmp_path_factory.mktemp("softhsm")
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {directory / 'tokens'}\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        for label in ("tuneproof", "other"):
            command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN]
            subprocess.run(command, check=True, capture_output=True)
        library = pkcs11.lib(str(MODULE))
        made = library.get_token(token_label="tuneproof")
        with made.open(rw=True, user_pin=PIN) as session:
            pairs = (
                ("issuer", "secp256r1", b"\x01"),
                ("status", "secp256r1", b"\x02"),
                ("large", "secp384r1", b"\x03"),
            )
            for label, curve, key_id in pairs:
                make_pair(session, label, curve, key_id)
            make_pair(session, "twin", "secp256r1", b"\x04")
            make_pair(session, "twin", "secp256r1", b"\x05")
            public, _ = make_pair(session, "alone", "secp256r1", b"\x06")
            public.destroy()
        yield Token("tuneproof", made.serial.decode())
        pkcs11.unload(str(MODULE))


def make_pair(session, label: str, curve: str, key_id: bytes):
    parameters = session.create_domain_parameters(
        pkcs11.KeyType.EC,
        {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters(curve)},
        local=True,
    )
    return parameters.generate_keypair(store=True, label=label, id=key_id, mechanism=pkcs11.Mechanism.EC_KEY_PAIR_GEN)


def test_a_token_signs_what_everybody_can_verify(token: Token) -> None:
    signer = token.open()
    envelope = dsse.seal(b"payload", "t", signer)
    assert dsse.verify(envelope, [load_public_key(signer.public_pem)]).key.key_id == signer.key_id


def test_openssl_verifies_what_a_token_signed(token: Token, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    signer = token.open()
    for name, content in (("key.pem", signer.public_pem.encode()), ("m", b"message"), ("sig", signer.sign(b"message"))):
        (tmp_path / name).write_bytes(content)
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "m"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "Verified OK\n"


def test_many_signatures_hold_whatever_their_length(token: Token) -> None:
    """r and s begin with a zero byte now and then, and their DER form is longer or shorter for it."""
    signer, public = token.open(), load_public_key(token.open().public_pem)
    signatures = [signer.sign(b"%d" % i) for i in range(100)]
    assert all(public.verifies(one, b"%d" % i) for i, one in enumerate(signatures))
    assert len({len(one) for one in signatures}) > 1


def test_a_key_is_found_by_label_or_id_and_a_token_by_label_or_serial(token: Token) -> None:
    issuer, status = token.open("object=issuer"), token.open("object=status")
    assert issuer.key_id != status.key_id
    assert token.open("id=%01").key_id == issuer.key_id
    assert token.open("object=twin;id=%04").key_id != token.open("object=twin;id=%05").key_id
    access = KeyAccess(None, MODULE, PIN)
    assert open_signer(f"pkcs11:serial={token.serial};object=issuer", access).key_id == issuer.key_id


def test_two_keys_of_one_token_sign_from_several_threads(token: Token) -> None:
    """A token knows one login for the whole process, so sessions at the same time would disturb each other."""
    signers = [token.open("object=issuer"), token.open("object=status")]
    good: list[bool] = []

    def work(signer: Signer) -> None:
        good.extend(load_public_key(signer.public_pem).verifies(signer.sign(b"m"), b"m") for _ in range(10))

    threads = [threading.Thread(target=work, args=(signers[i % 2],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert good == [True] * 40


def test_the_pin_comes_from_a_file_that_not_everybody_reads(token: Token, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    name = f"object=issuer?module-path={MODULE}&pin-source=file:{pin}"
    assert token.open(name, KeyAccess()).key_id == token.open().key_id
    pin.chmod(0o604)
    with pytest.raises(SigningKeyError, match="chmod"):
        token.open(name, KeyAccess())
    pin.chmod(0o600)
    pin.write_text("\n")
    with pytest.raises(SigningKeyError, match="empty"):
        token.open(name, KeyAccess())
    pin.unlink()
    with pytest.raises(SigningKeyError, match="cannot read the PIN"):
        token.open(name, KeyAccess())


@pytest.mark.parametrize(
    ("key", "access", "words"),
    [
        ("object=missing", KeyAccess(None, MODULE, PIN), "no such EC key pair"),
        ("object=alone", KeyAccess(None, MODULE, PIN), "both halves"),
        ("object=twin", KeyAccess(None, MODULE, PIN), "several keys"),
        ("object=large", KeyAccess(None, MODULE, PIN), "not on the curve"),
        ("object=issuer", KeyAccess(None, MODULE, "wrong-pin"), "refuses the PIN"),
        ("object=issuer", KeyAccess(None, MODULE, None), "TUNEPROOF_PKCS11_PIN"),
        ("object=issuer", KeyAccess(None, None, PIN), "TUNEPROOF_PKCS11_MODULE"),
        ("object=issuer", KeyAccess(None, Path("/no/such.so"), PIN), "/no/such.so"),
        ("object=issuer;serial=00", KeyAccess(None, MODULE, PIN), "no such token"),
    ],
)
def test_what_is_set_up_wrongly_is_named_and_the_pin_is_not(
    token: Token, key: str, access: KeyAccess, words: str
) -> None:
    with pytest.raises(SigningKeyError, match=words) as caught:
        token.open(key, access)
    assert PIN not in str(caught.value)
    assert token.open().sign(b"m"), "a failure leaves the token usable"


def test_the_pin_shows_nowhere(token: Token) -> None:
    from api.issuance.hsm import TokenSigner
    from api.issuance.key_settings import parse

    key = parse(f"pkcs11:token={token.label};object=issuer")
    signer = TokenSigner(key, module=MODULE, pin=PIN)
    shown = f"{signer!r} {token.open()!r} {KeyAccess(None, MODULE, PIN)!r}"
    assert PIN not in shown
    assert repr(signer) == f"TokenSigner({signer.key_id})"


def test_a_token_takes_the_place_of_a_file_in_the_same_envelope(token: Token) -> None:
    """What another key signed does not verify under the token's, and the other way round."""
    signer, local = token.open(), LocalSigner.generate()
    assert not load_public_key(local.public_pem).verifies(signer.sign(b"m"), b"m")
    assert not load_public_key(signer.public_pem).verifies(local.sign(b"m"), b"m")
