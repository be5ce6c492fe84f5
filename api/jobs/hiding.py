"""Which values of its evidence a job may keep back. Pure.

A value that a statement hides may stand nowhere else in the bundle, so nothing can be hidden that other documents repeat in
a form of their own: what is in the manifest, in the plan's open part, in sentences of the boundaries. The rest is the rule of
``attestations.disclosure``: verdicts stand on it. Called by ``api.jobs.options`` when a job is created, since a pattern that
cannot be met must be refused before the tuning and not after it.
"""

from collections.abc import Sequence

from api.errors import InvalidRequestError
from attestations import statement
from attestations.errors import MalformedError
from attestations.value_paths import parse_pattern, related

MOST_PATTERNS = 64
PARAM = "evidence.hide"
STATED_ANYWAY = frozenset({"technique", "model", "seed", "data_seed", "adapter_scale", "quantization"})
"""Settings of the tuning that every reader learns from another place."""
_LICENCE = "model.base.licence"
_REPEATED = {
    "model": f"the manifest and the plan say it too, and only {_LICENCE} stands nowhere else",
    "tuning.code": "the provenance names it as what the tuning was built from",
}


def checked(patterns: Sequence[str]) -> list[str]:
    """The patterns as they are. Raises ``InvalidRequestError`` that names the one that cannot be met, and why."""
    if len(patterns) > MOST_PATTERNS:
        raise InvalidRequestError(f"{PARAM} has more than {MOST_PATTERNS} entries.", param=PARAM)
    for index, pattern in enumerate(patterns):
        why = _refusal(pattern)
        if why is not None:
            raise InvalidRequestError(f"{PARAM}: {pattern[:200]!r} {why}.", param=f"{PARAM}[{index}]")
    return list(patterns)


def _refusal(pattern: str) -> str | None:
    try:
        statement.check_patterns([pattern])
    except MalformedError as error:
        return error.sentence.rstrip(".")
    steps = parse_pattern(pattern)
    if pattern != _LICENCE:
        repeated = next((why for path, why in _REPEATED.items() if related(parse_pattern(path), steps)), None)
        if repeated is not None:
            return f"cannot be hidden: {repeated}"
    if steps[:2] == ("tuning", "parameters") and steps[-1] in STATED_ANYWAY:
        return "cannot be hidden: every reader learns it from another place"
    return None
