"""Comparison, membership and search of CEL values, in time and memory that the size of the values bounds.

The library's own (cel-python 0.5.0) put both sides into the message of every mismatch, and quote that again at each level
around it, so comparing two small nested lists fills any memory. Here numbers compare by value whatever their type, as the
specification of CEL has it; other values of different kinds are no pair to compare, which is an error and so rejects. Errors
are returned, as the library does it. Called by `attestations.procurement.cel` alone, which has the work paid for first.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, cast

from celpy import celtypes, evaluation
from celpy.evaluation import CELEvalError

_UNLIKE = "values of different kinds are compared"


def equal(one: Any, other: Any) -> Any:
    """False if any part differs, else an error if parts are of different kinds, else true. Null equals itself alone."""
    open_pairs, unlike = [(one, other)], False
    while open_pairs:
        a, b = open_pairs.pop()
        if a is None or b is None:
            if a is not b:
                return celtypes.BoolType(False)
        elif _kind(a) is not _kind(b):
            unlike = True
        elif isinstance(a, list):
            if len(a) != len(b):
                return celtypes.BoolType(False)
            open_pairs.extend(zip(a, b, strict=True))
        elif isinstance(a, dict):
            if a.keys() != b.keys():
                return celtypes.BoolType(False)
            open_pairs.extend((a[key], b[key]) for key in a)
        elif _bare(a) != _bare(b):
            return celtypes.BoolType(False)
    return CELEvalError(_UNLIKE) if unlike else celtypes.BoolType(True)


def unequal(one: Any, other: Any) -> Any:
    answer = equal(one, other)
    return answer if isinstance(answer, CELEvalError) else celtypes.BoolType(not answer)


def is_in(item: Any, container: Any) -> Any:
    """An item of a list or a key of a map; an error where it is not found, and something there is of another kind."""
    if isinstance(container, dict):
        return celtypes.BoolType(item in container)
    if not isinstance(container, list):
        return CELEvalError("in looks into lists and maps")
    answers = [equal(item, other) for other in container]
    if any(isinstance(answer, celtypes.BoolType) and answer for answer in answers):
        return celtypes.BoolType(True)
    return next((answer for answer in answers if isinstance(answer, CELEvalError)), celtypes.BoolType(False))


def contains(container: Any, item: Any) -> Any:
    """A piece of a text; else as `is_in`."""
    if isinstance(container, str) and isinstance(item, str):
        return celtypes.BoolType(str(item) in str(container))
    return is_in(item, container)


def matches(text: Any, pattern: Any) -> Any:
    """RE2, whose time is linear in the text, and which does not write to stderr what it thinks of a pattern."""
    re2 = cast("Any", evaluation).re2
    options = re2.Options()
    options.log_errors = False
    try:
        return celtypes.BoolType(re2.compile(pattern, options).search(text) is not None)
    except (re2.error, TypeError):
        return CELEvalError("a regular expression is not one that RE2 accepts")


def element(container: Any, place: Any) -> Any:
    """What stands at a place of a list or under a key of a map; KeyError and IndexError are the library's to word."""
    if isinstance(container, list) and (_kind(place) is not float or place < 0 or isinstance(place, float)):
        return CELEvalError("places in a list are whole numbers from 0 on")
    return operator.getitem(container, place)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def answer(one: Any, other: Any) -> Any:
        if one is None or _kind(one) is not _kind(other) or isinstance(one, list | dict):
            return CELEvalError(_UNLIKE)
        return celtypes.BoolType(compare(_bare(one), _bare(other)))

    return answer


def _kind(value: Any) -> type:
    """The kinds that compare with themselves; all numbers are one."""
    if isinstance(value, celtypes.BoolType):
        return bool
    if isinstance(value, int | float):
        return float
    return next((kind for kind in (str, list, dict) if isinstance(value, kind)), type(value))


def _bare(value: Any) -> Any:
    """A number or text as Python compares it; times and durations compare as they are."""
    if isinstance(value, int | float):
        return float(value) if isinstance(value, float) else int(value)
    return str(value) if isinstance(value, str) else value


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "_==_": equal,
    "_!=_": unequal,
    "_<_": _ordered(operator.lt),
    "_<=_": _ordered(operator.le),
    "_>_": _ordered(operator.gt),
    "_>=_": _ordered(operator.ge),
    "_in_": is_in,
    "_[_]": element,
    "contains": contains,
    "matches": matches,
}
"""What takes the place of the library's functions, by its names for them."""
