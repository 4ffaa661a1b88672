"""Rows of a training set, read from JSONL or Parquet.

Whatever a row looks like on disk, everything downstream (audit, contamination checks, transforms) asks for a prompt and
a completion. Files come from people and from scripts, so every complaint names the file, the line and the field, and
says what to do about it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.contracts.specs import DataFormat

Raw = Mapping[str, JsonValue]

_JSONL = frozenset({".jsonl", ".ndjson"})
_PARQUET = frozenset({".parquet"})
_COLUMNS: Mapping[DataFormat, tuple[str, ...]] = {
    "prompt-completion": ("prompt", "completion"),
    "messages": ("messages",),
    "text": ("text",),
}
_BATCH_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One training example. `number` is its 1-based line number; `raw` is everything that stood there."""

    number: int
    raw: Raw
    prompt: str
    completion: str

    @property
    def text(self) -> str:
        """Prompt and completion as one text."""
        return f"{self.prompt}\n{self.completion}" if self.prompt else self.completion


def read_rows(path: Path, data_format: DataFormat) -> list[Row]:
    """Every row of a file; blank lines are skipped but counted, so that numbers are line numbers.

    Raises:
        DataError: the file is missing, empty, malformed, or a row does not fit the format.
    """
    return list(iterate_rows(path, data_format))


def iterate_rows(path: Path, data_format: DataFormat) -> Iterator[Row]:
    """As `read_rows`, one row at a time.

    Raises:
        DataError: the file is missing, empty, malformed, or a row does not fit the format.
    """
    empty = True
    for number, raw in _iterate_raw(path, data_format):
        empty = False
        yield row_from(raw, number, data_format, path)
    if empty:
        raise DataError("the file holds no rows", where=str(path), cure="write at least one training example")


def row_from(raw: Raw, number: int, data_format: DataFormat, path: Path) -> Row:
    """Find prompt and completion in what stood on line `number` of `path`.

    Raises:
        DataError: a field is missing, has the wrong type or is empty.
    """
    where = f"{path}, line {number}"
    if data_format == "prompt-completion":
        prompt = _string(raw, "prompt", where)
        return Row(number, raw, prompt, _filled(_string(raw, "completion", where), "completion", where))
    if data_format == "text":
        return Row(number, raw, "", _filled(_string(raw, "text", where), "text", where))
    prompt, completion = _turns(raw, where)
    return Row(number, raw, prompt, completion)


def _iterate_raw(path: Path, data_format: DataFormat) -> Iterator[tuple[int, Raw]]:
    suffix = path.suffix.lower()
    if suffix not in _JSONL | _PARQUET:
        raise DataError(
            f"a training set cannot be read from a {suffix or 'suffixless'} file",
            where=str(path),
            cure="use JSONL (one JSON object a line, .jsonl) or Parquet (.parquet)",
        )
    if not path.is_file():
        problem = "this is a directory, not a file" if path.is_dir() else "there is no such file"
        raise DataError(problem, where=str(path), cure="correct the path; it is relative to study.yaml")
    if suffix in _PARQUET:
        return _iterate_parquet(path, _COLUMNS[data_format])
    return _iterate_jsonl(path)


def _iterate_jsonl(path: Path) -> Iterator[tuple[int, Raw]]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                text = _decode(line, number, path)
                if text.strip():
                    yield number, _parse(text, number, path)
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {error.strerror}", where=str(path), cure="correct its path or its permissions"
        ) from error


def _decode(line: bytes, number: int, path: Path) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"byte {error.start + 1} of the line, 0x{line[error.start]:02x}, is not UTF-8",
            where=f"{path}, line {number}",
            cure="save the file as UTF-8 (for example: iconv -f latin1 -t utf-8)",
        ) from error


def _parse(text: str, number: int, path: Path) -> Raw:
    where = f"{path}, line {number}"
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is not JSON: {error.msg} at column {error.colno}",
            where=where,
            cure="write one JSON object a line; a line that was cut off must be completed or deleted",
        ) from error
    except UnicodeEncodeError as error:
        raise DataError(
            "a \\u escape is half a character", where=where, cure="write the character itself, in UTF-8"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"this cannot be read as JSON: {error}", where=where, cure="correct the line") from error
    if not isinstance(value, dict):
        raise DataError(
            f"the line holds {_kind(value)}, not an object", where=where, cure='write {"prompt": …, "completion": …}'
        )
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number; write null")


def _iterate_parquet(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, Raw]]:
    import pyarrow as pa  # noqa: PLC0415  # heavy, and most training sets are JSONL
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(path) as file:
            present = list(file.schema_arrow.names)
            for column in columns:
                if column not in present:
                    _refuse_missing(column, present, f"{path}, column {column!r}")
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for raw in batch.to_pylist():
                    number += 1
                    yield number, raw
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"this is not a whole Parquet file: {str(error).splitlines()[0]}",
            where=str(path),
            cure="write it again or copy it again; it may have been cut off",
        ) from error


def _string(raw: Raw, field: str, where: str) -> str:
    if field not in raw:
        _refuse_missing(field, list(raw), f"{where}, field {field!r}")
    value = raw[field]
    if not isinstance(value, str):
        raise DataError(
            f"{field!r} is {_kind(value)}, not a string",
            where=f"{where}, field {field!r}",
            cure="write the value as text, in quotes",
        )
    return value


def _filled(value: str, field: str, where: str) -> str:
    if not value:
        raise DataError(
            f"{field!r} is empty: there is nothing to learn",
            where=f"{where}, field {field!r}",
            cure="fill it in or delete the line",
        )
    return value


def _turns(raw: Raw, where: str) -> tuple[str, str]:
    """All before the last assistant turn, and that turn."""
    if "messages" not in raw:
        _refuse_missing("messages", list(raw), f"{where}, field 'messages'")
    messages = raw["messages"]
    if not isinstance(messages, list) or not messages:
        raise DataError(
            f"'messages' is {_kind(messages)}, not a list of turns",
            where=f"{where}, field 'messages'",
            cure='write [{"role": "user", "content": …}, {"role": "assistant", "content": …}]',
        )
    turns: list[tuple[str, str]] = []
    for position, message in enumerate(messages):
        place = f"{where}, field 'messages[{position}]'"
        if not isinstance(message, dict):
            raise DataError(f"a turn is {_kind(message)}", where=place, cure='write {"role": …, "content": …}')
        turns.append((_string(message, "role", place), _string(message, "content", place)))
    last = max((i for i, (role, _) in enumerate(turns) if role == "assistant"), default=None)
    if last is None:
        raise DataError(
            f"no turn has the role 'assistant'; the roles are {sorted({role for role, _ in turns})}",
            where=f"{where}, field 'messages'",
            cure="end the conversation with the assistant's answer",
        )
    prompt = "\n".join(content for _, content in turns[:last])
    return prompt, _filled(turns[last][1], f"messages[{last}].content", where)


def _refuse_missing(field: str, present: list[str], where: str) -> NoReturn:
    there = ", ".join(repr(name) for name in present[:12]) or "nothing"
    raise DataError(
        f"{field!r} is missing; there is {there}",
        where=where,
        cure=f"rename a column to {field!r}, or give the data's true `format` in study.yaml "
        "(prompt-completion, messages or text)",
    )


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, list) and not value:
        return "an empty list"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), f"a {type(value).__name__}")
