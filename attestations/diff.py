"""What changed between two attestations: rows by their verdicts and figures, everything else fact by fact.

It believes what both say and verifies nothing. What is the same is counted. A hidden value is no fact: what one side shows
and the other may hide is counted as not comparable, and never reported as added or removed. Pure;
`attestations.diff_report` shows the result, the command `diff` calls both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from attestations import documents
from attestations.claims import verdict_words
from attestations.facts import Facts, Place, facts_of
from attestations.findings import ExitCode
from attestations.plan import Plan
from attestations.rows import RegressionRow
from attestations.statement import ResilienceStatement
from attestations.value_paths import parse_path
from attestations.verdicts import RowKey


class Group(StrEnum):
    IDENTITY = "identity"
    OUTCOME = "outcome"
    BASE = "base"
    METHOD = "method"
    PARAMETERS = "parameters"
    MODEL = "model"
    DATA = "data"
    PLAN = "plan"
    MEASURING = "measuring"
    BOUNDARIES = "boundaries"
    VALIDITY = "validity"
    ENVIRONMENT = "environment"


_BY_BEGINNING: tuple[tuple[Place, Group], ...] = (
    (("tuning", "parameters"), Group.PARAMETERS),
    (("tuning",), Group.METHOD),
    (("model", "base"), Group.BASE),
    (("model",), Group.MODEL),
    (("data",), Group.DATA),
    (("outcome",), Group.OUTCOME),
    (("regressions", "rule"), Group.PLAN),
    (("regressions",), Group.OUTCOME),
    (("plan",), Group.PLAN),
    (("boundaries",), Group.BOUNDARIES),
    (("notClaimed",), Group.BOUNDARIES),
    (("environment",), Group.ENVIRONMENT),
    (("validFrom",), Group.VALIDITY),
    (("validUntil",), Group.VALIDITY),
    (("status",), Group.VALIDITY),
    (("supersedes",), Group.VALIDITY),
    (("controls",), Group.MEASURING),
    (("candidates",), Group.MEASURING),
    (("reviews",), Group.MEASURING),
    (("outputs",), Group.MEASURING),
)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two attestations, its plan where the bundle has the one that it names, and the end of its verification."""

    statement: ResilienceStatement
    plan: Plan | None = None
    verified: ExitCode | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A fact that is another one, or is there on one side only (None).

    `root` is the topmost place above it that the other side does not have either: a source that was added, for instance.
    """

    group: Group
    place: Place
    root: Place
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RowChange:
    """A registered row; None where one side does not have it. `turned` says that the verdict, or its severity, is another."""

    key: RowKey
    before: RegressionRow | None
    after: RegressionRow | None

    @property
    def turned(self) -> bool:
        return row_words(self.before) != row_words(self.after)


@dataclass(frozen=True, slots=True)
class Difference:
    """`same` counts the facts of each group, and `same_rows` the rows, in which both agree; `unseen` the facts that could
    not be compared, as one side may hide them. Rows with another verdict come first, changes in the order of groups."""

    sides: tuple[Side, Side]
    rows: tuple[RowChange, ...]
    changes: tuple[Change, ...]
    same: Mapping[Group, int]
    same_rows: int
    unseen: int


def compare(before: Side, after: Side) -> Difference:
    rows, same_rows = _compare_rows(before.statement, after.statement)
    old, new = _facts(before), _facts(after)
    veils = _veils(before.statement.hidden), _veils(after.statement.hidden)
    tops = _tops(old), _tops(new)
    changes: list[Change] = []
    same, unseen = dict.fromkeys(Group, 0), 0
    for place in {**old, **new}:
        if _may_be_hidden(place, (old, new), veils):
            unseen += 1
        elif old.get(place) == new.get(place):
            same[_group(place)] += 1
        else:
            root = place if place in old and place in new else _root(place, tops[place in old])
            changes.append(Change(_group(place), place, root, old.get(place), new.get(place)))
    order = list(Group)
    changes.sort(key=lambda change: order.index(change.group))
    return Difference((before, after), rows, tuple(changes), same, same_rows, unseen)


def row_words(row: RegressionRow | None) -> str:
    """What a side says of a row."""
    if row is None:
        return "not registered"
    return verdict_words(row) + (", depends on the judge" if row.judge_dependent else "")


def _compare_rows(old: ResilienceStatement, new: ResilienceStatement) -> tuple[tuple[RowChange, ...], int]:
    before, after = _rows(old), _rows(new)
    changes = [RowChange(key, before.get(key), after.get(key)) for key in {**before, **after}]
    different = [change for change in changes if change.before != change.after]
    different.sort(key=lambda change: not change.turned)
    return tuple(different), len(changes) - len(different)


def _rows(statement: ResilienceStatement) -> dict[RowKey, RegressionRow]:
    regressions = statement.predicate.regressions
    return {row.key: row for row in regressions.rows} if regressions is not None else {}


def _facts(side: Side) -> Facts:
    """All facts but the rows, which are compared by their verdicts, and what follows from them and the plan."""
    predicate = documents.encode(side.statement.predicate)
    predicate.pop("evaluations", None)
    for place in (("regressions",), ("outcome", "gate")):
        section = predicate
        for step in place:
            section = cast("dict[str, object]", section.get(step, {}))
        for derived in ("rows", "disagreement", "coverage", "mixedSign", "blocking", "holding"):
            section.pop(derived, None)
    for record in cast("list[dict[str, object]]", predicate.get("candidates", [])):
        record.pop("evaluations", None)
    found = facts_of(predicate)
    if side.plan is not None:
        found |= facts_of(documents.encode(side.plan), ("plan",))
    return found


def _group(place: Place) -> Group:
    return next((group for begin, group in _BY_BEGINNING if place[: len(begin)] == begin), Group.IDENTITY)


def _tops(facts: Facts) -> set[Place]:
    """Every place at or above a fact."""
    return {place[:length] for place in facts for length in range(1, len(place) + 1)}


def _root(place: Place, others: set[Place]) -> Place:
    """Down to the item, where it is in an array that the other side does not have at all."""
    length = next(length for length in range(1, len(place) + 1) if place[:length] not in others)
    item = next((i + 1 for i in range(length, len(place)) if place[i].startswith("[")), length)
    return place[: item if not place[length - 1].startswith("[") else length]


def _veils(hidden: Sequence[str]) -> set[Place]:
    """Below which places a side may hide something that it does not show; of an array anywhere, as items have no numbers
    once some of them are hidden."""
    veils = set()
    for path in hidden:
        steps = parse_path(path)
        first = next((i for i, step in enumerate(steps) if isinstance(step, int)), len(steps))
        veils.add(tuple(str(step) for step in steps[:first]))
    return veils


def _may_be_hidden(place: Place, facts: tuple[Facts, Facts], veils: tuple[set[Place], set[Place]]) -> bool:
    for found, veil in zip(facts, veils, strict=True):
        if found.get(place) == documents.HIDDEN:
            return True
        if place not in found and any(place[:length] in veil for length in range(1, len(place) + 1)):
            return True
    return any(step == f"[{documents.HIDDEN}]" or step.startswith(f"[{documents.HIDDEN} #") for step in place)
