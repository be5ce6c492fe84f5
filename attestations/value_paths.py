"""Where a value stands in a document: `data.sources[0].id`, with one way to write each place.

`.` comes before a key and `[0]` is an item of an array; in keys `~ . [ *` are written `~0 ~1 ~2 ~3`, as RFC 6901 does with
its own separators. In a pattern `*` is any key and `[*]` any item. `attestations.disclosure` binds hidden values to paths,
issuers and buyers say with patterns what they hide or want to see.
"""

import re
from dataclasses import dataclass

from attestations.errors import MalformedError

MAX_PATH = 1000
_INDEX = re.compile(r"\[(0|[1-9][0-9]{0,8}|\*)\]")
_KEY = re.compile(r"(?:[^~.\[*]|~[0-3])+")
_ESCAPES = (("~", "~0"), (".", "~1"), ("[", "~2"), ("*", "~3"))


@dataclass(frozen=True, slots=True)
class AnyKey:
    """The step `*` of a pattern."""


@dataclass(frozen=True, slots=True)
class AnyItem:
    """The step `[*]` of a pattern."""


Steps = tuple[str | int, ...]
Pattern = tuple[str | int | AnyKey | AnyItem, ...]


def parse_path(text: str) -> Steps:
    """The steps of a path; a pattern, and any way to write a path but `format_path`'s, is refused."""
    steps: list[str | int] = []
    for step in parse_pattern(text):
        if isinstance(step, AnyKey | AnyItem):
            raise MalformedError("path.pattern", f"{text[:80]!a} is a pattern; a path names one place")
        steps.append(step)
    return tuple(steps)


def parse_pattern(text: str) -> Pattern:
    """The steps of a path in which `*` and `[*]` may stand; "" is the whole document."""
    steps: list[str | int | AnyKey | AnyItem] = []
    position = 0
    while position < len(text) <= MAX_PATH:
        step, position = _step(text, position)
        steps.append(step)
    if len(text) > MAX_PATH:
        raise MalformedError("path.too_long", f"a path has at most {MAX_PATH} characters")
    return tuple(steps)


def format_path(steps: Pattern) -> str:
    """The one way to write these steps; wildcards too."""
    text = ""
    for step in steps:
        if isinstance(step, int | AnyItem):
            text += f"[{step if isinstance(step, int) else '*'}]"
            continue
        if isinstance(step, AnyKey):
            text += ".*" if text else "*"
            continue
        key = step
        for letter, escape in _ESCAPES:  # the tilde first, so that no escape is escaped
            key = key.replace(letter, escape)
        text += f".{key}" if text else key
    return text


def matches(pattern: str, path: str) -> bool:
    """Whether the path is one of those that the pattern names."""
    return fits(parse_pattern(pattern), parse_path(path))


def touches(pattern: str, path: str) -> bool:
    """Whether hiding this path hides anything that the pattern names: it lies at, above or below one of its places."""
    return related(parse_pattern(pattern), parse_path(path))


def fits(pattern: Pattern, steps: Steps) -> bool:
    """Whether these steps are one of the places that the pattern names."""
    return len(pattern) == len(steps) and related(pattern, steps)


def related(one: Pattern, other: Pattern) -> bool:
    """Whether both agree as far as the shorter one goes: a place of one lies at, above or below a place of the other."""
    return all(map(_agree, one, other))


def covers(one: Pattern, other: Pattern) -> bool:
    """Whether every place of the other lies at, above or below a place of this one."""
    return all(_agree(ours, theirs) and not _wider(theirs, ours) for ours, theirs in zip(one, other, strict=False))


def _wider(one: str | int | AnyKey | AnyItem, other: str | int | AnyKey | AnyItem) -> bool:
    return isinstance(one, AnyKey | AnyItem) and one != other


def _agree(one: str | int | AnyKey | AnyItem, other: str | int | AnyKey | AnyItem) -> bool:
    if isinstance(one, str | AnyKey) != isinstance(other, str | AnyKey):
        return False
    return one == other or isinstance(one, AnyKey | AnyItem) or isinstance(other, AnyKey | AnyItem)


def _step(text: str, position: int) -> tuple[str | int | AnyKey | AnyItem, int]:
    index = _INDEX.match(text, position)
    if index is not None:
        return (AnyItem() if index[1] == "*" else int(index[1])), index.end()
    begin = position + 1 if position else 0
    if not position or text[position] == ".":
        if text[begin : begin + 1] == "*":
            return AnyKey(), begin + 1
        key = _KEY.match(text, begin)
        if key is not None:
            return _unescaped(key[0]), key.end()
    raise MalformedError("path.malformed", f'{text[:80]!a} is no path like "data.sources[0].id"')


def _unescaped(key: str) -> str:
    for letter, escape in reversed(_ESCAPES):
        key = key.replace(escape, letter)
    return key
