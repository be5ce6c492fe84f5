"""Cases for the page's `recompute`: whole plans and predicates, as they are and spoilt, with what Python finds.

A base is a sample of a released format, or evidence made by the test suite. A change is a list of operations on a copy of it:
`["set", path, value]`, `["drop", path]`, `["copy", path]` (an element, once more behind itself) or `["swap", path]` (an
element with the next). Changes that no reader accepts as a document are left out, as they never come to be recomputed. Some
changed counts are judged again and stated truthfully, so that steps behind the verdicts are reached as well.
"""

import base64
import hashlib
import json
import random
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from attestations import canonical, documents, gate, manifest
from attestations.digests import Sha256
from attestations.errors import MalformedError
from attestations.plan import Plan
from attestations.predicate import GateAnswer, Outcome, ResiliencePredicate
from attestations.recompute import Recomputed, recompute
from attestations.rows import Regressions
from attestations.statistics import PairedTable
from tests.attestations.evidence import KEPT, LOST, make_plan, make_predicate, write_model
from tests.attestations.evidence_02 import (
    APPROVED,
    BAD,
    CONTROLS,
    DEPENDENT,
    GOOD,
    HELD_CONTROLS,
    OUTPUTS,
    make_plan_02,
    sweep,
)

SAMPLES = Path(__file__).parents[1] / "attestations" / "samples"
Document = dict[str, Any]
_PLACES = {
    "plan": ("rows", "policy", "judge", "judges", "suites", "controls", "candidates", "mayClaimEquivalence", "schema"),
    "predicate": ("evaluations", "regressions", "controls", "candidates", "outcome", "reviews", "outputs"),
}


def samples() -> dict[str, Document]:
    """The plan and predicate of every sample that has a plan, by its path under `samples/` without the suffix."""
    found = {}
    for file in sorted(SAMPLES.glob("*/*.resilience.json")):
        parts = json.loads(file.read_bytes())
        if "plan" in parts:
            stated = json.loads(base64.b64decode(parts["primary"]["dsseEnvelope"]["payload"]))
            plan = json.loads(base64.b64decode(parts["plan"]))
            name = f"{file.parent.name}/{file.name.removesuffix('.resilience.json')}"
            found[name] = {"plan": plan, "predicate": stated["predicate"]}
    return found


def made() -> dict[str, Document]:
    """Evidence beside the samples: the first rule, controls that fail, sweeps that fail, the newest plan."""
    noisy = (replace(HELD_CONTROLS[0], table=PairedTable(200, 30, 8, 2)), *HELD_CONTROLS[1:])
    swept = make_plan_02(candidates=("1", "0.75", "0.5"))
    newest = [replace(CONTROLS[0]), *(replace(one, adapter=Sha256.of(b"damage")) for one in CONTROLS[1:])]
    plans = {
        "kept under 0.1": (make_plan(schema="0.1.0"), KEPT, {}),
        "lost under 0.2": (make_plan(), LOST, {}),
        "noise": (make_plan_02(), GOOD, {"controls": noisy}),
        "a control left out": (make_plan_02(), GOOD, {"controls": HELD_CONTROLS[:2]}),
        "the newest plan": (make_plan_02(schema="0.3.0", controls=tuple(newest)), GOOD, {"controls": HELD_CONTROLS}),
        "a sweep that fails": (swept, BAD, {"controls": HELD_CONTROLS, "sweep": dict.fromkeys(swept.candidates, BAD)}),
        "a sweep that holds": (
            swept,
            DEPENDENT,
            {"controls": HELD_CONTROLS, "reviews": (APPROVED,), "sweep": dict.fromkeys(swept.candidates, DEPENDENT)},
        ),
        "no claim of equivalence": (
            make_plan_02(may_claim_equivalence=False),
            GOOD,
            {"controls": HELD_CONTROLS, "reviews": (APPROVED,)},
        ),
        "kept answers": (make_plan_02(controls=None), GOOD, {"outputs": OUTPUTS}),
    }
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        model = manifest.build(write_model(Path(directory) / "model"))
    for name, (plan, measurements, more) in plans.items():
        facts = {key: value for key, value in more.items() if key != "sweep"}
        if "sweep" in more:
            facts["candidates"] = sweep(plan, more["sweep"])(model)
        predicate = make_predicate(plan, measurements, model, **facts)
        found[name] = {"plan": documents.encode(plan), "predicate": documents.encode(predicate)}
    return json.loads(json.dumps(found))


def cases(chance: random.Random, count: int, remade: int) -> dict[str, object]:
    """Bases with all that Python finds in them, and changes of them with the checks, the decision and a digest of the rows."""
    kept, own = samples(), made()
    bases = {**kept, **own}
    return {
        "made": own,
        "found": {name: found(base) for name, base in bases.items()},
        "changes": [*_changes(chance, bases, count), *_remade(chance, bases, remade)],
    }


def found(document: Document) -> dict[str, object]:
    again = _recomputed(document)
    return {**_outcome(again), "judged": rows_of(again), "findings": [documents.encode(one) for one in again.findings]}


def rows_of(again: Recomputed) -> list[Document]:
    """The judged rows without what they repeat of plan and evaluation."""
    return [
        {key: value for key, value in documents.encode(row).items() if key not in ("registered", "measured")}
        for row in again.judged
    ]


def _outcome(again: Recomputed) -> dict[str, object]:
    checks = [[one.code, one.status, one.sentence, int(one.exit_code)] for one in again.checks]
    return {"checks": checks, "decision": documents.encode(again.decision) if again.decision is not None else None}


