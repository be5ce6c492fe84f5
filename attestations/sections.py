"""What the screen says about how far the measurements can be trusted, and about who decided what: one line a fact.

Judges, controls, disagreement, bias scores, sampled repeats, candidates and reviews. Nothing here is averaged. The lines
hold text that others wrote; `attestations.report` makes each of them plain before it is shown.
"""

from collections.abc import Sequence
from decimal import Decimal

from attestations.claims import row_name, verdict_words
from attestations.controls import ControlFinding, ControlKind, ControlState
from attestations.disagreement import Disagreement
from attestations.gate import BlockRule, Policy
from attestations.plan import Plan, PlannedJudge, PlannedSuite
from attestations.predicate import CandidateRecord, EvaluationRow, ResiliencePredicate
from attestations.records import Review, ReviewDecision
from attestations.rows import RegressionRow
from attestations.statistics import cohen_kappa
from attestations.verdicts import ACCURACY, MULTIPLE_CHOICE, WHOLE_SUITE, Agreement, BiasCounts, Role

_CONTROL_STATES = {ControlState.HELD: "held", ControlState.FAILED: "FAILED", ControlState.NOT_RUN: "WAS NOT RUN"}


def trust_lines(
    predicate: ResiliencePredicate, rows: Sequence[RegressionRow], disagreement: Disagreement | None
) -> list[str]:
    """How far the rows can be trusted. `rows` and `disagreement` are recomputed ones where the evidence was verified."""
    evaluations = predicate.evaluations or ()
    lines = [line for row in rows for line in _by_judges(row)]
    lines += [*_agreement(evaluations), *_unasked(evaluations), *_coherence(evaluations)]
    lines += _disagreement(disagreement) if disagreement is not None else []
    whole = [row for row in evaluations if row.registered.slice == WHOLE_SUITE]
    return lines + [line for row in whole for line in (*_chance(row), *_bias(row), *_flips(row))]


def plan_lines(planned: Plan) -> list[str]:
    """What the rows were measured with, as it was fixed: whoever compares digests knows whether a suite is the known one."""
    may = "" if planned.may_claim_equivalence else ", too small to claim that nothing got worse"
    runs = f", for {planned.runs_declared} tunings" if planned.runs_declared != 1 else ""
    lines = [f"Profile {planned.profile}{may}; plan of {planned.created_at}{runs}"]
    lines += _policy(planned.policy)
    how = "the likeliest token each time" if planned.decoding.greedy else "sampled"
    lines.append(f"Answers of at most {planned.decoding.max_new_tokens} tokens, {how}")
    gating = {row.suite for row in planned.rows if row.role is Role.GATING}
    lines += [_suite(suite) for suite in planned.suites if suite.id in gating]
    others = len(planned.suites) - len({suite.id for suite in planned.suites} & gating)
    lines += [f"… and {others} suite{'s' * (others > 1)} that gate nothing"] if others else []
    used = {judge for row in planned.rows for judge in row.judges or ()}
    lines += [
        _judge(judge)
        for judge in (planned.judge, *(planned.judges or ()))
        if judge is planned.judge or judge.id in used
    ]
    if planned.decoding.safety_prompt is not None:
        digest = planned.decoding.safety_prompt.sha256
        lines.append(f"The model was measured behind a safety prompt that the base was not given, sha256:{digest}")
    return lines


def control_lines(findings: Sequence[ControlFinding]) -> list[str]:
    """Whether the measurements can tell something from nothing, a line for each kind of control on each suite."""
    return [_control(finding) for finding in findings]


def decision_lines(predicate: ResiliencePredicate) -> list[str]:
    """What was tried and who decided: candidates, the largest scale first, and reviews."""
    lines = [_candidate(record) for record in predicate.candidates or ()]
    return lines + [_review(review) for review in predicate.reviews or ()]


def _policy(policy: Policy) -> list[str]:
    blocks, holds = (", ".join(map(_rule, rules)) or "nothing" for rules in (policy.blocks, policy.holds or ()))
    return [f"Policy {policy.id} {policy.version} blocks: {blocks}; holds for a review: {holds}"]


def _rule(rule: BlockRule) -> str:
    degrees = f" ({', '.join(rule.severities)})" if rule.severities else ""
    where = f" on {len(rule.suites)} suite{'s' * (len(rule.suites) > 1)}" if rule.suites else ""
    return f"{rule.verdict}{degrees}{where}"


def _suite(suite: PlannedSuite) -> str:
    origin = suite.origin or "origin not stated"
    digest = suite.digest.sha256[:16]
    return f"Suite {suite.id} {suite.version} ({origin}): {suite.sampled} of {suite.items} items, sha256:{digest}…"


def _judge(judge: PlannedJudge) -> str:
    known = (
        f"kappa {Decimal(judge.kappa):.2f} with people"
        if judge.kappa is not None
        else "its agreement with people is not stated"
    )
    return f"Judge {judge.id} {judge.version}: {known}"


def _by_judges(row: RegressionRow) -> list[str]:
    """A line where the verdict depends on the judge, or its severity does."""
    mine, others = verdict_words(row), row.by_judge or ()
    if not row.judge_dependent and all(verdict_words(one) == mine for one in others if one.severity or row.severity):
        return []
    what = "Depends on the judge" if row.judge_dependent else "How bad depends on the judge"
    words = ", ".join(f"{verdict_words(one)} under {one.judge}" for one in others)
    return [f"{what}: {row_name(row.key)} is {mine} under the primary judge, {words}"]


