"""Selective disclosure: a value of a signed document may be a salted commitment, and be opened to some readers only.

    {"licence": {"$commit": {"alg": "sha256-jcs-salted-v1", "value": "<hex>"}}}        in the document
    {"path": "data.sources[0].licence", "salt": "<32 hex digits>", "value": "CC-BY-4.0"}   its opening, beside it

The hex is SHA-256 over the canonical JSON (RFC 8785) of the opening, all three keys. The path is in it, so an opening is
good for one place; the salt has 16 random bytes of its own, so nobody finds a value by guessing. Whoever has no opening
sees where something is hidden and nothing of it; whoever has one knows that nothing else could be shown there.

A path begins at the predicate and is written as in `attestations.value_paths`. The plan and the predicate of the SLSA
statement, which the predicate names by digest, are reached as if they stood there: `plan.tuning.rank`,
`tuning.provenance.buildDefinition.externalParameters.rank`.

What verdicts stand on, what the verifier compares, and where the model may not be used cannot be hidden (`PREDICATE`): a
commitment there is malformed, as is one inside another. An opening that does not fit is a `CryptographicError` that names
its path. Single answers are opened by `Item`, against the roots that the predicate's `outputs` holds.
Issuing calls `hide` (for the predicate through `attestations.statement`); whoever parses a document calls `disclose` before
decoding it.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from attestations import canonical, documents, leaves
from attestations.documents import Digest, Hidden
from attestations.errors import CryptographicError, MalformedError
from attestations.value_paths import (
    AnyKey,
    Pattern,
    Steps,
    covers,
    fits,
    format_path,
    parse_path,
    parse_pattern,
    related,
)

ALGORITHM = "sha256-jcs-salted-v1"
COMMITMENT_KEY = "$commit"
MARK = b'"$commit":'
"""In canonical bytes this occurs as that key alone: inside a string its quotes would be escaped."""
SALT_BYTES = 16
MAX_OPENINGS = 4096
MAX_ITEMS = 1024
MAX_LINE_BYTES = 256 * 1024
MAX_TREE_DEPTH = 24
_WITHOUT_COMMITMENTS = ("0.1.0", "0.2.0")
_SALT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Opening:
    """What is behind the commitment at `path`, and the salt that it was made with, in hex."""

    path: str
    salt: str
    value: object

    @property
    def commitment(self) -> str:
        return hashlib.sha256(canonical.encode(self.to_json())).hexdigest()

    def to_json(self) -> dict[str, object]:
        return {"path": self.path, "salt": self.salt, "value": self.value}


@dataclass(frozen=True, slots=True)
class Item:
    """One kept answer as it was stored, with its place in one of the two trees and the way up to its root."""

    tree: str
    index: int
    salt: str
    line: str
    path: tuple[Digest, ...]

    def to_json(self) -> dict[str, object]:
        return documents.encode(self)


@dataclass(frozen=True, slots=True)
class Scope:
    """A document that may hold commitments. Its paths begin with `at`; only what lies below one of `only` may be hidden, and
    nothing that lies at, above or below one of `never`. All but `at` are written from the document's own root."""

    at: str
    only: tuple[str, ...]
    never: tuple[str, ...]

    def refuse(self, steps: Pattern) -> None:
        """Refuses a commitment at these steps, which begin at the document's root; of a pattern, at any of its places."""
        only, never = _limits(self)
        below = any(len(steps) > len(top) and related(top, steps) for top in only)
        if below and not any(related(pattern, steps) for pattern in never):
            return
        raise MalformedError(
            "disclosure.protected", "cannot be hidden: verdicts, or the verifier, stand on it", at=self.path(steps)
        )

    def allows_some(self, pattern: Pattern) -> bool:
        """Whether at least one of the places that the pattern names may be hidden."""
        only, never = _limits(self)
        below = any(len(pattern) > len(top) and related(top, pattern) for top in only)
        return below and not any(covers(limit, pattern) for limit in never)

    def path(self, steps: Pattern) -> str:
        return format_path((*parse_path(self.at), *steps))


