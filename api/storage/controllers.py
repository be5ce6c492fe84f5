"""``/storage/{key}``: objects on local disk, for whoever holds a grant. No API key is read here; the signature decides.

Mounted only where objects lie on local disk. With S3 the grants point at the store itself.
"""

import time
from typing import Any

from litestar import Controller, Request, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response, Stream

from api.errors import NotFoundError, PermissionDeniedError
from api.limits import MAX_GRANTED_BYTES, body_chunks
from api.storage.local import LocalStorage
from api.storage.protocol import InvalidKey, ObjectMissing, check_key
from api.storage.signing import GrantRefused


class GrantedObjectsController(Controller):
    path = "/storage"
    include_in_schema = False

    @get("/{key:path}", media_type="application/octet-stream")
    async def read(
        self, request: Request[Any, Any, Any], local_storage: NamedDependency[LocalStorage], key: FromPath[str]
    ) -> Stream:
        name = _granted(request, local_storage, key)
        try:
            size = await local_storage.size(name)
        except ObjectMissing as error:
            raise NotFoundError("Nothing is stored under this key.", code="object_missing") from error
        headers = {"content-length": str(size), "cache-control": "no-store"}
        return Stream(local_storage.stream(name), headers=headers, media_type="application/octet-stream")

    @put("/{key:path}", status_code=200, request_max_body_size=MAX_GRANTED_BYTES)
    async def write(
        self, request: Request[Any, Any, Any], local_storage: NamedDependency[LocalStorage], key: FromPath[str]
    ) -> Response[None]:
        name = _granted(request, local_storage, key)
        await local_storage.put_stream(name, body_chunks(request))
        return Response(None, status_code=200)


def _granted(request: Request[Any, Any, Any], storage: LocalStorage, path: str) -> str:
    """The key, once the grant in the query is found to allow this method on it. Raises ``PermissionDeniedError``."""
    try:
        key = check_key(path.removeprefix("/"))
        storage.signer.verify(request.method, key, dict(request.query_params), now=time.time())
    except (GrantRefused, InvalidKey) as error:
        raise PermissionDeniedError(f"Access to this object is refused: {error}.", code="grant_refused") from error
    return key
