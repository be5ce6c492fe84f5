"""The one form in which timestamps are kept, so that nothing in them can be other without a signature noticing.

An RFC 3161 response is CMS (RFC 5652), of which much is signed by nobody: words beside the status, versions, the name of
the signature algorithm, lists of revoked certificates, unsigned attributes, any number of further certificates. `normalised`
is what the service makes of an authority's response, `refuse_other_forms` what the verifier asks of a token. Pure, over
bytes; whether signatures hold is `attestations.timestamps`'s question.
"""

from attestations import der
from attestations.errors import CryptographicError, MalformedError

MAX_TOKEN = 64 * 1024
MAX_CERTIFICATES = 8
_GRANTED = bytes.fromhex("3003020100")  # PKIStatusInfo with the status alone
_SIGNED_DATA_3, _SIGNER_INFO_1 = bytes.fromhex("020103"), bytes.fromhex("020101")  # CMS versions, RFC 5652 5.1 and 5.3
_ECDSA, _RSA = bytes.fromhex("06082a8648ce3d0403"), bytes.fromhex("06092a864886f70d0101")  # but for their last byte
_NULL = bytes.fromhex("0500")
# By the object identifier of the digest (SHA-256, -384, -512): ecdsa-with-SHA… that goes with it.
_ECDSA_WITH = {
    bytes.fromhex("0609608648016503040201"): _ECDSA + b"\x02",
    bytes.fromhex("0609608648016503040202"): _ECDSA + b"\x03",
    bytes.fromhex("0609608648016503040203"): _ECDSA + b"\x04",
}
# RSA's signature algorithm may name the digest once more or not, and no signature covers which: here it does not.
_RSA_ALONE = _RSA + b"\x01" + _NULL
_RSA_WITH = frozenset(_RSA + digest + _NULL for digest in (b"\x0b", b"\x0c", b"\x0d"))


def normalised(unverified_response: bytes) -> bytes:
    """A response that was granted, without what nobody signed, or in one form where it must be there.

    Raises `CryptographicError` where the authority refused, `MalformedError` where it is no response.
    """
    parts = der.elements(whole(unverified_response, "the response").content)
    said = der.elements(parts[0].content)[:1] if parts else []
    if len(parts) != 2 or not said or said[0].raw != _GRANTED[2:]:
        raise CryptographicError("timestamp.refused", "the authority did not grant the request")
    name, explicit = parts[1].children(der.OID, der.CONTEXT_0)
    [signed] = explicit.children(der.SEQUENCE)
    fields = der.elements(signed.content)
    if not fields:
        raise MalformedError("der.shape", "the response holds no signed data")
    data = (_sorted_certificates(field) for field in fields[:-1] if field.tag != der.CONTEXT_1)
    signed_data = der.wrap(der.SEQUENCE, *data, _signers(fields[-1]))
    return der.wrap(der.SEQUENCE, _GRANTED, der.wrap(der.SEQUENCE, name.raw, der.wrap(der.CONTEXT_0, signed_data)))


def _sorted_certificates(field: der.Element) -> bytes:
    if field.tag != der.CONTEXT_0:
        return field.raw
    return der.wrap(field.tag, *sorted(one.raw for one in der.elements(field.content)))


def _signers(field: der.Element) -> bytes:
    """The signers without their unsigned attributes, RSA under its short name."""
    signers = [
        [_named_alike(one) for one in der.elements(each.content) if one.tag != der.CONTEXT_1]
        for each in der.elements(field.content)
    ]
    return der.wrap(field.tag, *(der.wrap(der.SEQUENCE, *signer) for signer in signers))


def _named_alike(field: der.Element) -> bytes:
    return der.wrap(der.SEQUENCE, _RSA_ALONE) if field.content in _RSA_WITH else field.raw


def refuse_other_forms(token: bytes) -> None:
    """Refuses a token in which something could be other without a signature noticing."""
    status, content = whole(token, "the token").children(der.SEQUENCE, der.SEQUENCE)
    _, explicit = content.children(der.OID, der.CONTEXT_0)
    [signed] = explicit.children(der.SEQUENCE)
    version, digests, _, certificates, signers = signed.children(
        der.INTEGER, der.SET, der.SEQUENCE, der.CONTEXT_0, der.SET
    )
    [signer] = signers.children(der.SEQUENCE)
    signer_version, _, digest, _, algorithm, _ = signer.children(
        der.INTEGER, der.SEQUENCE, der.SEQUENCE, der.CONTEXT_0, der.SEQUENCE, der.OCTET_STRING
    )
    if (status.raw, version.raw, signer_version.raw) != (_GRANTED, _SIGNED_DATA_3, _SIGNER_INFO_1):
        raise MalformedError("timestamp.form", "it is not granted, or of a version that is not read")
    if digests.content != digest.raw or algorithm.content not in _algorithms(digest):
        raise MalformedError("timestamp.form", "its digest and signature algorithms do not belong together")
    raw = [certificate.raw for certificate in der.elements(certificates.content)]
    if not 0 < len(set(raw)) == len(raw) <= MAX_CERTIFICATES:
        raise MalformedError("timestamp.form", f"it holds 1 to {MAX_CERTIFICATES} certificates, each once")


def _algorithms(digest: der.Element) -> tuple[bytes, ...]:
    """The signature algorithms that go with a digest algorithm, as the bytes inside their AlgorithmIdentifier."""
    name = der.elements(digest.content)[:1]
    ecdsa = _ECDSA_WITH.get(name[0].raw) if name else None
    return (ecdsa, _RSA_ALONE) if ecdsa is not None else ()


def whole(unverified: bytes, what: str) -> der.Element:
    """The one element that the bytes are, a sequence of at most `MAX_TOKEN` bytes."""
    if len(unverified) > MAX_TOKEN:
        raise MalformedError("timestamp.too_large", f"{what} has more than {MAX_TOKEN} bytes")
    found = der.elements(unverified)
    if len(found) != 1 or found[0].tag != der.SEQUENCE:
        raise MalformedError("der.shape", f"{what} is not one sequence")
    return found[0]
