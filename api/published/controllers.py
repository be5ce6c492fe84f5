"""``/.well-known/resilience/…`` and ``/status/{number}``: open to everybody, for GET and HEAD.

Everything has an ``ETag`` and says how long it may be kept: indexes and bundles for a minute, so that taking one back
takes effect; a status list for its own ``ttl``; a numbered trust root, which never changes, for a day. Any site's scripts may
read them (``Access-Control-Allow-Origin: *``), for they hold nothing that depends on who asks.
"""

import hashlib
import time
from typing import Any

from litestar import Controller, Request, Response, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import FromPath, FromQuery

from api.db.models import StatusList
from api.errors import NotFoundError
from api.evidence.bundles import matches
from api.evidence.views import PUBLISHED, handed_out
from api.published.service import PublishedService
from api.published.trust_files import NEWEST
from attestations import status

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_BUNDLE_SUFFIX = ".resilience.json"
_MINUTE, _DAY = 60, 86_400

AnyRequest = Request[Any, Any, Any]


class PublishedController(Controller):
    path = PUBLISHED
    tags = ("Published",)

    @route("/index.json", http_method=_READ)
    async def index(
        self, request: AnyRequest, public: NamedDependency[PublishedService], after: FromQuery[str | None] = None
    ) -> Response[bytes | None]:
        """All published attestations, newest first; ``next`` names the rest."""
        return _sent(request, await public.index(after), media_type="application/json", keep=_MINUTE)

    @route("/bundles/{name:str}", http_method=_READ)
    async def bundle(
        self, request: AnyRequest, public: NamedDependency[PublishedService], name: FromPath[str]
    ) -> Response[bytes | None]:
        """The file to verify, with the newest status list in it."""
        if not name.endswith(_BUNDLE_SUFFIX):
            raise NotFoundError("A published bundle is called {id}.resilience.json.")
        asked = name.removesuffix(_BUNDLE_SUFFIX)
        handed = await public.bundle(asked, if_none_match=request.headers.get("if-none-match"))
        return handed_out(handed, _headers(_MINUTE))

    @route("/trust/{name:str}", http_method=_READ)
    async def trust(
        self, request: AnyRequest, public: NamedDependency[PublishedService], name: FromPath[str]
    ) -> Response[bytes | None]:
        """``root.json``, the newest trust root, or ``N.root.json``, the one of version N."""
        content = await public.trust_root(name)
        keep = _MINUTE if name == NEWEST else _DAY
        return _sent(request, content, media_type="application/json", keep=keep)

    @route("/status/{number:int}", http_method=_READ)
    async def status_list(
        self, request: AnyRequest, public: NamedDependency[PublishedService], number: FromPath[int]
    ) -> Response[bytes | None]:
        """A signed token status list, by its number."""
        return _token(request, await public.status_list(number))


@route("/status/{number:int}", http_method=_READ, tags=["Published"])
async def status_list(
    request: AnyRequest, public: NamedDependency[PublishedService], number: FromPath[int]
) -> Response[bytes | None]:
    """A signed token status list, at the address that statements name."""
    return _token(request, await public.status_list(number))


def _token(request: AnyRequest, listed: StatusList) -> Response[bytes | None]:
    left = (listed.expires_at or 0) - int(time.time())
    keep = max(0, min(int(status.TTL.total_seconds()), left))
    return _sent(request, (listed.token or "").encode(), media_type=status.MEDIA_TYPE, keep=keep)


def _sent(request: AnyRequest, content: bytes, *, media_type: str, keep: int) -> Response[bytes | None]:
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {**_headers(keep), "etag": tag}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(None, status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _headers(keep: int) -> dict[str, str]:
    """``keep``: seconds for which a cache may hand it on unasked."""
    return {
        "cache-control": f"public, max-age={keep}, must-revalidate",
        "access-control-allow-origin": "*",
        "x-content-type-options": "nosniff",
    }
