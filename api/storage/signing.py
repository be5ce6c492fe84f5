"""Grants for objects on local disk: URLs that only the holder of the secret can make, and that expire.

``{internal_url}/storage/{key}?method=GET&expires=1767225600&signature=<hex>`` where the signature is HMAC-SHA256 over
method, expiry and key, one per line. The key comes last and is the only part of free form, so no two requests share a text.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from workers.contract import Grant

METHODS = frozenset({"GET", "PUT"})


class GrantRefused(Exception):  # noqa: N818 - says what happened
    """The message says why, in words that are safe to show."""


@dataclass(frozen=True, slots=True)
class GrantSigner:
    internal_url: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < 16:
            raise ValueError("the storage secret has fewer than 16 characters; make one with: openssl rand -hex 32")

    def grant(self, method: str, key: str, expires_at: int) -> Grant:
        query = urlencode({"method": method, "expires": expires_at, "signature": self._sign(method, key, expires_at)})
        return Grant(url=f"{self.internal_url.rstrip('/')}/storage/{quote(key)}?{query}", expires_at=expires_at)

    def verify(self, method: str, key: str, unverified: dict[str, str], *, now: float) -> None:
        """``unverified`` is the query of a request that arrived with ``method``. Raises ``GrantRefused``."""
        expires = unverified.get("expires", "")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            raise GrantRefused("the grant has no valid expiry")
        expected = self._sign(method, key, int(expires)).encode()
        presented = unverified.get("signature", "").encode("utf-8", "replace")
        if not hmac.compare_digest(expected, presented) or unverified.get("method") != method:
            raise GrantRefused("the grant's signature does not fit this request")
        if now >= int(expires):
            raise GrantRefused("the grant has expired")

    def _sign(self, method: str, key: str, expires_at: int) -> str:
        if method not in METHODS:
            raise GrantRefused("a grant is for GET or PUT")
        text = f"{method}\n{expires_at}\n{key}"
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
