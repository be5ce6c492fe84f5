"""Names of keys, and key files."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from api.issuance import keyfile, signing
from api.issuance.errors import SigningKeyError
from api.issuance.key_settings import FileKey, KmsKey, TokenKey, beside, parse
from api.settings import ControlSettings, KeyAccess
from attestations.keys import load_public_key

ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab"


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("/secure/issuer.pem", FileKey(Path("/secure/issuer.pem"))),
        ("keys/issuer.pem", FileKey(Path("keys/issuer.pem"))),
        ("file:/secure/issuer.pem", FileKey(Path("/secure/issuer.pem"))),
        ("file:///secure/issuer.pem", FileKey(Path("/secure/issuer.pem"))),
        ("awskms:alias/issuer", KmsKey("alias/issuer", None)),
        (f"awskms:{ARN}", KmsKey(ARN, "eu-west-1")),
        ("pkcs11:token=t;object=o", TokenKey("t", None, "o", None, None, None)),
        (
            "pkcs11:serial=0a%20b;id=%01%FF;object=my%3Bkey;type=private?module-path=/l%20ib.so&pin-source=file:/pin",
            TokenKey(None, "0a b", "my;key", b"\x01\xff", Path("/l ib.so"), Path("/pin")),
        ),
        ("pkcs11:token=t;object=o?pin-source=/run/pin", TokenKey("t", None, "o", None, None, Path("/run/pin"))),
    ],
)
def test_a_setting_names_a_key(setting: str, key: object) -> None:
    assert parse(setting) == key


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("", "path"),
        ("file:", "path"),
        ("a\0b", "path"),
        ("gcpkms:projects/x", "not gcpkms"),
        ("awskms:", "awskms"),
        ("awskms:key with space", "awskms"),
        ("awskms:arn:aws:s3:::bucket", "ARN"),
        ("pkcs11:", "name the token"),
        ("pkcs11:token=t", "name the token"),
        ("pkcs11:object=o", "name the token"),
        ("pkcs11:token=t;object=", "no value"),
        ("pkcs11:token=t;object=o;token=u", "twice"),
        ("pkcs11:token=t;object=o;manufacturer=m", "'manufacturer' is not known"),
        ("pkcs11:token=t;object=o;type=public", "type must be private"),
        ("pkcs11:token=t;object=o?pin-source=|cat /pin", "programs are not run"),
        ("pkcs11:token=t;object=o?pin-source=file:", "empty"),
    ],
)
def test_a_setting_that_names_no_key_says_what_is_wrong(setting: str, words: str) -> None:
    with pytest.raises(SigningKeyError, match=words):
        parse(setting)


def test_a_pin_in_the_name_is_refused_and_not_repeated() -> None:
    with pytest.raises(SigningKeyError, match="TUNEPROOF_PKCS11_PIN") as caught:
        parse("pkcs11:token=t;object=o?pin-value=4711")
    assert "4711" not in str(caught.value)


@given(
    st.text(max_size=60) | st.text(max_size=60).map("pkcs11:{}".format) | st.text(max_size=60).map("awskms:{}".format)
)
def test_any_other_text_ends_in_our_error(setting: str) -> None:
    try:
        parse(setting)
    except SigningKeyError:
        return


def test_the_status_key_lies_beside_the_signing_keys_file() -> None:
    assert signing.status_key("/k/issuer.pem", None) == "/k/issuer.status.pem"
    assert signing.status_key("file:/k/issuer.pem", None) == "/k/issuer.status.pem"
    assert signing.status_key("/k/issuer.pem", "awskms:alias/status") == "awskms:alias/status"
    with pytest.raises(SigningKeyError, match="TUNEPROOF_STATUS_KEY"):
        signing.status_key("awskms:alias/issuer", None)
    assert beside("/k/issuer", "root") == Path("/k/issuer.root")


def test_settings_are_read_from_the_environment() -> None:
    env = {
        "TUNEPROOF_REDIS_URL": "redis://h",
        "TUNEPROOF_SIGNING_KEY": "pkcs11:token=t;object=o",
        "TUNEPROOF_ISSUER": "https://i",
        "TUNEPROOF_STATUS_KEY": "/k/status.pem",
        "TUNEPROOF_SIGNING_PASSPHRASE": "",
        "TUNEPROOF_PKCS11_MODULE": "/lib.so",
        "TUNEPROOF_PKCS11_PIN": "hush",
    }
    settings = ControlSettings.from_env(env)
    assert settings.access == KeyAccess(None, Path("/lib.so"), "hush")
    assert (settings.signing_key, settings.status_key) == ("pkcs11:token=t;object=o", "/k/status.pem")
    assert "hush" not in repr(settings)


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_a_key_file_is_its_owners_alone_and_opens_again(tmp_path: Path, passphrase: str | None) -> None:
    path = tmp_path / "deep" / "issuer.pem"
    made = keyfile.create(path, passphrase=passphrase)
    assert path.stat().st_mode & 0o777 == 0o600
    opened = signing.open_signer(str(path), KeyAccess(passphrase))
    assert opened.key_id == made.key_id
    assert load_public_key(made.public_pem).verifies(opened.sign(b"m"), b"m")
    assert (b"ENCRYPTED" in path.read_bytes()) == bool(passphrase)
    with pytest.raises(SigningKeyError, match="never overwritten"):
        keyfile.create(path)
    for wrong in {"other", None} - {passphrase}:
        if passphrase is not None:
            with pytest.raises(SigningKeyError, match="passphrase"):
                signing.open_signer(str(path), KeyAccess(wrong))


def pem(key: object) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (pem(ed25519.Ed25519PrivateKey.generate()), 0o600, "not an ECDSA key"),
        (pem(ec.generate_private_key(ec.SECP384R1())), 0o600, "P-256"),
        (b"no key", 0o600, "no private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), 0o640, "chmod 600"),
        (None, 0, "cannot read"),
    ],
)
def test_a_file_that_is_no_safe_key_is_refused(tmp_path: Path, content: bytes | None, mode: int, words: str) -> None:
    path = tmp_path / "k.pem"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(SigningKeyError, match=words):
        signing.open_signer(str(path), KeyAccess())
