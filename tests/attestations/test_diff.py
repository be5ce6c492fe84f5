"""What changed between two attestations: each fact once, and nothing that is only hidden."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from attestations import statement
from attestations.boundaries import Boundaries
from attestations.diff import Group, Side, compare
from attestations.facts import place_text
from attestations.predicate import ResiliencePredicate
from attestations.statistics import PairedTable
from attestations.verdicts import Measured, Verdict
from tests.attestations.evidence import KEPT, LOOKALIKES, LOST, MARGIN, Evidence, make_plan, make_predicate
from tests.attestations.evidence_hidden import counting_salts, statement_03


def side_of(evidence: Evidence, change: Callable[[ResiliencePredicate], ResiliencePredicate] = lambda it: it) -> Side:
    stated = evidence.statement
    return Side(replace(stated, predicate=change(stated.predicate)), evidence.plan)


def changes_of(before: Side, after: Side) -> list[tuple[Group, str, str | None, str | None]]:
    return [(one.group, place_text(one.place), one.before, one.after) for one in compare(before, after).changes]


def test_nothing_differs_from_itself(kept: Evidence) -> None:
    found = compare(side_of(kept), side_of(kept))
    assert (found.rows, found.changes, found.unseen) == ((), (), 0)
    assert found.same_rows == 4
    assert sum(found.same.values()) > 60
    assert all(found.same[group] for group in Group if group is not Group.MEASURING)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda it: replace(it, attestation_id="0196-other"),
            (Group.IDENTITY, "attestationId", "0195-demo", "0196-other"),
        ),
        (
            lambda it: replace(it, tuning=replace(it.tuning, parameters={**it.tuning.parameters, "rank": "32"})),
            (Group.PARAMETERS, "tuning.parameters.rank", "16", "32"),
        ),
        (
            lambda it: replace(it, tuning=replace(it.tuning, method="qlora")),
            (Group.METHOD, "tuning.method", "lora", "qlora"),
        ),
        (
            lambda it: replace(it, model=replace(it.model, base=replace(it.model.base, licence=None))),
            (Group.BASE, "model.base.licence", "Apache-2.0", None),
        ),
        (lambda it: replace(it, model=replace(it.model, merged=True)), (Group.MODEL, "model.merged", "no", "yes")),
        (
            lambda it: replace(
                it, data=replace(it.data, sources=(it.data.sources[1], replace(it.data.sources[0], records=91)))
            ),
            (Group.DATA, "data.sources[help-centre].records", "90", "91"),
        ),
        (
            lambda it: replace(it, valid_until="2026-12-01T12:00:00Z"),
            (Group.VALIDITY, "validUntil", "2026-09-01T12:00:00Z", "2026-12-01T12:00:00Z"),
        ),
        (
            lambda it: replace(it, boundaries=replace(it.boundaries, prohibited=("medical advice", "law"))),
            (Group.BOUNDARIES, "boundaries.prohibited[law]", None, "there"),
        ),
        (
            lambda it: replace(it, not_claimed=it.not_claimed[:1]),
            (Group.BOUNDARIES, "notClaimed[languages other than English]", "there", None),
        ),
        (
            lambda it: replace(it, environment=replace(it.environment, hardware="1 GPU")),
            (Group.ENVIRONMENT, "environment.hardware", "2 CPU cores", "1 GPU"),
        ),
    ],
)
def test_a_fact_that_changed_is_the_only_change(kept: Evidence, change: Callable, expected: tuple) -> None:
    assert changes_of(side_of(kept), side_of(kept, change)) == [expected]
    group, place, before, after = expected
    assert changes_of(side_of(kept, change), side_of(kept)) == [(group, place, after, before)]


def test_a_wider_margin_shows_in_the_plan(kept: Evidence) -> None:
    rows = (replace(kept.plan.rows[0], margin="0.20"), *kept.plan.rows[1:])
    after = Side(kept.statement, replace(kept.plan, rows=rows))
    place = "plan.rows[refusal_rate / harmful-requests / *].margin"
    assert changes_of(side_of(kept), after) == [(Group.PLAN, place, "0.05", "0.20")]


def test_rows_that_turned_come_before_rows_that_moved(kept: Evidence) -> None:
    plan = make_plan()
    moved = Measured(PairedTable(177, 3, 1, 19))
    worse = make_predicate(plan, {**KEPT, LOOKALIKES: moved, MARGIN: LOST[MARGIN]}, kept.manifest)
    found = compare(side_of(kept), Side(statement.build_statement(worse), plan))
    turned = [row.turned for row in found.rows]
    assert turned == sorted(turned, reverse=True)
    assert found.rows[0].key == MARGIN
    assert (found.rows[0].before.verdict, found.rows[0].after.verdict) == (Verdict.EQUIVALENT, Verdict.REGRESSED)
    assert LOOKALIKES in {row.key for row in found.rows if not row.turned}
    assert "outcome.status" in [place_text(change.place) for change in found.changes]
    assert not [change for change in found.changes if "blocking" in change.place or "rows" in change.place]


def test_a_row_that_was_not_registered_is_a_change(kept: Evidence) -> None:
    rows = kept.statement.predicate.regressions.rows
    fewer = replace(
        kept.statement.predicate,
        evaluations=kept.statement.predicate.evaluations[1:],
        regressions=replace(kept.statement.predicate.regressions, rows=rows[1:]),
    )
    found = compare(Side(replace(kept.statement, predicate=fewer)), Side(kept.statement))
    assert [(row.key, row.before, row.turned) for row in found.rows] == [(rows[0].key, None, True)]


def test_a_whole_section_that_is_new_has_one_root(kept: Evidence) -> None:
    without = side_of(kept, lambda it: replace(it, environment=None, boundaries=Boundaries(prohibited=("law",))))
    roots = {place_text(change.root) for change in compare(without, side_of(kept)).changes if change.before is None}
    assert roots == {
        *("environment", "boundaries.objective", "boundaries.intended[customer support in English]"),
        *("boundaries.prohibited[medical advice]", "boundaries.languages[en]"),
    }


def hidden_side(evidence: Evidence, patterns: list[str], opened: int = 0) -> Side:
    payload, openings = statement.conceal(statement_03(evidence), patterns, counting_salts())
    return Side(statement.parse(payload, openings[:opened]), evidence.plan)


@pytest.mark.parametrize(
    "patterns",
    [
        ["environment"],
        ["environment.software"],
        ["data.sources[0].id"],
        ["data.sources[*].id"],
        ["data.sources[*].licence", "tuning.parameters.*", "model.base.name", "data.filters"],
        ["boundaries.intended", "tuning.steps", "tuning.compute"],
    ],
)
def test_what_is_hidden_on_one_side_is_no_change(kept: Evidence, patterns: list[str]) -> None:
    whole, closed = Side(statement_03(kept), kept.plan), hidden_side(kept, patterns)
    for found in (compare(whole, closed), compare(closed, whole), compare(closed, closed)):
        assert found.changes == ()
        assert found.rows == ()
    assert compare(whole, closed).unseen > 0
    opened = hidden_side(kept, patterns, opened=100)
    assert compare(whole, opened).unseen == 0
    assert compare(whole, opened).changes == ()


def test_what_is_shown_on_both_sides_still_differs_beside_hidden_values(kept: Evidence) -> None:
    closed = hidden_side(kept, ["data.sources[*].id", "tuning.parameters.rank"])
    other = replace(
        closed,
        statement=replace(
            closed.statement, predicate=replace(closed.statement.predicate, valid_until="2027-01-01T00:00:00Z")
        ),
    )
    assert [place_text(one.place) for one in compare(closed, other).changes] == ["validUntil"]
