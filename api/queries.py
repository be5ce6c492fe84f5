"""Queries of the routes that are our own: nothing in them is ignored, for a mistyped filter would look like an empty list.

Routes that OpenAI has as well are not held to this: its clients, and whoever uses them, may send what only OpenAI reads.
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import inspect as types

from api.choices import query_types
from api.errors import InvalidRequestError


async def known_query(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard. Raises ``InvalidRequestError`` for a parameter that the route does not read, or reads once and got twice."""
    asked = connection.query_params
    if not asked:
        return
    known = query_types(handler)
    for name in asked:
        if name not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "this route takes none"
            raise InvalidRequestError(
                f"There is no query parameter {name[:80]!r}; {there}.", param=name[:80], code="unknown_parameter"
            )
        if len(asked.getall(name)) > 1 and not _is_list(known[name]):
            raise InvalidRequestError(f"The query parameter {name} is given twice; give it once.", param=name)


def _is_list(expected: types.Type) -> bool:
    if isinstance(expected, types.UnionType):
        return any(_is_list(member) for member in expected.types)
    return isinstance(expected, types.ListType)
