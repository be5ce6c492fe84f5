"""Rules about what was measured and what got worse: each gives one finding, from rows that were judged again.

A row that is not there, was not run or has no interval meets no bound. Called by `attestations.procurement.rules`.
"""

from collections.abc import Sequence
from decimal import Decimal

from attestations.claims import reason_sentence, row_name
from attestations.controls import ControlKind, ControlState
from attestations.findings import Check, passed, rejected
from attestations.procurement.document import RegressionBound, RequiredControl, RequiredSuite, Rows
from attestations.procurement.evidence import Evidence
from attestations.procurement.limits import rate_limits, upper_change
from attestations.verdicts import WHOLE_SUITE, JudgedRow, Kind, Role, Verdict, Worse

_NO_MEASUREMENT = (Verdict.NOT_MEASURABLE, Verdict.NOT_RUN)
_LONGEST_LIST = 8
_STATES = {ControlState.NOT_RUN: "was not run", ControlState.FAILED: "failed"}


def required_suites(asked: Sequence[RequiredSuite], evidence: Evidence, *, unmeasured: bool = False) -> Check:
    """With `unmeasured` a row that ran counts, though nothing could be said of it; bounds are never met by such a one."""
    code = "policy.required_suites"
    wrong = [words for one in asked if (words := _lacking(one, evidence, unmeasured=unmeasured))]
    if wrong:
        return rejected(code, f"{listed(wrong)}; ask the issuer to measure it, or for a model that reaches it")
    return passed(code, f"all {len(asked)} required measurements are there, within their bounds")


def max_regression(asked: Sequence[RegressionBound], evidence: Evidence) -> Check:
    code = "policy.max_regression"
    wrong = [words for one in asked for words in _beyond(one, evidence)]
    if wrong:
        return rejected(code, f"{listed(wrong)}; a model that changed less, or more items, could show it")
    return passed(code, "no upper limit of a change passes the bound set for it")


def no_regressed(among: Rows, evidence: Evidence, *, unmeasured: bool = False) -> Check:
    """A row that was not measured has not been shown to be free of regressions; with `unmeasured` it is passed over."""
    code = "policy.no_regressed"
    rows = [row for row in evidence.judged if among is Rows.ALL or row.registered.role is Role.GATING]
    measured = [row for row in rows if row.verdict not in _NO_MEASUREMENT]
    unseen = [row_name(row.registered.key) for row in rows if row not in measured]
    if not measured or (unseen and not unmeasured):
        words = f"not measured, so nothing shows that it did not regress: {listed(unseen) or 'anything'}"
        return rejected(code, f"{words}; ask the issuer to measure it")
    wrong = [row_name(row.registered.key) for row in measured if _regressed(row)]
    if wrong:
        return rejected(code, f"regressed under at least one judge: {listed(wrong)}; ask for a model without it")
    return passed(code, f"none of {len(measured)} measured rows regressed, under any judge")


def no_judge_dependent_row(_demanded: bool, evidence: Evidence) -> Check:
    """Where one judge alone scored every row, nothing shows what another would have said."""
    code = "policy.no_judge_dependent_row"
    compared = [row for row in evidence.judged if row.judge_dependent is not None]
    if not compared:
        return rejected(code, "no row was scored by a second judge; ask the issuer for evidence with several judges")
    wrong = [row_name(row.registered.key) for row in compared if row.judge_dependent]
    if wrong:
        return rejected(code, f"the verdict depends on the judge: {listed(wrong)}; ask people to read those answers")
    return passed(code, f"no verdict depends on the judge; {len(compared)} rows were scored by several")


def allow_not_measurable(allowed: bool, evidence: Evidence) -> Check:
    code = "policy.allow_not_measurable"
    if allowed:
        return passed(code, "rows without a measurement are allowed")
    gating = [row for row in evidence.judged if row.registered.role is Role.GATING]
    bad = [row_name(row.registered.key) for row in gating if row.verdict in _NO_MEASUREMENT]
    if bad or not gating:
        return rejected(code, f"not measured: {listed(bad) or 'anything'}; ask the issuer to measure it")
    return passed(code, "every gating row was measured")


def required_controls(asked: Sequence[RequiredControl], evidence: Evidence) -> Check:
    code = "policy.required_controls"
    wrong = []
    for one in asked:
        for kind in one.kinds or tuple(ControlKind):
            states = [
                finding.state
                for finding in evidence.findings
                if finding.kind is kind and finding.suite == one.suite and one.metric in (None, finding.metric)
            ]
            bad = [_STATES[state] for state in states if state is not ControlState.HELD]
            bad = bad if states else ["was not planned"]
            wrong += [f"a {kind} control of {one.suite} {bad[0]}"] if bad else []
    if wrong:
        return rejected(code, f"{listed(wrong)}; without it nothing shows that the suite can see a change")
    return passed(code, "every required control was run and held")


