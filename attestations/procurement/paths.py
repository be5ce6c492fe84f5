"""What lies at a path of a JSON value, paths and patterns as in `attestations.value_paths`."""

from collections.abc import Iterator, Mapping, Sequence

from attestations.value_paths import AnyItem, AnyKey, Pattern


def found(value: object, pattern: Pattern) -> Iterator[object]:
    """Every value at a place that the pattern names; nothing where there is none."""
    if not pattern:
        yield value
        return
    step, rest = pattern[0], pattern[1:]
    inner: Sequence[object] = ()
    if isinstance(value, Mapping) and isinstance(step, str | AnyKey):
        inner = list(value.values()) if isinstance(step, AnyKey) else [value[step]] if step in value else []
    elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(step, int | AnyItem):
        inner = value if isinstance(step, AnyItem) else value[step : step + 1]
    for one in inner:
        yield from found(one, rest)
