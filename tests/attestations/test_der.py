"""DER: elements have one form, and what is not in it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import der
from attestations.errors import MalformedError


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_what_is_wrapped_is_found_again(size: int) -> None:
    [element] = der.elements(der.wrap(der.SEQUENCE, bytes(size)))
    assert (element.tag, element.content) == (der.SEQUENCE, bytes(size))
    assert element.raw == der.wrap(der.SEQUENCE, bytes(size))


@pytest.mark.parametrize(
    "raw",
    ["30", "3001", "3002ff", "308100", "30817f", "30820080", "3080", "30ff", "1f0100", "3084000000010c", "020100ff"],
)
def test_other_forms_are_refused(raw: str) -> None:
    with pytest.raises(MalformedError):
        der.elements(bytes.fromhex(raw))


def test_children_are_those_that_are_asked_for() -> None:
    [outer] = der.elements(bytes.fromhex("3005020101 0500"))
    assert [child.content for child in outer.children(der.INTEGER, 0x05)] == [b"\1", b""]
    for tags in ((), (der.INTEGER,), (0x05, der.INTEGER), (der.INTEGER, 0x05, 0x05)):
        with pytest.raises(MalformedError):
            outer.children(*tags)


@given(st.binary(max_size=40))
def test_what_is_read_is_all_of_the_bytes_and_in_one_form(raw: bytes) -> None:
    try:
        found = der.elements(raw)
    except MalformedError:
        return
    assert b"".join(element.raw for element in found) == raw
    assert b"".join(der.wrap(element.tag, element.content) for element in found) == raw
