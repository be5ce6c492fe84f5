"""CEL expressions with bounded work: the one module that imports cel-python.

The library reads the grammar and has the types and operators. Its evaluator is used through a subclass, because as it is
(0.5.0) an expression can run for ever or fill the memory: texts that double in a chain of `map`, comparisons of lists that
share their parts (see also `cel_values`), error messages that quote each other or the whole evidence. Here every step of an
evaluation is counted, and so is the size of what operators and functions are given; a policy has `WORK` steps in all, the
same on every machine.
`||`, `&&`, `all` and `exists` stop where the answer is known; an error beside it does not matter, as CEL has it.

Accepted is CEL without comments, triple quotes, byte strings and protocol buffers; functions are those in `FUNCTIONS`,
macros those in `MACROS`.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import celpy.adapter
import celpy.celparser
import lark
from celpy import celtypes, evaluation
from celpy.evaluation import Activation, CELEvalError, Evaluator

from attestations.procurement import cel_values

MAX_CODE = 4096
WORK = 200_000
MACROS = frozenset({"has", "all", "exists", "exists_one", "map", "filter"})
FUNCTIONS = frozenset(
    {
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "bool",
        "double",
        "int",
        "string",
        "timestamp",
        "duration",
    }
    | {"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getMonth"}
    | {"getHours", "getMilliseconds", "getMinutes", "getSeconds"}
)
_OPERATORS = (
    "!_",
    "-_",
    "_+_",
    "_-_",
    "_*_",
    "_/_",
    "_%_",
    "_<_",
    "_<=_",
    "_>_",
    "_>=_",
    "_==_",
    "_!=_",
    "_in_",
    "_[_]",
)
_CHAINS = frozenset(
    {"expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication", "unary", "member"}
)
"""Nodes that only pass on what is below them where they have one child."""
_DEPTH = 2500
_COSTLY = 50  # steps that a regular expression, a time or a conversion stands for
_ROUND = 10  # those of one round of a macro, beside what is evaluated in it
_LONGEST = 200


class TenetError(Exception):
    """Why an expression has no answer, in words that end in no full stop."""


class _Spent(Exception):  # noqa: N818 - it is no error of the expression's, and must pass the library's handlers
    """The work that a policy may cost is used up."""


class World:
    """What expressions see, and the work that all of them together may still cost."""

    def __init__(self, variables: Mapping[str, object]) -> None:
        self._variables = {name: celpy.adapter.json_to_cel(cast("Any", value)) for name, value in variables.items()}
        self.work_left = WORK

    def decide(self, code: str) -> bool:
        """Whether the expression is true; `TenetError` where it is neither true nor false."""
        tree = read(code)
        try:
            with _deep():
                functions = {name: self._metered(name) for name in (*FUNCTIONS, *_OPERATORS)}
                activation = Activation(vars=self._variables, functions=functions)
                answer = _Bounded(tree, activation, self).evaluate()
        except _Spent as error:
            raise TenetError(f"it takes more than the {WORK} steps that a policy may") from error
        except CELEvalError as error:
            raise TenetError(_words(error)) from error
        except Exception as error:  # the library's own faults, of whatever kind, are no answer either
            raise TenetError(f"it cannot be evaluated ({type(error).__name__})") from error
        if not isinstance(answer, celtypes.BoolType):
            raise TenetError("it is neither true nor false")
        return bool(answer)

    def charge(self, steps: int) -> None:
        self.work_left -= steps
        if self.work_left < 0:
            raise _Spent

    def _metered(self, name: str) -> Callable[..., Any]:
        """The function of that name, after its arguments were paid for; an error among them is its result."""
        function: Callable[..., Any] = cel_values.FUNCTIONS.get(name) or evaluation.base_functions[name]
        fixed = 1 if name in _OPERATORS else _COSTLY

        def counted(*arguments: Any) -> Any:
            for argument in arguments:
                if isinstance(argument, CELEvalError):
                    return argument
            looked_at = arguments[1:] if name in ("_[_]", "size") else arguments
            self.charge(fixed + sum(self._weight(argument) for argument in looked_at))
            return function(*arguments)

        counted.__name__ = name  # the library names a function that fails
        return counted

    def _weight(self, value: object) -> int:
        """The parts of a value, shared ones as often as they are met; never more than the work that is left, and a bit."""
        total, open_parts = 0, [value]
        while open_parts and total <= self.work_left:
            part = open_parts.pop()
            total += 1 + (len(part) // 16 if isinstance(part, str | bytes) else 0)
            if isinstance(part, dict):
                open_parts.extend(part.keys())
                open_parts.extend(part.values())
            elif isinstance(part, list):
                open_parts.extend(part)
        return total


def read(code: str) -> lark.Tree[Any]:
    """The syntax tree of an expression that uses nothing but what is accepted here."""
    _refuse_texts(code)
    try:
        with _deep():
            tree = celpy.Environment().compile(code)
    except celpy.celparser.CELParseError as error:
        raise TenetError(f"it is no CEL: line {error.line}, column {error.column}") from error
    except Exception as error:  # a grammar that fails otherwise has not read it either
        raise TenetError(f"it is no CEL ({type(error).__name__})") from error
    for node in tree.iter_subtrees():
        _refuse_node(node)
    return tree


def _refuse_texts(code: str) -> None:
    """Refuses what the grammar's pattern for strings could search for ever: a quote without its partner."""
    if len(code) > MAX_CODE:
        raise TenetError(f"it has more than {MAX_CODE} characters")
    if '"""' in code or "'''" in code:
        raise TenetError("triple quotes are not accepted")
    place = 0
    while place < len(code):
        letter = code[place]
        if letter in "\"'":
            place = _end_of_text(code, place)
        elif code.startswith("//", place):
            raise TenetError("comments are not accepted")
        place += 1


