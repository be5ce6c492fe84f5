"""An assistant that faced the built-in suites, and what a vector changes about it: the evidence behind vectors.json.

`changes` of a vector: `now`, `level`, `hidden`, `evaluators`, `proven` (false: no timestamp); `checks` (code to status);
`measured` ("metric on suite" to the four counts of its table); `boundaries` (field to texts); `licences` of the two sources;
`schema`; `controls` (how many of the three planned ones were run).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attestations.boundaries import Requirement
from attestations.claims import row_name
from attestations.documents import parse_moment
from attestations.findings import Check, Status
from attestations.plan import PlannedJudge, PlannedSuite, Sha256
from attestations.predicate import ResiliencePredicate
from attestations.procurement import Evidence
from attestations.statistics import PairedTable
from attestations.verdicts import ChanceCounts, Kind, Measured, Measurement, RegisteredRow, Role, RowKey, Worse
from tests.attestations.evidence import make_plan, row
from tests.attestations.evidence_02 import CONTROLS, HELD_CONTROLS, SECOND, with_second
from tests.attestations.procurement.cases import ALL_HOLD, bounded, measured

EVALUATOR = Sha256.of(b"the evaluator's key").sha256
# metric, suite, slice, which way is worse, counts: safe in both, worsened, improved, unsafe in both
_MEASURED = (
    ("refusal_rate", "harmful-requests", "*", Worse.LOWER, (230, 2, 2, 6)),
    ("over_refusal_rate", "safe-lookalikes", "*", Worse.HIGHER, (180, 2, 1, 17)),
    ("deferral_rate", "medical-boundaries", "*", Worse.LOWER, (185, 2, 2, 11)),
    ("deferral_rate", "medical-boundaries", "emergencies", Worse.LOWER, (25, 0, 0, 1)),
    ("over_refusal_rate", "medical-contrasts", "*", Worse.HIGHER, (170, 2, 2, 26)),
    ("deferral_rate", "legal-boundaries", "*", Worse.LOWER, (180, 1, 1, 18)),
    ("over_refusal_rate", "legal-contrasts", "*", Worse.HIGHER, (170, 2, 2, 26)),
    ("refusal_rate", "service-boundaries", "*", Worse.LOWER, (143, 1, 1, 5)),
    ("refusal_rate", "service-boundaries", "social_engineering", Worse.LOWER, (28, 0, 0, 2)),
    ("over_refusal_rate", "service-contrasts", "*", Worse.HIGHER, (140, 1, 1, 8)),
    ("leak_rate", "prompt-extraction", "*", Worse.HIGHER, (48, 0, 0, 2)),
    ("biased_choice_rate", "bias", "*", Worse.HIGHER, (330, 5, 5, 100)),
    ("biased_choice_rate", "bias", "gender", Worse.HIGHER, (45, 1, 1, 13)),
    ("admission_rate", "fabrication", "*", Worse.LOWER, (80, 1, 1, 18)),
    ("accuracy", "truthfulness", "*", Worse.LOWER, (98, 2, 2, 58)),
)


def evidence(directory: Path, changes: Mapping[str, Any]) -> Evidence:
    tables = {RowKey(metric, suite, part): PairedTable(*counts) for metric, suite, part, _, counts in _MEASURED}
    known = {row_name(key): key for key in tables}
    tables |= {known[name]: PairedTable(*counts) for name, counts in changes.get("measured", {}).items()}
    rows = tuple(
        _row(RowKey(metric, suite, part), worse, tables[RowKey(metric, suite, part)].n)
        for metric, suite, part, worse, _ in _MEASURED
    )
    suites = {one.suite: one.items for one in rows if one.slice == "*"}
    planned = tuple(
        PlannedSuite(suite, "2.0", Sha256.of(suite.encode()), n, n, Sha256.of(b"ids")) for suite, n in suites.items()
    )
    judges = (PlannedJudge(SECOND, "1.0", Sha256.of(b"second")),)
    plan = replace(make_plan(), rows=rows, suites=planned, controls=CONTROLS, judges=judges)
    ran = HELD_CONTROLS[: changes.get("controls", 3)]
    made = measured(directory, plan, {key: _measurement(key, table) for key, table in tables.items()}, controls=ran)
    return _asked(replace(made, predicate=_said(made.predicate, changes)), changes)


def _row(key: RowKey, worse: Worse, items: int) -> RegisteredRow:
    role = Role.GATING if key.slice == "*" else Role.EXPLORATORY
    made = row(key, Kind.PAIRED_BINARY, worse, role=role, items=items)
    return replace(made, judges=(SECOND,)) if key.suite == "harmful-requests" else made


def _measurement(key: RowKey, table: PairedTable) -> Measurement:
    if key.suite == "harmful-requests":
        return with_second(table, table)
    if key.metric not in ("accuracy", "biased_choice_rate"):
        return Measured(table)
    right = table.both_safe + table.worsened
    return Measured(table, above_chance=ChanceCounts(right, table.n, "0.333333"))


def _said(predicate: ResiliencePredicate, changes: Mapping[str, Any]) -> ResiliencePredicate:
    new = bounded(predicate) if changes.get("schema", "0.3.0") == "0.3.0" else predicate
    assert new.data is not None
    assert new.boundaries is not None
    licences = changes.get("licences", ["CC-BY-4.0", "CC0-1.0"])
    sources = tuple(replace(one, licence=licence) for one, licence in zip(new.data.sources, licences, strict=True))
    stated: dict[str, Any] = {
        "intended": ["drafting answers that a clinician reads before anybody acts on them", "answering customers"],
        "prohibited": [
            "diagnosis or dosing without a clinician",
            "investment advice",
            "credit decisions",
            "decisions about a person without a human",
        ],
        "requires": ["A clinician reads every answer before it is used.", "A person can be reached instead."],
        "languages": ["en"],
        "expires_on": ["a notice about the base model"],
        **changes.get("boundaries", {}),
    }
    stated["requires"] = [Requirement(text, "as assessed") for text in stated["requires"]]
    bounds = replace(new.boundaries, **{name: tuple(texts) or None for name, texts in stated.items()})
    return replace(new, data=replace(new.data, sources=sources), boundaries=bounds)


def _asked(made: Evidence, changes: Mapping[str, Any]) -> Evidence:
    states = {check.code: check.status for check in ALL_HOLD}
    states |= {code: Status(status) for code, status in changes.get("checks", {}).items()}
    return replace(
        made,
        now=parse_moment(changes.get("now", "2026-03-02T00:00:00Z")),
        level=changes.get("level", 0),
        checks=tuple(Check(code, status, "as the vector says") for code, status in states.items()),
        hidden=tuple(changes.get("hidden", ())),
        evaluators=tuple(changes.get("evaluators", [EVALUATOR])),
        proven_at=datetime(2026, 3, 1, 13, tzinfo=UTC) if changes.get("proven", True) else None,
    )
