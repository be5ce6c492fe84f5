"""Controls of the measuring itself: which a plan has, how workers are asked for them, and what their scores come to. Pure.

Whoever may claim that nothing got worse must show that something would have been seen. The negative control measures the
base again under other conditions on the policy's core suites; the positive one measures it with its kept control adapter,
which takes refusals away by known degrees, on the harmful requests. Both are measured with the baseline and kept with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from api.control.decoding import BATCH_SIZE
from api.control.suites import ChosenSuite, Suites, sampled
from attestations.clusters import ClusterTotals
from attestations.controls import ControlKind, ControlResult, PlannedControl
from attestations.digests import Sha256
from attestations.gate import Policy
from attestations.plan import Plan
from attestations.statistics import PairedTable
from attestations.verdicts import Verdict
from workers.catalog import BaseModel, Item, Profile, metrics_of
from workers.contract import ControlTask, EvaluationResult, ItemScore, SuiteSelection

NEGATIVE_LEVEL = "other-conditions"
POSITIVE_SUITE = "harmful-requests"
_BATCH_SIZE = 11
"""No divisor of the usual batch, so that every prompt gets other neighbours and other padding."""
_THREADS = 1
_DTYPE = "float32"
_LARGE_PARAMETERS = 2_000_000_000
"""From here on the base is not loaded again in full precision: it may not fit beside what else the machine holds."""


def planned_controls(
    profile: Profile, policy: Policy, *, base: BaseModel, chosen: Sequence[ChosenSuite]
) -> tuple[PlannedControl, ...]:
    """None for a profile that may not claim equivalence; no positive ones for a base without a control adapter."""
    if not profile.may_claim_equivalence:
        return ()
    by_id = {entry.suite.id: entry for entry in chosen}
    core = [by_id[name] for name in _core(policy) if name in by_id]
    share = profile.control_items // max(len(core), 1)
    planned = [_planned(ControlKind.NEGATIVE, NEGATIVE_LEVEL, entry, share) for entry in core]
    if base.control_adapter is not None and POSITIVE_SUITE in by_id:
        entry = by_id[POSITIVE_SUITE]
        levels = base.control_levels or profile.control_levels
        adapter = Sha256(base.control_digest) if base.control_digest is not None else None
        positive = [_planned(ControlKind.POSITIVE, level, entry, profile.control_items) for level in levels]
        planned += [replace(control, adapter=adapter) for control in positive]
    return tuple(planned)


def _core(policy: Policy) -> Sequence[str]:
    """The suites without which the policy releases nothing."""
    for rule in policy.blocks:
        if rule.verdict is Verdict.NOT_MEASURABLE and rule.suites is not None:
            return rule.suites
    return ()


def _planned(kind: ControlKind, level: str, entry: ChosenSuite, items: int) -> PlannedControl:
    metric = metrics_of(entry.suite)[0].name
    return PlannedControl(
        kind=kind, level=level, metric=metric, suite=entry.suite.id, items=min(items, len(entry.items))
    )


def control_tasks(plan: Plan, *, selections: Mapping[str, SuiteSelection], large: bool) -> list[ControlTask]:
    """One task for each kind and level, with all suites that it is planned on."""
    tasks = []
    for kind, level in dict.fromkeys((control.kind, control.level) for control in plan.controls or ()):
        suites = [
            _first_items(selections[control.suite], control.items)
            for control in plan.controls or ()
            if (control.kind, control.level) == (kind, level)
        ]
        negative = kind is ControlKind.NEGATIVE
        tasks.append(
            ControlTask(
                kind=kind.value,
                level=level,
                suites=suites,
                batch_size=_BATCH_SIZE if negative else BATCH_SIZE,
                threads=_THREADS if negative else None,
                dtype=_DTYPE if negative and not large else None,
            )
        )
    return tasks


def _first_items(selection: SuiteSelection, count: int) -> SuiteSelection:
    return SuiteSelection(
        id=selection.id,
        version=selection.version,
        digest=selection.digest,
        item_ids=selection.item_ids[:count],
        content=selection.content,
    )


def control_conditions(plan: Plan, base: BaseModel | None) -> dict[str, str]:
    """What the results of the plan's controls depend on beside the plan, by digest where there is one."""
    if not plan.controls or base is None:
        return {}
    arithmetic = "as the model" if is_large(base) else _DTYPE
    return {
        "batch_size": str(_BATCH_SIZE),
        "threads": str(_THREADS),
        "dtype": arithmetic,
        "adapter": base.control_digest or "none",
    }


def is_large(base: BaseModel) -> bool:
    return base.parameters >= _LARGE_PARAMETERS


def control_results(plan: Plan, suites: Suites, base: EvaluationResult) -> tuple[ControlResult, ...]:
    """What the baseline reported of the planned controls, against the baseline itself; a level that is missing is left out,
    and the rule says what follows from that."""
    before = {(score.suite, score.item): score for score in base.scores}
    reported = {(scores.kind, scores.level): scores for scores in base.controls}
    planned = {suite.id: suite for suite in plan.suites}
    results = []
    for control in plan.controls or ():
        scores = reported.get((control.kind.value, control.level))
        if scores is None:
            continue
        after = {(score.suite, score.item): score for score in scores.scores}
        suite = suites[control.suite]
        items = sampled(planned[control.suite], suite)[: control.items]
        judge = next(metric for metric in metrics_of(suite) if metric.name == control.metric).judges[0]
        pairs = [
            (item, was, now)
            for item in items
            if (was := _outcome(before, control, item, judge)) is not None
            and (now := _outcome(after, control, item, judge)) is not None
        ]
        if pairs:
            results.append(_result(control, pairs, scores.conditions))
    return tuple(results)


def _outcome(
    scores: Mapping[tuple[str, str], ItemScore], control: PlannedControl, item: Item, judge: str
) -> bool | None:
    score = scores.get((control.suite, item.id))
    return score.safe.get(control.metric, {}).get(judge) if score is not None else None


def _result(control: PlannedControl, pairs: Sequence[tuple[Item, bool, bool]], conditions: str) -> ControlResult:
    before, after = [was for _, was, _ in pairs], [now for _, _, now in pairs]
    groups = [item.group for item, _, _ in pairs]
    clustered = len(set(groups)) < len(groups)
    return ControlResult(
        kind=control.kind,
        level=control.level,
        metric=control.metric,
        suite=control.suite,
        table=PairedTable.from_outcomes(before, after),
        clusters=ClusterTotals.from_outcomes(before, after, groups) if clustered else None,
        note=conditions or None,
    )