@lru_cache(maxsize=8)
def _limits(scope: Scope) -> tuple[tuple[Pattern, ...], tuple[Pattern, ...]]:
    return tuple(map(parse_pattern, scope.only)), tuple(map(parse_pattern, scope.never))


_WITH_SCHEMA = ("schema", "attestationId", "issuer", "issuedAt", "validFrom", "validUntil", "status", "supersedes")
_MEASURED = ("outcome", "plan", "evaluations", "regressions", "controls", "candidates", "outputs", "notClaimed")
_COMPARED = (
    *(
        "model.manifest",
        "model.omsRoot",
        "model.base.manifest",
        "model.served.chatTemplate",
        "model.served.systemPrompt",
    ),
    *("tuning.method", "tuning.seed", "tuning.startedAt", "tuning.finishedAt", "tuning.provenance"),
    *("data.datasets", "data.contamination"),
    *("data.sources[*].role", "data.sources[*].records"),  # no source may vanish as a whole
    *("reviews[*].decision", "reviews[*].at", "reviews[*].conditions"),
)
_LIMITS_OF_USE = tuple(
    f"boundaries.{name}"
    for name in (
        *("prohibited", "requires", "languages", "conditions", "cautions", "expiresOn", "retestOn", "context"),
        *("decoding", "turns", "systemPrompt", "transformsPermitted"),
    )
)
PREDICATE = Scope("", ("",), (*_WITH_SCHEMA, *_MEASURED, *_COMPARED, *_LIMITS_OF_USE))
PLAN = Scope("plan", ("tuning",), ("tuning.technique",))
PROVENANCE = Scope(
    "tuning.provenance", ("buildDefinition.externalParameters", "buildDefinition.internalParameters"), ()
)


