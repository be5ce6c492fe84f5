"""Which file of ours was given in the place of another: a trust root as the bundle, say.

    with expected(Kind.BUNDLE, unverified):
        ...                                # whatever refuses the file here says instead what it is, and where it belongs

A file is told by what stands plainly at its top: the media type, the payload type of an envelope, the fields of a policy, the
header of a token. Only the sentence of a refusal changes, never its code or its kind, and nothing is accepted or refused for
it. Every parser of such a file calls `expected`; the file is looked at once, after it was refused, and not beyond its
first level, so that one that is edited, cut off or too large is told as well.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from attestations.errors import AttestationError, MalformedError
from attestations.packed_states import from_base64url

_MOST_FIELDS = 64
_MAX_HEADER = 1024
_VENDOR = "application/vnd.tuneproof."
# Strings (closed or not), with the colon that makes one a key, and brackets; possessive: every letter is looked at once.
_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"(\s*+:)?|\\?\Z)|[\[{\]}]', re.DOTALL)
_JWT = re.compile(rf"([\w-]{{1,{_MAX_HEADER * 4 // 3}}})\.[\w-]++\.[\w-]++\s*", re.ASCII)


class Kind(StrEnum):
    """What people call it."""

    BUNDLE = "a bundle"
    TRUST = "a trust root"
    POLICY = "an acceptance policy"
    STATUS = "a status list"
    STATE = "a state file"


_PLACES = {
    Kind.BUNDLE: "as the evidence (BUNDLE)",
    Kind.TRUST: "as the trust root (`--trust`)",
    Kind.POLICY: "as your policy (`--policy`)",
    Kind.STATUS: "as the status list (`--status`)",
    Kind.STATE: "as what was seen before (`--state`)",
}
_MEDIA_TYPES = {"evidence.": Kind.BUNDLE, "trust.": Kind.TRUST, "last-seen.": Kind.STATE}
_PAYLOAD_TYPES = {"trust-root.": Kind.TRUST, "acceptance-policy.": Kind.POLICY}


@contextmanager
def expected(wanted: Kind, unverified: bytes) -> Iterator[None]:
    """Says of a file that is refused which other kind it plainly is."""
    try:
        yield
    except AttestationError as error:
        found = kind_of(unverified)
        if found in (None, wanted):
            raise
        words = f"this is {found}, not {wanted}; give it {_PLACES[Kind(found)]}"
        raise type(error)(error.code, words) from error


def kind_of(unverified: bytes) -> Kind | None:
    """What the file plainly is, whether or not it can be read; None where that does not show."""
    text = unverified.decode("latin-1")  # every mark is ASCII, and a file that is no text is told apart by the parsers
    token = _JWT.fullmatch(text)
    if token is not None:
        return Kind.STATUS if _is_status_header(token[1]) else None
    fields = _first_level(text)
    for name, kinds in (("mediaType", _MEDIA_TYPES), ("payloadType", _PAYLOAD_TYPES)):
        if name in fields:
            said = fields[name]
            return next((kind for start, kind in kinds.items() if said.startswith(_VENDOR + start)), None)
    return Kind.POLICY if {"schema", "rules"} <= fields.keys() else None


def _is_status_header(encoded: str) -> bool:
    try:
        return b'"statuslist+jwt"' in from_base64url(encoded, "", max_bytes=_MAX_HEADER)
    except MalformedError:
        return False


def _first_level(text: str) -> dict[str, str]:
    """The fields of the object at the top, with the first text that each holds; at most `_MOST_FIELDS` of them."""
    fields: dict[str, str] = {}
    depth, key = 0, ""
    for token in _TOKEN.finditer(text) if text.lstrip(" \t\r\n").startswith("{") else ():
        if token[1] is None:
            depth += 1 if token[0] in "[{" else -1
        elif depth == 1 and token[2] is not None:
            key = token[1]
            fields.setdefault(key, "")
        elif depth == 1:
            fields[key] = fields.get(key) or token[1]
        if depth == 0 or len(fields) > _MOST_FIELDS:
            break
    return fields
