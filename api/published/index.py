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
from api.published.repository import Entry
from attestations import canonical
from attestations.documents import moment

MEDIA_TYPE = "application/vnd.tuneproof.index.v1+json"
PAGE = 200
"""Entries in one file: made in some tens of milliseconds, whoever asks."""


def index_of(found: Sequence[Entry]) -> bytes:
    """``found`` were queried with one more than ``PAGE``."""
    shown = found[:PAGE]
    document: dict[str, object] = {
        "mediaType": MEDIA_TYPE,
        "trust": f"{PUBLISHED}/trust/root.json",
        "attestations": [_entry(entry) for entry in shown],
    }
    if len(found) > PAGE:
        document["next"] = f"{PUBLISHED}/index.json?after={shown[-1].id}"
    return canonical.encode(document)


def _entry(entry: Entry) -> dict[str, object]:
    facts: dict[str, object] = {
        "issuedAt": _moment(entry.issued_at),
        "validUntil": _moment(entry.valid_until),
        "outcome": entry.outcome,
        **(entry.listing or {}),
        "id": entry.id,
        "statement": {"sha256": entry.statement_digest},
        "bundle": bundle_path(entry.id),
        "published": _moment(entry.published_at),
    }
    if entry.state is not None:
        facts["status"] = entry.state
    return facts


def _moment(seconds: int) -> str:
    return moment(datetime.fromtimestamp(seconds, UTC))
