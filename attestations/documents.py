"""Between frozen dataclasses and JSON objects, strictly in both directions.

A document is a frozen dataclass. Its JSON object has one key per field, in camelCase; a field of type `X | None` is absent
when None (an absent fact is an absent key, never null); every other field must be there; a key that the dataclass does
not have is refused, because a verifier must not accept what it does not understand. Types that occur: str, int (a count,
never negative), bool, StrEnum, dataclass, `tuple[X, ...]`, `Mapping[str, str]`, and `Annotated` forms of str below.
Rules between fields live in the dataclass's `__post_init__`, raised as `MalformedError`; `decode` adds the path.

A value may be `Hidden`, where `attestations.disclosure` found a commitment that nobody opened. An optional field then reads
as absent; prose or a name that must be there, and a value of a mapping, as the words "(hidden)"; an item of an array is left
out. Anything else that must be there cannot be hidden, because a reader would have to make it up.

A later schema only adds optional fields, marked by `SINCE_0_2` or `SINCE_0_3`. A document of an earlier schema is read as
the same dataclass, and `refuse_newer`, called by whoever reads its `schema`, refuses what that schema did not have.
"""

import dataclasses
import re
import types
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache, partial
from typing import Annotated, Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from attestations.canonical import MAX_INTEGER
from attestations.errors import MalformedError

T = TypeVar("T")

MAX_ITEMS = 4096
SINCE_0_2 = {"since": "0.2.0"}
"""Metadata of an optional field that documents have from schema 0.2.0 on."""
SINCE_0_3 = {"since": "0.3.0"}
"""The same, from schema 0.3.0 on."""
_NEWEST = (0, 3, 0)
"""No field came later, so nothing is to be refused from here on."""


HIDDEN = "(hidden)"
"""What a hidden text reads as where there must be one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Hidden:
    """Stands in a JSON value where something is committed to and not shown."""


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """What a string must look like; `what` completes "must be …"."""

    what: str
    pattern: re.Pattern[str]
    longest: int


_PROSE = Text(
    "text of 1 to 4000 characters without control characters", re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]+"), 4000
)

Name = Annotated[str, Text("a name of 1 to 200 printable characters", re.compile(r"[^\x00-\x1f\x7f]+"), 200)]
Digest = Annotated[str, Text("a SHA-256 digest in 64 lower-case hex digits", re.compile(r"[0-9a-f]{64}"), 64)]
Figure = Annotated[
    str,
    Text('a decimal number in a string, like "0.05"', re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,12})?"), 26),
]
Magnitude = Annotated[
    str,
    Text('a positive number like "1.6e21"', re.compile(r"[1-9](?:\.[0-9]{1,6})?e(?:0|[1-9][0-9]?)"), 12),
]
Moment = Annotated[
    str,
    Text(
        'a time in UTC like "2026-01-31T12:00:00Z"',
        re.compile(r"[0-9]{4}(?:-[0-9]{2}){2}T(?:[0-9]{2}:){2}[0-9]{2}Z"),
        20,
    ),
]

_MOMENT = re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")


def parse_moment(text: str) -> datetime:
    """The time that a `Moment` names. Not by `strptime`, whose first call imports more than reading a bundle takes."""
    found = _MOMENT.fullmatch(text)
    try:
        year, month, day, hour, minute, second = map(int, found.groups() if found is not None else ())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise MalformedError("document.time", 'a time must be in UTC like "2026-01-31T12:00:00Z"') from error


def moment(at: datetime) -> str:
    """A time, which must know its zone, as a `Moment`; fractions of a second are dropped."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone is no moment")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def refuse_newer(document: object, schema: str) -> None:
    """Refuses a document, or a tuple of them, in which a field is filled that `schema` did not have yet."""
    known = _version(schema)
    if known < _NEWEST:
        _refuse_newer(document, schema, known)


def _refuse_newer(document: object, schema: str, known: tuple[int, ...]) -> None:
    if isinstance(document, tuple):
        for item in document:
            _refuse_newer(item, schema, known)
    if not dataclasses.is_dataclass(document) or isinstance(document, type):
        return
    for name, since, holds_documents in _versioned(cast("Hashable", type(document))):
        value = getattr(document, name)
        if value is None:
            continue
        if since is not None and since > known:
            words = f"the field {_json_name(name)!r} is not known in schema {schema}"
            raise MalformedError("document.unknown_field", words)
        if holds_documents:
            _refuse_newer(value, schema, known)


