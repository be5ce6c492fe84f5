"""A stored bundle made ready to be handed out: the newest status list in it, what was said later about the attestation, and
the openings that its owner chose. Pure.

The signed parts stay byte for byte what they were: a bundle is canonical JSON, which has one form. A stored bundle holds no
opening; if one did, it would not leave here, so whatever is opened was asked for by its owner in this request.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attestations import canonical
from attestations.bundle import MAX_BYTES
from attestations.errors import MalformedError

Opening = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Later:
    """A signed countersignature or notice: the digest of its payload, and its Sigstore bundle in canonical JSON."""

    digest: str
    envelope: str


def assembled(
    stored: bytes, *, token: str | None, openings: Sequence[Opening] = (), later: Sequence[Later] = ()
) -> bytes:
    """``later`` come in the order of ``attestations.statements.attaching``. Raises ``MalformedError`` where the stored bytes
    are no canonical JSON object."""
    document = canonical.parse(stored, what="the stored bundle", max_bytes=MAX_BYTES)
    if not isinstance(document, dict):
        raise MalformedError("document.type", "must be an object", at="bundle")
    document = {name: part for name, part in document.items() if name not in ("status", "disclosures")}
    if token is not None:
        document["status"] = token
    if later:
        there = document.get("statements")
        added = [
            canonical.parse(one.envelope.encode(), what="a stored statement", max_bytes=MAX_BYTES) for one in later
        ]
        document["statements"] = [*(there if isinstance(there, list) else []), *added]
    if openings:
        document["disclosures"] = [dict(opening) for opening in openings]
    return canonical.encode(document)


def etag(bundle_key: str, *, token: str | None, opened: Sequence[str] = (), later: Sequence[Later] = ()) -> str:
    """Of what ``assembled`` makes; known without reading anything, because what lies under a bundle's key never changes."""
    parts = [bundle_key, token or "", sorted(opened), [one.digest for one in later]]
    return f'"{hashlib.sha256(canonical.encode(parts)).hexdigest()}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has it already (RFC 9110 §13.1.2, weak comparison)."""
    asked = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    return "*" in asked or tag in asked
