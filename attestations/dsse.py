"""DSSE v1.0.2: sign bytes, verify bytes, hand out the bytes that were verified and no others.

The signature is over PAE(type, payload), so neither can be swapped. The key id in an envelope is an unauthenticated hint:
`verify` tries every trusted key and believes the one that verifies. Exactly one signature (the Sigstore bundle's rule).
Base64 may be standard or URL-safe, but must be the one exact encoding of its bytes.

    pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from attestations.documents import Text, decode
from attestations.errors import CryptographicError, MalformedError
from attestations.keys import PublicKey, Signer

IN_TOTO_PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_PAYLOAD = 8 * 1024 * 1024
_STANDARD = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_MAX_SIGNATURE_TEXT = 200
_Hint = Annotated[str, Text("a key hint of at most 200 printable characters", re.compile(r"[^\x00-\x1f\x7f]*"), 200)]
_VERIFIED = object()


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope whose signature nobody has looked at yet."""

    unverified_payload: bytes
    payload_type: str
    key_id: str
    signature: bytes

    def to_json(self) -> dict[str, object]:
        return {
            "payload": to_base64(self.unverified_payload),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": self.key_id, "sig": to_base64(self.signature)}],
        }


@dataclass(frozen=True, slots=True)
class VerifiedPayload:
    """Bytes under a signature that a trusted key made. Only `verify` can make one."""

    payload: bytes
    payload_type: str
    key: PublicKey
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _VERIFIED:
            raise TypeError("a VerifiedPayload comes from dsse.verify alone")


@dataclass(frozen=True, slots=True)
class _SignatureJson:
    sig: str
    keyid: _Hint | None


@dataclass(frozen=True, slots=True)
class _EnvelopeFrame:
    payload_type: str
    signatures: tuple[_SignatureJson, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is signed."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, payload_type: str, signer: Signer) -> Envelope:
    return Envelope(payload, payload_type, signer.key_id, signer.sign(pae(payload_type, payload)))


def verify(envelope: Envelope, keys: Iterable[PublicKey]) -> VerifiedPayload:
    """The payload, if one of the trusted keys signed it under its type."""
    message = pae(envelope.payload_type, envelope.unverified_payload)
    for key in keys:
        if key.verifies(envelope.signature, message):
            return VerifiedPayload(envelope.unverified_payload, envelope.payload_type, key, _VERIFIED)
    raise CryptographicError("signature.invalid", "no trusted key made this signature over these bytes")


def parse_envelope(unverified: object, path: str, *, url_safe: bool = True) -> Envelope:
    """The envelope in a parsed JSON object; `url_safe=False` refuses the second alphabet."""
    if not isinstance(unverified, dict):
        raise MalformedError("document.type", "must be an object", at=path)
    payload = unverified.get("payload")  # megabytes long, so it does not pass through the rule for short texts
    if not isinstance(payload, str):
        raise MalformedError("document.type", "must be a string", at=f"{path}.payload")
    frame = decode(_EnvelopeFrame, {key: unverified[key] for key in unverified if key != "payload"}, path)
    if len(frame.signatures) != 1:
        raise MalformedError("signature.count", "must hold exactly one signature", at=f"{path}.signatures")
    signature = frame.signatures[0]
    if len(signature.sig) > _MAX_SIGNATURE_TEXT:
        raise MalformedError("signature.too_long", "is too long for a P-256 signature", at=f"{path}.signatures[0].sig")
    return Envelope(
        unverified_payload=from_base64(payload, f"{path}.payload", max_bytes=MAX_PAYLOAD, url_safe=url_safe),
        payload_type=frame.payload_type,
        key_id=signature.keyid or "",
        signature=from_base64(
            signature.sig, f"{path}.signatures[0].sig", max_bytes=_MAX_SIGNATURE_TEXT, url_safe=url_safe
        ),
    )


def to_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def from_base64(unverified: str, path: str, *, max_bytes: int, url_safe: bool = False) -> bytes:
    """The bytes of padded base64 text that is exactly what encoding them gives, in one alphabet."""
    if len(unverified) > (max_bytes + 2) // 3 * 4:
        raise MalformedError("base64.too_large", f"holds more than {max_bytes} bytes", at=path)
    text = unverified
    if url_safe and not re.search(r"[+/]", text):
        text = text.replace("-", "+").replace("_", "/")
    try:
        content = base64.b64decode(text, validate=True) if _STANDARD.fullmatch(text) else None
    except (binascii.Error, ValueError):
        content = None
    if content is None or to_base64(content) != text:
        raise MalformedError("base64.not_exact", "is no exact, padded base64", at=path)
    return content
