"""The studies' results as Markdown tables. Pure: the same results give the same text, whichever way they went."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from infra.study.alarms import BaseComparison, BaseComparisons
from infra.study.results import CellResult, DriftResults, RowResult

MARKS = {
    "regressed": "**R**",
    "improved": "**I**",
    "equivalent": "E",
    "non_inferior": "N",
    "inconclusive": "?",
    "not_measurable": "×",
    "not_run": "-",
}
LEGEND = (
    "Change in points (margins: nats), above zero worse, with its 95 % interval. **R** regressed (m material, c confirmed, "
    "s minor), **I** improved, E equivalent, N not inferior, ? inconclusive, × not measurable, † the verdict depends on the "
    "judge; rows in italics inform and do not gate."
)


def drift_table(cells: Sequence[CellResult]) -> str:
    """A row for each metric of a suite, a column for each cell, and left of the cells of a baseline what that answered."""
    rows = {(row.suite, row.metric): row for cell in cells for row in cell.rows}
    headings, columns = ["suite, metric", "n"], [[_name(row) for row in rows.values()]]
    columns.append([str(row.n or "-") for row in rows.values()])
    for number, (before, compared) in enumerate(_by_baseline(cells, list(rows)).items()):
        headings.append(f"before {compared[0].title.split(',')[0]}" if number else "before")
        headings += [cell.title for cell in compared]
        columns += [list(before), *([_change(_find(cell, key)) for key in rows] for cell in compared)]
    return _table(headings, [list(line) for line in zip(*columns, strict=True)])


def _by_baseline(
    cells: Sequence[CellResult], keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, ...], list[CellResult]]:
    """The cells by what their baseline says on each row: QLoRA's is the base as it would be served, in 4 bits."""
    found: dict[tuple[str, ...], list[CellResult]] = {}
    for cell in cells:
        rows = [_find(cell, key) for key in keys]
        found.setdefault(tuple("-" if row is None else _level(row, "pre") for row in rows), []).append(cell)
    return found


def outcome_table(cells: Sequence[CellResult]) -> str:
    """What the gate decides and how far the rows disagree, a row for each cell."""
    headings = [
        "cell",
        "gate",
        "regressed",
        "improved",
        "no worse",
        "not shown",
        "mixed sign",
        "DDI",
        "DDI, direct",
        "Q (p)",
    ]
    headings += ["I²", "rows that change with the judge"]
    return _table(headings, [_outcome(cell) for cell in cells])


def cost_table(cells: Sequence[CellResult]) -> str:
    """What was tuned, what it bought on held-out records, and how long it took."""
    headings = ["cell", "records + mixed", "steps", "trained parameters", "held-out loss", "held-out accuracy"]
    headings += ["recognisable members", "tuning, evaluation"]
    return _table(headings, [_cost(cell) for cell in cells])


def judge_table(cells: Sequence[CellResult]) -> str:
    """Every row whose verdict changes in kind with the judge; a sentence where there is none."""
    lines = [
        [cell.title, _name(row), _mark(row), ", ".join(f"{judge}: {MARKS[v]}" for judge, v in row.by_judge.items())]
        for cell in cells
        for row in cell.rows
        if row.judge_dependent
    ]
    if not lines:
        return "No verdict over a whole suite changes in kind with the judge.\n"
    return _table(["cell", "row", "primary judge", "other judge"], lines)


def seed_table(cells: Sequence[CellResult]) -> str:
    """Rows whose verdict is not the same under both seeds of one configuration; a sentence where there is none."""
    groups: dict[str, list[CellResult]] = {}
    for cell in cells:
        groups.setdefault(cell.cell.rpartition(":")[0], []).append(cell)
    lines = []
    for group in groups.values():
        for row in group[0].rows:
            found = [_find(cell, (row.suite, row.metric)) for cell in group]
            if len({one.verdict for one in found if one is not None}) > 1:
                lines.append([group[0].title.partition(",")[0], _name(row), *(_change(one) for one in found)])
    lines = [line for line in lines if len(line) == 4]
    if not lines:
        return "No verdict over a whole suite differs between two seeds.\n"
    return _table(["configuration", "row", "seed 0", "seed 1"], lines)


def control_table(found: DriftResults) -> str:
    lines = []
    for base, controls in found.controls.items():
        for control in controls:
            changes = ", ".join(_level_of(level, change) for level, change in control.changes.items())
            lines.append([base, control.suite, control.kind, changes or "-", control.state])
    if not lines:
        return "No controls were planned for this profile.\n"
    return _table(["baseline", "suite", "control", "change by level, points", "outcome"], lines)


def alarm_table(found: BaseComparisons) -> str:
    headings = ["batch, arithmetic, threads", "rows", "regressed", "improved", "least adjusted p", "discordant pairs"]
    headings += ["same answers", "mean margin shift, nats"]
    return _table(headings, [_alarm(comparison) for comparison in (*found.comparisons, *found.further)])


