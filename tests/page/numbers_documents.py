"""Cases for the page's `recompute`: whole plans and predicates, as they are and spoilt, with what Python finds.

A base is a sample of a released format, or one that was changed and states truthfully what follows. A change is a list of
operations on a copy of a base: `["set", path, value]`, `["drop", path]`, `["copy", path]` (an element, once more behind itself)
or `["swap", path]` (an element with the next). Changes that no reader accepts as a document are left out, as they never come to
be recomputed. Some are judged again and stated truthfully, so that steps behind the verdicts are reached as well.
"""

import base64
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from attestations import canonical, documents, gate
from attestations.controls import ControlResult
from attestations.errors import MalformedError
from attestations.plan import Plan
from attestations.predicate import EvaluationRow, GateAnswer, ResiliencePredicate
from attestations.recompute import Recomputed, recompute
from attestations.rows import Regressions

SAMPLES = Path(__file__).parents[1] / "attestations" / "samples"
Document = dict[str, Any]
_SAMPLED = ("v0.1/*", "v0.2/*", "v0.3/released", "v0.3/sweep")
"""The newest format differs in parts that nothing is computed from."""
_CONTROLS = ("predicate", "controls")
_REVIEW = {"decision": "approve", "reviewer": "person-7", "rationale": "It was read.", "at": "2026-03-01T11:58:00Z"}
_PLACES = {
    "plan": ("rows", "policy", "judge", "judges", "suites", "controls", "candidates", "mayClaimEquivalence", "schema"),
    "predicate": ("evaluations", "regressions", "controls", "candidates", "outcome", "reviews", "outputs"),
}


def samples() -> dict[str, Document]:
    """The plan and predicate of samples that have a plan, by their path under `samples/` without the suffix."""
    found = {}
    for file in sorted(file for pattern in _SAMPLED for file in SAMPLES.glob(f"{pattern}.resilience.json")):
        parts = json.loads(file.read_bytes())
        if "plan" in parts:
            stated = json.loads(base64.b64decode(parts["primary"]["dsseEnvelope"]["payload"]))
            plan = json.loads(base64.b64decode(parts["plan"]))
            name = f"{file.parent.name}/{file.name.removesuffix('.resilience.json')}"
            found[name] = {"plan": plan, "predicate": stated["predicate"]}
    return found


def made(samples_by_name: dict[str, Document]) -> dict[str, Document]:
    """Evidence beside the samples: controls that fail, judges that do not count, sweeps that fail or hold, the newest plan."""
    sources: dict[str, tuple[str, list[list[object]]]] = {
        "noise": ("v0.2/released", [["set", [*_CONTROLS, 0, "table"], _table(200, 30, 8, 2)]]),
        "a control left out": ("v0.2/released", [["drop", [*_CONTROLS, 2]]]),
        "a level that fell too little": ("v0.2/released", [["set", [*_CONTROLS, 2, "table"], _table(216, 22, 0, 2)]]),
        "the newest plan": (
            "v0.2/released",
            [["set", ["plan", "schema"], "0.3.0"], ["set", ["plan", "controls", 1, "adapter"], {"sha256": "0" * 64}]],
        ),
        "no claim of equivalence": ("v0.2/released", [["set", ["plan", "mayClaimEquivalence"], False]]),
        "a judge without calibration": ("v0.2/released", [["set", ["plan", "judges", 0, "kappa"], "0.59"]]),
        "a policy that blocks what depends": (
            "v0.2/held-approved",
            [["set", ["plan", "policy", "judgeDependent"], "block"]],
        ),
        "a sweep that fails": (
            "v0.2/sweep",
            [["set", ["predicate", "candidates", 1, "evaluations"], ["candidates", 0, "evaluations"]]],
        ),
        "a sweep of one row less to gate": ("v0.2/sweep", [["set", ["plan", "rows", 0, "role"], "exploratory"]]),
        "a sweep in which both pass": (
            "v0.2/sweep",
            [["set", ["predicate", "candidates", 0, "evaluations"], ["candidates", 1, "evaluations"]]],
        ),
        "a shorter sweep": (
            "v0.2/sweep",
            [["drop", ["plan", "candidates", 0]], ["drop", ["predicate", "candidates", 0]]],
        ),
    }
    found = {}
    for name, (source, operations) in sources.items():
        document = deepcopy(samples_by_name[source])
        for operation in operations:
            if operation[0] == "set" and isinstance(operation[2], list):
                part, place, field = operation[2]
                operation[2] = document["predicate"][part][place][field]
            apply(document, operation)
        found[name] = restated(document)
    return found