def encode(document: object) -> dict[str, object]:
    """The JSON object of a document dataclass."""
    result: dict[str, object] = {}
    for field in dataclasses.fields(document):  # type: ignore[arg-type]
        value = getattr(document, field.name)
        if value is not None:
            result[_json_name(field.name)] = _encode_value(value)
    return result


def decode(kind: type[T], unverified: object, path: str) -> T:
    """The document of type `kind` that a JSON value holds; `path` names the place in errors."""
    return _decode(kind, unverified, path)


_Path: TypeAlias = "str | tuple[_Path, str | int]"
"""A place as a chain of what leads there, the last first: nearly all of them are never written out."""


def _written(path: _Path) -> str:
    if isinstance(path, str):
        return path
    before, last = path
    return f"{_written(before)}[{last}]" if isinstance(last, int) else f"{_written(before)}.{last}"


def _malformed(code: str, sentence: str, path: _Path) -> MalformedError:
    return MalformedError(code, sentence, at=_written(path))


def _decode(kind: type[T], unverified: object, path: _Path) -> T:
    if not isinstance(unverified, dict):
        raise _malformed("document.type", "must be an object", path)
    slots, keys = _form_of(cast("Hashable", kind))
    if not unverified.keys() <= keys:
        unknown = min(unverified.keys() - keys)
        raise _malformed("document.unknown_field", f"the field {unknown[:80]!a} is not known here", path)
    values: dict[str, object] = {}
    for slot in slots:
        if slot.key in unverified:
            value, at = unverified[slot.key], (path, slot.key)
            values[slot.name] = slot.read(value, at) if type(value) is not Hidden else _unseen(slot, at)
        elif slot.required:
            raise _malformed("document.missing_field", f"the field {slot.key!r} is missing", path)
        else:
            values[slot.name] = None
    try:
        return kind(**values)
    except MalformedError as error:
        raise MalformedError(error.code, error.sentence, at=error.at or _written(path)) from error


def text_rule(hint: object) -> Text | None:
    """What a string of this type must look like; None for a type that is no string."""
    if get_origin(hint) is Annotated:
        rule = get_args(hint)[1]
        return rule if isinstance(rule, Text) else None
    return _PROSE if hint is str else None


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A place in documents of a type: the type of what is there, and whether a reader can do without seeing it."""

    hint: object
    may_be_hidden: bool


def places(hint: object, key: str | None, *, item: bool = False) -> tuple[Place, ...]:
    """The places directly inside a document, array or mapping of this type: those under `key`, or all where it is None;
    with `item` those of an array's items."""
    if get_origin(hint) in (tuple, Mapping):
        is_array = get_origin(hint) is tuple
        return (Place(get_args(hint)[0] if is_array else str, may_be_hidden=True),) if is_array is item else ()
    if item or not dataclasses.is_dataclass(hint):
        return ()
    slots = fields_of(cast("Hashable", hint))
    return tuple(Place(slot.hint, slot.may_be_hidden) for slot in slots if key in (None, slot.key))


def _unseen(slot: "Slot", path: _Path) -> str | None:
    """What a field holds whose value is hidden."""
    if not slot.may_be_hidden:
        raise _malformed("document.hidden", "cannot be hidden: it must be there to be read", path)
    return HIDDEN if slot.required else None


