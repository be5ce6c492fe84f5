"""Steps 9 to 11 of the verifier's argument: every row, figure, verdict, control, candidate and decision, computed again.

Pure, and called by `attestations.verify` alone, after the signature held and the plan was bound. Nothing that the statement
says of its own numbers is believed; what differs is named. Counts that contradict each other raise `MalformedError`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attestations import gate
from attestations.claims import claim_sentence
from attestations.controls import ControlFinding, ControlKind, ControlState, assess
from attestations.findings import Check, not_checked, passed, rejected
from attestations.gate import GateDecision, GateOutcome
from attestations.plan import Plan
from attestations.predicate import CandidateRecord, EvaluationRow, GateAnswer, OutcomeStatus, ResiliencePredicate
from attestations.records import ReviewDecision
from attestations.rows import Regressions
from attestations.verdicts import WHOLE_SUITE, JudgedRow, Kind, Role


@dataclass(frozen=True, slots=True)
class Recomputed:
    """The checks, the rows as they were judged here, the gate's decision on them and what the controls showed.

    () and None where there are none.
    """

    checks: tuple[Check, ...]
    judged: tuple[JudgedRow, ...] = ()
    decision: GateDecision | None = None
    findings: tuple[ControlFinding, ...] = ()


def recompute(planned: Plan | None, predicate: ResiliencePredicate) -> Recomputed:
    evaluations, regressions = predicate.evaluations, predicate.regressions
    if planned is None or evaluations is None or regressions is None:
        return Recomputed((not_checked("rows", "there is no plan to compare the rows with"),))
    missing = _missing_rows(planned, evaluations)
    if missing is not None:
        return Recomputed((rejected("rows", f"the rows are not those of the plan; {missing}"),))
    checks = [passed("rows", f"all {len(planned.rows)} registered rows are there, each once")]
    if regressions.rule != planned.rule:
        words = f"the rule {regressions.rule!a} is not that of its plan, {planned.rule}"
        return Recomputed((*checks, rejected("verdicts", words)))
    judged = _judge_again(planned, evaluations, predicate)
    again = Regressions.of(judged, planned.rule)
    checks.append(_verdicts(again, regressions))
    decision = gate.decide(planned.policy, judged)
    findings = assess(planned.controls or (), predicate.controls or (), gating_rows=planned.gating_rows)
    if not checks[-1].exit_code:
        checks += [
            *_controls(planned, findings),
            *_candidates(planned, predicate, (decision.outcome, again.claim)),
            *_gate(planned, predicate, decision),
        ]
    checks.append(_answers(predicate))
    return Recomputed(tuple(checks), judged, decision, findings)


def _missing_rows(planned: Plan, evaluations: Sequence[EvaluationRow]) -> str | None:
    """In what the rows differ from the registered ones; None where they do not."""
    if tuple(row.registered for row in evaluations) == planned.rows:
        return None
    wanted = {row.key for row in planned.rows} - {row.registered.key for row in evaluations}
    return f"missing: {', '.join(' / '.join(key) for key in sorted(wanted))}" if wanted else "they were changed"


def _judge_again(
    planned: Plan, evaluations: Sequence[EvaluationRow], predicate: ResiliencePredicate
) -> tuple[JudgedRow, ...]:
    measurements = {row.registered.key: row.measurement for row in evaluations}
    return planned.judge_rows(measurements, predicate.controls or ())


def _verdicts(again: Regressions, said: Regressions) -> Check:
    if again == said:
        return passed(
            "verdicts", f"every figure and verdict follows from the counts by {again.rule}, computed again here"
        )
    wrong = [" / ".join(row.key) for row, other in zip(again.rows, said.rows, strict=True) if row != other]
    if wrong:
        words = f"these rows: {', '.join(wrong[:5])}"
    else:
        words = "the disagreement" if again.disagreement != said.disagreement else "the claim as a whole"
    return rejected("verdicts", f"the numbers do not give what the statement says of {words}")


def _controls(planned: Plan, findings: Sequence[ControlFinding]) -> list[Check]:
    """What failed controls take away from the rows was judged with the rows, so finding one is no rejection here."""
    shown = {
        (finding.metric, finding.suite)
        for finding in findings
        if finding.kind is ControlKind.POSITIVE and finding.state is ControlState.HELD
    }
    whole = [
        (row.metric, row.suite)
        for row in planned.rows
        if row.role is Role.GATING and row.slice == WHOLE_SUITE and row.kind is Kind.PAIRED_BINARY
    ]
    blind = sum(place not in shown for place in whole)
    words = f"for {blind} of {len(whole)} gating measures no control shows that a loss of ten points would be seen"
    uncovered = [not_checked("controls.coverage", words)] if blind else []
    if not findings:
        return uncovered
    counts = {state: sum(finding.state is state for finding in findings) for state in ControlState}
    words = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items() if count)
    return [passed("controls", f"the planned controls, judged again: {words}; the verdicts heed them"), *uncovered]


def _answers(predicate: ResiliencePredicate) -> Check:
    """The counts are the issuer's; what they were counted from is not in the evidence."""
    kept = predicate.outputs
    if kept is None:
        return not_checked("answers", "the counts are the issuer's word, and no answers were promised to be kept")
    words = f"{kept.baseline.leaves} answers of the base and {kept.candidate.leaves} of the model are committed to"
    return not_checked("answers", f"the counts are the issuer's word; {words}, ask to see some")


