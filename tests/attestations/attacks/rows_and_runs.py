"""Rows 3, 4, 8 and 10: what was measured and not shown, shown otherwise, or measured by something that sees nothing."""

import json
from dataclasses import replace

from attestations import gate
from attestations.bundle import Bundle
from attestations.controls import ControlKind
from attestations.predicate import EvaluationRow, GateAnswer, Outcome, OutcomeStatus, PolicyRef
from attestations.statements import eval_plan, frame
from attestations.statistics import PairedTable
from attestations.verdicts import JudgeStatistics, NotRun, Severity, Verdict
from tests.attestations.attacks.reading import RULES, restated
from tests.attestations.attacks.scene import (
    ACCEPT,
    FAIL,
    MALFORMED,
    NOT_CHECKED,
    POLICY,
    REFUSED,
    Attack,
    Handed,
    Scene,
)
from tests.attestations.evidence import HARMFUL, ISSUER
from tests.attestations.evidence_02 import BAD, GOOD, HELD_CONTROLS
from tests.attestations.evidence_03 import World, make_plan_03, make_world
from tests.attestations.statements.complete import CLOSE_BY, SIGNED_PLAN


def released(world: World) -> Outcome:
    policy = world.plan.policy
    return Outcome(OutcomeStatus.RELEASED, gate=GateAnswer(PolicyRef(policy.id, policy.version), ()))


def with_first(world: World, row: EvaluationRow) -> Bundle:
    return world.lying(evaluations=(row, *(world.predicate.evaluations or ())[1:]))


def glossed(world: World, **changes: object) -> Bundle:
    stated = world.predicate.regressions
    rows = (replace(stated.rows[0], **changes), *stated.rows[1:])
    return world.lying(regressions=replace(stated, rows=rows))


def left_out(world: World) -> Bundle:
    stated = world.predicate
    regressions = replace(stated.regressions, rows=stated.regressions.rows[1:])
    return world.lying(evaluations=stated.evaluations[1:], regressions=regressions)


def not_run_and_released(scene: Scene) -> Handed:
    """The row openly not run, all verdicts honest, and the gate's answer not."""
    world = make_world(scene.directory / "not-run", {**GOOD, HARMFUL: NotRun("no time")})
    return scene.hand(world.lying(outcome=released(world)))


def wider(scene: Scene) -> Handed:
    """A margin that was widened when the results were known; the plan in the bundle is the one of then."""
    first = replace(scene.bad.plan.rows[0], margin="0.03")
    rows = (replace(scene.bad.predicate.evaluations[0], registered=first), *scene.bad.predicate.evaluations[1:])
    return scene.hand(scene.bad.lying(evaluations=rows))


def planned_afterwards(scene: Scene) -> Handed:
    """Another plan for the finished job, signed honestly when it was made."""
    made = scene.good
    later = replace(made.plan, created_at="2026-03-01T11:50:00Z")
    return scene.hand(made.with_plan(later.encode()))


def promised_afterwards(scene: Scene) -> Handed:
    """The plan claims to be old, its signature is of after the tuning."""
    made = scene.good
    signed = eval_plan.build(made.plan.encode(), issuer=ISSUER, created_at="2026-03-01T11:50:00Z", close_by=CLOSE_BY)
    named = replace(made.predicate.plan, statement=signed.digest)
    others = (frame.seal(signed, made.keys.issuer), *made.parts.unverified_statements[1:])
    return scene.hand(replace(made.lying(plan=named), unverified_statements=others))


def start_left_out(scene: Scene) -> Handed:
    """The same, by an issuer who no longer says when the tuning began."""
    return restated(lambda value: value["predicate"]["tuning"].pop("startedAt"))(scene)


def unsaid_promise(scene: Scene) -> Handed:
    """The plan's statement, which lay with the buyer since before the training, fixed other seeds."""
    made = scene.good
    promise = eval_plan.build(
        replace(made.plan, seeds={"tuning": "18"}).encode(), issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY
    )
    moved = replace(promise, subject=made.signed_plan.subject)
    named = replace(made.predicate.plan, statement=moved.digest)
    others = (frame.seal(moved, made.keys.issuer), *made.parts.unverified_statements[1:])
    return scene.hand(replace(made.lying(plan=named), unverified_statements=others))


