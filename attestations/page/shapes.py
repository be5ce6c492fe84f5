"""The shapes of all documents as a table for the page, made from the dataclasses: `python -m attestations.page.shapes`.

The browser's reader must refuse what ours refuses, so it is told the same fields, types, limits, vocabularies and what
cannot be hidden, instead of having them written twice. Writes `src/shapes.js`; a test says that the file equals what this
makes, and another that the page has a rule for every class in `RULED`, those whose `__post_init__` refuses more than a
shape can say.

A type is written as a word: `int`, `bool`, `map` (of texts to texts), the name of a text rule (`Name`), `=Verdict` for a
choice, `#Plan` for a document, and a leading `*` for an array of what follows.
"""

import dataclasses
import json
import types
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from attestations import disclosure, documents, dsse, manifest, plan, predicate, statement, status, trust
from attestations.disclosure import Scope
from attestations.documents import _PROSE, Text, _json_name
from attestations.statements import countersignature, eval_plan, model_signing, notice, provenance

ROOTS: tuple[type, ...] = (
    predicate.ResiliencePredicate,
    statement.Subject,
    statement.JobRecord,
    plan.Plan,
    manifest.Manifest,
    trust.TrustRoot,
    eval_plan.EvalPlan,
    provenance.Provenance,
    notice.Notice,
    countersignature.Countersignature,
    status.StateReason,
    trust._FileV1,  # noqa: SLF001 - what only its own module makes, the page must read as well
    dsse._EnvelopeFrame,  # noqa: SLF001
    model_signing._Resources,  # noqa: SLF001
    disclosure._Commitment,  # noqa: SLF001
    disclosure._ItemFrame,  # noqa: SLF001
)
SCOPES: dict[str, Scope] = {
    "predicate": disclosure.PREDICATE,
    "plan": disclosure.PLAN,
    "provenance": disclosure.PROVENANCE,
}
FILE = Path(__file__).parent / "src" / "shapes.js"


class _Table:
    """Collects shapes, text rules and choices while it walks from the roots to everything that they hold."""

    def __init__(self) -> None:
        self.shapes: dict[str, list[list[object]]] = {}
        self.texts: dict[str, dict[str, object]] = {}
        self.choices: dict[str, list[str]] = {}
        self.ruled: set[str] = set()
        self._classes: dict[str, type] = {}
        self._names = {id(get_args(form)[1]): name for name, form in vars(documents).items() if _is_text(form)}

    def add(self, kind: type) -> str:
        name = self._name(kind)
        if name not in self.shapes:
            slots = self.shapes[name] = []
            hints = get_type_hints(kind, include_extras=True)
            slots += [self._slot(field, hints[field.name]) for field in dataclasses.fields(kind)]
            if "__post_init__" in vars(kind):
                self.ruled.add(name)
        return f"#{name}"

    def _name(self, kind: type) -> str:
        """The class's name; where two have the same, the later one stands behind the name of its module."""
        plain = kind.__name__
        name = plain if self._classes.get(plain, kind) is kind else f"{kind.__module__.rsplit('.', 1)[-1]}.{plain}"
        if self._classes.setdefault(name, kind) is not kind:
            raise ValueError(f"two classes are called {name}, and the page has one table")
        return name

    def _slot(self, field: "dataclasses.Field[Any]", hint: Any) -> list[object]:
        optional = get_origin(hint) in (types.UnionType, Union)
        inner = next(part for part in get_args(hint) if part is not type(None)) if optional else hint
        key = _json_name(field.name)
        since = field.metadata.get("since")
        return [key, self._word(inner, key), int(not optional), *([since] if since else [])]

    def _word(self, hint: Any, key: str) -> str:  # noqa: PLR0911 - one return for each kind of type
        if get_origin(hint) is Annotated:
            return self._text(get_args(hint)[1], key)
        if get_origin(hint) is tuple:
            return f"*{self._word(get_args(hint)[0], key)}"
        if get_origin(hint) is Mapping:
            return "map"
        if hint is str:
            return self._text(_PROSE, key)
        if hint in (int, bool):
            return str(hint.__name__)
        if issubclass(hint, StrEnum):
            name = self._name(hint)
            self.choices[name] = list(hint)
            return f"={name}"
        return self.add(hint)

    def _text(self, rule: Text, key: str) -> str:
        name = "Prose" if rule is _PROSE else self._names.get(id(rule), f"Text of {key}")
        self.texts[name] = {"what": rule.what, "pattern": rule.pattern.pattern, "longest": rule.longest}
        return name


def make() -> str:
    """The text of `src/shapes.js`."""
    table = _Table()
    for root in ROOTS:
        table.add(root)
    table._text(_PROSE, "")  # noqa: SLF001 - mappings are of this text, which no word says
    lines = ["// Made by `python -m attestations.page.shapes` from the dataclasses; not to be changed by hand.", ""]
    for name, value in (
        ("TEXTS", table.texts),
        ("CHOICES", table.choices),
        ("SHAPES", table.shapes),
        ("SCOPES", {name: _scope(scope) for name, scope in SCOPES.items()}),
    ):
        rows = ",\n".join(f"  {_written(key)}: {_written(value[key])}" for key in sorted(value))
        lines += [f"export const {name} = {{\n{rows},\n}};", ""]
    rows = ", ".join(_written(name) for name in sorted(table.ruled))
    return "\n".join(
        [*lines, f"export const RULED = [{rows}];", f"export const MAX_ITEMS = {documents.MAX_ITEMS};", ""]
    )


def _scope(scope: Scope) -> dict[str, object]:
    return {"at": scope.at, "only": list(scope.only), "never": list(scope.never)}


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=True)


def _is_text(form: object) -> bool:
    return get_origin(form) is Annotated and isinstance(get_args(form)[1], Text)


if __name__ == "__main__":
    FILE.write_text(make(), encoding="utf-8")