def _candidates(planned: Plan, predicate: ResiliencePredicate, chosen: tuple[GateOutcome, str]) -> list[Check]:
    """Each planned candidate is there and decided as stated, and the right one was chosen.

    `chosen` are the decision on the statement's own rows and the claim about them. Those are the rows of the chosen
    candidate, or the predicate would not have been read.
    """
    records = predicate.candidates or ()
    if predicate.outcome.gate is None or (planned.candidates is None and not records):
        return []
    said = [record.scale for record in records]
    if tuple(said) != (planned.candidates or ()):
        missing = [scale for scale in planned.candidates or () if scale not in said]
        words = f"missing: {', '.join(missing)}" if missing else "they are others or in another order"
        return [rejected("candidates", f"the candidates are not those of the plan; {words}")]
    wrong = [
        record.scale
        for record in records
        if (record.decision, record.claim) != (chosen if record.chosen else _decided_again(planned, record, predicate))
    ]
    if wrong:
        return [rejected("candidates", f"the numbers do not give what is said of the candidate {', '.join(wrong)}")]
    best = next((record for record in records if record.decision is GateOutcome.RELEASED), records[0])
    if not best.chosen:
        return [rejected("candidates", f"the candidate {best.scale} should have been chosen: the largest that passes")]
    words = f"all {len(records)} planned candidates were decided again, and {best.scale} is the largest that passes"
    if best.decision is not GateOutcome.RELEASED:
        words = f"all {len(records)} planned candidates were decided again, none passes, and the first was kept"
    return [passed("candidates", words)]


def _decided_again(
    planned: Plan, record: CandidateRecord, predicate: ResiliencePredicate
) -> tuple[GateOutcome, str] | None:
    """The gate's decision on a candidate and what may be claimed of it; None where its rows are not those of the plan."""
    if _missing_rows(planned, record.evaluations) is not None:
        return None
    judged = _judge_again(planned, record.evaluations, predicate)
    return gate.decide(planned.policy, judged).outcome, claim_sentence(judged)


def _gate(planned: Plan, predicate: ResiliencePredicate, decision: GateDecision) -> list[Check]:
    answer = predicate.outcome.gate
    if answer is None:
        return []
    status = _status(decision, predicate)
    if answer != GateAnswer.of(planned.policy, decision) or predicate.outcome.status is not status:
        return [rejected("gate", "the plan's policy does not give the outcome that the statement says")]
    name = f"the policy {planned.policy.id} {planned.policy.version}"
    if decision.outcome is not GateOutcome.HELD:
        return [passed("gate", f"{name}, applied again, gives this outcome")]
    reviewers = ", ".join(review.reviewer for review in predicate.reviews or ())
    return [passed("gate", f"{name}, applied again, holds the model; the outcome is the review's, by {reviewers}")]


def _status(decision: GateDecision, predicate: ResiliencePredicate) -> OutcomeStatus | None:
    """The status that the decision and the reviews give; None where a held model was never reviewed."""
    reviews = predicate.reviews or ()
    if decision.outcome is GateOutcome.HELD:
        if not reviews:
            return None
        approved = all(review.decision is ReviewDecision.APPROVE for review in reviews)
        return OutcomeStatus.RELEASED if approved else OutcomeStatus.BLOCKED
    return None if reviews else OutcomeStatus(decision.outcome.value)
