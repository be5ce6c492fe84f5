"""A signing key in a PKCS#11 token: an HSM, a smart card, SoftHSM2. The private half never leaves the token.

The token signs the SHA-256 digest of the message with CKM_ECDSA, which every token with P-256 has, and answers r ‖ s; what
leaves here is DER. A session lasts for one signature: so a token that was taken out or restarted is found again at the
next one, and the PIN is presented to it alone. The PIN shows in no ``repr``, error or log.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from api.issuance.errors import SigningKeyError
from api.issuance.key_settings import TokenKey
from attestations.keys import public_key_id, public_pem

_P256_OID = bytes.fromhex("06082a8648ce3d030107")  # 1.2.840.10045.3.1.7, as CKA_EC_PARAMS holds it
_POINT_BYTES = 65
_one_at_a_time = threading.Lock()
"""A token knows whether the application has logged in, not which of its threads: two at once would disturb each other."""

_SAYS = {
    pkcs11.NoSuchToken: "there is no such token; check token= and serial=",
    pkcs11.MultipleTokensReturned: "several tokens fit; add serial=",
    pkcs11.PinIncorrect: "the token refuses the PIN",
    pkcs11.PinLenRange: "the token refuses the PIN",
    pkcs11.PinLocked: "the token is locked after too many wrong PINs",
}


class TokenSigner:
    """See ``attestations.keys.Signer``. Opening it reads the public half. Raises ``SigningKeyError``."""

    __slots__ = ("_key", "_module", "_pin", "_public_pem")

    def __init__(self, key: TokenKey, *, module: Path, pin: str) -> None:
        self._key, self._module, self._pin = key, module, pin
        with self._session() as session:
            self._public_pem = public_pem(_public_key(self._find(session, pkcs11.ObjectClass.PUBLIC_KEY)))

    def __repr__(self) -> str:
        return f"TokenSigner({self.key_id})"

    @property
    def key_id(self) -> str:
        return public_key_id(self._public_pem)

    @property
    def public_pem(self) -> str:
        return self._public_pem

    def sign(self, message: bytes) -> bytes:
        digest = hashlib.sha256(message).digest()
        with self._session() as session:
            key = self._find(session, pkcs11.ObjectClass.PRIVATE_KEY)
            if not isinstance(key, pkcs11.SignMixin):
                raise SigningKeyError(f"{self._name}: the key may not sign (CKA_SIGN)")
            raw = bytes(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))

    @property
    def _name(self) -> str:
        return f"PKCS#11 token {self._key.token or self._key.serial!r}"

    def _find(self, session: pkcs11.Session, kind: pkcs11.ObjectClass) -> pkcs11.Key:
        """The one key that fits. All are listed: a search that is left open outlives its session and complains later."""
        wanted: dict[pkcs11.Attribute, object] = {
            pkcs11.Attribute.CLASS: kind,
            pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC,
        }
        if self._key.object is not None:
            wanted[pkcs11.Attribute.LABEL] = self._key.object
        if self._key.id is not None:
            wanted[pkcs11.Attribute.ID] = self._key.id
        found = [key for key in session.get_objects(wanted) if isinstance(key, pkcs11.Key)]
        if len(found) != 1:
            words = "several keys fit; add id=" if found else "it has no such EC key pair; both halves must be in it"
            raise SigningKeyError(f"{self._name}: {words}")
        if bytes(found[0][pkcs11.Attribute.EC_PARAMS]) != _P256_OID:
            raise SigningKeyError(f"{self._name}: the key is not on the curve P-256")
        return found[0]

    @contextmanager
    def _session(self) -> Iterator[pkcs11.Session]:
        serial = self._key.serial.encode() if self._key.serial is not None else None
        with _one_at_a_time:
            try:
                library = pkcs11.lib(str(self._module))
                token = library.get_token(token_label=self._key.token, token_serial=serial)
                with token.open(user_pin=self._pin) as session:
                    yield session
            except pkcs11.PKCS11Error as error:
                why = _SAYS.get(type(error), f"{type(error).__name__} {error}".strip())
                raise SigningKeyError(f"{self._name} ({self._module}): {why}") from error


def read_pin(path: Path) -> str:
    """The first line of a file that not everybody can read."""
    try:
        if path.stat().st_mode & 0o007:
            raise SigningKeyError(f"everybody can read the PIN in {path}; run: chmod o= {path}")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SigningKeyError(f"cannot read the PIN from {path}: {type(error).__name__}") from None
    if not lines or not lines[0]:
        raise SigningKeyError(f"the PIN file {path} is empty")
    return lines[0]


def _public_key(key: pkcs11.Key) -> ec.EllipticCurvePublicKey:
    """From CKA_EC_POINT, which is an OCTET STRING around the point; some tokens leave the wrapping out."""
    point = bytes(key[pkcs11.Attribute.EC_POINT])
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point[-_POINT_BYTES:])
    except ValueError as error:
        raise SigningKeyError("the token's public key is no point on P-256") from error
