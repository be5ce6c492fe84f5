"""DSSE v1.0.2: sign bytes, verify bytes, hand out the bytes that were verified and no others.

The signature is over PAE(type, payload), so neither can be swapped. The key id in an envelope is an unauthenticated hint:
`verify` tries every trusted key and believes the one that verifies. A statement has exactly one signature (the Sigstore
bundle's rule); a trust root is a `ThresholdEnvelope`, signed by several keys, of which each counts once however often it
signed. Base64 may be standard or URL-safe, but must be the one exact encoding of its bytes.

    pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated

from attestations.documents import Text, decode
from attestations.errors import CryptographicError, MalformedError
from attestations.keys import PublicKey, Signer, sign

IN_TOTO_PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_PAYLOAD = 8 * 1024 * 1024
MAX_SIGNATURES = 16
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
class Signature:
    """What one key made over an envelope; `key_id` is a hint."""

    key_id: str
    der: bytes


@dataclass(frozen=True, slots=True)
class ThresholdEnvelope:
    """An envelope for several signers, whose signatures nobody has looked at yet. A draft has none."""

    unverified_payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "payload": to_base64(self.unverified_payload),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": one.key_id, "sig": to_base64(one.der)} for one in self.signatures],
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
    return Envelope(payload, payload_type, signer.key_id, sign(signer, pae(payload_type, payload)))


def verify(envelope: Envelope, keys: Iterable[PublicKey]) -> VerifiedPayload:
    """The payload, if one of the trusted keys signed it under its type."""
    message = pae(envelope.payload_type, envelope.unverified_payload)
    for key in keys:
        if key.verifies(envelope.signature, message):
            return VerifiedPayload(envelope.unverified_payload, envelope.payload_type, key, _VERIFIED)
    raise CryptographicError("signature.invalid", "no trusted key made this signature over these bytes")


def add_signature(envelope: ThresholdEnvelope, signer: Signer) -> ThresholdEnvelope:
    """The envelope with one signature more; one that this key has made before is replaced."""
    made = Signature(signer.key_id, sign(signer, pae(envelope.payload_type, envelope.unverified_payload)))
    others = tuple(one for one in envelope.signatures if one.key_id != signer.key_id)
    return replace(envelope, signatures=(*others, made))


def signers_of(envelope: ThresholdEnvelope, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    """Those of the trusted keys that signed the payload under its type, each once, in the order given."""
    message = pae(envelope.payload_type, envelope.unverified_payload)
    distinct = {key.key_id: key for key in keys}
    return tuple(key for key in distinct.values() if any(key.verifies(one.der, message) for one in envelope.signatures))


def verify_threshold(envelope: ThresholdEnvelope, keys: Iterable[PublicKey], threshold: int) -> bytes:
    """The payload, if at least `threshold` different keys among the trusted ones signed it under its type."""
    if threshold < 1:
        raise CryptographicError("signature.threshold", "a threshold below one would believe an unsigned document")
    made = len(signers_of(envelope, keys))
    if made < threshold:
        words = f"{made} of the trusted keys signed it; at least {threshold} must"
        raise CryptographicError("signature.threshold", words)
    return envelope.unverified_payload


def parse_envelope(unverified: object, path: str, *, url_safe: bool = True) -> Envelope:
    """The envelope in a parsed JSON object; `url_safe=False` refuses the second alphabet."""
    envelope = _parse(unverified, path, max_bytes=MAX_PAYLOAD, url_safe=url_safe)
    if len(envelope.signatures) != 1:
        raise MalformedError("signature.count", "must hold exactly one signature", at=f"{path}.signatures")
    signature = envelope.signatures[0]
    return Envelope(envelope.unverified_payload, envelope.payload_type, signature.key_id, signature.der)


def parse_threshold_envelope(unverified: object, path: str, *, max_bytes: int) -> ThresholdEnvelope:
    """The envelope of several signers in a parsed JSON object, in the standard alphabet; its payload is limited."""
    envelope = _parse(unverified, path, max_bytes=max_bytes, url_safe=False)
    if len(envelope.signatures) > MAX_SIGNATURES:
        words = f"must hold at most {MAX_SIGNATURES} signatures"
        raise MalformedError("signature.count", words, at=f"{path}.signatures")
    return envelope


def _parse(unverified: object, path: str, *, max_bytes: int, url_safe: bool) -> ThresholdEnvelope:
    if not isinstance(unverified, dict):
        raise MalformedError("document.type", "must be an object", at=path)
    payload = unverified.get("payload")  # megabytes long, so it does not pass through the rule for short texts
    if not isinstance(payload, str):
        raise MalformedError("document.type", "must be a string", at=f"{path}.payload")
    frame = decode(_EnvelopeFrame, {key: unverified[key] for key in unverified if key != "payload"}, path)
    content = from_base64(payload, f"{path}.payload", max_bytes=max_bytes, url_safe=url_safe)
    signatures = tuple(
        _signature(one, f"{path}.signatures[{i}].sig", url_safe=url_safe)
        for i, one in enumerate(frame.signatures[: MAX_SIGNATURES + 1])  # one too many is enough to be refused
    )
    return ThresholdEnvelope(content, frame.payload_type, signatures)


def _signature(unverified: _SignatureJson, path: str, *, url_safe: bool) -> Signature:
    if len(unverified.sig) > _MAX_SIGNATURE_TEXT:
        raise MalformedError("signature.too_long", "is too long for a P-256 signature", at=path)
    der = from_base64(unverified.sig, path, max_bytes=_MAX_SIGNATURE_TEXT, url_safe=url_safe)
    return Signature(unverified.keyid or "", der)


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
