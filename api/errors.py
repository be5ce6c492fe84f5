"""Every error of the REST side, and the one shape in which all of them leave: ``{"error": {message, type, param, code}}``.

A business error is an ``ApiError`` with a stable ``code``, ``param`` naming the field to mend, and a message that says the
remedy. Litestar's own errors (unknown route, wrong method, body too large) are given the same shape. What nobody foresaw
becomes a 500 that tells the client nothing but the request's id; the log has the rest.

The ``openai`` client retries 409 unless told otherwise, so conflicts of state carry ``x-should-retry: false``.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec import Struct
from sqlalchemy.exc import OperationalError

from api.choices import described, query_types
from api.storage import StorageFull, StorageUnavailable

log = structlog.get_logger()

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
_CODES = {
    404: "unknown_url",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
    429: "rate_limit_exceeded",
}


class ErrorBody(Struct):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorResponse(Struct):
    error: ErrorBody


class ApiError(Exception):
    """``message`` is written for the customer."""

    status = 500
    code: str | None = None
    headers: Mapping[str, str] = {}

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code


class InvalidRequestError(ApiError):
    status = 400
    code = "invalid_value"


class AuthenticationError(ApiError):
    status = 401
    code = "invalid_api_key"
    headers = {"www-authenticate": "Bearer"}


class PermissionDeniedError(ApiError):
    status = 403
    code = "permission_denied"


class NotFoundError(ApiError):
    """Also for what exists but belongs to another project: it does not exist for the one who asks."""

    status = 404
    code = "not_found"


class ConflictError(ApiError):
    """The object's state forbids it; asking again changes nothing."""

    status = 409
    code = "conflict"
    headers = {"x-should-retry": "false"}


class RequestTooLargeError(ApiError):
    status = 413
    code = "request_too_large"


class UnsupportedMediaTypeError(ApiError):
    status = 415
    code = "unsupported_media_type"


class ClientGoneError(ApiError):
    """The client hung up while it was sending; nobody reads the answer. The status is the one that proxies log."""

    status = 499
    code = "client_closed_request"


def error_response(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[ErrorResponse]:
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    body = ErrorResponse(ErrorBody(message=message, type=kind, param=param, code=code))
    return Response(body, status_code=status, media_type="application/json", headers=dict(headers or {}))


def exception_handlers() -> ExceptionHandlersMap:
    return {
        ApiError: _business_error,
        HTTPException: _http_error,
        StorageFull: _storage_full,
        StorageUnavailable: _storage_unavailable,
        OperationalError: _database_unavailable,
        Exception: _unforeseen,
    }


def _business_error(_request: Request[Any, Any, Any], error: ApiError) -> Response[ErrorResponse]:
    return error_response(error.status, error.message, param=error.param, code=error.code, headers=error.headers)


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorResponse]:
    status = error.status_code
    if status >= 500:
        return _unforeseen(request, error)
    message, param, code = error.detail, None, _CODES.get(status)
    if isinstance(error, ValidationException):
        message, param = _first_complaint(request, error)
        code = "invalid_value"
    elif status == 404:
        message = (
            f"There is nothing at {request.method} {request.url.path[:200]}; see /schema/openapi.json for the routes."
        )
    elif status == 405:
        message = f"{request.method} is not possible at {request.url.path[:200]}."
    elif status < 400:
        return _unforeseen(request, error)
    return error_response(status, message, param=param, code=code, headers=error.headers)


def _first_complaint(request: Request[Any, Any, Any], error: ValidationException) -> tuple[str, str | None]:
    found = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    param = found.get("key")
    message = str(found.get("message", error.detail)).replace("`", "").rstrip(".")
    allowed = described(query_types(request.route_handler).get(param)) if param else ""
    remedy = f" Give {allowed}." if allowed else ""
    return (f"{param}: {message}.{remedy}" if param else f"{message}."), param


def _storage_full(_request: Request[Any, Any, Any], error: StorageFull) -> Response[ErrorResponse]:
    log.error("storage_full", reason=str(error))
    return error_response(503, "The server has no space left to store this; nothing was changed.", code="storage_full")


def _storage_unavailable(_request: Request[Any, Any, Any], error: StorageUnavailable) -> Response[ErrorResponse]:
    log.error("storage_unavailable", reason=str(error))
    return error_response(503, "The object store cannot be reached; try again later.", code="storage_unavailable")


def _database_unavailable(_request: Request[Any, Any, Any], error: OperationalError) -> Response[ErrorResponse]:
    log.error("database_unavailable", reason=str(error.orig))
    return error_response(503, "The database cannot be reached; try again later.", code="database_unavailable")


def _unforeseen(_request: Request[Any, Any, Any], error: Exception) -> Response[ErrorResponse]:
    log.error("unforeseen_error", exc_info=error)
    message = "The server failed to answer this request. Name the x-request-id of this response when you report it."
    return error_response(HTTPStatus.INTERNAL_SERVER_ERROR, message, code="internal_error")
