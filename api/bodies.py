"""JSON request bodies: bytes in, a struct out, or an ``InvalidRequestError`` that names the field and the remedy.

Checked in this order: media type, size, JSON, depth, text, unknown fields (all of them are named), and then types and
bounds. Nothing is converted between types: ``"3"`` is not 3. An empty body stands for ``{}``.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from litestar import Request
from msgspec import inspect as types

from api.choices import described
from api.errors import InvalidRequestError, RequestTooLargeError, UnsupportedMediaTypeError
from api.limits import MAX_JSON_BYTES, MAX_JSON_DEPTH, body_chunks

T = TypeVar("T")

_AT = re.compile(r" - at `(?:key` in `)?\$\.?(?P<path>[^`]*)`$")
_STEP = re.compile(r"[^.\[\]]+")
_BYTE = re.compile(r"\(byte (\d+)\)$")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")


async def read_json(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The body as a ``kind``. Raises ``ApiError``."""
    return decode(await read_body(request, max_bytes=MAX_JSON_BYTES) or b"{}", kind)


async def read_body(request: Request[Any, Any, Any], *, max_bytes: int) -> bytes:
    """A body that says it is JSON, or does not say what it is. Raises ``ApiError``."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError(f"The body is {media_type[:80]!r}; send it as application/json.")
    raw = bytearray()
    async for chunk in body_chunks(request):
        raw += chunk
        if len(raw) > max_bytes:
            raise RequestTooLargeError(f"The body exceeds {max_bytes} bytes.")
    return bytes(raw)


def decode(unverified: bytes, kind: type[T]) -> T:
    """Raises ``InvalidRequestError``."""
    value = _parse(unverified)
    for path, depth, found in _walk(value):
        if depth > MAX_JSON_DEPTH:
            raise InvalidRequestError(f"The body is nested deeper than {MAX_JSON_DEPTH} levels.", code="invalid_json")
        if isinstance(found, str) and "\0" in found:
            raise InvalidRequestError(f"{path} contains the character U+0000; leave it out.", param=path)
    expected = types.type_info(kind)
    unknown = list(_unknown(value, expected, ""))
    if unknown:
        names = ", ".join(unknown[:20])
        raise InvalidRequestError(
            f"Unknown fields: {names}. Remove or correct them.", param=unknown[0], code="unknown_parameter"
        )
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _translated(error, expected) from error


def _parse(unverified: bytes) -> Any:
    try:
        json.loads(unverified, object_pairs_hook=_without_repetition, parse_int=len, parse_float=len)
        return msgspec.json.decode(unverified)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise InvalidRequestError(f"The body is not JSON: {place}.", code="invalid_json") from error
    except RecursionError as error:
        raise InvalidRequestError("The body is nested too deeply.", code="invalid_json") from error
    except UnicodeDecodeError as error:
        raise InvalidRequestError("The body is not UTF-8.", code="invalid_json") from error
    except msgspec.DecodeError as error:
        raise InvalidRequestError(f"The body is not JSON: {error}.", code="invalid_json") from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> None:
    """Parsers disagree about which of two equal keys counts, so neither does."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidRequestError(
                f"The body has the field {name[:80]!r} twice in one object; give it once.", code="invalid_json"
            )
        seen.add(name)


def _walk(value: Any) -> Iterator[tuple[str, int, Any]]:
    """Every value with its path and depth, and every key as a value of its own. Parents come before children."""
    waiting = [("", 0, value)]
    while waiting:
        path, depth, found = waiting.pop()
        yield path, depth, found
        if isinstance(found, dict):
            yield from ((path, depth, key) for key in found)
            waiting.extend((f"{path}.{key}".lstrip("."), depth + 1, child) for key, child in found.items())
        elif isinstance(found, list):
            waiting.extend((f"{path}[{index}]", depth + 1, child) for index, child in enumerate(found))


def _unknown(value: Any, expected: types.Type, path: str) -> Iterator[str]:
    """Paths of the fields that no struct on the way to them has."""
    struct = _member(expected, types.StructType)
    if isinstance(value, dict) and isinstance(struct, types.StructType):
        known = {field.encode_name: field.type for field in struct.fields}
        for key, child in value.items():
            here = f"{path}.{key[:80]}".lstrip(".")
            if key in known:
                yield from _unknown(child, known[key], here)
            else:
                yield here
    listed = _member(expected, types.ListType)
    if isinstance(value, list) and isinstance(listed, types.ListType):
        for index, child in enumerate(value):
            yield from _unknown(child, listed.item_type, f"{path}[{index}]")


def _member(expected: types.Type, wanted: type[types.Type]) -> types.Type | None:
    if isinstance(expected, types.UnionType):
        return next((member for member in expected.types if isinstance(member, wanted)), None)
    return expected if isinstance(expected, wanted) else None


def _translated(error: msgspec.ValidationError, expected: types.Type) -> InvalidRequestError:
    text = str(error)
    at = _AT.search(text)
    path = at["path"].replace("[...]", "") if at else ""
    complaint = text[: at.start()] if at else text
    if missing := _MISSING.fullmatch(complaint):
        param = f"{path}.{missing[1]}".lstrip(".")
        return InvalidRequestError(f"{param} is required.", param=param, code="missing_required_parameter")
    allowed = described(_type_at(expected, path))
    remedy = f" Give {allowed}." if allowed else ""
    return InvalidRequestError(f"{path or 'The body'}: {complaint}.{remedy}".replace("`", ""), param=path or None)


def _type_at(expected: types.Type, path: str) -> types.Type | None:
    current: types.Type | None = expected
    for step in _STEP.findall(path):
        if current is None:
            return None
        if step.isdigit() and isinstance(listed := _member(current, types.ListType), types.ListType):
            current = listed.item_type
        elif isinstance(struct := _member(current, types.StructType), types.StructType):
            current = next((field.type for field in struct.fields if field.encode_name == step), None)
        else:
            return None
    return current
