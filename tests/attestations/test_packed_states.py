"""How lists write states down: the specification's own vectors, every width, and streams that claim too much."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations.errors import MalformedError
from attestations.packed_states import compress, decompress, from_base64url, pack, to_base64url, unpack

# IETF Token Status List, section 4.1: the two examples of packing, and the `lst` that it gives for each.
VECTORS = [
    (1, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1], "b9a3", "eNrbuRgAAhcBXQ"),
    (2, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3], "c944f9", "eNo76fITAAPfAgc"),
]


@pytest.mark.parametrize(("bits", "states", "packed", "lst"), VECTORS)
def test_the_specifications_vectors(bits: int, states: list[int], packed: str, lst: str) -> None:
    assert pack(bytes(states), bits).hex() == packed
    assert decompress(from_base64url(lst, "lst", max_bytes=100), "lst", max_bytes=3).hex() == packed
    assert list(unpack(bytes.fromhex(packed), bits)) == states
    assert to_base64url(compress(bytes.fromhex(packed))) == lst


@given(st.sampled_from([1, 2, 4, 8]), st.data())
def test_states_of_any_width_read_back_with_zeros_behind_them(bits: int, data: st.DataObject) -> None:
    states = bytes(data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=50)))
    again = unpack(pack(states, bits), bits)
    assert again[: len(states)] == states
    assert not any(again[len(states) :])
    assert len(again) - len(states) < 8 // bits


def test_a_stream_never_fills_more_memory_than_is_allowed() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    assert len(bomb) < 50_000
    with pytest.raises(MalformedError, match="more than 1000 bytes") as caught:
        decompress(bomb, "here", max_bytes=1000)
    assert caught.value.code == "status.too_large"
    assert decompress(zlib.compress(bytes(1000)), "here", max_bytes=1000) == bytes(1000)


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"no zlib",
        zlib.compress(b"abc")[:-1],
        zlib.compress(b"abc") + b"\0",
        zlib.compress(b"abc") * 2,
        zlib.compress(b"abc")[2:-4],  # raw deflate
    ],
)
def test_only_exactly_one_whole_stream_is_read(stream: bytes) -> None:
    with pytest.raises(MalformedError):
        decompress(stream, "here", max_bytes=100)


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y", "Y Q", "YQ\n", "+/+/", "ÿ", "\ud800", "a" * 200])
def test_base64url_is_exact_and_has_no_padding(text: str) -> None:
    with pytest.raises(MalformedError):
        from_base64url(text, "here", max_bytes=100)
    assert from_base64url("YQ", "here", max_bytes=1) == b"a"
    assert from_base64url("-_-_", "here", max_bytes=3) == b"\xfb\xff\xbf"