@dataclass(frozen=True, slots=True)
class Disclosures:
    """Everything that a bundle opens, by the document that it belongs to."""

    predicate: tuple[Opening, ...] = ()
    plan: tuple[Opening, ...] = ()
    provenance: tuple[Opening, ...] = ()
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A JSON value with its openings put back and `documents.Hidden` where there was none; both kinds by their paths."""

    tree: object
    hidden: tuple[str, ...]
    opened: tuple[str, ...]


def parse(unverified: Sequence[object]) -> Disclosures:
    """The openings and items of a bundle, told apart by their keys. Nothing is verified yet."""
    openings: list[Opening] = []
    items: list[Item] = []
    for i, entry in enumerate(unverified):
        at = f"disclosures[{i}]"
        if isinstance(entry, dict) and "tree" in entry:
            items.append(_parse_item(entry, at))
        else:
            openings.append(_parse_opening(entry, at))
        if len(openings) > MAX_OPENINGS or len(items) > MAX_ITEMS:
            words = f"at most {MAX_OPENINGS} openings and {MAX_ITEMS} items are accepted"
            raise MalformedError("disclosure.too_many", words, at="disclosures")
    scopes = [_scope_of(one) for one in openings]
    predicate, plan, provenance = (
        tuple(one for one, scope in zip(openings, scopes, strict=True) if scope is wanted)
        for wanted in (PREDICATE, PLAN, PROVENANCE)
    )
    return Disclosures(predicate, plan, provenance, tuple(items))


def check_patterns(patterns: Sequence[str], kind: type, scope: Scope = PREDICATE) -> None:
    """Refuses a pattern that names no place in documents of this type, one that cannot be hidden, or one misspelt.

    To be called when patterns are set: `hide` is told of them only when there is something to sign.
    """
    for pattern in patterns:
        steps = parse_pattern(pattern)
        found = [documents.Place(kind, may_be_hidden=False)]
        for step in steps:
            key, item = (step if isinstance(step, str) else None), not isinstance(step, str | AnyKey)
            found = [inner for place in found for inner in documents.places(place.hint, key, item=item)]
        if not found:
            raise MalformedError("disclosure.pattern", "names no place in such a document", at=pattern)
        if not all(place.may_be_hidden for place in found):
            raise MalformedError("document.hidden", "cannot be hidden: it must be there to be read", at=pattern)
        scope.refuse(steps)


def hide(
    tree: object, patterns: Sequence[str], new_salt: Callable[[], bytes], scope: Scope = PREDICATE
) -> tuple[object, tuple[Opening, ...]]:
    """The tree with a commitment wherever one of the patterns fits, and the openings, in the order of the tree.

    The patterns are written from the document's root; one that fits nothing hides nothing. `new_salt` gives 16 bytes that
    nobody can guess, others each time. The tree that was given stays as it is.
    """
    wanted = [parse_pattern(pattern) for pattern in patterns]
    openings: list[Opening] = []

    def visit(value: object, steps: Steps) -> object:
        if _is_commitment(value):
            raise MalformedError("disclosure.twice", "is a commitment already", at=scope.path(steps))
        if any(fits(pattern, steps) for pattern in wanted):
            scope.refuse(steps)
            opening = Opening(scope.path(steps), _salt(new_salt), value)
            parse_path(opening.path)  # what could not be read back is not hidden
            _refuse_nested(opening)
            openings.append(opening)
            return {COMMITMENT_KEY: {"alg": ALGORITHM, "value": opening.commitment}}
        return _rebuilt(value, steps, visit)

    return visit(tree, ()), tuple(openings)


def disclose(tree: object, openings: Sequence[Opening] = (), scope: Scope = PREDICATE) -> Disclosed:
    """The tree as a reader with these openings may see it. Every opening must fit a commitment, and each only one."""
    unused = _by_path(openings)
    hidden: list[str] = []
    opened: list[str] = []

    def visit(value: object, steps: Steps) -> object:
        if not _is_commitment(value):
            return _rebuilt(value, steps, visit)
        path = scope.path(steps)
        commitment = _commitment(value, path)
        scope.refuse(steps)
        opening = unused.pop(path, None)
        if opening is None:
            hidden.append(path)
            if len(hidden) > MAX_OPENINGS:
                raise MalformedError("disclosure.too_many", f"more than {MAX_OPENINGS} values are hidden", at=path)
            return Hidden()
        if opening.commitment != commitment:
            raise CryptographicError("disclosure.digest", "the opening is not what was committed to", at=path)
        opened.append(path)
        return opening.value

    shown = visit(tree, ())
    if (hidden or opened) and isinstance(tree, dict) and tree.get("schema") in _WITHOUT_COMMITMENTS:
        raise MalformedError("disclosure.schema", "values can be hidden from schema 0.3.0 on", at=min(hidden + opened))
    if unused:
        raise CryptographicError(
            "disclosure.not_hidden", "the opening is for a place that hides nothing", at=min(unused)
        )
    return Disclosed(shown, tuple(hidden), tuple(opened))


def read(unverified: bytes, tree: object, openings: Sequence[Opening] = (), scope: Scope = PREDICATE) -> Disclosed:
    """As `disclose`, for the tree (or a part of it) of these canonical bytes; looked through only where they hide something."""
    if MARK not in unverified and not openings:
        return Disclosed(tree, (), ())
    return disclose(tree, openings, scope)


def verify_item(item: Item, trees: Mapping[str, tuple[str, int]]) -> None:
    """Holds an answer to the root and number of leaves of its tree; `trees` are those that the predicate names."""
    at = f"{item.tree}[{item.index}]"
    if item.tree not in trees:
        raise CryptographicError("disclosure.item", "the evidence commits to no such answers", at=at)
    root, size = trees[item.tree]
    leaf = leaves.leaf_digest(bytes.fromhex(item.salt), item.line.encode("utf-8"))
    if not leaves.verify_inclusion(leaf, item.index, size, item.path, root):
        raise CryptographicError("disclosure.item", "the answer is not the one that was committed to", at=at)


def _rebuilt(value: object, steps: Steps, visit: Callable[[object, Steps], object]) -> object:
    if isinstance(value, dict):
        return {key: visit(inner, (*steps, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [visit(inner, (*steps, i)) for i, inner in enumerate(value)]
    return value


def _is_commitment(value: object) -> bool:
    return isinstance(value, dict) and COMMITMENT_KEY in value


def _commitment(value: object, path: str) -> str:
    inner = cast("dict[str, object]", value)[COMMITMENT_KEY]
    if len(cast("dict[str, object]", value)) != 1 or not isinstance(inner, dict) or set(inner) != {"alg", "value"}:
        words = f'a commitment is {{"{COMMITMENT_KEY}": {{"alg": "{ALGORITHM}", "value": hex}}}} and nothing else'
        raise MalformedError("disclosure.commitment", words, at=path)
    if inner["alg"] != ALGORITHM:
        raise MalformedError("disclosure.algorithm", f"must be {ALGORITHM}", at=f"{path}.{COMMITMENT_KEY}.alg")
    return documents.decode(_Commitment, inner, f"{path}.{COMMITMENT_KEY}").value


@dataclass(frozen=True, slots=True)
class _Commitment:
    alg: str
    value: Digest


def _by_path(openings: Sequence[Opening]) -> dict[str, Opening]:
    found: dict[str, Opening] = {}
    for opening in openings:
        if opening.path in found:
            raise CryptographicError("disclosure.duplicate", "is opened twice", at=opening.path)
        _refuse_nested(opening)
        found[opening.path] = opening
    return found


def _refuse_nested(opening: Opening) -> None:
    if MARK in canonical.encode(opening.value):
        raise MalformedError("disclosure.nested", "a hidden value holds no commitment of its own", at=opening.path)


def _salt(new_salt: Callable[[], bytes]) -> str:
    salt = new_salt()
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return salt.hex()


def _scope_of(opening: Opening) -> Scope:
    """A path has one way to be written, so its beginning tells."""
    return next((scope for scope in (PLAN, PROVENANCE) if opening.path.startswith(f"{scope.at}.")), PREDICATE)


def _parse_opening(unverified: object, at: str) -> Opening:
    if not isinstance(unverified, dict) or set(unverified) != {"path", "salt", "value"}:
        raise MalformedError("disclosure.opening", "has exactly path, salt and value", at=at)
    path, salt = unverified["path"], unverified["salt"]
    if not isinstance(path, str) or not parse_path(path):
        raise MalformedError("path.malformed", 'must be a path like "data.sources[0].id"', at=f"{at}.path")
    if not isinstance(salt, str) or not _SALT.fullmatch(salt):
        raise MalformedError("disclosure.salt", f"must be {2 * SALT_BYTES} lower-case hex digits", at=f"{at}.salt")
    return Opening(path, salt, unverified["value"])


def _parse_item(unverified: dict[str, object], at: str) -> Item:
    line = unverified.get("line")
    if not isinstance(line, str) or len(canonical.encode(line)) > MAX_LINE_BYTES:
        words = f"must be a string of at most {MAX_LINE_BYTES} bytes"
        raise MalformedError("disclosure.line", words, at=f"{at}.line")
    frame = documents.decode(_ItemFrame, {key: unverified[key] for key in unverified if key != "line"}, at)
    if frame.tree not in ("baseline", "candidate") or not _SALT.fullmatch(frame.salt):
        words = f"the tree is baseline or candidate, and the salt {2 * SALT_BYTES} lower-case hex digits"
        raise MalformedError("disclosure.item", words, at=at)
    if len(frame.path) > MAX_TREE_DEPTH:
        raise MalformedError("disclosure.item", f"a path has at most {MAX_TREE_DEPTH} steps", at=f"{at}.path")
    return Item(frame.tree, frame.index, frame.salt, line, frame.path)


@dataclass(frozen=True, slots=True)
class _ItemFrame:
    tree: str
    index: int
    salt: str
    path: tuple[Digest, ...]
