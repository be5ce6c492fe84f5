"""DER (X.690), as far as timestamps need it: which elements there are, in which order, with which bytes.

It interprets nothing. It refuses, as `MalformedError`, tags of more than one byte and lengths that are not in their one
shortest form, so that elements which are equal have equal bytes. Called by `attestations.timestamps` alone.
"""

from dataclasses import dataclass

from attestations.errors import MalformedError

BOOLEAN, INTEGER, OCTET_STRING, OID, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x06, 0x30, 0x31
CONTEXT_0, CONTEXT_1 = 0xA0, 0xA1
_LONG_TAG = 0x1F
_LONG_LENGTH = 0x80
_MOST_LENGTH_BYTES = 3


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag, what is in it, and all its bytes."""

    tag: int
    content: bytes
    raw: bytes

    def children(self, *tags: int) -> list["Element"]:
        """The elements inside, which must be as many as `tags`, with these tags."""
        inside = elements(self.content)
        if tuple(element.tag for element in inside) != tags:
            raise MalformedError("der.shape", "an element holds others than it should")
        return inside


def elements(unverified: bytes) -> list[Element]:
    """The elements that the bytes consist of, to the last byte."""
    found, at = [], 0
    while at < len(unverified):
        begin, end = _content(unverified, at)
        found.append(Element(unverified[at], unverified[begin:end], unverified[at:end]))
        at = end
    return found


def _content(unverified: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends."""
    if unverified[at] & _LONG_TAG == _LONG_TAG or at + 1 >= len(unverified):
        raise MalformedError("der.element", "an element has no tag or length that is read here")
    first, begin = unverified[at + 1], at + 2
    if first < _LONG_LENGTH:
        length = first
    else:
        size = first - _LONG_LENGTH
        length = int.from_bytes(unverified[begin : begin + size], "big")
        if not 0 < size <= _MOST_LENGTH_BYTES or length < max(_LONG_LENGTH, 1 << 8 * (size - 1)):
            raise MalformedError("der.length", "a length is not in its shortest form")
        begin += size
    if begin + length > len(unverified):
        raise MalformedError("der.length", "an element ends after the bytes do")
    return begin, begin + length


def wrap(tag: int, *parts: bytes) -> bytes:
    """An element with this content."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG_LENGTH:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG_LENGTH + len(length)]) + length + content
