"""The difference of two attestations for people, on one screen, and for programs.

Every string was written by somebody else, so each goes through `attestations.report.plain`.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby

from attestations import documents
from attestations.claims import row_name
from attestations.diff import Change, Difference, Group, RowChange, Side, row_words
from attestations.facts import THERE, Place, place_text
from attestations.findings import ExitCode
from attestations.report import plain
from attestations.rows import RegressionRow

_SHOWN = 12
"""Lines of one group that the screen has room for."""
_LONGEST = 90
_HEX = frozenset("0123456789abcdef")
_TITLES = {
    Group.IDENTITY: "Who says so",
    Group.OUTCOME: "Outcome",
    Group.BASE: "Base model",
    Group.METHOD: "How it was tuned",
    Group.PARAMETERS: "Tuning parameters",
    Group.MODEL: "What is served",
    Group.DATA: "Data",
    Group.PLAN: "Plan: suites, margins, policy",
    Group.MEASURING: "Controls, candidates, reviews, kept answers",
    Group.BOUNDARIES: "Where it may be used, and what is not claimed",
    Group.VALIDITY: "Validity and status",
    Group.ENVIRONMENT: "Environment",
}
_ENDS = {
    None: "",
    ExitCode.ACCEPT: "; verified, accepted by the default policy",
    ExitCode.CRYPTOGRAPHIC: "; its signature holds, and something else in the bundle is BROKEN",
    ExitCode.MALFORMED: "; MALFORMED",
    ExitCode.POLICY: "; genuine, and REJECTED by the default policy",
    ExitCode.UNDETERMINED: "; genuine, and OUT OF DATE or undetermined",
}


def diff_text(found: Difference) -> str:
    lines = [*_head(found.sides), *_row_lines(found.rows)]
    for group, changes in groupby(found.changes, key=lambda change: change.group):
        lines += [_TITLES[group], *_limited(_change_lines(list(changes))), ""]
    lines += _hidden_lines(found)
    if not found.changes and not found.rows:
        lines.append("Nothing differs" + (" in what both show." if found.unseen else "."))
    lines.append(f"The same in both: {found.same_rows} rows, {sum(found.same.values())} other facts.")
    return "\n".join(lines)


def diff_json(found: Difference) -> dict[str, object]:
    """All changes. Of a change or row, `before` or `after` is absent where that side does not have it."""
    return {
        "attestations": [_identity(side) for side in found.sides],
        "rows": [_row_json(row) for row in found.rows],
        "changes": [
            {"group": one.group.value, "place": plain(place_text(one.place)), **_both(one.before, one.after)}
            for one in found.changes
        ],
        "same": {"rows": found.same_rows, **{group.value: count for group, count in found.same.items()}},
        "notComparable": found.unseen,
    }


def _identity(side: Side) -> dict[str, object]:
    predicate = side.statement.predicate
    result: dict[str, object] = {
        "attestationId": predicate.attestation_id,
        "issuer": predicate.issuer.id,
        "issuedAt": predicate.issued_at,
        "outcome": predicate.outcome.status.value,
        "subject": side.statement.subject.digest.sha256,
        "hidden": list(side.statement.hidden),
        "verified": side.verified is not None,
    }
    return result if side.verified is None else {**result, "exitCode": int(side.verified)}


def _row_json(row: RowChange) -> dict[str, object]:
    encoded = (documents.encode(one) if one is not None else None for one in (row.before, row.after))
    return {**row.key._asdict(), "verdictChanged": row.turned, **_both(*encoded)}


def _both(before: object, after: object) -> dict[str, object]:
    return {name: value for name, value in (("before", before), ("after", after)) if value is not None}


def _head(sides: tuple[Side, Side]) -> list[str]:
    lines = []
    if any(side.verified is None for side in sides):
        lines += ["NOT VERIFIED: this compares what two files say. With --trust both are verified first.", ""]
    for name, side in zip(("before", "after"), sides, strict=True):
        predicate = side.statement.predicate
        who = f"{predicate.attestation_id} by {predicate.issuer.id} on {predicate.issued_at}"
        lines.append(f"{name:<7} {plain(f'{who}: {predicate.outcome.status.upper()}')}{_ENDS[side.verified]}")
    return [*lines, ""]


def _row_lines(rows: Sequence[RowChange]) -> list[str]:
    turned, moved = [row for row in rows if row.turned], [row for row in rows if not row.turned]
    lines = []
    if turned:
        lines += ["Verdicts that changed (in brackets how much worse than the base, 95 % interval)"]
        lines += [*(_row_line(row, f"{_row_state(row.before)} → {_row_state(row.after)}") for row in turned), ""]
    if moved:
        lines += ["Same verdict, other figures", *_limited(_row_line(row, _figures(row)) for row in moved), ""]
    return lines


def _row_line(row: RowChange, words: str) -> str:
    return f"  {plain(row_name(row.key)):<56} {plain(words)}"


def _row_state(row: RegressionRow | None) -> str:
    if row is None or row.change is None:
        return row_words(row)
    return f"{row_words(row)} [{_short(row.change)}{_interval(row)}]"


def _interval(row: RegressionRow) -> str:
    return f", {_short(row.lower_95)} to {_short(row.upper_95)}" if row.lower_95 and row.upper_95 else ""


def _figures(row: RowChange) -> str:
    """The verdict, and what of its figures is other: the change and its interval, or else whichever figures are."""
    before, after = row.before, row.after
    if before is None or after is None:
        return row_words(after)
    main = [f"[{_short(one.change or '')}{_interval(one)}]" for one in (before, after)]
    if main[0] != main[1]:
        return f"{row_words(after)} {main[0]} → {main[1]}"
    names = [name for name in RegressionRow.__slots__ if getattr(before, name) != getattr(after, name)]
    return f"{row_words(after)}; other: {', '.join(names)}"


def _short(figure: str) -> str:
    return f"{Decimal(figure):.3f}" if figure else "-"


def _change_lines(changes: Sequence[Change]) -> Iterator[str]:
    """A line for each fact; facts of one thing that is new, or gone, share one."""
    by_root: dict[tuple[Place, bool], list[Change]] = {}
    for change in changes:
        by_root.setdefault((change.root, change.before is None), []).append(change)
    for (root, _), facts in by_root.items():
        first = facts[0]
        if first.before is not None and first.after is not None:
            yield f"    {_place(first.place)}: {_value(first.before)} → {_value(first.after)}"
            continue
        sign = "+" if first.before is None else "-"
        said = [(fact.place[len(root) :], fact.before or fact.after or "") for fact in facts]
        words = ", ".join(f"{place_text(below)} {_value(fact)}".strip() for below, fact in said if fact != THERE)
        yield f"  {sign} {_place(root)}{f': {plain(words, _LONGEST)}' if words else ''}"


def _place(place: Place) -> str:
    return plain(place_text(tuple(f"[{_value(step[1:-1])}]" if step[:1] == "[" else step for step in place)), _LONGEST)


def _value(text: str) -> str:
    if len(text) == 64 and _HEX.issuperset(text):
        return f"{text[:16]}…"
    return plain(text, _LONGEST)


def _limited(lines: Iterable[str]) -> list[str]:
    every = list(lines)
    more = len(every) - _SHOWN
    return every if more <= 1 else [*every[:_SHOWN], f"    … and {more} more; --json lists them all"]


def _hidden_lines(found: Difference) -> list[str]:
    old, new = (side.statement.hidden for side in found.sides)
    if not old and not new:
        return []
    lines = [f"  - {plain(path)} is hidden no longer" for path in old if path not in new]
    lines += [f"  + {plain(path)} is hidden now" for path in new if path not in old]
    title = f"Hidden: {len(old)} values before, {len(new)} after; {found.unseen} facts could not be compared"
    return [title, *_limited(lines), ""]