def _short(document: Document) -> dict[str, object]:
    try:
        again = _recomputed(document)
    except MalformedError as error:
        return {"error": [error.code, error.sentence]}
    digest = hashlib.sha256(canonical.encode(rows_of(again))).hexdigest()
    return {**_outcome(again), "judged": digest}


def _recomputed(document: Document) -> Recomputed:
    return recompute(*_decoded(document))


def _decoded(document: Document) -> tuple[Plan, ResiliencePredicate]:
    plan = documents.decode(Plan, document["plan"], "plan")
    return plan, documents.decode(ResiliencePredicate, document["predicate"], "predicate")


def _changes(chance: random.Random, bases: dict[str, Document], count: int) -> Iterator[dict[str, object]]:
    """One random operation each; half of them where the numbers are."""
    left = count
    while left:
        name = chance.choice(list(bases))
        changed = deepcopy(bases[name])
        operation = _operation(chance, changed)
        apply(changed, operation)
        if changed == bases[name]:
            continue
        try:
            _decoded(changed)
        except MalformedError:
            continue
        left -= 1
        yield {"base": name, "operations": [operation], "expected": _short(changed)}


def _remade(chance: random.Random, bases: dict[str, Document], count: int) -> Iterator[dict[str, object]]:
    """Other counts or another policy, and the verdicts, the answer and the outcome that they truly give."""
    left = count
    while left:
        name = chance.choice(list(bases))
        changed = deepcopy(bases[name])
        operations = [_operation(chance, changed, ("plan", "predicate.evaluations"))]
        apply(changed, operations[0])
        try:
            plan, stated = _decoded(changed)
            measurements = {row.registered.key: row.measurement for row in stated.evaluations or ()}
            judged = plan.judge_rows(measurements, stated.controls or ())
            operations += _truth(plan, stated, Regressions.of(judged, plan.rule), gate.decide(plan.policy, judged))
            for operation in operations[1:]:
                apply(changed, operation)
            _decoded(changed)
        except (MalformedError, LookupError):
            continue
        if len(operations) > 1:
            left -= 1
            yield {"base": name, "operations": operations, "expected": _short(changed)}


def _truth(
    plan: Plan, stated: ResiliencePredicate, regressions: Regressions, decision: gate.GateDecision
) -> list[list[object]]:
    """The operations that put what was found into the predicate, as far as that differs."""
    again = [["set", ["predicate", "regressions"], _plain(regressions)]] if regressions != stated.regressions else []
    answer = GateAnswer.of(plan.policy, decision)
    if stated.outcome.gate is not None and answer != stated.outcome.gate:
        status = stated.outcome.status.value if decision.outcome is gate.GateOutcome.HELD else decision.outcome.value
        outcome = Outcome(type(stated.outcome.status)(status), gate=answer)
        again.append(["set", ["predicate", "outcome"], _plain(outcome)])
    return again


def _plain(document: object) -> object:
    return json.loads(json.dumps(documents.encode(document)))


def _operation(chance: random.Random, document: Document, within: tuple[str, ...] = ()) -> list[object]:
    """An operation on a place drawn at random from those that recomputing reads."""
    part = chance.choice(("plan", "predicate", "predicate"))
    place = chance.choice([name for name in _PLACES[part] if name in document[part]])
    if within and part not in within and f"{part}.{place}" not in within:
        return _operation(chance, document, within)
    path: list[str | int] = [part, place]
    value = document[part][place]
    while isinstance(value, dict | list) and value and (len(path) < 3 or chance.random() < 0.85):
        key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
        path.append(key)
        value = value[key]
    if isinstance(path[-1], int) and chance.random() < 0.4:
        return [chance.choice(("drop", "copy", "swap")), path]
    if isinstance(value, dict | list) or chance.random() < 0.1:
        return ["drop", path]
    return ["set", path, _other(chance, path[-1], value)]


def _other(chance: random.Random, key: str | int, value: object) -> object:
    """Another value of the same kind, near by or far away."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return max(0, chance.choice((value - 1, value + 1, value + 2, value // 2, 0, value * 2)))
    words = {
        "verdict": ("regressed", "improved", "equivalent", "non_inferior", "inconclusive", "not_measurable", "not_run"),
        "severity": ("material", "confirmed", "minor"),
        "decision": ("released", "held", "blocked", "approve", "reject"),
        "status": ("released", "blocked"),
        "role": ("gating", "exploratory"),
        "worse": ("lower", "higher"),
        "judgeDependent": ("hold", "block"),
        "kind": ("negative", "positive"),
        "schema": ("0.1.0", "0.2.0", "0.3.0"),
    }
    if key in words:
        return chance.choice(words[str(key)])
    text = str(value)
    if text.replace(".", "").replace("-", "").isdigit():
        place = chance.choice([i for i, letter in enumerate(text) if letter.isdigit()])
        return text[:place] + chance.choice("0123456789") + text[place + 1 :]
    return chance.choice((text + "’s", "*", "accuracy", "refusal_margin", "harmful-requests", "privacy"))


def apply(document: Document, operation: list[Any]) -> None:
    kind, path, *rest = operation
    target: Any = document
    for key in path[:-1]:
        target = target[key]
    key = path[-1]
    if kind == "set":
        target[key] = deepcopy(rest[0])
    elif kind == "drop":
        del target[key]
    elif kind == "copy":
        target.insert(key, deepcopy(target[key]))
    elif key + 1 < len(target):
        target[key], target[key + 1] = target[key + 1], target[key]
