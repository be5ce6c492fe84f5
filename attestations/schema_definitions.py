"""JSON Schema (2020-12) definitions of document dataclasses: what `attestations.documents.decode` asks of their JSON.

Promises: a schema made here never refuses what decode accepts. What decode does not know (limits of `__post_init__`) is
given by the caller, `attestations.json_schema`, by class and key.
"""

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, get_args, get_origin

from attestations import documents
from attestations.canonical import MAX_INTEGER
from attestations.disclosure import ALGORITHM, COMMITMENT_KEY, Scope
from attestations.documents import Slot, Text
from attestations.value_paths import AnyItem, AnyKey, Pattern

Schema = dict[str, Any]
Facts = Mapping[tuple[type, str], Schema]
"""What a schema says more of the field of a class, by its JSON key."""

COMMITMENT: Schema = {
    "description": "A value that is not shown. Its opening, where a reader has one, is in the bundle's disclosures.",
    "type": "object",
    "properties": {
        COMMITMENT_KEY: {
            "type": "object",
            "properties": {"alg": {"const": ALGORITHM}, "value": {"type": "string", "pattern": "^[0-9a-f]{64}$"}},
            "required": ["alg", "value"],
            "additionalProperties": False,
        }
    },
    "required": [COMMITMENT_KEY],
    "additionalProperties": False,
}


class Definitions:
    """Collects a definition for each dataclass and vocabulary below a root, under the names of the classes.

    Where a scope is given, a place that may hold a commitment says so. A class that stands in several places may hold one if it
    may in one of them; so a schema is at most too kind.
    """

    def __init__(self, facts: Facts, scope: Scope | None = None) -> None:
        self.found: dict[str, Schema] = {}
        self._classes: dict[str, type] = {}
        self._facts = facts
        self._scope = scope
        self._free: set[tuple[type, str]] = set()
        self._free_inside: set[tuple[type, str]] = set()

    def root(self, kind: type) -> Schema:
        """The reference to a dataclass's definition."""
        if self._scope is not None:
            self._look(kind, (), self._scope)
        if self._free or self._free_inside:
            self.found["Commitment"] = COMMITMENT
        return self._document(kind)

    def _look(self, kind: type, path: Pattern, scope: Scope) -> None:
        """Finds out what may be hidden below a place."""
        for slot in documents.fields_of(kind):
            at: Pattern = (*path, slot.key)
            if slot.may_be_hidden and scope.allows_some(at):
                self._free.add((kind, slot.key))
            inner = slot.hint
            if get_origin(inner) in (tuple, Mapping):
                at = (*at, AnyItem() if get_origin(inner) is tuple else AnyKey())
                if scope.allows_some(at):
                    self._free_inside.add((kind, slot.key))
                inner = get_args(inner)[0]
            if dataclasses.is_dataclass(inner):
                self._look(inner, at, scope)  # type: ignore[arg-type]

    def _document(self, kind: Any) -> Schema:
        name = self._name(kind)
        if name not in self.found:
            self.found[name] = {}  # keeps its place before what it refers to
            slots = documents.fields_of(kind)
            self.found[name] = {
                **_description(kind),
                "type": "object",
                "properties": {slot.key: self._field(kind, slot) for slot in slots},
                "required": [slot.key for slot in slots if slot.required],
                "additionalProperties": False,
                **self._facts.get((kind, ""), {}),
            }
        return {"$ref": f"#/$defs/{name}"}

    def _field(self, kind: type, slot: Slot) -> Schema:
        place = (kind, slot.key)
        schema = self._value(slot.hint, hidden_inside=place in self._free_inside) | self._facts.get(place, {})
        schema = _or_hidden(schema) if place in self._free else schema
        since = next(field.metadata.get("since") for field in dataclasses.fields(kind) if field.name == slot.name)
        return schema if since is None else {"$comment": f"since schema {since}", **schema}

    def _value(self, hint: Any, *, hidden_inside: bool = False) -> Schema:
        rule = documents.text_rule(hint)
        if rule is not None:
            return text(rule)
        if get_origin(hint) is tuple:
            items = self._value(get_args(hint)[0])
            items = _or_hidden(items) if hidden_inside else items
            return {"type": "array", "items": items, "maxItems": documents.MAX_ITEMS}
        if get_origin(hint) is Mapping:
            return _mapping(hidden_inside=hidden_inside)
        if hint is int:
            return {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
        if hint is bool:
            return {"type": "boolean"}
        return self._choice(hint) if issubclass(hint, StrEnum) else self._document(hint)

    def _choice(self, kind: type[StrEnum]) -> Schema:
        name = self._name(kind)
        self.found[name] = {**_description(kind), "type": "string", "enum": [str(word) for word in kind]}
        return {"$ref": f"#/$defs/{name}"}

    def _name(self, kind: type) -> str:
        name = kind.__name__.lstrip("_")
        if self._classes.setdefault(name, kind) is not kind:
            raise ValueError(f"two classes are called {name}, and a schema has one name for each")
        return name


def text(rule: Text) -> Schema:
    """A string of this form; its limits are in code points, as ours are."""
    shortest = {} if rule.pattern.fullmatch("") else {"minLength": 1}
    return {"type": "string", **shortest, "maxLength": rule.longest, "pattern": f"^(?:{rule.pattern.pattern})$"}


def prose() -> Schema:
    rule = documents.text_rule(str)
    assert rule is not None  # noqa: S101 - a string without a form of its own is prose
    return text(rule)


def _mapping(*, hidden_inside: bool) -> Schema:
    return {
        "type": "object",
        "propertyNames": prose(),
        "additionalProperties": _or_hidden(prose()) if hidden_inside else prose(),
        "maxProperties": documents.MAX_ITEMS,
    }


def _or_hidden(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"$ref": "#/$defs/Commitment"}]}


def _description(kind: type) -> Schema:
    """What the class says of itself; a dataclass that says nothing has its signature there."""
    words = kind.__doc__ or ""
    if not words or words.startswith(f"{kind.__name__}(") or words == StrEnum.__doc__:
        return {}
    return {"description": " ".join(words.split()).replace("`", "")}
