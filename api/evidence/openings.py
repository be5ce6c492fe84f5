"""The openings of what a statement hides: kept in storage, for the project that owns the attestation alone.

An opening is ``{"path", "salt", "value"}`` as ``attestations.disclosure`` makes it. They are written when the attestation is
issued, in one object, and never changed; control calls ``keep``, the owner's requests ``kept``. Nobody else reads them.
"""

from collections.abc import Mapping, Sequence

from api.db.models import Attestation
from api.errors import InvalidRequestError
from api.storage import Storage
from attestations import canonical

MAX_BYTES = 8 * 1024 * 1024
MOST_ASKED = 200
ALL = "*"

Opening = Mapping[str, object]


def openings_key(project_id: str, attestation_id: str) -> str:
    """Where they lie in storage; what ``Attestation.openings_key`` says."""
    return f"{project_id}/attestations/{attestation_id}.openings.json"


async def keep(storage: Storage, key: str, openings: Sequence[Opening]) -> None:
    """Before the attestation's row names the key. Raises ``StorageError``; ``MalformedError`` for what is no JSON of ours."""
    await storage.put_bytes(key, canonical.encode([dict(opening) for opening in openings]))


async def kept(storage: Storage, row: Attestation) -> dict[str, Opening]:
    """The openings of an attestation by their paths; none where its statement hides nothing."""
    if row.openings_key is None:
        return {}
    raw = await storage.get_bytes(row.openings_key, MAX_BYTES)
    found = canonical.parse(raw, what="the stored openings", max_bytes=MAX_BYTES)
    openings = found if isinstance(found, list) else []
    return {str(opening["path"]): opening for opening in openings}


def chosen(openings: Mapping[str, Opening], asked: Sequence[str]) -> list[Opening]:
    """Those that are asked for by path, or all of them, in the order of their paths. Raises ``InvalidRequestError``."""
    if ALL in asked:
        asked = list(openings)
    elif len(asked) > MOST_ASKED:
        raise InvalidRequestError(f"open is given more than {MOST_ASKED} times.", param="open")
    for path in asked:
        if path not in openings:
            hidden = ", ".join(sorted(openings)[:20]) or "it hides nothing"
            raise InvalidRequestError(
                f"The attestation hides nothing at {path[:200]!r}; what it hides: {hidden}.", param="open"
            )
    return [openings[path] for path in sorted(set(asked))]