def _encode_value(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return encode(value)
    if isinstance(value, tuple):
        return [_encode_value(item) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value


_Reader = Callable[[object, _Path], object]


def _reader(hint: object) -> _Reader:
    """What reads values of this type; it takes the value and its path."""
    if get_origin(hint) is tuple:
        return partial(_decode_items, _reader(get_args(hint)[0]))
    if get_origin(hint) is Mapping:
        return _decode_mapping
    rule = text_rule(hint)
    if rule is not None:
        return partial(_decode_text, rule)
    if hint is bool:
        return partial(_typed, bool, "true or false")
    if hint is int:
        return _decode_count
    kind = cast("type[Any]", hint)
    members = {member.value: member for member in kind} if issubclass(kind, StrEnum) else None
    return partial(_decode_choice, members) if members is not None else partial(_decode, kind)


def _decode_items(read: _Reader, unverified: object, path: _Path) -> tuple[object, ...]:
    items = cast("list[object]", _typed(list, "an array", unverified, path))
    if len(items) > MAX_ITEMS:
        raise _malformed("document.too_many", f"has {len(items)} items; at most {MAX_ITEMS} are accepted", path)
    return tuple(read(item, (path, i)) for i, item in enumerate(items) if type(item) is not Hidden)


def _decode_mapping(unverified: object, path: _Path) -> dict[str, str]:
    pairs = cast("dict[str, object]", _typed(dict, "an object", unverified, path))
    if len(pairs) > MAX_ITEMS:
        raise _malformed("document.too_many", f"has {len(pairs)} items; at most {MAX_ITEMS} are accepted", path)
    shown = {key: HIDDEN if type(value) is Hidden else value for key, value in pairs.items()}
    of_key = f"{_written(path)} (a key)"
    return {
        _decode_text(_PROSE, key, of_key): _decode_text(_PROSE, value, (path, ascii(key[:80])[1:-1]))
        for key, value in shown.items()
    }


def _decode_count(unverified: object, path: _Path) -> int:
    if not isinstance(unverified, int) or isinstance(unverified, bool) or not 0 <= unverified <= MAX_INTEGER:
        raise _malformed("document.type", "must be a whole number that is not negative", path)
    return unverified


def _decode_text(rule: Text, unverified: object, path: _Path) -> str:
    if not isinstance(unverified, str):
        raise _malformed("document.type", "must be a string", path)
    if len(unverified) > rule.longest or not rule.pattern.fullmatch(unverified):
        raise _malformed("document.text", f"must be {rule.what}", path)
    return unverified


def _decode_choice(members: Mapping[str, StrEnum], unverified: object, path: _Path) -> StrEnum:
    if not isinstance(unverified, str):
        raise _malformed("document.type", "must be a string", path)
    found = members.get(unverified)
    if found is None:
        raise _malformed("document.choice", f"must be one of: {', '.join(members)}", path)
    return found


def _typed(kind: type, what: str, unverified: object, path: _Path) -> object:
    if not isinstance(unverified, kind):
        raise _malformed("document.type", f"must be {what}", path)
    return unverified


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """A field of a document: its JSON key, its name, the type of its value, what reads it, and whether the key must be there."""

    key: str
    name: str
    hint: object
    read: _Reader
    required: bool

    @property
    def may_be_hidden(self) -> bool:
        return not self.required or self.hint is str or self.hint == Name


@lru_cache(maxsize=512)
def _form_of(kind: Any) -> tuple[tuple[Slot, ...], frozenset[str]]:
    """The fields of a document's dataclass, and their JSON keys."""
    slots = fields_of(kind)
    return slots, frozenset(slot.key for slot in slots)


@lru_cache(maxsize=512)
def fields_of(kind: Any) -> tuple[Slot, ...]:
    """The fields of a document's dataclass, in their order."""
    declared = dataclasses.fields(kind)
    # Most documents name no type in quotes, and are read without what it takes to find out what such names mean.
    quoted = any(isinstance(field.type, str) for field in declared)
    hints = get_type_hints(kind, include_extras=True) if quoted else {field.name: field.type for field in declared}
    slots = []
    for field in declared:
        hint = hints[field.name]
        optional = get_origin(hint) in (types.UnionType, Union)
        inner = next(part for part in get_args(hint) if part is not type(None)) if optional else hint
        slots.append(Slot(_json_name(field.name), field.name, inner, _reader(inner), not optional))
    return tuple(slots)


@lru_cache(maxsize=512)
def _versioned(kind: Any) -> tuple[tuple[str, tuple[int, ...] | None, bool], ...]:
    """The fields that a schema may not have yet, or that hold documents: name, first version, whether they hold documents."""
    sinces = {field.name: field.metadata.get("since") for field in dataclasses.fields(kind)}
    found = []
    for slot in fields_of(kind):
        since = sinces[slot.name]
        inner = get_args(slot.hint)[0] if get_origin(slot.hint) is tuple else slot.hint
        if since is not None or dataclasses.is_dataclass(inner):
            found.append((slot.name, _version(since) if since else None, dataclasses.is_dataclass(inner)))
    return tuple(found)


@lru_cache(maxsize=64)
def _version(schema: str) -> tuple[int, ...]:
    return tuple(int(part) for part in schema.split("."))


@lru_cache(maxsize=1024)
def _json_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