def _table(*counts: int) -> dict[str, int]:
    return dict(zip(("bothSafe", "worsened", "improved", "bothUnsafe"), counts, strict=True))


def restated(document: Document) -> Document:
    """The document with the rows of its plan, and verdicts, candidates, answer, outcome and review that follow from its counts.

    Raises `MalformedError` where the plan or the counts are no document.
    """
    stated = document["predicate"]
    plan = documents.decode(Plan, document["plan"], "plan")
    controls = [documents.decode(ControlResult, one, "controls") for one in stated.get("controls", [])]
    for record in stated.get("candidates", []):
        regressions, decision = _follows(document, plan, record["evaluations"], controls)
        record |= {"claim": regressions.claim, "decision": decision.outcome.value}
    if stated.get("candidates"):
        _choose(stated)
    regressions, decision = _follows(document, plan, stated["evaluations"], controls)
    stated["regressions"] = _plain(regressions)
    stated.pop("reviews", None)
    if "gate" in stated["outcome"]:
        is_held = decision.outcome is gate.GateOutcome.HELD
        status = "released" if is_held else decision.outcome.value
        stated["outcome"] = {"status": status, "gate": _plain(GateAnswer.of(plan.policy, decision))}
        if is_held:
            stated["reviews"] = [deepcopy(_REVIEW)]
    return document


def _follows(
    document: Document, plan: Plan, evaluations: list[Document], controls: Sequence[ControlResult]
) -> tuple[Regressions, gate.GateDecision]:
    for row, evaluation in zip(document["plan"]["rows"], evaluations, strict=False):
        evaluation["registered"] = deepcopy(row)
    rows = [documents.decode(EvaluationRow, one, "evaluations") for one in evaluations]
    judged = plan.judge_rows({row.registered.key: row.measurement for row in rows}, controls)
    return Regressions.of(judged, plan.rule), gate.decide(plan.policy, judged)


def _choose(stated: Document) -> None:
    """The largest scale that passes, or the first, becomes the statement's model."""
    records = stated["candidates"]
    best = next((one for one in records if one["decision"] == "released"), records[0])
    model = stated["model"]["manifest"]["digest"]["sha256"]
    for i, record in enumerate(records):
        record["chosen"] = record is best
        record["manifest"] = {"sha256": model if record is best else f"{i:064x}"}
    stated["evaluations"] = deepcopy(best["evaluations"])


def cases(chance: random.Random, count: int, remade: int) -> dict[str, object]:
    """Bases with all that Python finds in them, and changes of them with the checks, the decision and a digest of the rows."""
    kept = samples()
    own = made(kept)
    bases = {**kept, **own}
    return {
        "made": own,
        "found": {name: found(base) for name, base in bases.items()},
        "changes": [*_chosen(bases), *_changes(chance, bases, count), *_remade(chance, bases, remade)],
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


def _chosen(bases: dict[str, Document]) -> Iterator[dict[str, object]]:
    """The smaller scale is chosen, though the larger one passes as well."""
    name = "a sweep in which both pass"
    records = bases[name]["predicate"]["candidates"]
    operations: list[list[object]] = [
        ["set", ["predicate", "candidates", mine, field], deepcopy(records[other][field])]
        for mine, other in ((0, 1), (1, 0))
        for field in ("chosen", "manifest")
    ]
    changed = deepcopy(bases[name])
    for operation in operations:
        apply(changed, operation)
    yield {"base": name, "operations": operations, "expected": _short(changed)}


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
    """Other counts, another plan or policy, and what truly follows from them; only the parts that differ are written down."""
    left = count
    while left:
        name = chance.choice(list(bases))
        changed = deepcopy(bases[name])
        try:
            apply(changed, _operation(chance, changed, ("plan", "predicate.evaluations", "predicate.controls")))
            _decoded(restated(changed))
        except (MalformedError, LookupError):
            continue
        operations = list(_differences(bases[name], changed))
        if operations:
            left -= 1
            yield {"base": name, "operations": operations, "expected": _short(changed)}


def _differences(before: Document, after: Document) -> Iterator[list[object]]:
    """Operations that make one document of the other, entry by entry where both have lists of the same length."""
    for part in ("plan", "predicate"):
        for place in sorted({*before[part], *after[part]}):
            yield from _difference(before[part].get(place), after[part].get(place), [part, place])


def _difference(before: Any, after: Any, path: list[object]) -> Iterator[list[object]]:
    if before == after:
        return
    if after is None:
        yield ["drop", path]
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _difference(before.get(key), after.get(key), [*path, key])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _difference(one, other, [*path, i])
    else:
        yield ["set", path, after]


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
