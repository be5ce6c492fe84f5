"""The list of what is published, as canonical JSON. Pure.

    {"mediaType": "application/vnd.tuneproof.index.v1+json", "trust": "/.well-known/resilience/trust/root.json",
     "attestations": [{"id", "statement": {"sha256"}, "issuedAt", "validUntil", "outcome", "base", "method", "model",
                       "issuer", "status", "published", "bundle"}, …], "next": "/.well-known/resilience/index.json?after=…"}

An absent fact is an absent key: what a statement hides is not here, ``status`` is absent where it names no status list, and
``next`` where nothing older is. The index is a convenience and is not signed: who relies on an entry verifies its bundle.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from api.evidence.views import PUBLISHED, bundle_path
from api.published.repository import Listed
from attestations import canonical
from attestations.documents import moment

MEDIA_TYPE = "application/vnd.tuneproof.index.v1+json"
PAGE = 1000
"""Entries in one file."""


def index_of(found: Sequence[Listed]) -> bytes:
    """``found`` were queried with one more than ``PAGE``."""
    shown = found[:PAGE]
    document: dict[str, object] = {
        "mediaType": MEDIA_TYPE,
        "trust": f"{PUBLISHED}/trust/root.json",
        "attestations": [_entry(listed) for listed in shown],
    }
    if len(found) > PAGE:
        document["next"] = f"{PUBLISHED}/index.json?after={shown[-1].row.id}"
    return canonical.encode(document)


def _entry(listed: Listed) -> dict[str, object]:
    row = listed.row
    facts: dict[str, object] = {
        "issuedAt": _moment(row.issued_at),
        "validUntil": _moment(row.valid_until),
        "outcome": row.outcome,
        **(row.listing or {}),
        "id": row.id,
        "statement": {"sha256": row.statement_digest},
        "bundle": bundle_path(row.id),
    }
    if row.published_at is not None:
        facts["published"] = _moment(row.published_at)
    if listed.state is not None:
        facts["status"] = listed.state
    return facts


def _moment(seconds: int) -> str:
    return moment(datetime.fromtimestamp(seconds, UTC))
