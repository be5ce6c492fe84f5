"""What the specification's tables must say, from the code that reads documents and finds checks.

`fields_page` walks the dataclasses that documents are made of; `emitted` walks the verifier's source for the codes and statuses
that it can give. `attestations/` is read as source where a code has no other place.
"""

import ast
import dataclasses
import importlib
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import get_args, get_origin

import attestations
from attestations import disclosure, documents, manifest, plan, predicate, status, trust
from attestations import statement as statements
from attestations.digests import Sha256
from attestations.documents import Digest, Figure, Magnitude, Moment, Name
from attestations.procurement.rules import RULES
from attestations.statements import countersignature, eval_plan, model_signing, notice, provenance, svr

ROOTS: tuple[type, ...] = (
    statements.Subject,
    predicate.ResiliencePredicate,
    plan.Plan,
    manifest.Manifest,
    statements.JobRecord,
    eval_plan.EvalPlan,
    provenance.Provenance,
    model_signing.ModelSigning,
    countersignature.Countersignature,
    notice.Notice,
    svr.VerificationResult,
    trust.TrustRoot,
    trust._FileV1,
    status.StateReason,
    disclosure._ItemFrame,
)
TITLES: Mapping[type, str] = {
    provenance.Role: "InputRole",
    status.Reason: "WithdrawalReason",
    svr.Verdict: "BuyerVerdict",
    trust._FileV1: "TrustRootV1",
    disclosure._ItemFrame: "AnswerShown",
}
"""Names in the page of classes whose own name is taken or says nothing to a stranger."""
_WORDS: Mapping[object, str] = {
    Name: "name",
    str: "text",
    Digest: "digest",
    Figure: "figure",
    Magnitude: "magnitude",
    Moment: "time",
    Sha256: "SHA-256",
    int: "count",
    bool: "truth",
}


def title(kind: type) -> str:
    return TITLES.get(kind, kind.__name__)


def type_words(hint: object) -> str:
    """A type as the page's second column names it."""
    if get_origin(hint) is tuple:
        return f"list of {type_words(get_args(hint)[0])}"
    if get_origin(hint) is Mapping:
        return "texts by key"
    if hint in _WORDS:
        return _WORDS[hint]
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, StrEnum)):
        return f"[{title(hint)}](#{title(hint).lower()})"
    return "text"


@cache
def kinds() -> tuple[type, ...]:
    """Every dataclass and vocabulary below the roots, each once, in the order of the page."""
    found: dict[type, None] = {}

    def visit(kind: type) -> None:
        if kind in found or kind is Sha256:
            return
        found[kind] = None
        if not dataclasses.is_dataclass(kind):
            return
        for slot in documents.fields_of(kind):
            inner = get_args(slot.hint)[0] if get_origin(slot.hint) is tuple else slot.hint
            if dataclasses.is_dataclass(inner) or (isinstance(inner, type) and issubclass(inner, StrEnum)):
                visit(inner)

    for root in ROOTS:
        visit(root)
    return tuple(found)


def field_rows(kind: type) -> list[tuple[str, str, str]]:
    """Field, type, and whether it must be there (with the schema that brought it, where that is not the first)."""
    sinces = {field.name: field.metadata.get("since") for field in dataclasses.fields(kind)}
    rows = []
    for slot in documents.fields_of(kind):
        since = sinces[slot.name]
        need = ("always" if slot.required else "optional") + (f", since {since.removesuffix('.0')}" if since else "")
        rows.append((slot.key, type_words(slot.hint), need))
    return rows


_FINDERS: Mapping[str, tuple[str, ...]] = {
    "passed": ("PASS",),
    "broken": ("FAIL 1",),
    "rejected": ("FAIL 3",),
    "stale": ("STALE",),
    "not_checked": ("NOT_CHECKED",),
    "believe": ("FAIL 1", "STALE"),  # a signature on an attached statement: attestations.statements.case
    "_Wanted": ("FAIL 1", "NOT_CHECKED"),  # one that the attestation names: attestations.statements.named
}
"""What a call with a code in it can find. The exit code of a failure stands beside it."""
ORDER = ("PASS", "FAIL 1", "FAIL 3", "STALE", "NOT_CHECKED")


def emitted() -> dict[str, str]:
    """Every code that the verifier's own steps can give, with all that it can end as; the buyer's rules are `policy_codes`."""
    found: dict[str, set[str]] = {}
    package = Path(attestations.__file__).parent
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts[0] in ("page", "procurement", "commands"):
            continue
        for code, statuses in _calls(path, ".".join(("attestations", *parts))):
            found.setdefault(code, set()).update(statuses)
    return {code: ", ".join(one for one in ORDER if one in statuses) for code, statuses in found.items()}


def _calls(path: Path, module: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in _FINDERS:
            continue
        place = call.args[2] if call.func.id == "believe" else call.args[0]
        if isinstance(place, ast.Constant):
            yield str(place.value), _FINDERS[call.func.id]
        elif isinstance(place, ast.Name) and place.id.isupper():
            yield getattr(importlib.import_module(module), place.id), _FINDERS[call.func.id]


def policy_codes() -> set[str]:
    return {f"policy.{name}" for name in RULES} | {"policy.signature", "policy.tenet.<id>"}


def sections(page: str) -> dict[str, str]:
    """The text below each third-level heading of a page."""
    parts = re.split(r"^### (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table(text: str) -> list[list[str]]:
    """The cells of the first table in a text, without its head."""
    lines = re.search(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    rows = lines[0].splitlines()[2:] if lines is not None else []
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in rows]
