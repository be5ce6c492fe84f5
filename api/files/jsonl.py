"""Is this JSON Lines? Checked while the bytes arrive, in bounded memory. Pure.

Each line that is not blank must be one JSON object in UTF-8, no longer and no deeper than the limits. A byte order mark at
the start, CRLF line ends and a missing last line end are accepted. What the records mean is checked later, by screening.
"""

import codecs
import json
import re
from typing import Any

import msgspec

from api.errors import InvalidRequestError
from api.limits import MAX_RECORD_DEPTH

_BYTE = re.compile(r" \(byte (\d+)\)$")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class JsonLinesError(InvalidRequestError):
    """``line`` and ``column`` count from 1, the column in characters; it is absent where the whole line is meant."""

    code = "invalid_training_file"

    def __init__(self, line: int, column: int | None, complaint: str) -> None:
        place = f"line {line}" if column is None else f"line {line}, column {column}"
        super().__init__(f"file: {place}: {complaint}", param="file")
        self.line = line
        self.column = column


class JsonLinesCheck:
    """Feed it the file in pieces of any size, then ``finish``. Both raise ``JsonLinesError``."""

    def __init__(self, max_line_bytes: int) -> None:
        self.records = 0
        self._max_line_bytes = max_line_bytes
        self._line = 1
        self._pending = bytearray()

    def feed(self, piece: bytes) -> None:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            if self._pending:
                self._extend(piece[start:end])
                self._take(bytes(self._pending))
                self._pending.clear()
            else:
                self._take(piece[start:end])
            self._line += 1
            start = end + 1
        if start < len(piece):
            self._extend(piece[start:])

    def finish(self) -> int:
        """The number of records, at least one."""
        self._take(bytes(self._pending))
        self._pending.clear()
        if self.records == 0:
            raise InvalidRequestError(
                "file: it holds no records; write one JSON object a line.", param="file", code="invalid_training_file"
            )
        return self.records

    def _extend(self, piece: bytes) -> None:
        if len(self._pending) + len(piece) > self._max_line_bytes + len(codecs.BOM_UTF8) + 1:
            raise self._too_long()
        self._pending += piece

    def _too_long(self) -> JsonLinesError:
        return JsonLinesError(
            self._line, None, f"it is longer than {self._max_line_bytes} bytes; is each record on a line of its own?"
        )

    def _take(self, line: bytes) -> None:
        if self._line == 1:
            if line.startswith(_UTF16):
                raise JsonLinesError(1, 1, "this is UTF-16; save the file as UTF-8.")
            line = line.removeprefix(codecs.BOM_UTF8)
        line = line.removesuffix(b"\r")
        if len(line) > self._max_line_bytes:
            raise self._too_long()
        if not line.strip():
            return
        record = self._decode(line)
        if not isinstance(record, dict):
            raise JsonLinesError(self._line, 1, "this is not a JSON object; begin each line with '{'.")
        if line.count(b"{") + line.count(b"[") > MAX_RECORD_DEPTH and _depth_exceeds(record, MAX_RECORD_DEPTH):
            raise self._too_deep()
        self.records += 1

    def _decode(self, line: bytes) -> Any:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            column = len(line[: error.start].decode("utf-8")) + 1
            raise JsonLinesError(self._line, column, "this is not UTF-8; save the file as UTF-8.") from error
        try:
            return msgspec.json.decode(text)
        except RecursionError as error:
            raise self._too_deep() from error
        except msgspec.DecodeError as error:
            place, complaint = _located(text, str(error))
            raise JsonLinesError(self._line, place, complaint) from error

    def _too_deep(self) -> JsonLinesError:
        return JsonLinesError(self._line, None, f"it is nested deeper than {MAX_RECORD_DEPTH} levels.")


def _located(text: str, complaint: str) -> tuple[int | None, str]:
    """The column and the words for a text that was refused. The standard parser is slower and places mistakes better, but
    accepts what is no JSON: NaN, numbers beyond all range, halves of surrogate pairs."""
    try:
        json.loads(text, parse_int=len, parse_float=len)
    except json.JSONDecodeError as error:
        return error.pos + 1, f"this is not JSON: {error.msg[:1].lower()}{error.msg[1:]}."
    except RecursionError:
        return None, f"it is nested deeper than {MAX_RECORD_DEPTH} levels."
    if at := _BYTE.search(complaint):
        column = len(text.encode()[: int(at[1])].decode("utf-8", "replace")) + 1
        return column, "this is not JSON: invalid character."
    if complaint.startswith("Number"):
        return None, "this is not JSON: a number is out of range."
    return None, "this is not JSON: a \\u escape is half of a surrogate pair."


def _depth_exceeds(record: Any, limit: int) -> bool:
    level = [record]
    for _ in range(limit):
        level = [
            child
            for value in level
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True