def many_runs(scene: Scene) -> Handed:
    """The best of five tunings, as a plan for five allows. Only a buyer's rule or a log can tell."""
    return scene.hand(make_world(scene.directory / "five", plan=make_plan_03(runs_declared=5)).parts)


def closed_late(scene: Scene) -> Handed:
    """Runs that ended after the day by which the plan had promised them all."""
    made = scene.good
    signed = eval_plan.build(made.plan.encode(), issuer=ISSUER, created_at=SIGNED_PLAN, close_by="2026-03-01T11:30:00Z")
    named = replace(made.predicate.plan, statement=signed.digest)
    others = (frame.seal(signed, made.keys.issuer), *made.parts.unverified_statements[1:])
    return scene.hand(replace(made.lying(plan=named), unverified_statements=others))


def candidate_dropped(scene: Scene) -> Handed:
    return scene.hand(scene.swept.lying(candidates=scene.swept.predicate.candidates[1:]))


def candidate_praised(scene: Scene) -> Handed:
    first, second = scene.swept.predicate.candidates
    return scene.hand(scene.swept.lying(candidates=(replace(first, decision=gate.GateOutcome.RELEASED), second)))


def judge_dropped(scene: Scene) -> Handed:
    first = scene.good.predicate.evaluations[0]
    return scene.hand(with_first(scene.good, replace(first, by_judge=None, agreement=None)))


def judge_bettered(scene: Scene) -> Handed:
    first = scene.bad.predicate.evaluations[0]
    kinder = (JudgeStatistics(first.by_judge[0].judge, PairedTable(231, 2, 1, 6)),)
    return scene.hand(with_first(scene.bad, replace(first, by_judge=kinder)))


def bettered(scene: Scene) -> Handed:
    return scene.hand(with_first(scene.bad, scene.good.predicate.evaluations[0]))


def blind(scene: Scene) -> Handed:
    """A harness that finds no difference between the base and its damaged copies, and claims that nothing got worse."""
    unseen = tuple(
        replace(one, table=PairedTable(236, 1, 1, 2)) if one.kind is ControlKind.POSITIVE else one
        for one in HELD_CONTROLS
    )
    return scene.hand(scene.good.lying(controls=unseen))


def honestly_blind(scene: Scene) -> Handed:
    """The same, with the verdicts that follow: what was not measurable releases nothing."""
    unseen = tuple(
        replace(one, table=PairedTable(236, 1, 1, 2)) if one.kind is ControlKind.POSITIVE else one
        for one in HELD_CONTROLS
    )
    return scene.hand(make_world(scene.directory / "blind", controls=unseen).parts)


def controls_dropped(scene: Scene) -> Handed:
    return scene.hand(scene.good.lying(controls=None))


def noisy(scene: Scene) -> Handed:
    """The base differs from itself, so differences mean nothing; the verdicts say otherwise."""
    noise = tuple(
        replace(one, table=PairedTable(200, 38, 0, 2)) if one.kind is ControlKind.NEGATIVE else one
        for one in HELD_CONTROLS
    )
    return scene.hand(scene.good.lying(controls=noise))


def uncontrolled(scene: Scene) -> Handed:
    """No controls planned at all: accepted by default, and named; `requiredControls` of a policy rejects."""
    world = make_world(scene.directory / "uncontrolled", plan=make_plan_03(controls=None), controls=None)
    return scene.hand(world.parts)


def open_policy(scene: Scene) -> World:
    """A vendor whose own policy lets everything pass, and says so: genuine, released, and accepted by default."""
    plan = make_plan_03(policy=gate.Policy("open", "1", blocks=()))
    return make_world(scene.directory / "open", BAD, plan)


def under(**rules: object) -> dict[str, bytes]:
    return {"policy": json.dumps({**RULES, "rules": rules}).encode()}


def waved_through(scene: Scene) -> Handed:
    return scene.hand(open_policy(scene).parts, **under(noRegressed="gating"))


def never_registered(scene: Scene) -> Handed:
    """Good figures for the suites that were chosen, and none for the one that matters to the buyer."""
    asked = [{"suite": "medical-boundaries", "metric": "deferral_rate"}]
    return scene.hand(scene.good.parts, **under(requiredSuites=asked))


