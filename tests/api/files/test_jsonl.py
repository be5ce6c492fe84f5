"""What counts as JSON Lines, whichever way the bytes are cut."""

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import InvalidRequestError
from api.files.jsonl import JsonLinesCheck, JsonLinesError
from api.limits import MAX_RECORD_DEPTH

LIMIT = 1000


def check(content: bytes, cut: int = 7) -> int:
    """The number of records, fed ``cut`` bytes at a time."""
    checking = JsonLinesCheck(LIMIT)
    for start in range(0, len(content), cut):
        checking.feed(content[start : start + cut])
    return checking.finish()


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b'{"a":1}\n{"b":2}\n', 2),
        (b'{"a":1}\n{"b":2}', 2),
        (b'{"a":1}\r\n{"b":2}\r\n', 2),
        (codecs.BOM_UTF8 + b'{"a":1}\r\n', 1),
        (b'\n\n  {"a":1}  \n\t\n', 1),
        ('{"a":"\u2028\u0085ü"}\n'.encode(), 1),
        (b'{"a":"' + b"x" * (LIMIT - 8) + b'"}\n', 1),
        (codecs.BOM_UTF8 + b'{"a":"' + b"x" * (LIMIT - 8) + b'"}\r\n', 1),
        (b'{"a":' * MAX_RECORD_DEPTH + b"1" + b"}" * MAX_RECORD_DEPTH, 1),
    ],
)
def test_records_are_counted(content: bytes, records: int) -> None:
    assert check(content) == records
    assert check(content, cut=len(content)) == records


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b'{"a":1}\n{"a":1,}\n', "line 2, column 8", "not JSON"),
        (b'{"a":1}\n\n{"a"\n', "line 3, column 5", "expecting ':' delimiter"),
        (b"nonsense\n", "line 1, column 1", "not JSON"),
        ('{"ü": tru}\n'.encode(), "line 1, column 7", "not JSON"),
        (b'{"a":1} {"b":2}\n', "line 1, column 9", "extra data"),
        (b'{"a": NaN}\n', "line 1, column 7", "not JSON"),
        (b'{"a": 1e999}\n', "line 1:", "out of range"),
        (b"[1]\n", "line 1, column 1", "not a JSON object"),
        (b'"text"\n', "line 1, column 1", "not a JSON object"),
        (b'{"a":"ok"}\n{"a":"\xc3\xa9\xff"}\n', "line 2, column 8", "not UTF-8"),
        (codecs.BOM_UTF16_LE + '{"a":1}\n'.encode("utf-16-le"), "line 1, column 1", "UTF-16"),
        ('{"a":1}\n'.encode("utf-16-be"), "line 1, column 1", "not JSON"),
        (b'{"a":"' + b"x" * (LIMIT - 7) + b'"}\n', "line 1", "longer than 1000 bytes"),
        (b'{"a":' * (MAX_RECORD_DEPTH + 1) + b"1" + b"}" * (MAX_RECORD_DEPTH + 1), "line 1", "deeper than 64"),
        (b'{"a":"\\ud800"}\n', "line 1", "surrogate"),
        (b"\x00\n", "line 1, column 1", "not JSON"),
        (b"\x1f\x8b\x08\x00 gzip\n", "line 1, column 2", "not UTF-8"),
    ],
)
def test_the_place_of_a_mistake_is_named(content: bytes, place: str, words: str) -> None:
    for cut in (1, 7, len(content)):
        with pytest.raises(JsonLinesError, match=words) as caught:
            check(content, cut)
        assert caught.value.message.startswith(f"file: {place}")
        assert (caught.value.param, caught.value.code) == ("file", "invalid_training_file")


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    checking = JsonLinesCheck(max_line_bytes=10_000_000)
    with pytest.raises(JsonLinesError, match="deeper"):
        checking.feed(b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n")
    with pytest.raises(JsonLinesError):
        JsonLinesCheck(max_line_bytes=10_000_000).feed(b"[" * 1_000_000 + b"\n")
    for depth in range(100, 2000, 50):
        with pytest.raises(JsonLinesError):
            JsonLinesCheck(max_line_bytes=10_000_000).feed(b'{"a":' * depth + b"nonsense\n")


@pytest.mark.parametrize("content", [b"", b"\n\n", codecs.BOM_UTF8, b" \r\n"])
def test_a_file_without_records_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="no records"):
        check(content)


def test_an_endless_line_is_refused_as_soon_as_the_limit_is_passed() -> None:
    checking = JsonLinesCheck(LIMIT)
    for _ in range(LIMIT // 100):
        checking.feed(b"x" * 100)
    with pytest.raises(JsonLinesError, match="longer than"):
        checking.feed(b"x" * 100)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), min_size=1, max_size=20),
    st.integers(1, 50),
    st.sampled_from(["\n", "\r\n"]),
)
def test_how_the_bytes_are_cut_makes_no_difference(records: list[dict[str, str]], cut: int, end: str) -> None:
    content = end.join(json.dumps(record, ensure_ascii=False) for record in records).encode()
    assert check(content, cut) == len(records)
