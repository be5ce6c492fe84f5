"""What an attestation's patterns keep back, in every document that says the same. Pure.

The patterns of a job are written for the predicate. Its plan and its SLSA statement repeat the settings of the tuning, partly
under other names, and one section of the predicate repeats another: what is hidden in one place must not be readable in the
next. Here the patterns become the paths of each document. What everybody must see is never among them (``STATED_ANYWAY``);
``api.jobs.hiding`` refuses a pattern that names such a thing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from api.jobs.hiding import STATED_ANYWAY
from attestations.statements.provenance import REQUESTED
from attestations.value_paths import Steps, fits, format_path, parse_pattern, touches

_SAME_SETTING = (
    {"epochs", "num_train_epochs"},
    {"batch_size", "per_device_train_batch_size", "gradient_accumulation_steps"},
    {"rank", "lora.r"},
    {"alpha", "lora.lora_alpha"},
    {"dropout", "lora.lora_dropout"},
    {"target_modules", "lora.target_modules"},
)
"""Names under which a request and a trainer state one setting."""
_SAME_VALUE: tuple[tuple[Steps, Steps], ...] = (
    (("tuning", "software"), ("environment", "software")),
    (("tuning", "steps"), ("tuning", "parameters", "steps")),
)
"""Places of the predicate that say the same."""
_PARAMETERS = ("tuning", "parameters")


def plan_paths(tuning: Mapping[str, str], patterns: Sequence[str]) -> list[str]:
    """Of the plan's ``tuning``, from the plan's root."""
    return [format_path(("tuning", key)) for key in tuning if hides(patterns, key)]


def provenance_paths(external: Mapping[str, str], internal: Mapping[str, str], patterns: Sequence[str]) -> list[str]:
    """Of the SLSA predicate's parameters, from its root."""
    kinds = (("externalParameters", external), ("internalParameters", internal))
    return [
        format_path(("buildDefinition", kind, key)) for kind, named in kinds for key in named if hides(patterns, key)
    ]


def predicate_paths(predicate: Mapping[str, object], patterns: Sequence[str]) -> list[str]:
    """Of the predicate in JSON, from its root: what the patterns name, and what says the same."""
    parsed = [parse_pattern(pattern) for pattern in patterns]
    everywhere = list(_places(predicate))
    settings = {steps for steps in everywhere if len(steps) == len(_PARAMETERS) + 1 and steps[:2] == _PARAMETERS}
    chosen = {steps for steps in everywhere if steps not in settings and any(fits(one, steps) for one in parsed)}
    chosen |= {steps for steps in settings if hides(patterns, str(steps[-1]))}
    chosen |= set(_repeated(chosen)) & set(everywhere)
    outermost = [
        steps for steps in everywhere if steps in chosen and not any(steps[:n] in chosen for n in range(len(steps)))
    ]
    return [format_path(steps) for steps in outermost]


def hides(patterns: Sequence[str], setting: str) -> bool:
    """Whether any of the patterns keeps back this setting of the tuning, under any of its names."""
    name = setting.removeprefix(REQUESTED)
    if name in STATED_ANYWAY:
        return False
    names = next((same for same in _SAME_SETTING if name in same), {name})
    paths = [format_path((*_PARAMETERS, one)) for one in names]
    return any(touches(pattern, path) for pattern in patterns for path in paths)


def without_sources(text: str, sources: Sequence[str], patterns: Sequence[str]) -> str:
    """Text of a worker without the ids of those sources, listed in the predicate's order, that the patterns hide."""
    for place, source in enumerate(sources):
        if any(touches(pattern, f"data.sources[{place}].id") for pattern in patterns):
            text = re.sub(rf"(?<![\w.-]){re.escape(source)}(?![\w-])", "(hidden)", text)
    return text


def _repeated(chosen: set[Steps]) -> Iterator[Steps]:
    for one, other in _SAME_VALUE:
        for here, there in ((one, other), (other, one)):
            for steps in chosen:
                if steps[: len(here)] == here:
                    yield (*there, *steps[len(here) :])
                elif here[: len(steps)] == steps:
                    yield there


def _places(value: object, at: Steps = ()) -> Iterator[Steps]:
    """Every place below the root, outer ones before inner ones."""
    inner: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, Mapping):
        inner = ((str(key), one) for key, one in value.items())
    elif isinstance(value, list | tuple):
        inner = iter(enumerate(value))
    for step, one in inner:
        yield (*at, step)
        yield from _places(one, (*at, step))