def listed(words: Sequence[str]) -> str:
    """The first of many, and how many more there are."""
    more = f" and {len(words) - _LONGEST_LIST} more" if len(words) > _LONGEST_LIST else ""
    return "; ".join(words[:_LONGEST_LIST]) + more


def _lacking(asked: RequiredSuite, evidence: Evidence, *, unmeasured: bool) -> str:
    """What of one requirement is not met, or ""."""
    name = row_name_of(asked.metric, asked.suite, asked.slice)
    role = "" if asked.gating is False else "gating "
    rows = [row for row in evidence.judged if _is_asked_for(asked, row)]
    ran = [row for row in rows if row.verdict is not Verdict.NOT_RUN]
    if not ran:
        return f"there is no {role}measurement of {name}"
    measured = [row for row in ran if row.verdict is not Verdict.NOT_MEASURABLE]
    if not measured and (asked.bounds or not unmeasured):
        return f"{name} is not measurable: {reason_sentence(ran[0])}"
    if asked.least_pairs is not None and max(row.n or 0 for row in ran) < asked.least_pairs:
        return f"{name} has fewer than {asked.least_pairs} items"
    return _turned(asked.worse, rows) or _other_content(asked, evidence) or _out_of_bounds(asked, measured)


def _is_asked_for(asked: RequiredSuite, row: JudgedRow) -> bool:
    registered = row.registered
    if registered.role is not Role.GATING and asked.gating is not False:
        return False
    wanted = (asked.suite, asked.slice or WHOLE_SUITE)
    return (registered.suite, registered.slice) == wanted and asked.metric in (None, registered.metric)


def _turned(asked: Worse | None, rows: Sequence[JudgedRow]) -> str:
    """Rows whose plan calls a loss a gain."""
    turned = [row_name(row.registered.key) for row in rows if asked is not None and row.registered.worse is not asked]
    return (
        f"{listed(turned)} gets worse when it gets {asked}, and the plan has it the other way round" if turned else ""
    )


def _other_content(asked: RequiredSuite, evidence: Evidence) -> str:
    if asked.digests is None:
        return ""
    suites = evidence.planned.suites if evidence.planned is not None else ()
    found = [suite.digest.sha256 for suite in suites if suite.id == asked.suite]
    if any(digest in asked.digests for digest in found):
        return ""
    return f"{asked.suite} is not the content that the policy knows: {', '.join(found) or 'its digest is not there'}"


def _out_of_bounds(asked: RequiredSuite, rows: Sequence[JudgedRow]) -> str:
    """Every row that is asked for keeps every bound under every judge."""
    wrong = []
    for row in rows if asked.bounds else ():
        name, limits = row_name(row.registered.key), rate_limits(row)
        if not limits:
            return f"{name} is no rate, so it has no limit to hold a bound against; bound its change by maxRegression"
        for field, bound in asked.bounds.items():
            side, which = field.split("_")[:2]
            worst = (min if which == "lower" else max)(limits, key=lambda one: Decimal(getattr(one, f"{side}_{which}")))
            limit = Decimal(getattr(worst, f"{side}_{which}"))
            if limit < Decimal(bound) if which == "lower" else limit > Decimal(bound):
                when = "before" if side == "pre" else "after"
                least = "at least" if which == "lower" else "at most"
                words = f"the {which} limit of {name} {when} tuning is {limit:f}, {least} {bound} is asked for"
                wrong.append(f"{words} (under {worst.judge})")
    return listed(wrong)


def _beyond(asked: RegressionBound, evidence: Evidence) -> list[str]:
    rows = [
        row
        for row in evidence.judged
        if (row.registered.suite, row.registered.slice) == (asked.suite, asked.slice or WHOLE_SUITE)
        and (
            row.registered.metric == asked.metric
            or (asked.metric is None and row.registered.kind is Kind.PAIRED_BINARY)
        )
    ]
    if not rows:
        return [f"there is no measurement of {row_name_of(asked.metric, asked.suite, asked.slice)}"]
    turned = _turned(asked.worse, rows)
    wrong = [turned] if turned else []
    for row in rows:
        name, upper = row_name(row.registered.key), upper_change(row)
        if row.verdict in _NO_MEASUREMENT or upper is None:
            why = reason_sentence(row) or "it has no interval"
            wrong.append(f"{name} shows no limit of its change: {why}")
        elif upper > Decimal(asked.upper_at_most):
            wrong.append(
                f"{name} may be worse by {upper:f} {row.registered.unit}, at most {asked.upper_at_most} is allowed"
            )
    return wrong


def row_name_of(metric: str | None, suite: str, part: str | None) -> str:
    """The name of a row as `attestations.claims.row_name` gives it, with whatever metric where none is named."""
    where = suite if part in (None, WHOLE_SUITE) else f"{suite} / {part}"
    return f"{metric} on {where}" if metric is not None else where


def _regressed(row: JudgedRow) -> bool:
    return Verdict.REGRESSED in (row.verdict, *(one.verdict for one in row.by_judge or ()))
