import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import canonical
from attestations.errors import AttestationError, MalformedError

MANY = 10**7


def parse(unverified: bytes, max_bytes: int = MANY) -> object:
    return canonical.parse(unverified, what="the thing", max_bytes=max_bytes)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_every_value_has_one_encoding_that_reads_back(value: object) -> None:
    encoded = canonical.encode(value)
    assert parse(encoded) == value
    assert json.loads(encoded) == value


@given(values)
def test_an_independent_implementation_writes_the_same_bytes(value: object) -> None:
    rfc8785 = pytest.importorskip("rfc8785")
    assert canonical.encode(value) == rfc8785.dumps(value)


def test_keys_are_ordered_by_utf16_units_and_controls_are_escaped_as_the_rfc_says() -> None:
    # The example of RFC 8785 section 3.2.3: U+1F600 sorts before U+FB33, because its first unit is a surrogate.
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7}
    order = ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical.encode(value))) == order
    assert canonical.encode('\x0f\n"\\/\x7f\u2028') == b'"\\u000f\\n\\"\\\\/\x7f\xe2\x80\xa8"'


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"", "json.not_json"),
        (b"{", "json.not_json"),
        (b"]]]]", "json.not_json"),
        (b'"abc\\', "json.not_json"),
        (b"\xff", "json.not_utf8"),
        (b"\xef\xbb\xbf{}", "json.not_json"),
        (b'{"a":1,"a":1}', "json.duplicate_key"),
        (b'[{"b":{"a":1,"a":1}}]', "json.duplicate_key"),
        (b"NaN", "json.float"),
        (b"-Infinity", "json.float"),
        (b"1.0", "json.float"),
        (b"1e3", "json.float"),
        (b"9007199254740992", "json.integer"),
        (b"-9007199254740992", "json.integer"),
        (b"9" * 6000, "json.integer"),
        (b'"\\ud800"', "json.surrogate"),
        (b'{"\\udfff":1}', "json.surrogate"),
        (b"[" * 10_000, "json.too_deep"),
        (b'{"a":' * 10_000, "json.too_deep"),
        (b"[" * 65 + b"]" * 65, "json.too_deep"),
        (b'{"b":1,"a":2}', "json.not_canonical"),
        (b'{"a": 1}', "json.not_canonical"),
        (b"{}\n", "json.not_canonical"),
        (b'"\\u0041"', "json.not_canonical"),
        (b"-0", "json.not_canonical"),
    ],
)
def test_each_kind_of_bad_bytes_has_its_code(bad: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse(bad)
    assert caught.value.code == code
    assert "the thing" in str(caught.value) or code in ("json.surrogate", "json.too_deep")


def test_an_edited_file_is_to_be_taken_as_it_was_given_out() -> None:
    remedy = "; take the file as its issuer gave it out, since an editor or a formatter changes it"
    with pytest.raises(MalformedError, match=f"RFC 8785{remedy}$"):
        parse(b'{"a": 1}')
    with pytest.raises(MalformedError, match=rf"RFC 8785 \(it ends in white space\){remedy}$"):
        parse(b'{"a":1}\n')


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"1.5", "the number is not an integer"),
        (b"NaN", "the number is not an integer"),
        (b'{"a":1,"b":{"c":-Infinity}}', "the number at 'b.c' is not an integer"),
        (
            b'[1, {"a.b" : [0, "x, [1.5", {"\\u00e9": true, "e": 1E2}]}]',
            r"the number at '[1].a~1b[2].e' is not an integer",
        ),
        (b'{"a":[[],{},null,-9007199254740992]}', "the number at 'a[3]' is not below 2**53"),
        (b'{"a":[1,2],"b":123456789012345678901234567890}', "the number at 'b' is not below 2**53"),
    ],
)
def test_a_number_that_is_refused_is_named_by_its_place(bad: bytes, words: str) -> None:
    with pytest.raises(MalformedError) as caught:
        canonical.parse_relaxed(bad, what="the thing", max_bytes=MANY)
    assert str(caught.value).startswith(f"the thing: {words}")


def test_size_is_met_before_content() -> None:
    with pytest.raises(MalformedError, match="101 bytes; at most 100"):
        parse(b"\xff" * 101, max_bytes=100)


def test_depth_is_counted_outside_strings_only() -> None:
    assert parse(canonical.encode(["[" * 1000 + '"' + "{" * 1000])) == ["[" * 1000 + '"' + "{" * 1000]
    assert parse(b"[" * 64 + b"]" * 64)


@given(st.text(alphabet='"[]{}a\\', max_size=30), st.integers(1, 3))
def test_depth_is_what_a_reader_counts_letter_by_letter(text: str, most: int) -> None:
    depth = deepest = 0
    inside = escaped = False
    for letter in text:
        if inside:
            inside = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
            continue
        inside = letter == '"'
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(letter, 0)
        deepest = max(deepest, depth)
    try:
        canonical.parse(text.encode(), what="the thing", max_bytes=MANY, max_depth=most)
        code = None
    except MalformedError as error:
        code = error.code
    assert (code == "json.too_deep") is (deepest > most)


@pytest.mark.parametrize(
    "hostile", [b'"' + b'\\"' * 1_000_000, b'"' * 2_000_001, b'"\\' * 1_000_000, b'[""' * 1_000_000]
)
def test_hostile_strings_take_linear_time(hostile: bytes) -> None:
    start = time.perf_counter()
    with pytest.raises(MalformedError):
        parse(hostile)
    assert time.perf_counter() - start < 5


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\0123456789.eE-+nulltrfas \n', max_size=60).map(str.encode))
def test_only_our_errors_come_out(garbage: bytes) -> None:
    try:
        value = parse(garbage)
    except AttestationError:
        return
    assert canonical.encode(value) == garbage


@pytest.mark.parametrize("keys", [("\U0001f600", "\ufb33"), ("a", "\ufb33"), ("a", "\U0001f600"), ("\xe9", "\u20ac")])
def test_the_order_of_keys_is_held_to_on_every_way_through_the_parser(keys: tuple[str, str]) -> None:
    right, wrong = (
        json.dumps(dict.fromkeys(order, 1), ensure_ascii=False, separators=(",", ":")).encode()
        for order in (keys, keys[::-1])
    )
    assert canonical.parse(right, what="it", max_bytes=100) == dict.fromkeys(keys, 1)
    with pytest.raises(MalformedError) as caught:
        canonical.parse(wrong, what="it", max_bytes=100)
    assert caught.value.code == "json.not_canonical"


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), 2**53, b"bytes", {1: 2}, {"a": object()}, "\ud800", {"\ud800": 1}]
)
def test_what_has_no_encoding_is_refused(value: object) -> None:
    with pytest.raises(MalformedError):
        canonical.encode(value)


def test_a_value_nested_in_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(MalformedError, match="deeper than 64"):
        canonical.encode(loop)


def test_relaxed_reading_frees_form_and_nothing_else() -> None:
    assert canonical.parse_relaxed(b' {"b": 1,\n "a": 2} ', what="it", max_bytes=100) == {"a": 2, "b": 1}
    for bad in (b'{"a": 1, "a": 2}', b"[1.5]", b'["\\ud800"]'):
        with pytest.raises(MalformedError):
            canonical.parse_relaxed(bad, what="it", max_bytes=100)


def test_the_digest_is_that_of_the_canonical_bytes() -> None:
    assert canonical.digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