def _end_of_text(code: str, begin: int) -> int:
    place = begin + 1
    while place < len(code) and code[place] != "\n":
        if code[place] == code[begin]:
            return place
        place += 2 if code[place] == "\\" else 1
    raise TenetError(f"the text that begins at character {begin + 1} has no end on its line")


def _refuse_node(node: lark.Tree[Any]) -> None:
    if node.data == "member_object" or node.data in ("dot_ident", "dot_ident_arg"):
        raise TenetError("objects and names with a leading point are not accepted")
    if node.data == "literal" and getattr(node.children[0], "type", "") == "BYTES_LIT":
        raise TenetError("byte strings are not accepted")
    name = None
    if node.data == "ident_arg":
        name = str(node.children[0])
    elif node.data == "member_dot_arg":
        name = str(node.children[1])
    if name is not None and name not in MACROS | FUNCTIONS:
        raise TenetError(f"the function {name[:_LONGEST]!a} is not accepted")


class _Bounded(Evaluator):
    """The library's evaluator, counting; names, members, logic and macros without its messages that quote everything."""

    def __init__(self, ast: lark.Tree[Any], activation: Activation, world: World) -> None:
        super().__init__(ast, activation)
        self._world = world

    def sub_evaluator(self, ast: lark.Tree[Any]) -> "Evaluator":
        return _Bounded(ast, self.activation, self._world)

    def set_activation(self, values: Any) -> "Evaluator":
        self._world.charge(_ROUND)
        return super().set_activation(values)

    def visit(self, tree: lark.Tree[Any]) -> Any:
        while len(tree.children) == 1 and tree.data in _CHAINS:
            tree = cast("lark.Tree[Any]", tree.children[0])
        self._world.charge(1)
        return super().visit(tree)

    def visit_children(self, tree: lark.Tree[Any]) -> list[Any]:
        return [self.visit(child) if isinstance(child, lark.Tree) else child for child in tree.children]

    def ident_value(self, name: str, root_scope: bool = False) -> Any:  # noqa: ARG002 - the library's
        try:
            return self.activation.identifiers.resolve_name(None, name).value
        except KeyError:
            return CELEvalError(f"there is nothing called {name[:_LONGEST]!a}")

    def member_dot(self, tree: lark.Tree[Any]) -> Any:
        inside, key = self.visit(cast("lark.Tree[Any]", tree.children[0])), str(tree.children[1])
        if isinstance(inside, CELEvalError):
            return inside
        if not isinstance(inside, celtypes.MapType):
            return CELEvalError(f"there is no {key[:_LONGEST]!a} in something that has no parts")
        try:
            return inside[celtypes.StringType(key)]
        except KeyError:
            return CELEvalError(f"there is no {key[:_LONGEST]!a}")

    def conditionalor(self, tree: lark.Tree[Any]) -> Any:
        return self._either(map(self.visit, cast("list[lark.Tree[Any]]", tree.children)), ends=True)

    def conditionaland(self, tree: lark.Tree[Any]) -> Any:
        return self._either(map(self.visit, cast("list[lark.Tree[Any]]", tree.children)), ends=False)

    def expr(self, tree: lark.Tree[Any]) -> Any:
        """A condition and its two branches, of which one is evaluated."""
        condition, first, second = cast("list[lark.Tree[Any]]", tree.children)
        chosen = self.visit(condition)
        if isinstance(chosen, CELEvalError):
            return chosen
        if not isinstance(chosen, celtypes.BoolType):
            return CELEvalError("a condition is neither true nor false")
        return self.visit(first if chosen else second)

    def member_dot_arg(self, tree: lark.Tree[Any]) -> Any:
        name = str(tree.children[1])
        if name not in ("all", "exists", "exists_one", "map", "filter"):
            return super().member_dot_arg(tree)
        inside = self.visit(cast("lark.Tree[Any]", tree.children[0]))
        if isinstance(inside, CELEvalError):
            return inside
        arguments = tree.children[2].children if len(tree.children) == 3 else []
        if not isinstance(inside, list | dict) or len(arguments) != 2:
            return CELEvalError(f"{name} takes a list, a name and an expression")
        return self._macro(name, inside, self.build_ss_macro_eval(tree))

    def _macro(self, name: str, inside: Iterable[Any], evaluate: Callable[[Any], Any]) -> Any:
        if name in ("all", "exists"):
            return self._either(map(evaluate, inside), ends=name == "exists")
        kept, count = [], 0
        for item in inside:
            answer = evaluate(item)
            if isinstance(answer, CELEvalError):
                return answer
            if name != "map" and not isinstance(answer, celtypes.BoolType):
                return CELEvalError(f"{name} needs what is true or false")
            count += 1 if name != "map" and answer else 0
            if name == "map" or answer:
                kept.append(answer if name == "map" else item)
        return celtypes.BoolType(count == 1) if name == "exists_one" else celtypes.ListType(kept)

    def _either(self, answers: Iterator[Any], *, ends: bool) -> Any:
        """The first answer that is `ends` settles it; else an error, if there is one; else the opposite."""
        error: CELEvalError | None = None
        for answer in answers:
            if isinstance(answer, celtypes.BoolType):
                if bool(answer) is ends:
                    return answer
            elif error is None:
                wrong = CELEvalError("something in it is neither true nor false")
                error = answer if isinstance(answer, CELEvalError) else wrong
        return error if error is not None else celtypes.BoolType(not ends)


def _words(error: CELEvalError) -> str:
    text = str(error.args[0]) if error.args else "an error"
    if "overload" in text:  # the library names its own classes there
        return "an operator or a function does not take values of these kinds"
    return text[:_LONGEST]


@contextmanager
def _deep() -> Iterator[None]:
    """The library sets the interpreter's depth for good; here it is given back."""
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(max(before, _DEPTH))
        yield
    finally:
        sys.setrecursionlimit(before)
