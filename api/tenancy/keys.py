"""API keys: ``tp-`` and 256 random bits. Only their SHA-256 is stored; a key this random needs no slow hash."""

import hashlib
import re
import secrets

_KEY = re.compile(r"tp-[A-Za-z0-9_-]{43}")


def make_key() -> str:
    return f"tp-{secrets.token_urlsafe(32)}"


def looks_like_key(unverified: str) -> bool:
    """Cheap, before anything is hashed or looked up."""
    return _KEY.fullmatch(unverified) is not None


def key_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
