r"""Canonical JSON (RFC 8785) for the subset that evidence uses, and the only parser for untrusted JSON.

Promises: one value has one encoding, and `parse` accepts those bytes alone, so a digest identifies a value. Numbers are
integers below 2**53 in magnitude; **floats are refused** on both sides, because a number that matters is a decimal string.
Refuses, as `MalformedError` and never as a RecursionError: bytes that are not UTF-8, not JSON, too large, too deep, not
canonical; duplicate keys; NaN; lone surrogates. Size and depth are met before anything is built from the bytes.

    encode({"b": 1, "a": "é"}) == b'{"a":"\xc3\xa9","b":1}'
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from attestations.errors import MalformedError
from attestations.value_paths import format_path

MAX_DEPTH = 64
MAX_INTEGER = 2**53 - 1
_AS_GIVEN_OUT = "take the file as its issuer gave it out, since an editor or a formatter changes it"
_LONGEST_INTEGER = len("-9007199254740991")
_INTEGER = re.compile(r"-?[0-9]{1,16}")
_ABOUT_NUMBERS = ("json.float", "json.integer")
_LITERALS = ("true", "false", "null")

_BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]")
# All between two brackets: whole strings (closed or not) and the rest; possessive, so that every byte is looked at once.
_BETWEEN_BRACKETS = re.compile(rb'(?:"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[^"\[\]{}]++)++', re.DOTALL)
_NEITHER_QUOTE_NOR_BRACKET = bytes(set(range(256)) - set(b'"[]{}'))
# A string and the colon that makes it a key; brackets that open and that close; a comma; a number or a literal.
_WALK = re.compile(r'("(?:[^"\\]++|\\.)*+")(\s*+:)?|([\[{])|([\]}])|(,)|([^\s"\[\]{},:]++)', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def encode(value: object) -> bytes:
    """The canonical bytes of a JSON value made of dict, list, tuple, str, bool, int and None."""
    ordered = _ordered(value, "$", MAX_DEPTH)
    text = json.dumps(ordered, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedError("json.surrogate", "a string holds a lone surrogate, which is no Unicode text") from error


def digest(value: object) -> str:
    """SHA-256 of the canonical bytes, in lower-case hex."""
    return hashlib.sha256(encode(value)).hexdigest()


def parse(unverified: bytes, *, what: str, max_bytes: int, max_depth: int = MAX_DEPTH) -> object:
    """The value of canonical bytes; `what` names the document in errors ("the bundle")."""
    text = _text(unverified, what, max_bytes, max_depth)
    plain = _plainly_canonical(text)
    if plain is not None:
        return plain[0]
    value = _load(text, what)
    if encode(value) != unverified:
        hint = " (it ends in white space)" if unverified[-1:].isspace() else ""
        words = f"{what} is JSON, but not in canonical form, RFC 8785{hint}; {_AS_GIVEN_OUT}"
        raise MalformedError("json.not_canonical", words)
    return value


def parse_relaxed(unverified: bytes, *, what: str, max_bytes: int, max_depth: int = MAX_DEPTH) -> object:
    """As `parse`, for JSON that people write by hand: white space and the order of keys are free, all else is as strict."""
    value = _load(_text(unverified, what, max_bytes, max_depth), what)
    encode(value)  # lone surrogates survive json.loads
    return value


def _text(unverified: bytes, what: str, max_bytes: int, max_depth: int) -> str:
    """The text of bytes that are neither too large nor too deep."""
    if len(unverified) > max_bytes:
        raise MalformedError("json.too_large", f"{what} has {len(unverified)} bytes; at most {max_bytes} are accepted")
    try:
        text = unverified.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("json.not_utf8", f"{what} is not UTF-8 text: byte {error.start} is wrong") from error
    _refuse_depth(unverified, what, min(max_depth, MAX_DEPTH))
    return text


def _load(text: str, what: str) -> object:
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_object_without_duplicates,
            parse_int=_small_integer,
            parse_float=_refuse_float,
            parse_constant=_refuse_float,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedError("json.not_json", f"{what} is not JSON: {error.msg.lower()} at {place}") from error
    except MalformedError as error:
        place = _place_of_number(text) if error.code in _ABOUT_NUMBERS else ""
        raise MalformedError(error.code, f"{what}: {place}{error.sentence}") from error
    return value


def _place_of_number(text: str) -> str:
    """The words that name the first number which is not a small integer, in a text that is JSON as far as there.

    The parser's hooks are not told where they are, so the way to it is walked again, once a number was refused.
    """
    steps: list[str | int] = []
    for token in _WALK.finditer(text):
        string, colon, opening, closing, comma, word = token.groups()
        if opening:
            steps.append(0 if opening == "[" else "")
        elif closing:
            steps.pop()
        elif colon:
            steps[-1] = str(json.loads(string))
        elif comma and isinstance(index := steps[-1], int):
            steps[-1] = index + 1
        elif word and word not in _LITERALS and not _is_small(word):
            break
    return f"the number at {format_path(tuple(steps))[:200]!a} " if steps else "the number "


def _plainly_canonical(text: str) -> tuple[object] | None:
    """The value of a text that is, to the character, what the C encoder makes of it; None where it is not, or is no JSON.

    A key that is given twice is written once, so its text differs. Below U+10000 the encoder's order of keys, by code
    points, is that of UTF-16 code units; texts beyond that, and those that differ, are for `_load` and `encode` to decide.
    """
    if not text.isascii() and _BEYOND_16_BITS.search(text):
        return None
    try:
        value: object = json.loads(
            text, parse_int=_small_integer, parse_float=_refuse_float, parse_constant=_refuse_float
        )
    except (json.JSONDecodeError, MalformedError):
        return None
    again = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return (value,) if again == text else None


def _refuse_depth(unverified: bytes, what: str, max_depth: int) -> None:
    depth = 0
    if b"\\" not in unverified:
        # Without escapes a quote begins or ends a string, whatever it stands beside: two in a row change nothing.
        unverified = unverified.translate(None, _NEITHER_QUOTE_NOR_BRACKET).replace(b'""', b"")
    for bracket in _BETWEEN_BRACKETS.sub(b"", unverified):
        depth += _STEPS[bracket]
        if depth > max_depth:
            raise MalformedError("json.too_deep", f"{what} nests deeper than {max_depth} levels")


def _object_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise MalformedError("json.duplicate_key", f"the key {key[:80]!a} is given twice in one object")
            seen.add(key)
    return result


def _small_integer(text: str) -> int:
    if len(text) <= _LONGEST_INTEGER and -MAX_INTEGER <= (value := int(text)) <= MAX_INTEGER:
        return value
    raise MalformedError("json.integer", "is not below 2**53 in magnitude; write it as a string")


def _is_small(text: str) -> bool:
    return bool(_INTEGER.fullmatch(text)) and abs(int(text)) <= MAX_INTEGER


def _refuse_float(_text: str) -> NoReturn:
    raise MalformedError("json.float", "is not an integer; numbers that matter are decimal strings")


def _ordered(value: object, at: str, depth_left: int) -> object:
    """The value with keys in the order of their UTF-16 code units (RFC 8785 §3.2.3), every type checked."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)  # a StrEnum is written as its value
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise MalformedError("json.integer", "an integer must be below 2**53 in magnitude", at=at)
        return int(value)
    if depth_left == 0:
        raise MalformedError("json.too_deep", f"the value nests deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise MalformedError("json.type", "an object's keys must be strings", at=at)
        keys: list[str]
        if all(map(str.isascii, value)):
            keys = sorted(value)
        else:
            keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {str(key): _ordered(value[key], f"{at}.{key}", depth_left - 1) for key in keys}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [_ordered(item, f"{at}[{i}]", depth_left - 1) for i, item in enumerate(value)]
    raise MalformedError("json.type", f"a value of type {type(value).__name__} has no place in evidence", at=at)
