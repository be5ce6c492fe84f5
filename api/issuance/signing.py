"""From settings to signers, and to the trust roots that must believe them: the one place that opens signing keys.

What a back end answers is not believed: whoever seals signs through ``attestations.keys.sign``, which checks it.
"""

from pathlib import Path

from api.issuance import keyfile
from api.issuance.errors import SigningKeyError
from api.issuance.key_settings import FileKey, KmsKey, TokenKey, beside, parse
from api.issuance.keyring import Keyring
from api.settings import KeyAccess
from attestations.keys import Signer


def open_signer(setting: str, access: KeyAccess) -> Signer:
    """The signer that a setting names. Raises ``SigningKeyError``; a device is asked for its public key."""
    key = parse(setting)
    if isinstance(key, FileKey):
        return keyfile.load(key.path, passphrase=access.passphrase)
    if isinstance(key, TokenKey):
        return _open_token(key, access)
    return _open_kms(key)


def status_key(signing_key: str, named: str | None) -> str:
    """The setting of the key that signs status lists: as named, else the file beside the signing key's file."""
    default = beside(signing_key, "status")
    if named is None and default is None:
        raise SigningKeyError("set TUNEPROOF_STATUS_KEY: it has no default beside a key in a token or in KMS")
    return named if named is not None else str(default)


def known_keyrings(signing_key: str, trust_dir: Path | None, *, issuer: str) -> tuple[Keyring, ...]:
    """The folders of trust roots that a control process knows of; none where there is nothing to hold its keys against.

    ``trust_dir`` is taken as it is named: where nothing is in it, nothing is believed. Beside the file of the signing key lies
    the keyring of the same name or, after a rotation to a new file, that of the issuer's first key. Both count, as the first may
    be a published copy that is behind. Raises ``TrustChangeError``.
    """
    named = (Keyring.at(trust_dir),) if trust_dir is not None else ()
    key = parse(signing_key)
    if not isinstance(key, FileKey):
        return named
    own = Keyring.at(key.path)
    if own.begun:
        found = [own]
    else:
        others = (Keyring.at(folder) for folder in sorted(key.path.parent.glob("*.trust")))
        found = [one for one in others if one.begun and one.current().issuer == issuer]
    return (*named, *(one for one in found if one not in named))


def _open_token(key: TokenKey, access: KeyAccess) -> Signer:
    try:
        from api.issuance import hsm
    except ImportError as error:
        raise SigningKeyError("a key in a token needs the package python-pkcs11") from error
    module = key.module or access.pkcs11_module
    if module is None:
        raise SigningKeyError("set TUNEPROOF_PKCS11_MODULE, or module-path in the key's name, to the token's library")
    pin = hsm.read_pin(key.pin_file) if key.pin_file is not None else access.pkcs11_pin
    if not pin:
        raise SigningKeyError("set TUNEPROOF_PKCS11_PIN, or pin-source in the key's name, to open the token")
    return hsm.TokenSigner(key, module=module, pin=pin)


def _open_kms(key: KmsKey) -> Signer:
    from api.issuance.kms import KmsSigner  # botocore takes half a second to import

    return KmsSigner(key)
