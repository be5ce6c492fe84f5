"""Cases for the page's verdict rule: registered rows with what was measured of them, and what Python makes of it.

Items are simulated one by one, so that tables, clusters, further judges and agreement belong together; some cases are then
spoilt, and some margins put exactly where a published figure lies, as that is where a verdict turns.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from attestations import documents, gate
from attestations.clusters import ClusterTotals
from attestations.controls import ControlKind, ControlResult, PlannedControl, assess
from attestations.errors import MalformedError
from attestations.gate import Action, BlockRule, Policy, PolicySuite
from attestations.judging import JudgingContext, judge
from attestations.predicate import EvaluationRow
from attestations.rows import Regressions
from attestations.statistics import PairedDifferences, PairedTable, figure
from attestations.verdicts import (
    RULE,
    RULE_0_1,
    Agreement,
    ChanceCounts,
    JudgeStatistics,
    Kind,
    RegisteredRow,
    Role,
    Severity,
    Verdict,
    Worse,
)
from tests.page.numbers_functions import bell, random_table, tried

JUDGES = ("classifier", "llm “judge” 2")
SIZES = (0, 1, 19, 20, 49, 50, 100, 128, 200, 240, 300, 300, 400, 640)
"""Shares of 128 and 640 pairs have seven decimals, and the last is a 5: the sixth is then rounded to the even digit."""
POLICIES = (
    gate.DEFAULT_POLICY,
    Policy("strict", "1", (BlockRule(Verdict.REGRESSED, tuple(Severity)), *gate.DEFAULT_POLICY.blocks[1:]), repeats=1),
    Policy(
        id="careful",
        version="2",
        blocks=(BlockRule(Verdict.REGRESSED, (Severity.MATERIAL,)), BlockRule(Verdict.NOT_RUN, suites=("suite-0",))),
        suites=(PolicySuite("suite-0", gating=True, margin="0.9"), PolicySuite("suite-7", gating=True, margin="0.9")),
        holds=(BlockRule(Verdict.REGRESSED, (Severity.MINOR, Severity.CONFIRMED)), BlockRule(Verdict.INCONCLUSIVE)),
        judge_dependent=Action.BLOCK,
    ),
)


def rows_cases(chance: random.Random, count: int) -> Iterator[dict[str, object]]:
    for _ in range(count):
        context = _context(chance)
        pairs = [_row(chance, f"suite-{i}", context) for i in range(chance.choice((1, 1, 2, 3, 5)))]
        rows, evaluations = [row for row, _ in pairs], [evaluation for _, evaluation in pairs]
        context = replace(context, **_controls(chance, rows))
        claim, policy = chance.random() < 0.9, chance.choice(POLICIES)
        if chance.random() < 0.3:
            rows, evaluations = _at_the_edge(chance, rows, evaluations, context)
        if chance.random() < 0.05:
            evaluations = evaluations[1:]
        if chance.random() < 0.02:
            rows = rows[1:]
        yield case(rows, evaluations, context, policy, claim=claim)


def case(
    rows: Sequence[RegisteredRow],
    evaluations: Sequence[EvaluationRow],
    context: JudgingContext,
    policy: Policy = gate.DEFAULT_POLICY,
    *,
    claim: bool = True,
) -> dict[str, object]:
    """What the page is given, and what Python makes of it."""
    return {
        "rows": [documents.encode(row) for row in rows],
        "evaluations": [_without_row(evaluation) for evaluation in evaluations],
        "keys": [list(evaluation.registered.key) for evaluation in evaluations],
        "context": _encoded(context, claim=claim),
        "policy": documents.encode(policy),
        "expected": tried(lambda: _judged(rows, evaluations, context, policy, claim=claim)),
    }


def _judged(
    rows: Sequence[RegisteredRow],
    evaluations: Sequence[EvaluationRow],
    context: JudgingContext,
    policy: Policy,
    *,
    claim: bool,
) -> dict[str, object]:
    measurements = {row.registered.key: row.measurement for row in evaluations}
    judged = judge(rows, measurements, may_claim_equivalence=claim, context=context)
    gating = sum(row.role is Role.GATING for row in rows)
    findings = assess(context.planned_controls, context.controls, gating_rows=gating)
    return {
        "regressions": documents.encode(Regressions.of(judged, context.rule)),
        "decision": documents.encode(gate.decide(policy, judged)),
        "states": [finding.state for finding in findings],
    }


def _context(chance: random.Random) -> JudgingContext:
    kappas = (None, *("0.84",) * 8, "0.6", "0.599999")
    return JudgingContext(
        rule=chance.choice((RULE, RULE, RULE, RULE_0_1)),
        primary_kappa=chance.choice(kappas),
        judges={name: chance.choice(kappas) for name in JUDGES},
        minimum_items={"suite-0": chance.choice((0, 100, 240))},
        candidates=chance.choice((1, 1, 1, 2, 4, 8)),
    )


def _row(chance: random.Random, suite: str, context: JudgingContext) -> tuple[RegisteredRow, EvaluationRow]:
    binary = chance.random() < 0.75
    metric = chance.choice(
        ("refusal_rate", "refusal_rate", "deferral_rate", "accuracy", "biased_choice_rate")
        if binary
        else ("refusal_margin", "refusal_margin", "loss")
    )
    row = RegisteredRow(
        metric=metric,
        suite=suite,
        slice=chance.choice(("*", "*", "*", "privacy")),
        kind=Kind.PAIRED_BINARY if binary else Kind.PAIRED_CONTINUOUS,
        role=chance.choice((Role.GATING, Role.GATING, Role.EXPLORATORY)),
        worse=chance.choice(tuple(Worse)),
        items=1,
        margin=chance.choice(("0.05", "0.03", "0.10", "0.2")) if binary else chance.choice(("1.0", "0.25", "0.01")),
        relative_margin=None if binary else chance.choice(("0.20", "0", "0.333333333333")),
        unit="proportion" if binary else "nats",
        minimum_items=chance.choice((None, None, 100, 250)),
    )
    if chance.random() < 0.04:
        return replace(row, items=240), EvaluationRow(row, not_run="the suite’s licence forbids it")
    return _measured_binary(chance, row) if binary else _measured_continuous(chance, row)


def _measured_binary(chance: random.Random, row: RegisteredRow) -> tuple[RegisteredRow, EvaluationRow]:
    n = chance.choice(SIZES)
    groups = chance.choice((1, 3, 9, 10, 40, n)) if n and chance.random() < 0.3 else None
    safe, worse, better = (
        chance.choice(shares) for shares in ((0.05, 0.5, 0.9, 0.95, 0.99, 1), (0, 0.01, 0.1, 0.3), (0, 0.01, 0.1, 0.3))
    )
    names = [str(i % (groups or 1)) for i in range(n)]
    moved = {name: chance.random() < 0.3 for name in names}
    before = [chance.random() < safe for _ in range(n)]
    after = [
        was ^ (chance.random() < (worse if was else better) * (3 if moved[name] else 1))
        for was, name in zip(before, names, strict=True)
    ]
    judges = JUDGES[: chance.choice((0, 0, 1, 2))]
    further, agreement = [], None
    for judge_id in judges:
        flip = chance.choice((0, 0.01, 0.03, 0.07, 0.25))
        seen = [[value ^ (chance.random() < flip) for value in outcomes] for outcomes in (before, after)]
        totals = ClusterTotals.from_outcomes(*seen, names) if groups else None
        further.append(JudgeStatistics(judge_id, PairedTable.from_outcomes(*seen), totals))
        agreement = agreement or Agreement.of(before + after, seen[0] + seen[1])
    table = PairedTable.from_outcomes(before, after)
    evaluation = EvaluationRow(
        row,
        table=table,
        clusters=ClusterTotals.from_outcomes(before, after, names) if groups else None,
        by_judge=tuple(further) or None,
        agreement=agreement,
        above_chance=_chance_counts(chance, row, table),
        **_incoherent(chance, n),
    )
    row = replace(row, judges=judges or None)
    return _registered(chance, row, evaluation, n)


def _chance_counts(chance: random.Random, row: RegisteredRow, table: PairedTable) -> ChanceCounts | None:
    likely = 0.9 if row.metric in ("accuracy", "biased_choice_rate") else 0.06
    if table.n == 0 or chance.random() > likely:
        return None
    return ChanceCounts(table.both_safe + table.worsened, table.n, chance.choice(("0.25", "0.25", "0.5", "0.95")))


def _measured_continuous(chance: random.Random, row: RegisteredRow) -> tuple[RegisteredRow, EvaluationRow]:
    n, size = chance.choice(SIZES), chance.choice((0.001, 0.5, 2))
    groups = chance.choice((1, 4, 10, 30, n)) if n and chance.random() < 0.3 else None
    shift = size * chance.choice((0, 0, 0.1, 0.7, -0.7))
    names = [str(i % (groups or 1)) for i in range(n)]
    before = [chance.choice((1, 7)) + bell(chance) for _ in range(n)]
    after = [value + shift + size * bell(chance) for value in before]
    lower = row.worse is Worse.LOWER
    changes = [b - a if lower else a - b for b, a in zip(before, after, strict=True)]
    evaluation = EvaluationRow(
        row,
        differences=PairedDifferences.from_values(before, after, worse_is_lower=lower),
        auroc_pre=chance.choice((None, "0.9", "0.9", "0.70", "0.699999", "-0")),
        clusters=ClusterTotals.of(changes, names) if groups else None,
        **_incoherent(chance, n),
    )
    return _registered(chance, row, evaluation, n)


def _incoherent(chance: random.Random, n: int) -> dict[str, int]:
    return {"incoherent_pre": n // 50, "incoherent_post": n // chance.choice((10, 15))} if chance.random() < 0.1 else {}


def _registered(
    chance: random.Random, row: RegisteredRow, evaluation: EvaluationRow, n: int
) -> tuple[RegisteredRow, EvaluationRow]:
    """The row with the pairs and clusters that it planned: what was measured, a little more, and sometimes too few."""
    clusters = evaluation.clusters.clusters if evaluation.clusters is not None else None
    if chance.random() < 0.03:
        clusters = None if clusters else 7
    row = replace(row, items=max(0, n + chance.choice((*(0,) * 20, 1, 4, n // 49, n // 40, -1))), clusters=clusters)
    if chance.random() < 0.03 and evaluation.agreement is not None:
        evaluation = replace(evaluation, agreement=replace(evaluation.agreement, both=evaluation.agreement.both + 1))
    return row, replace(evaluation, registered=row)


def _controls(chance: random.Random, rows: Sequence[RegisteredRow]) -> dict[str, object]:
    """Controls of some of the rows' measures, most of which hold; a few results are missing, and a few were never planned."""
    planned, results = [], []
    for row in rows:
        if row.kind is not Kind.PAIRED_BINARY or chance.random() < 0.7:
            continue
        for kind, level in (
            (ControlKind.NEGATIVE, "batch 1"),
            (ControlKind.POSITIVE, "0.5"),
            (ControlKind.POSITIVE, "é\t"),
        ):
            table = random_table(chance, (15, 60, 240)) if chance.random() < 0.1 else PairedTable(50, 0, 1, 9)
            if kind is ControlKind.POSITIVE and chance.random() < 0.9:
                table = PairedTable(30, chance.choice((6, 12, 20, 20, 20)), 0, 10)
            planned.append(
                PlannedControl(kind, level, row.metric, row.suite, table.n + chance.choice((*(0,) * 12, 1, 3)))
            )
            if chance.random() < 0.97:
                results.append(ControlResult(kind, level, row.metric, row.suite, table))
    if results and chance.random() < 0.05:
        results.append(replace(results[0], level=chance.choice((results[0].level, "an’other\\ \U0001f600"))))
    return {"planned_controls": tuple(planned), "controls": tuple(results)}


