"""Who asks: a bearer key in, the project it speaks for out. Applied to everything below ``/v1``.

The presented key is hashed and its digest looked up, so the time a lookup takes says nothing about any stored key; the
digests are compared in constant time all the same. Headers that name an organisation or project are not read: the key
decides, and clients send them from habit.
"""

import hmac
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from sqlalchemy import select

from api.db.models import ApiKey
from api.db.session import Database
from api.errors import AuthenticationError
from api.tenancy.keys import key_digest, looks_like_key
from api.tenancy.scope import Scope

_REMEDY = "Send an API key of this server as 'Authorization: Bearer tp-...'."


class BearerKeys(AbstractAuthenticationMiddleware):
    """Sets ``request.auth`` to the key's ``Scope`` and ``request.user`` to the key's id."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        kind, _, presented = connection.headers.get("authorization", "").partition(" ")
        if not kind:
            raise AuthenticationError(f"No API key was sent. {_REMEDY}", code="missing_api_key")
        presented = presented.strip()
        if kind.lower() != "bearer" or not looks_like_key(presented):
            raise AuthenticationError(f"The API key has not the form of this server's keys. {_REMEDY}")
        key = await _find(connection.app.state.database, key_digest(presented))
        if key is None:
            raise AuthenticationError(f"The API key is not known, or was revoked. {_REMEDY}")
        return AuthenticationResult(user=key.id, auth=Scope(key.organization_id, key.project_id))


async def _find(database: Database, digest: str) -> ApiKey | None:
    async with database.read() as session:
        key = (await session.execute(select(ApiKey).where(ApiKey.digest == digest))).scalar_one_or_none()
    usable = key is not None and key.revoked_at is None and hmac.compare_digest(key.digest, digest)
    return key if usable else None


def provide_scope(request: Request[str, Scope, Any]) -> Scope:
    """The dependency ``tenant`` of every handler below ``/v1``."""
    return request.auth
