"""What untrusted bytes meet first: how large, how deep, how long. And the one way to read a request's body in pieces."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from litestar.exceptions import InternalServerException

from api.errors import ClientGoneError

MAX_JSON_BYTES = 256 * 1024
"""Of a JSON request body; uploads have their own limits (``api.settings``)."""
MAX_JSON_DEPTH = 32
"""Of a JSON request body."""
MAX_RECORD_DEPTH = 64
"""Of one record in an uploaded file."""
MAX_GRANTED_BYTES = 64 * 1024**3
"""Of one object that a worker puts under a grant."""
MAX_DRAINED_BYTES = 1024**3
MAX_DRAIN_SECONDS = 20.0
"""How much of a refused request's body is read and thrown away, so that the client gets to read the refusal."""


async def body_chunks(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """The body as it arrives, within the route's size limit. Raises ``ClientGoneError`` when it breaks off."""
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except InternalServerException as error:
        raise ClientGoneError("The request broke off before its body was complete.") from error
