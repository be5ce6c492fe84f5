"""Chat records: the only form in which training data enters a tuning.

A data set is UTF-8 JSON lines in the shape of the fine-tuning API's chat format, one conversation a line::

    {"messages": [{"role": "user", "content": "Is it open?"}, {"role": "assistant", "content": "Until six."}], "source": "faq"}

Promised to screening and tuning, the only callers: every ``Record`` returned ends in an assistant turn that says
something, has a user turn before it, and belongs to a source that the provenance declares. A byte order mark and CRLF are
accepted. Everything else ends in one ``RunFailure`` that lists up to ``MAX_PROBLEMS`` problems, each with its line, its
field and what to do; no record is dropped or mended silently. Bytes meet the limits on size, depth and type before
anything is built from them. No machine-learning library is imported here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from workers.errors import RunFailure

MIN_RECORDS = 10
MAX_RECORDS = 200_000
MAX_LINE_BYTES = 1024 * 1024
MAX_MESSAGES = 256
MAX_PROBLEMS = 20

_BOM = b"\xef\xbb\xbf"
_RECORD_KEYS = frozenset({"messages", "source"})
_MESSAGE_KEYS = frozenset({"role", "content", "weight"})
_TOOL_KEYS = frozenset({"tools", "tool_calls", "functions", "function_call", "parallel_tool_calls", "tool_call_id"})
_OTHER_FORMATS = {
    "prompt": "the prompt/completion format is not accepted: write a messages list with a user and an assistant turn",
    "completion": "the prompt/completion format is not accepted: write a messages list with a user and an assistant turn",
    "input": "the preference format is not accepted here: supervised tuning takes a messages list",
    "text": "raw text is not accepted: write a messages list with a user and an assistant turn",
}


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


_ROLES = frozenset(role.value for role in Role)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. An assistant turn of ``weight`` 0 is context only: no loss is taken on it."""

    role: Role
    content: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One conversation. ``line`` is its line in the file, counted from 1."""

    turns: tuple[Turn, ...]
    source: str
    line: int

    def messages(self) -> list[dict[str, str]]:
        """The form that chat templates take."""
        return [{"role": turn.role.value, "content": turn.content} for turn in self.turns]

    def text(self) -> str:
        return "\n".join(turn.content for turn in self.turns)


class RecordError(Exception):
    """One thing wrong with the data. ``line`` is ``None`` when it concerns the file as a whole."""

    def __init__(self, code: str, line: int | None, field: str, message: str, *, param: str = "training_file") -> None:
        place = f"line {line}, {field}" if line is not None else field
        super().__init__(f"{place}: {message}")
        self.code = code
        self.line = line
        self.field = field
        self.message = message
        self.param = param


def load_records(
    path: Path, source_ids: Sequence[str], *, control_tokens: frozenset[str] = frozenset()
) -> list[Record]:
    """All records of the file, in order. ``source_ids`` are the declared sources; with exactly one, records need not
    name it. ``control_tokens`` are strings that the base's template uses as structure and content may not hold.
    Raises ``RunFailure``."""
    records: list[Record] = []
    problems: list[RecordError] = []
    truncated = False
    for number, line in _lines(path):
        if isinstance(line, RecordError):
            problems.append(line)
        else:
            try:
                records.append(parse_record(line, number, source_ids, control_tokens=control_tokens))
            except RecordError as problem:
                problems.append(problem)
        if len(problems) >= MAX_PROBLEMS:
            truncated = True
            break
        if len(records) > MAX_RECORDS:
            problems.append(_file_problem(f"holds more than {MAX_RECORDS} records; split it into several jobs"))
            break
    if not truncated:
        problems.extend(_check_whole(records, source_ids, has_line_problems=bool(problems)))
    if problems:
        raise _failure(problems, truncated=truncated)
    return records


def parse_record(
    line: bytes, number: int, source_ids: Sequence[str], *, control_tokens: frozenset[str] = frozenset()
) -> Record:
    """One line without its line end. Raises ``RecordError``."""
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError("invalid_training_file", number, "record", _describe_json_error(line, error)) from error
    if not isinstance(value, dict):
        raise RecordError("invalid_training_file", number, "record", "must be a JSON object with a messages list")
    _check_keys(value, _RECORD_KEYS, number, "")
    turns = _turns(value.get("messages"), number, control_tokens)
    return Record(turns=turns, source=_source(value, number, source_ids), line=number)


def _lines(path: Path) -> Iterator[tuple[int, bytes | RecordError]]:
    """Lines with their numbers; blank lines are skipped, and a line over the limit is reported without being held."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                yield (
                    number,
                    RecordError(
                        "invalid_training_file",
                        number,
                        "record",
                        f"is longer than {MAX_LINE_BYTES} bytes; each record is one line, so check the line ends",
                    ),
                )
                while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                    pass
                continue
            if number == 1:
                line = line.removeprefix(_BOM)
            if line := line.rstrip(b"\r\n"):
                yield number, line


def _describe_json_error(line: bytes, error: Exception) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as bad:
        return f"is not UTF-8 at byte {bad.start + 1}; save the file as UTF-8"
    try:
        json.loads(text)
    except json.JSONDecodeError as bad:
        return f"is not JSON at column {bad.colno} ({bad.msg}); write one JSON object a line"
    except RecursionError:
        return "is nested too deeply"
    return f"is not JSON ({error}); write one JSON object a line"


