"""JSON and lines out of a stream of bytes, within limits; every complaint names file and row."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

from pydantic import JsonValue

from labwright.contracts.errors import DataError

MOST_ROW_BYTES = 1 << 24
"""The largest row; a larger one is an error, not a memory problem."""

_UTF8_CURE = "save the file as UTF-8 (for example: iconv -f latin1 -t utf-8)"
_PIECE = 1 << 18
_BLANK = " \t\r\n"


def lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, decoded, without their ends. Raises DataError."""
    number = 0
    while line := stream.readline(MOST_ROW_BYTES + 2):
        number += 1
        if len(line) > MOST_ROW_BYTES and not line.endswith(b"\n"):
            size = len(line)
            while line and not line.endswith(b"\n"):
                line = stream.readline(MOST_ROW_BYTES)
                size += len(line)
            raise DataError(
                f"the line has {size:,} bytes; at most {MOST_ROW_BYTES:,} are read",
                where=f"{name}:{number}",
                cure="split the row or delete the line",
            )
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"byte {error.start + 1} of the line, 0x{line[error.start]:02x}, is not UTF-8",
                where=f"{name}:{number}",
                cure=_UTF8_CURE,
            ) from error


def parse(text: str, where: str) -> dict[str, JsonValue]:
    """One JSON object. Raises DataError."""
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is not JSON: {error.msg} at column {error.colno}",
            where=where,
            cure="write one JSON object a line; a line that was cut off must be completed or deleted",
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"this cannot be read as JSON: {error}", where=where, cure="correct the line") from error
    _check_characters(value, text, where)
    return as_row(value, where)


def _check_characters(value: JsonValue, source: str, where: str) -> None:
    if "\\ud" not in source and "\\uD" not in source:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            "a \\u escape is half a character", where=where, cure="write the character itself, in UTF-8"
        ) from error


def as_row(value: JsonValue, where: str) -> dict[str, JsonValue]:
    """The value, which must be an object. Raises DataError."""
    if not isinstance(value, dict):
        raise DataError(f"the row is {kind(value)}, not an object", where=where, cure='write {"column": value, …}')
    if "" in value:
        raise DataError("a column has no name", where=where, cure="give each key a name")
    return value


def kind(value: object) -> str:
    """What a JSON value is, for a person."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, dict) else f"a {type(value).__name__}")


def elements(stream: BinaryIO, name: str) -> Iterator[dict[str, JsonValue]]:
    """The objects of a JSON array, one at a time, without the whole of it in memory. Raises DataError."""
    array = _Array(stream, name)
    array.expect("[")
    if array.next_mark() == "]":
        array.finish()
        return
    while True:
        yield array.element()
        if array.expect(",]") == "]":
            array.finish()
            return


class _Array:
    """A window over the text of an array, which grows where an element does not fit."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False
        self._count = 0

    def next_mark(self) -> str:
        """The next character that is no blank, which stays; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._fill(_PIECE)

    def expect(self, marks: str) -> str:
        mark = self.next_mark()
        if not mark or mark not in marks:
            found = f"{mark!r} stands" if mark else "the file ends"
            raise self._fail(f"this is not a JSON array: {found} where {' or '.join(marks)} should")
        self._at += 1
        return mark

    def finish(self) -> None:
        if self.next_mark() == "]":
            self._at += 1
        if self.next_mark():
            raise self._fail("something stands behind the array's end")

    def element(self) -> dict[str, JsonValue]:
        where = f"{self._name}:{self._count + 1}"
        self.next_mark()
        while True:
            error: ValueError | RecursionError | None = None
            end = len(self._text)
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as caught:
                error = caught
            if self._ended or (error is None and end < len(self._text)):
                break
            if len(self._text) - self._at > MOST_ROW_BYTES:
                raise self._fail(f"the row is not complete after {MOST_ROW_BYTES:,} characters")
            self._fill(max(_PIECE, len(self._text) - self._at))
        if error is not None:
            raise self._fail(f"this is not JSON: {error}")
        _check_characters(value, self._text[self._at : end], where)
        self._at = end
        self._count += 1
        return as_row(value, where)

    def _fill(self, size: int) -> None:
        raw = self._stream.read(size)
        try:
            more = self._decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise DataError(
                f"0x{byte:02x} is not UTF-8, in or after row {self._count + 1}",
                where=f"{self._name}:{self._count + 1}",
                cure=_UTF8_CURE,
            ) from error
        self._text, self._at = self._text[self._at :] + more, 0
        self._ended = not raw

    def _fail(self, what: str) -> DataError:
        return DataError(what, where=f"{self._name}:{self._count + 1}", cure="write a JSON array of objects, or JSONL")


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number; write null")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_object)
