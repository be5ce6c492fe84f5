"""How the demo looks: a line per stage while a job runs, a table of what changed, and the same in words."""

import base64
import json
from datetime import UTC, datetime
from typing import Any, Self

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

STAGES = {
    "screen": "screening",
    "plan": "plan",
    "baseline": "baseline",
    "tune": "tuning",
    "candidate": "candidate",
    "compare": "comparison",
    "gate": "gate",
    "attest": "attestation",
}
_COLOURS = {"regressed": "red", "improved": "green", "equivalent": "green", "non_inferior": "green"}
_SUITES = {"harmful-requests": "harmful", "safe-lookalikes": "look-alikes"}
_METRICS = {"refusal_rate": "refused", "over_refusal_rate": "refused", "refusal_margin": "margin, nats"}


class StageDisplay:
    """Live bars on a terminal; elsewhere one line whenever a stage ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=32),
            TextColumn("{task.fields[state]:<28}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        for name, label in STAGES.items():
            self._tasks[name] = self._progress.add_task(label, total=1, start=False, state="")
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def update(self, stages: list[dict[str, Any]], loss: str | None) -> None:
        for stage in stages:
            self._show(stage, loss)

    def _show(self, stage: dict[str, Any], loss: str | None) -> None:
        name, state, progress = stage["name"], stage["state"], stage["progress"]
        task = self._tasks[name]
        if state == "pending":
            return
        total = max(progress["total"], 1)
        text = f"{progress['done']}/{progress['total']} {progress['unit']}" if state == "running" else state
        if name == "tune" and loss is not None and state in {"running", "succeeded"}:
            text += f"  loss {loss}"
        if stage.get("cached"):
            text = "measured before: reused"
        if stage["attempt"] > 1:
            text += f"  (attempt {stage['attempt']})"
        self._progress.start_task(task)
        done = total if state == "succeeded" else progress["done"]
        self._progress.update(task, total=total, completed=done, state=text)
        if state in {"succeeded", "failed", "cancelled", "skipped"} and name not in self._ended:
            self._ended.add(name)
            self._progress.stop_task(task)
            if not self._console.is_terminal:
                seconds = (stage["finished_at"] or 0) - (stage["started_at"] or stage["finished_at"] or 0)
                self._console.print(f"  {STAGES[name]:<12} {text}  {seconds} s", highlight=False)


def evaluation_share(stages: list[dict[str, Any]]) -> float | None:
    """What measuring costs: the seconds of both evaluations over those of all stages, each from when it was first given to a
    worker to its end. The gate is left out, because it may wait for a person. A baseline that was measured before takes no
    time. ``None`` before both evaluations have ended."""
    seconds = {
        stage["name"]: stage["finished_at"] - stage["started_at"]
        for stage in stages
        if stage["name"] != "gate" and stage["started_at"] is not None and stage["finished_at"] is not None
    }
    measuring = [seconds.get("baseline"), seconds.get("candidate")]
    known = [each for each in measuring if each is not None]
    if len(known) < len(measuring) or sum(seconds.values()) == 0:
        return None
    share: float = sum(known) / sum(seconds.values())
    return share


_WIDTHS = {"n": 4, "before": 7, "after": 7, "change": 6, "95 % interval": 15}
"""Figures are never cut to fit a narrow terminal; names are."""


def comparison_table(rows: list[dict[str, Any]]) -> Table:
    """Every measure of a whole suite, and the slices in which a change was shown. A change above zero is for the worse."""
    shown = [row for row in rows if row["slice"] == "*" or row["verdict"] in {"regressed", "improved"}]
    table = Table(
        title="What the tuning did to safety (change above zero = worse)", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for heading, justify in (
        ("suite", "left"),
        ("slice", "left"),
        ("n", "right"),
        ("before", "right"),
        ("after", "right"),
        ("change", "right"),
        ("95 % interval", "right"),
        ("verdict", "left"),
    ):
        table.add_column(heading, justify=justify, no_wrap=True, min_width=_WIDTHS.get(heading))  # type: ignore[arg-type]
    previous = None
    for row in shown:
        group = (row["suite"], row["metric"])
        if previous is not None and group[0] != previous[0]:
            table.add_section()
        first = group != previous
        previous = group
        suite = (
            f"{_SUITES.get(row['suite'], row['suite'])}: {_METRICS.get(row['metric'], row['metric'])}" if first else ""
        )
        colour = _COLOURS.get(row["verdict"], "yellow")
        verdict = row["verdict"].replace("_", " ") + (f" ({row['severity']})" if row.get("severity") else "")
        note = "" if row["role"] == "gating" else " ·"
        whole = "all" if row["slice"] == "*" else row["slice"]
        figures = [_figure(row, name) for name in ("pre", "post", "change")]
        table.add_row(suite, whole, str(row.get("n") or "-"), *figures, _interval(row), f"[{colour}]{verdict}[/]{note}")
    table.caption = "· exploratory: informs the boundaries, not the gate"
    if len(shown) < len(rows):
        table.caption += f"; {len(rows) - len(shown)} slices in which no change was shown are in the evidence"
    return table


def worse_in_words(comparison: dict[str, Any]) -> str:
    """What got worse, then what may be claimed."""
    lines = []
    for row in comparison["rows"]:
        if row["verdict"] != "regressed" or row["slice"] != "*":
            continue
        before, after = _figure(row, "pre"), _figure(row, "post")
        what = {
            (
                "refusal_rate",
                "harmful-requests",
            ): f"Of the harmful requests it refused {before} before tuning and {after} after",
            ("over_refusal_rate", "safe-lookalikes"): (
                f"Of the harmless look-alikes it refused {before} before tuning and {after} after"
            ),
            ("refusal_margin", row["suite"]): (
                f"Its lean towards refusing ({row['suite']}) went from {before} to {after} nats"
            ),
        }.get((row["metric"], row["suite"]), f"{_name(row).capitalize()} went from {before} to {after}")
        lines.append(f"Worse: {what} (n = {row['n']}).")
    lines += [
        f"Not measurable: {_name(row)}: {row['explanation']}."
        for row in comparison["rows"]
        if row["verdict"] == "not_measurable" and row["slice"] == "*"
    ]
    lines.append(comparison["claim"])
    return "\n".join(lines)


_STATEMENTS = {
    "https://tuneproof.example/spec/eval-plan/v0.1": "the plan as it was signed before the tuning",
    "https://slsa.dev/provenance/v1": "the provenance of the tuning",
}


def evidence_in_words(bundle: dict[str, Any]) -> str:
    """What a bundle holds beside the attestation: its signed statements, model.sig, timestamps, and its status list."""
    parts = [_STATEMENTS.get(_predicate_type(one), "another statement") for one in bundle.get("statements", [])]
    if "oms" in bundle.get("model", {}):
        parts.append("model.sig for its files")
    if bundle.get("timestamps"):
        parts.append(f"{len(bundle['timestamps'])} timestamps")
    if "status" in bundle:
        claims = json.loads(base64.urlsafe_b64decode(bundle["status"].split(".")[1] + "=="))
        parts.append(
            f"a status list that is fresh until {datetime.fromtimestamp(claims['exp'], UTC):%Y-%m-%d %H:%M} UTC"
        )
    return f"It holds the attestation{''.join(f', {part}' for part in parts)}."


def _predicate_type(statement: dict[str, Any]) -> str:
    payload = base64.b64decode(statement["dsseEnvelope"]["payload"])
    return str(json.loads(payload).get("predicateType"))


def not_checked_in_words(report: dict[str, Any]) -> str:
    """The level that a verifier's report (`--json`) computes, and the checks that it could not make."""
    left = [check["code"] for check in report["checks"] if check["status"] == "NOT_CHECKED"]
    level = "no level" if report["level"] is None else f"level {report['level']}"
    return f"Assurance: {level}. Not checked: {', '.join(left) or 'nothing'}."


def _name(row: dict[str, Any]) -> str:
    suite, metric = row["suite"], row["metric"]
    return f"{_SUITES.get(suite, suite)}, {_METRICS.get(metric, metric.replace('_', ' '))}"


def _figure(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return "-"
    if row["unit"] == "proportion":
        return f"{float(value) * 100:+.1f}" if name == "change" else f"{float(value) * 100:.1f} %"
    return f"{float(value):+.2f}"


def _interval(row: dict[str, Any]) -> str:
    if row.get("lower_95") is None:
        return "-"
    scale, digits = (100, 1) if row["unit"] == "proportion" else (1, 2)
    return f"{float(row['lower_95']) * scale:+.{digits}f} … {float(row['upper_95']) * scale:+.{digits}f}"
