"""How a status list writes states down (IETF Token Status List, section 4): packed into bits, zlib, base64url.

Pure functions from bytes to bytes, called by `attestations.status` alone. They refuse, as `MalformedError`, base64url that
is not the one exact encoding of its bytes, and streams that are not whole or hold more than the caller allows; never more
memory than that is filled, whatever the stream claims.

    pack(bytes([1, 2, 0, 3, 0, 1, 0, 1]), 2) == bytes.fromhex("c944")
"""

import base64
import binascii
import re
import zlib

from attestations.errors import MalformedError

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")
_LEVEL = 9


def pack(states: bytes, bits: int) -> bytes:
    """States of one byte each, in `bits` (1, 2, 4 or 8) bits each; the first is in the lowest bits of the first byte.

    What is left of the last byte is 0.
    """
    packed, per_byte = 0, 8 // bits
    padded = states + bytes(-len(states) % per_byte)
    for place in range(per_byte):  # a whole column at once, as one long integer: no state is wider than its bits
        packed |= int.from_bytes(padded[place::per_byte], "little") << (place * bits)
    return packed.to_bytes(len(padded) // per_byte, "little")


def unpack(packed: bytes, bits: int) -> bytes:
    """The states of packed bytes, a byte each; 8 / `bits` of them for every byte."""
    per_byte, mask = 8 // bits, (1 << bits) - 1
    states = bytearray(len(packed) * per_byte)
    for place in range(per_byte):
        states[place::per_byte] = packed.translate(bytes(value >> (place * bits) & mask for value in range(256)))
    return bytes(states)


def compress(packed: bytes) -> bytes:
    return zlib.compress(packed, _LEVEL)


def decompress(unverified: bytes, path: str, *, max_bytes: int) -> bytes:
    """The bytes of exactly one zlib stream."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(unverified, max_bytes + 1)
    except zlib.error as error:
        raise MalformedError("status.not_zlib", "is no zlib stream", at=path) from error
    if len(content) > max_bytes:
        raise MalformedError("status.too_large", f"holds more than {max_bytes} bytes when decompressed", at=path)
    if not stream.eof or stream.unused_data:
        raise MalformedError("status.not_zlib", "is not exactly one whole zlib stream", at=path)
    return content


def to_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def from_base64url(unverified: str, path: str, *, max_bytes: int) -> bytes:
    """The bytes of base64url text without padding."""
    if len(unverified) > (max_bytes * 4 + 2) // 3:
        raise MalformedError("base64.too_large", f"holds more than {max_bytes} bytes", at=path)
    try:
        padded = unverified + "=" * (-len(unverified) % 4)
        content = base64.urlsafe_b64decode(padded) if _ALPHABET.fullmatch(unverified) else None
    except (binascii.Error, ValueError):
        content = None
    if content is None or to_base64url(content) != unverified:
        raise MalformedError("base64.not_exact", "is no exact base64url without padding", at=path)
    return content
