"""What the public index says of an attestation. Pure.

It is read from the signed payload when the attestation is published, never from the database: what the statement hides is
hidden here too.
"""

import msgspec

from attestations.bundle import parse


def listing_of(bundle: bytes) -> dict[str, str]:
    """Base, method, model and outcome as far as the statement shows them. Raises ``MalformedError`` for what is no bundle."""
    statement = msgspec.json.decode(parse(bundle).envelope.unverified_payload)
    places = {
        "base": ("model", "base", "name"),
        "method": ("tuning", "method"),
        "model": ("model", "manifest", "digest", "sha256"),
        "outcome": ("outcome", "status"),
        "issuer": ("issuer", "id"),
        "issuedAt": ("issuedAt",),
        "validUntil": ("validUntil",),
    }
    found = {name: _text_at(statement.get("predicate"), path) for name, path in places.items()}
    return {name: text for name, text in found.items() if text is not None}


def _text_at(value: object, path: tuple[str, ...]) -> str | None:
    """None where there is nothing, or a commitment."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None
