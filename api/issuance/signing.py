"""From a setting to a signer: the one place that opens signing keys.

Whatever the back end, each signature is verified with the signer's own public half before it leaves here, so a token that
signs with another key, or a device that answers nonsense, is found before anything is published.
"""

from dataclasses import dataclass, field

from api.issuance import keyfile
from api.issuance.errors import SigningKeyError
from api.issuance.key_settings import FileKey, KmsKey, TokenKey, beside, parse
from api.settings import KeyAccess
from attestations.keys import PublicKey, Signer, load_public_key, refuse_bad_signature


@dataclass(frozen=True, slots=True)
class CheckedSigner:
    """A signer whose every signature has been verified. Raises ``CryptographicError`` where one does not hold."""

    _signer: Signer = field(repr=False)
    public: PublicKey

    @property
    def key_id(self) -> str:
        return self.public.key_id

    @property
    def public_pem(self) -> str:
        return self.public.pem

    def sign(self, message: bytes) -> bytes:
        signature = self._signer.sign(message)
        refuse_bad_signature(self._signer, self.public, message, signature)
        return signature


def open_signer(setting: str, access: KeyAccess) -> CheckedSigner:
    """The signer that a setting names. Raises ``SigningKeyError``; a device is asked for its public key."""
    key = parse(setting)
    signer: Signer
    if isinstance(key, FileKey):
        signer = keyfile.load(key.path, passphrase=access.passphrase)
    elif isinstance(key, TokenKey):
        signer = _open_token(key, access)
    else:
        signer = _open_kms(key)
    return checked(signer)


def checked(signer: Signer) -> CheckedSigner:
    return CheckedSigner(signer, load_public_key(signer.public_pem))


def status_key(signing_key: str, named: str | None) -> str:
    """The setting of the key that signs status lists: as named, else the file beside the signing key's file."""
    default = beside(signing_key, "status")
    if named is None and default is None:
        raise SigningKeyError("set TUNEPROOF_STATUS_KEY: it has no default beside a key in a token or in KMS")
    return named if named is not None else str(default)


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