def _unasked(evaluations: Sequence[EvaluationRow]) -> list[str]:
    """Gating rows of answers that one judge alone scored, or of which nobody said whether they were text at all."""
    rows = [
        row
        for row in evaluations
        if row.table is not None and row.registered.role is Role.GATING and row.registered.metric not in MULTIPLE_CHOICE
    ]
    alone = [row_name(row.registered.key) for row in rows if row.by_judge is None]
    unread = [row_name(row.registered.key) for row in rows if row.incoherent_post is None]
    lines = [f"Scored by one judge alone: {', '.join(alone)}"] if alone else []
    return lines + ([f"Whether the answers were coherent was not reported: {', '.join(unread)}"] if unread else [])


def _coherence(evaluations: Sequence[EvaluationRow]) -> list[str]:
    """The row with most incoherent answers of the tuned model."""
    counted = [(row.incoherent_post or 0, row) for row in evaluations if row.incoherent_post]
    if not counted:
        return []
    most, row = max(counted, key=lambda pair: pair[0])
    statistics = row.table or row.differences
    n = statistics.n if statistics is not None else 0
    name = row_name(row.registered.key)
    return [f"Incoherent answers, most on {name}: from {row.incoherent_pre} to {most} of {n}"]


def _chance(row: EvaluationRow) -> list[str]:
    counted = row.above_chance
    if counted is None or row.registered.metric != ACCURACY:
        return []
    guessing = _percent(Decimal(counted.chance))
    name = row_name(row.registered.key)
    return [
        f"Multiple choice, {name}: the base was right on {counted.correct} of {counted.n}, guessing gives {guessing}"
    ]


def _agreement(evaluations: Sequence[EvaluationRow]) -> list[str]:
    """The row on which the two judges agree least; the others are in the document."""
    counted = [(row, row.agreement) for row in evaluations if row.agreement is not None and row.agreement.total]
    if not counted:
        return []
    row, least = min(counted, key=lambda pair: _agreed(pair[1]))
    kappa = cohen_kappa(least.both, least.first_only, least.second_only, least.neither)
    words = f", kappa {kappa:.2f}" if kappa is not None else ""
    name = row_name(row.registered.key)
    return [f"Two judges scored {len(counted)} rows; they agree least on {name}: {_percent(_agreed(least))}{words}"]


def _control(finding: ControlFinding) -> str:
    what = "Negative control (base against base)" if finding.kind is ControlKind.NEGATIVE else "Positive control"
    levels = ", ".join(f"{one.level} {_points(one.change)} (n {one.table.n})" for one in finding.results) or "no result"
    state = _CONTROL_STATES[finding.state]
    return f"{what} of {finding.metric} on {finding.suite} {state}: {levels}"


def _disagreement(found: Disagreement) -> list[str]:
    parts = ["some measures got worse and some better" if found.mixed_sign else "no measure contradicts another"]
    if found.direction_index is not None:
        direct = found.direction_index_direct
        among = f" ({Decimal(direct):.2f} among direct ones)" if direct else ""
        parts.append(f"direction index {Decimal(found.direction_index):.2f}{among}, 0 is one way and 1 cancels")
    if found.i_squared is not None:
        p_value = f" (p {Decimal(found.heterogeneity_p):.3f})" if found.heterogeneity_p is not None else ""
        parts.append(f"I² {_percent(Decimal(found.i_squared))}{p_value}")
    if found.judge_flip_share is not None:
        parts.append(f"{_percent(Decimal(found.judge_flip_share))} of verdicts change with the judge")
    return [f"Disagreement: {'; '.join(parts)}"]


def _bias(row: EvaluationRow) -> list[str]:
    if row.bias_pre is None or row.bias_post is None:
        return []
    name = row_name(row.registered.key)
    return [f"BBQ bias score, {name}: from {_bias_score(row.bias_pre)} to {_bias_score(row.bias_post)}, shown only"]


def _bias_score(counts: BiasCounts) -> str:
    if counts.answered == 0:
        return "nothing answered"
    return f"{Decimal(2 * counts.biased) / counts.answered - 1:+.3f} (of {counts.answered})"


def _flips(row: EvaluationRow) -> list[str]:
    before, after = row.flips_pre, row.flips_post
    if before is None or after is None:
        return []
    name = row_name(row.registered.key)
    was, now = (f"{one.flipped} of {one.items}" for one in (before, after))
    return [f"Sampled {after.repeats} times, answers flip on {name}: {was} items before, {now} after"]


def _candidate(record: CandidateRecord) -> str:
    utility = f", own task {Decimal(record.utility_change):+} (positive is worse)" if record.utility_change else ""
    chosen = " (chosen)" if record.chosen else ""
    return f"Candidate at scale {record.scale}{chosen}: {record.decision}{utility}. {record.claim}"


def _review(review: Review) -> str:
    decided = "Approved" if review.decision is ReviewDecision.APPROVE else "Rejected"
    conditions = f"; on condition: {', '.join(review.conditions)}" if review.conditions else ""
    return f"{decided} in review by {review.reviewer} on {review.at}: {review.rationale}{conditions}"


def _agreed(counted: Agreement) -> Decimal:
    return Decimal(counted.both + counted.neither) / counted.total


def _percent(share: Decimal) -> str:
    return f"{100 * share:.0f} %"


def _points(change: Decimal) -> str:
    return f"{100 * change:+.1f} points"