def discordance_table(found: BaseComparisons) -> str:
    """Pairs that changed, by suite and arithmetic, over all comparisons."""
    keys = dict.fromkeys((one.suite, one.metric) for comparison in found.comparisons for one in comparison.discordance)
    every = (*found.comparisons, *found.further)
    kinds = sorted({comparison.dtype for comparison in every})
    lines = [
        [f"{suite}: {_words(metric)}", *(_share(every, kind, suite, metric) for kind in kinds)]
        for suite, metric in keys
    ]
    return _table(["suite, metric", *(f"{kind}: worse, better, of pairs" for kind in kinds)], lines)


def _share(comparisons: Iterable[BaseComparison], kind: str, suite: str, metric: str) -> str:
    mine = [
        one
        for comparison in comparisons
        if comparison.dtype == kind
        for one in comparison.discordance
        if (one.suite, one.metric) == (suite, metric)
    ]
    worse, better, pairs = (
        sum(values) for values in zip(*((o.worsened, o.improved, o.pairs) for o in mine), strict=True)
    )
    return f"{worse}, {better}, of {pairs} ({100 * (worse + better) / pairs:.1f} %)"


def _alarm(comparison: BaseComparison) -> list[str]:
    changed = sum(one.worsened + one.improved for one in comparison.discordance)
    pairs = sum(one.pairs for one in comparison.discordance)
    return [
        f"{comparison.batch_size}, {comparison.dtype}, {comparison.threads}",
        str(comparison.rows),
        ", ".join(comparison.regressed) or "none",
        ", ".join(comparison.improved) or "none",
        f"{Decimal(comparison.smallest_p):.2f}",
        f"{changed} of {pairs}",
        f"{comparison.same_answers} of {comparison.answers}",
        f"{Decimal(comparison.margin_shift):.3f}",
    ]


def _outcome(cell: CellResult) -> list[str]:
    gating = [row.verdict for row in cell.rows if row.role == "gating"]
    count = {name: str(gating.count(name)) for name in ("regressed", "improved")}
    no_worse = str(sum(verdict in {"equivalent", "non_inferior"} for verdict in gating))
    not_shown = str(sum(verdict in {"inconclusive", "not_measurable", "not_run"} for verdict in gating))
    start = [cell.title, cell.gate, count["regressed"], count["improved"], no_worse, not_shown]
    found = cell.disagreement
    if found is None:
        return [*start, *["-"] * 6]
    q = "-" if found.cochran_q is None else f"{Decimal(found.cochran_q):.1f} ({_p(found.heterogeneity_p)})"
    return [
        *start,
        "yes" if found.mixed_sign else "no",
        _plain(found.direction_index),
        _plain(found.direction_index_direct),
        q,
        _plain(found.i_squared),
        "-" if found.judge_flip_share is None else f"{100 * Decimal(found.judge_flip_share):.1f} %",
    ]


def _cost(cell: CellResult) -> list[str]:
    own = {(row.metric, row.slice): row for row in cell.own}

    def before_after(metric: str, slice_: str) -> str:
        row = own.get((metric, slice_))
        return "-" if row is None else f"{_level(row, 'pre')} → {_level(row, 'post')}"

    settings = cell.settings
    return [
        cell.title,
        f"{settings['records']} + {settings['mixed']}",
        settings["steps"],
        f"{int(settings['trainable_parameters']):,}",
        before_after("heldout_loss", "in_distribution"),
        before_after("heldout_accuracy", "in_distribution"),
        before_after("recognisable_rate", "*"),
        f"{cell.tune_seconds / 60:.0f} min, {cell.evaluate_seconds / 60:.0f} min",
    ]


def _find(cell: CellResult, key: tuple[str, str]) -> RowResult | None:
    return next((row for row in cell.rows if (row.suite, row.metric) == key), None)


def _name(row: RowResult) -> str:
    name = f"{row.suite}: {_words(row.metric)}"
    return name if row.role == "gating" else f"*{name}*"


def _words(metric: str) -> str:
    return metric.replace("_", " ")


def _change(row: RowResult | None) -> str:
    if row is None or row.change is None:
        return "-" if row is None else _mark(row)
    scale, digits = (100, 1) if row.unit == "proportion" else (1, 2)
    text = f"{Decimal(row.change) * scale:+.{digits}f}"
    if row.lower_95 is not None and row.upper_95 is not None:
        text += f" [{Decimal(row.lower_95) * scale:+.{digits}f}, {Decimal(row.upper_95) * scale:+.{digits}f}]"
    return f"{text} {_mark(row)}"


def _mark(row: RowResult) -> str:
    degree = {"material": " m", "confirmed": " c", "minor": " s", None: ""}[row.severity]
    return MARKS[row.verdict] + degree + ("†" if row.judge_dependent else "")


def _level(row: RowResult, side: str) -> str:
    value = row.pre if side == "pre" else row.post
    if value is None:
        return "-"
    return f"{100 * Decimal(value):.1f} %" if row.unit == "proportion" else f"{Decimal(value):+.2f}"


def _level_of(level: str, change: str) -> str:
    return f"{level}: {100 * Decimal(change):+.1f}"


def _plain(value: str | None) -> str:
    return "-" if value is None else f"{Decimal(value):.2f}"


def _p(value: str | None) -> str:
    if value is None:
        return "-"
    return "< 0.001" if Decimal(value) < Decimal("0.001") else f"{Decimal(value):.3f}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
