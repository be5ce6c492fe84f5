"""What a client may give, in words: for a field of a body, and for a parameter of a query.

Pure. Called by ``api.bodies``, ``api.queries`` and ``api.errors``, so that all of them name the same choices.
"""

from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter
from msgspec import inspect as types


def described(expected: types.Type | None) -> str:
    """Empty for a type that a customer cannot get wrong by its value."""
    match expected:
        case types.UnionType():
            return " or ".join(words for member in expected.types if (words := described(member)))
        case types.EnumType():
            return "one of " + ", ".join(repr(member.value) for member in expected.cls)
        case types.LiteralType():
            several = len(expected.values) > 1
            return "one of " + ", ".join(map(repr, expected.values)) if several else repr(expected.values[0])
        case types.BoolType():
            return "true or false"
        case types.IntType() | types.FloatType():
            noun = "an integer" if isinstance(expected, types.IntType) else "a number"
            bounds = {"above": expected.gt, "from": expected.ge, "below": expected.lt, "to": expected.le}
            return " ".join([noun, *(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)])
    return ""


def query_types(handler: BaseRouteHandler) -> dict[str, types.Type]:
    """The parameters that a route reads from the query, by their names there: its own first, then its dependencies'."""
    own = handler.parsed_fn_signature.parameters
    given = handler.resolve_dependencies()
    read = [own, *(given[name].parsed_fn_signature.parameters for name in own if name in given)]
    return {
        parameter.kwarg_definition.name or name: types.type_info(parameter.annotation)
        for parameters in read
        for name, parameter in parameters.items()
        if isinstance(parameter.kwarg_definition, QueryParameter)
    }