def _check_keys(value: dict[str, object], known: frozenset[str], number: int, where: str) -> None:
    for key in value:
        if key in known:
            continue
        field = f"{where}{key}"
        if key in _TOOL_KEYS:
            message = "tool calls are not supported; remove the field or leave the record out"
        elif not where and key in _OTHER_FORMATS:
            message = _OTHER_FORMATS[key]
        else:
            message = f"is not a known field; known are {', '.join(sorted(known))}"
        shown = "".join(character if character.isprintable() else "\ufffd" for character in field[:80])
        raise RecordError("invalid_training_file", number, shown, message)


def _turns(messages: object, number: int, control_tokens: frozenset[str]) -> tuple[Turn, ...]:
    def problem(field: str, message: str) -> RecordError:
        return RecordError("invalid_training_file", number, field, message)

    if not isinstance(messages, list) or not messages:
        raise problem("messages", "must be a list with a user and an assistant turn")
    if len(messages) > MAX_MESSAGES:
        raise problem("messages", f"holds {len(messages)} turns, more than {MAX_MESSAGES}; split the conversation")
    turns = tuple(_turn(message, number, f"messages[{i}]", control_tokens) for i, message in enumerate(messages))
    for i, turn in enumerate(turns):
        if turn.role is Role.SYSTEM and i > 0:
            raise problem(f"messages[{i}].role", "a system turn may only come first")
    if turns[-1].role is not Role.ASSISTANT:
        raise problem("messages", "must end with an assistant turn, which is what the model learns to say")
    if turns[0].role is Role.ASSISTANT or not any(turn.role is Role.USER for turn in turns):
        raise problem("messages", "must hold a user turn before the first assistant turn")
    first_answer = next(i for i, turn in enumerate(turns) if turn.role is Role.ASSISTANT)
    if not any(turn.role is Role.USER for turn in turns[:first_answer]):
        raise problem("messages", "must hold a user turn before the first assistant turn")
    if not any(turn.role is Role.ASSISTANT and turn.weight for turn in turns):
        raise problem("messages", "every assistant turn has weight 0, so there is nothing to learn")
    return turns


def _turn(message: object, number: int, where: str, control_tokens: frozenset[str]) -> Turn:
    def problem(field: str, text: str) -> RecordError:
        return RecordError("invalid_training_file", number, f"{where}{field}", text)

    if not isinstance(message, dict):
        raise problem("", "must be an object with role and content")
    _check_keys(message, _MESSAGE_KEYS, number, f"{where}.")
    role, content, weight = message.get("role"), message.get("content"), message.get("weight", 1)
    if not isinstance(role, str) or role not in _ROLES:
        said = f"{role[:40]!r} is" if isinstance(role, str) else "is missing or"
        raise problem(".role", f"{said} not a known role; use system, user or assistant")
    if not isinstance(content, str):
        raise problem(".content", "must be a string; lists of content parts are not supported")
    if not content.strip():
        raise problem(".content", f"an {role} turn is empty; fill it or leave the record out" if role == "assistant"
                      else f"a {role} turn is empty; fill it or leave it out")  # fmt: skip
    for token in control_tokens:
        if token in content:
            raise problem(".content", f"holds {token!r}, a control token of the base model; remove it")
    if isinstance(weight, bool) or weight not in (0, 1):
        raise problem(".weight", "must be 0 or 1")
    if "weight" in message and role != Role.ASSISTANT:
        raise problem(".weight", "only assistant turns have a weight")
    return Turn(role=Role(role), content=content, weight=int(weight))


def _source(value: dict[str, object], number: int, source_ids: Sequence[str]) -> str:
    source = value.get("source")
    if source is None:
        if len(source_ids) == 1:
            return source_ids[0]
        raise RecordError(
            "invalid_training_file",
            number,
            "source",
            f"is missing, and the provenance declares {len(source_ids)} sources; name one of {_listed(source_ids)}",
        )
    if not isinstance(source, str):
        raise RecordError("invalid_training_file", number, "source", "must be a string, the id of a declared source")
    if source not in source_ids:
        raise RecordError(
            "undeclared_source",
            number,
            "source",
            f"{source[:80]!r} is not declared; declare it in the provenance or use one of {_listed(source_ids)}",
            param="provenance",
        )
    return source


def _check_whole(
    records: Sequence[Record], source_ids: Sequence[str], *, has_line_problems: bool
) -> Iterator[RecordError]:
    """What only the file as a whole can show; while lines are wrong, counts would mislead."""
    if has_line_problems:
        return
    if len(records) < MIN_RECORDS:
        yield RecordError(
            "invalid_n_examples",
            None,
            "file",
            f"Training file has {len(records)} example(s), but must have at least {MIN_RECORDS} examples",
        )
        return
    used = {record.source for record in records}
    for source in source_ids:
        if source not in used:
            yield RecordError(
                "unused_source",
                None,
                f"source {source!r}",
                "is declared but no record uses it; remove it from the provenance or name it in its records",
                param="provenance",
            )


def _file_problem(message: str) -> RecordError:
    return RecordError("invalid_training_file", None, "file", message)


def _listed(source_ids: Sequence[str]) -> str:
    shown = ", ".join(repr(source) for source in source_ids[:8])
    return shown + (", …" if len(source_ids) > 8 else "")


def _failure(problems: Sequence[RecordError], *, truncated: bool) -> RunFailure:
    """The first problem names code and param; a file that is merely too short keeps the API's own sentence."""
    first = problems[0]
    if first.code == "invalid_n_examples":
        return RunFailure(first.code, first.message, param=first.param)
    shown = [str(problem) for problem in problems[:MAX_PROBLEMS]]
    if truncated:
        shown.append("checking stopped here")
    return RunFailure(first.code, "; ".join(shown), param=first.param)
