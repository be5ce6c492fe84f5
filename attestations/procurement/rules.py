"""Every rule by its name, and their application: one finding for each rule that a policy states, "policy.<rule>".

A rule that cannot be decided rejects; no rule raises.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attestations.errors import AttestationError
from attestations.findings import Check, rejected
from attestations.procurement import proof_rules, row_rules, scope_rules
from attestations.procurement.document import Rules
from attestations.procurement.evidence import Evidence

Rule = Callable[[Any, Evidence], Check]
"""From the rule's value in the policy and the evidence to what is found."""

RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        proof_rules.allowed_issuers,
        proof_rules.min_schema,
        proof_rules.max_age_days,
        proof_rules.max_validity_days,
        proof_rules.require_status,
        proof_rules.require_timestamp,
        proof_rules.require_countersignature,
        proof_rules.allowed_evaluators,
        scope_rules.allowed_bases,
        scope_rules.allowed_methods,
        scope_rules.max_compute_ratio,
        row_rules.required_suites,
        row_rules.max_regression,
        row_rules.no_regressed,
        row_rules.no_judge_dependent_row,
        row_rules.allow_not_measurable,
        row_rules.required_controls,
        scope_rules.required_boundaries,
        scope_rules.require_open,
        scope_rules.max_hidden,
        proof_rules.min_level,
    )
}
_HEED_UNMEASURED: Mapping[str, Callable[..., Check]] = {
    "required_suites": row_rules.required_suites,
    "no_regressed": row_rules.no_regressed,
}
"""Rules for which it matters whether the policy tolerates rows that could not be measured."""
_ONLY_WHERE_TRUE = ("require_status", "require_timestamp", "require_countersignature", "no_judge_dependent_row")


def apply_rules(rules: Rules, evidence: Evidence) -> list[Check]:
    return [_applied(name, rules, evidence) for name in demanded(rules)]


def demanded(rules: Rules) -> dict[str, object]:
    """The rules that ask for something, by name; one that is stated as false asks for nothing."""
    return {name: value for name, value in rules.stated.items() if value is not False or name not in _ONLY_WHERE_TRUE}


def _applied(name: str, rules: Rules, evidence: Evidence) -> Check:
    value = getattr(rules, name)
    try:
        if name in _HEED_UNMEASURED:
            return _HEED_UNMEASURED[name](value, evidence, unmeasured=rules.allow_not_measurable is True)
        return RULES[name](value, evidence)
    except (AttestationError, ArithmeticError) as error:
        return rejected(f"policy.{name}", f"it cannot be decided on this evidence: {error}")
