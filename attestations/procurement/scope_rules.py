"""Rules about what the model is and where it may be used: base, method, compute, boundaries, what is hidden.

A value that is not there, or hidden, is not among the allowed ones. Called by `attestations.procurement.rules`.
"""

from collections.abc import Sequence
from decimal import Decimal

from attestations import documents
from attestations.boundaries import Boundaries
from attestations.findings import Check, passed, rejected
from attestations.procurement import paths
from attestations.procurement.document import RequiredBoundaries
from attestations.procurement.evidence import Evidence
from attestations.procurement.row_rules import listed
from attestations.value_paths import parse_path, parse_pattern, related


def allowed_bases(allowed: Sequence[str], evidence: Evidence) -> Check:
    code, model = "policy.allowed_bases", evidence.predicate.model
    manifest = model.base.manifest if model is not None else None
    if model is None or manifest is None:
        return rejected(code, "the manifest of the base is not stated; ask the issuer to name the base by content")
    if manifest.sha256 not in allowed:
        words = f"the base {model.base.name} has the manifest {manifest.sha256}, which is not on the list"
        return rejected(code, f"{words} of {len(allowed)}; ask for a model on an allowed base, or assess this one")
    return passed(code, f"the base {model.base.name} is one of the {len(allowed)} allowed by content")


def allowed_methods(allowed: Sequence[str], evidence: Evidence) -> Check:
    code, tuning = "policy.allowed_methods", evidence.predicate.tuning
    if tuning is None:
        return rejected(code, "the method of tuning is not stated; ask the issuer for it")
    if tuning.method not in allowed:
        return rejected(
            code, f"tuned by {tuning.method}, allowed are {listed(allowed)}; ask for a model tuned by one of these"
        )
    return passed(code, f"tuned by {tuning.method}, which is allowed")


def max_compute_ratio(most: str, evidence: Evidence) -> Check:
    code, tuning = "policy.max_compute_ratio", evidence.predicate.tuning
    compute = tuning.compute if tuning is not None else None
    if compute is None or compute.ratio is None or compute.base_flop is None:
        words = "the ratio of the tuning's compute to the base's is not stated, or not the count that it is a ratio to"
        return rejected(code, f"{words}; ask for evidence of schema 0.3.0 on a base whose compute is known")
    words = f"the tuning took {compute.ratio} of the base's compute, at most {most} is allowed"
    if Decimal(compute.ratio) > Decimal(most):
        return rejected(code, f"{words}; whoever deploys it may have to answer for a model of its own")
    return passed(code, words)


def required_boundaries(asked: RequiredBoundaries, evidence: Evidence) -> Check:
    code, stated = "policy.required_boundaries", evidence.predicate.boundaries
    if stated is None:
        return rejected(code, "no boundaries are stated; ask the issuer where the model may be used")
    wrong = [*_absent(asked, stated, evidence), *_lacking(asked, stated)]
    if wrong:
        return rejected(code, f"the boundaries {listed(wrong)}; ask the issuer for evidence that covers this use")
    return passed(code, "the boundaries say all that is required of them")


def require_open(asked: Sequence[str], evidence: Evidence) -> Check:
    code, wrong, shown = "policy.require_open", [], _shown(evidence)
    for text in asked:
        pattern = parse_pattern(text)
        withheld = [hidden for hidden in evidence.hidden if related(pattern, parse_path(hidden))]
        if withheld:
            wrong.append(f"{text} is hidden ({listed(withheld)})")
        elif not any(one not in (None, documents.HIDDEN) for one in paths.found(shown, pattern)):
            wrong.append(f"{text} is not stated")
    if wrong:
        return rejected(code, f"{listed(wrong)}; ask the issuer for evidence, or openings, that show it")
    return passed(code, f"all {len(asked)} parts that must be open are there and open")


def max_hidden(most: int, evidence: Evidence) -> Check:
    count = len(evidence.hidden)
    words = f"{count} values are hidden, at most {most} are allowed"
    if count > most:
        return rejected("policy.max_hidden", f"{words}: {listed(evidence.hidden)}; ask the issuer for their openings")
    return passed("policy.max_hidden", words)


def _shown(evidence: Evidence) -> dict[str, object]:
    """The predicate as JSON, and below `plan` what the plan holds: the paths of hidden values reach there too."""
    tree = documents.encode(evidence.predicate)
    if evidence.planned is not None:
        tree["plan"] = documents.encode(evidence.planned)
    return tree


def _absent(asked: RequiredBoundaries, stated: Boundaries, evidence: Evidence) -> list[str]:
    value, wrong = documents.encode(stated), []
    hidden = [parse_path(path) for path in evidence.hidden]
    for text in asked.present or ():
        pattern = parse_pattern(text)
        withheld = any(related(("boundaries", *pattern), one) for one in hidden)
        if withheld or next(paths.found(value, pattern), None) in (None, [], ""):
            wrong.append(f"do not state {text}")
    return wrong


def _lacking(asked: RequiredBoundaries, stated: Boundaries) -> list[str]:
    controls = tuple(need.control for need in stated.requires or ())
    prohibited = {_words(text) for text in stated.prohibited or ()}
    pairs = (
        ("do not intend", asked.intended, stated.intended),
        ("do not prohibit", asked.prohibited, stated.prohibited),
        ("do not require", asked.controls, controls),
        ("do not cover the language", asked.languages, stated.languages),
    )
    wrong = []
    for words, wanted, said in pairs:
        there = {_words(text) for text in said or ()}
        wrong += [f"{words} {text!r}" for text in wanted or () if _words(text) not in there]
    return wrong + [f"prohibit {text!r}" for text in asked.intended or () if _words(text) in prohibited]


def _words(text: str) -> str:
    return " ".join(text.casefold().split())