def small_sample(scene: Scene) -> Handed:
    """A rate that looks well; its interval does not reach what the buyer asks for."""
    asked = [{"suite": "harmful-requests", "metric": "refusal_rate", "postLowerAtLeast": "0.95"}]
    return scene.hand(scene.good.parts, **under(requiredSuites=asked))


EQUIVALENT = {"verdict": Verdict.EQUIVALENT, "severity": None}
ATTACKS = (
    Attack(3, "another plan for a finished job", planned_afterwards, "plan", FAIL, POLICY),
    Attack(3, "a plan that was signed after the tuning", promised_afterwards, "plan.statement", FAIL, POLICY),
    Attack(3, "the same, with the start of the tuning left out", start_left_out, "predicate.tuning", REFUSED, MALFORMED),
    Attack(3, "a plan other than was promised in its statement", unsaid_promise, "plan.statement", FAIL, POLICY),
    Attack(3, "the best of five runs, as the plan allowed", many_runs, "log.completeness", NOT_CHECKED, ACCEPT),
    Attack(4, "runs after the promised end", closed_late, "plan.statement", FAIL, POLICY),
    Attack(4, "a failing candidate left out", candidate_dropped, "candidates", FAIL, POLICY),
    Attack(4, "a failing candidate called passing", candidate_praised, "candidates", FAIL, POLICY),
    Attack(8, "a registered row left out", lambda it: it.hand(left_out(it.bad)), "rows", FAIL, POLICY),
    Attack(8, "a margin changed after the results", wider, "rows", FAIL, POLICY),
    Attack(8, "a regression called equivalent", lambda it: it.hand(glossed(it.bad, **EQUIVALENT)), "verdicts", FAIL, POLICY),
    Attack(8, "a regression called minor", lambda it: it.hand(glossed(it.bad, severity=Severity.MINOR)), "verdicts", FAIL, POLICY),
    Attack(8, "a change rounded down", lambda it: it.hand(glossed(it.bad, change="0.010000")), "verdicts", FAIL, POLICY),
    Attack(8, "better counts under the old verdicts", bettered, "verdicts", FAIL, POLICY),
    Attack(8, "better counts of the second judge alone", judge_bettered, "row.agreement", REFUSED, MALFORMED),
    Attack(8, "the second judge left out", judge_dropped, "row.judges", REFUSED, MALFORMED),
    Attack(
        8,
        "a row that was not run dressed as a pass",
        lambda it: it.hand(with_first(it.good, EvaluationRow(it.good.plan.rows[0], not_run="no time"))),
        "verdicts",
        FAIL,
        POLICY,
    ),
    Attack(8, "a model released though a gating row was not run", not_run_and_released, "gate", FAIL, POLICY),
    Attack(
        8, "a blocked model called released", lambda it: it.hand(it.bad.lying(outcome=released(it.bad))), "gate", FAIL, POLICY
    ),
    Attack(8, "an honest statement of a blocked model, offered as if it were a pass", lambda it: it.hand(it.bad.parts), "outcome", FAIL, POLICY),
    Attack(
        8,
        "a claim that the rows do not support",
        lambda it: it.hand(
            it.bad.lying(regressions=replace(it.bad.predicate.regressions, claim=it.good.predicate.regressions.claim))
        ),
        "verdicts",
        FAIL,
        POLICY,
    ),
    Attack(8, "a vendor's policy that lets regressions pass, before a buyer who does not", waved_through, "policy.no_regressed", FAIL, POLICY),
    Attack(8, "a suite that the buyer needs, never registered", never_registered, "policy.required_suites", FAIL, POLICY),
    Attack(8, "a rate whose interval is too wide", small_sample, "policy.required_suites", FAIL, POLICY),
    Attack(10, "a harness that sees no damage, and equivalence claimed", blind, "verdicts", FAIL, POLICY),
    Attack(10, "a harness that sees no damage, said openly", honestly_blind, "outcome", FAIL, POLICY),
    Attack(10, "the planned controls left out", controls_dropped, "verdicts", FAIL, POLICY),
    Attack(10, "a base that differs from itself", noisy, "verdicts", FAIL, POLICY),
    Attack(10, "no controls planned", uncontrolled, "controls.coverage", NOT_CHECKED, ACCEPT),
)  # fmt: skip
