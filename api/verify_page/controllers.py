"""``/verify`` hands out one static file under the policy that it states itself, so that nothing it reads is sent anywhere.

The file is the one of the published wheel (``tuneproof page``), byte for byte, so whoever does not trust this server's copy can
compare the two, or open their own from disk.
"""

import hashlib
from typing import Any

from litestar import Request, Response, route
from litestar.enums import HttpMethod

from api.evidence.bundles import matches
from attestations.page import document

_PAGE = document.read()
_TAG = f'"{hashlib.sha256(_PAGE).hexdigest()}"'
_HEADERS = {
    "content-security-policy": document.header_policy(_PAGE),
    "cache-control": "public, max-age=3600, must-revalidate",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "etag": _TAG,
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@route("/verify", http_method=[HttpMethod.GET, HttpMethod.HEAD], tags=["Published"])
async def verify_page(request: Request[Any, Any, Any]) -> Response[bytes | None]:
    """The page that verifies a bundle in your browser."""
    if matches(request.headers.get("if-none-match"), _TAG):
        return Response(None, status_code=304, headers=_HEADERS)
    return Response(_PAGE, media_type="text/html", headers=_HEADERS)
