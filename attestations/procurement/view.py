"""What a tenet sees of evidence: `predicate`, `plan` and `report`, as JSON.

- `predicate` and `plan` are the documents, key by key as they are signed (docs/attestation-spec.md); decimal strings that
  are numbers by their type are doubles here, so that they can be compared. Values of open mappings such as
  `predicate.tuning.parameters` stay strings, and times stay strings for `timestamp(…)`.
- `report` is what the verifier found: `now`, `level`, `schema`, `checks` (code to PASS, FAIL, STALE or NOT_CHECKED), `hidden`
  paths, `provenAt` where a time of signing is proven, `evaluators` (key ids of valid countersignatures), `controls`, and
  `rows`: every registered row with the figures computed again here, and for rates `preLower`, `preUpper`, `postLower` and
  `postUpper` under the least favourable judge.

A fact that is absent is an absent key, for `has(…)`; reading it is an error, and an error rejects.
"""

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from attestations.documents import Figure, Magnitude, moment
from attestations.procurement.evidence import Evidence
from attestations.procurement.limits import rate_limits
from attestations.rows import RegressionRow
from attestations.verdicts import JudgedRow

_NUMBERS = (get_args(Figure)[1], get_args(Magnitude)[1])
_LIMITS = {"preLower": min, "preUpper": max, "postLower": min, "postUpper": max}


def view_of(evidence: Evidence) -> dict[str, object]:
    """The variables that expressions may use, by name."""
    return {
        "predicate": plain(evidence.predicate),
        "plan": plain(evidence.planned) if evidence.planned is not None else {},
        "report": _report(evidence),
    }


def plain(document: object) -> object:
    """A document dataclass as JSON, its decimal numbers as floats."""
    if dataclasses.is_dataclass(document) and not isinstance(document, type):
        return {
            key: _value(getattr(document, name), number=number)
            for name, key, number in _fields(type(document))
            if getattr(document, name) is not None
        }
    return _value(document, number=False)


def _value(value: object, *, number: bool) -> object:
    if isinstance(value, str):
        return float(Decimal(value)) if number else str(value)
    if isinstance(value, tuple):
        return [_value(item, number=number) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    return plain(value) if dataclasses.is_dataclass(value) else value


@lru_cache(maxsize=256)
def _fields(kind: Any) -> tuple[tuple[str, str, bool], ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple((one.name, _key(one.name), _is_number(hints[one.name])) for one in dataclasses.fields(kind))


def _is_number(hint: object) -> bool:
    if get_origin(hint) is Annotated:
        return any(mark in _NUMBERS for mark in get_args(hint)[1:])
    return any(_is_number(part) for part in get_args(hint))


def _key(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _report(evidence: Evidence) -> dict[str, object]:
    codes = dict.fromkeys(check.code for check in evidence.checks)
    report: dict[str, object] = {
        "now": moment(evidence.now),
        "schema": str(evidence.predicate.schema),
        "checks": {code: str(evidence.state(code)) for code in codes},
        "hidden": list(evidence.hidden),
        "evaluators": list(evidence.evaluators),
        "controls": [
            {"kind": str(one.kind), "metric": one.metric, "suite": one.suite, "state": str(one.state)}
            for one in evidence.findings
        ],
        "rows": [_row(row) for row in evidence.judged],
    }
    if evidence.level is not None:
        report["level"] = evidence.level
    if evidence.proven_at is not None:
        report["provenAt"] = moment(evidence.proven_at)
    return report


def _row(row: JudgedRow) -> dict[str, object]:
    registered, judged = plain(row.registered), plain(RegressionRow.of(row))
    view: dict[str, object] = {}
    for part in (registered, judged):
        view.update(part if isinstance(part, dict) else {})
    limits = [plain(one) for one in rate_limits(row)]
    for name, worst in _LIMITS.items():
        values = [float(one[name]) for one in limits if isinstance(one, dict)]
        view |= {name: worst(values)} if values else {}
    return view