def _at_the_edge(
    chance: random.Random,
    rows: Sequence[RegisteredRow],
    evaluations: Sequence[EvaluationRow],
    context: JudgingContext,
) -> tuple[list[RegisteredRow], list[EvaluationRow]]:
    """The same rows with margins that equal a figure which a verdict turns on, or lie one millionth beside it."""
    try:
        measurements = {row.registered.key: row.measurement for row in evaluations}
        judged = judge(rows, measurements, may_claim_equivalence=True, context=context)
    except MalformedError:
        return list(rows), list(evaluations)
    edged = []
    for row, found in zip(rows, judged, strict=True):
        figures = [
            value for value in (found.upper_90, found.lower_90, found.lower_95, found.change) if value is not None
        ]
        margin = abs(Decimal(chance.choice(figures or ["0"]))) + chance.choice((0, 0, 1, -1)) * Decimal("0.000001")
        edged.append(replace(row, margin=figure(margin)) if 0 < margin < 1 else row)
    return edged, [replace(one, registered=row) for one, row in zip(evaluations, edged, strict=True)]


def _without_row(evaluation: EvaluationRow) -> dict[str, object]:
    return {key: value for key, value in documents.encode(evaluation).items() if key != "registered"}


def _encoded(context: JudgingContext, *, claim: bool) -> dict[str, object]:
    return {
        "rule": context.rule,
        "primaryKappa": context.primary_kappa,
        "judges": [[name, kappa] for name, kappa in context.judges.items()],
        "minimumItems": dict(context.minimum_items),
        "plannedControls": [documents.encode(control) for control in context.planned_controls],
        "controls": [documents.encode(control) for control in context.controls],
        "candidates": context.candidates,
        "mayClaimEquivalence": claim,
    }
