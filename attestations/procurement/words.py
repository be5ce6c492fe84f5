"""What a policy demands, in words for whoever has to sign it: one line a demand, in the order of application.

A line says what must hold for evidence to be accepted; what a policy does not state is not demanded. `attestations.commands`
prints them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attestations.procurement.document import (
    PolicyDocument,
    RegressionBound,
    RequiredBoundaries,
    RequiredControl,
    RequiredSuite,
    Rows,
)
from attestations.procurement.row_rules import row_name_of
from attestations.procurement.rules import demanded
from attestations.verdicts import Worse

_BOUNDS = {
    "pre_lower_at_least": "the lower 95 % limit of the base is at least",
    "pre_upper_at_most": "the upper 95 % limit of the base is at most",
    "post_lower_at_least": "the lower 95 % limit of the tuned model is at least",
    "post_upper_at_most": "the upper 95 % limit of the tuned model is at most",
}


def demands(document: PolicyDocument) -> list[str]:
    """A sentence without a full stop for everything that the policy asks for."""
    lines = [line for name, value in demanded(document.rules).items() for line in _LINES[name](value)]
    lines += [f"{tenet.code} is true; else: {tenet.error}" for tenet in document.tenets or ()]
    return lines


def _suites(asked: Sequence[RequiredSuite]) -> list[str]:
    lines = []
    for one in asked:
        role = "measured" if one.gating is False else "measured as a gating row"
        parts = [f"{row_name_of(one.metric, one.suite, one.slice)} was {role}"]
        parts += [_direction(one.worse)] if one.worse is not None else []
        parts += [f"on {one.least_pairs} items at least"] if one.least_pairs is not None else []
        parts += [f"with one of {len(one.digests)} known contents"] if one.digests is not None else []
        parts += [f"{_BOUNDS[name]} {bound}" for name, bound in one.bounds.items()]
        lines.append(", ".join(parts))
    return lines


def _direction(worse: Worse) -> str:
    return f"where {worse} is worse"


def _regressions(asked: Sequence[RegressionBound]) -> list[str]:
    return [
        f"{row_name_of(one.metric, one.suite, one.slice)} got worse by {one.upper_at_most} at most (upper 95 % limit)"
        + (f", {_direction(one.worse)}" if one.worse is not None else "")
        for one in asked
    ]


def _controls(asked: Sequence[RequiredControl]) -> list[str]:
    return [
        f"the {' and '.join(one.kinds or ('negative', 'positive'))} controls of "
        f"{row_name_of(one.metric, one.suite, None)} held"
        for one in asked
    ]


def _boundaries(asked: RequiredBoundaries) -> list[str]:
    lines = [f"the boundaries state {path}" for path in asked.present or ()]
    lines += [f"it is intended, and not prohibited, for: {text}" for text in asked.intended or ()]
    lines += [f"it is prohibited for: {text}" for text in asked.prohibited or ()]
    lines += [f"it must be used with: {text}" for text in asked.controls or ()]
    return lines + [f"it was assessed in the language {text}" for text in asked.languages or ()]


def _one(words: str) -> Callable[[Any], list[str]]:
    return lambda value: [words.format(value if not isinstance(value, tuple) else ", ".join(value))]


_LINES: Mapping[str, Callable[[Any], list[str]]] = {
    "allowed_issuers": _one("it is issued by one of: {}"),
    "min_schema": _one("the evidence has schema {} or a later one"),
    "max_age_days": _one("it was issued {} days ago at most"),
    "max_validity_days": _one("it is valid for {} days at most"),
    "require_status": _one("a fresh status list says that it was not withdrawn"),
    "require_timestamp": _one("a timestamp authority vouches for when it was signed"),
    "require_countersignature": _one("an independent evaluator has countersigned it"),
    "allowed_evaluators": _one("it is countersigned by one of the keys: {}"),
    "allowed_bases": _one("it was tuned from one of the bases with the manifests: {}"),
    "allowed_methods": _one("it was tuned by one of: {}"),
    "max_compute_ratio": _one("the tuning took {} of the base's compute at most"),
    "required_suites": _suites,
    "max_regression": _regressions,
    "no_regressed": lambda value: [f"no {'' if value is Rows.ALL else 'gating '}row regressed, under any judge"],
    "no_judge_dependent_row": _one("no row's verdict depends on the judge"),
    "allow_not_measurable": lambda value: (
        ["(gating rows that could not be measured are tolerated)"] if value else ["every gating row could be measured"]
    ),
    "required_controls": _controls,
    "required_boundaries": _boundaries,
    "require_open": _one("these parts are stated, and nothing of them is hidden: {}"),
    "max_hidden": _one("{} values are hidden at most"),
    "min_level": _one("it reaches assurance level {} or a higher one"),
}
