"""Rows of one file, streaming in Python: nothing is lost, and every complaint names file and row.

SQL loads faster (`load`), but knows less of where it stumbled, so it comes here when it does.
"""

from __future__ import annotations

import base64
import csv
import datetime
import decimal
import math
import sys
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, BinaryIO, cast

from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.data.sources.datafile import DataFile, unreadable
from labwright.data.sources.jsontext import MOST_ROW_BYTES, elements, lines, parse
from labwright.data.sources.sqlsources import HEAD_LINES, check_header, separator

Numbered = Iterator[tuple[int, dict[str, JsonValue]]]

_BATCH_ROWS = 512
_CUT_CURE = "write it again or copy it again; it may have been cut off"


def walk(file: DataFile, types: Mapping[str, str] | None = None) -> Numbered:
    """Each row with its 1-based number (JSONL, text: its line). `types` are a CSV's columns (`csv_types`).

    Raises:
        DataError: names file and row.
        ServiceError: a file on the Hub could not be fetched.
    """
    number = 0
    try:
        for number, row in _rows(file, types or {}):  # `number` is told below
            yield number, row
    except (EOFError, zlib.error, OSError) as error:
        if isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError):
            raise unreadable(error, file.name) from error
        raise DataError(
            f"the file ends or is damaged after row {number}: {_first_line(error)}",
            where=f"{file.name}:{number + 1}",
            cure=_CUT_CURE,
        ) from error


def _rows(file: DataFile, types: Mapping[str, str]) -> Numbered:
    match file.format:
        case "jsonl":
            return _jsonl(file)
        case "json":
            return _array(file)
        case "csv" | "tsv":
            return _csv(file, types)
        case "text":
            return _text(file)
        case "parquet":
            return _parquet(file)
        case "arrow":
            return _arrow(file)


def plain(value: Any) -> JsonValue:
    """A value of Arrow's as JSON has it: dates as ISO 8601, bytes as a data URL, NaN and infinity as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(name): plain(member) for name, member in value.items()}
        case list() | tuple():
            return [plain(member) for member in value]
        case bytes():
            return "data:;base64," + base64.b64encode(value).decode()
        case datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return value.total_seconds()
        case decimal.Decimal():
            return float(value) if value.is_finite() else None
        case uuid.UUID():
            return str(value)
        case _:
            return str(value)


def _jsonl(file: DataFile) -> Numbered:
    with file.open() as stream:
        for number, text in lines(stream, file.name):
            if text.strip():
                yield number, parse(text, f"{file.name}:{number}")


def _array(file: DataFile) -> Numbered:
    with file.open() as stream:
        yield from enumerate(elements(stream, file.name), start=1)


def _text(file: DataFile) -> Numbered:
    with file.open() as stream:
        for number, text in lines(stream, file.name):
            yield number, {"text": text}


def _csv(file: DataFile, types: Mapping[str, str]) -> Numbered:
    csv.field_size_limit(min(sys.maxsize, MOST_ROW_BYTES))
    with file.open() as stream:
        texts = (f"{text}\n" for _, text in lines(stream, file.name))
        head = list(islice(texts, HEAD_LINES))
        reader = csv.reader(chain(head, texts), delimiter=separator(file.format, head), strict=True)
        number, header = 0, []
        try:
            header = next(reader, [])
            check_header(header, file.name)
            casts: list[Callable[[str], JsonValue]] = [_CASTS.get(types.get(name, ""), str) for name in header]
            for fields in reader:
                if not fields:
                    continue  # an empty line is no row
                number += 1
                if len(fields) != len(header):
                    raise DataError(
                        f"the row has {len(fields)} fields, the header has {len(header)}"
                        f" (the row ends on line {reader.line_num})",
                        where=f"{file.name}:{number}",
                        cure="quote fields that hold the separator, a quote or a line break",
                    )
                values = zip(header, casts, fields, strict=True)
                yield number, {name: None if field == "" else cast(field) for name, cast, field in values}
        except (csv.Error, ValueError) as error:
            raise DataError(
                f"this is not CSV: {error} (near line {reader.line_num})",
                where=f"{file.name}:{number + 1}",
                cure='put fields with separators into "quotes" and double the quotes in them',
            ) from error


def _parquet(file: DataFile) -> Numbered:
    import pyarrow as pa  # noqa: PLC0415  # heavy, and most files are JSONL
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    try:
        with file.open_stored() as stream, pq.ParquetFile(stream) as parquet:
            for batch in parquet.iter_batches(batch_size=_BATCH_ROWS):
                for raw in _dicts(batch):
                    number += 1
                    yield number, raw
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"this is not a whole Parquet file: {_first_line(error)}", where=f"{file.name}:{number + 1}", cure=_CUT_CURE
        ) from error


def _arrow(file: DataFile) -> Numbered:
    import pyarrow as pa  # noqa: PLC0415  # heavy, and most files are JSONL

    number = 0
    try:
        with file.open() as stream:
            for batch in arrow_batches(stream):
                for raw in _dicts(batch):
                    number += 1
                    yield number, raw
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"this is not a whole Arrow file: {_first_line(error)}", where=f"{file.name}:{number + 1}", cure=_CUT_CURE
        ) from error


def arrow_batches(stream: BinaryIO) -> Iterator[Any]:
    """Record batches of an Arrow file or stream. Raises pyarrow.ArrowException."""
    import pyarrow.ipc as ipc  # noqa: PLC0415  # heavy, and most files are JSONL

    if stream.read(6) == b"ARROW1":
        stream.seek(0)
        with ipc.open_file(stream) as reader:
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)
    else:
        stream.seek(0)
        with ipc.open_stream(stream) as reader:
            yield from reader


def _dicts(batch: Any) -> Iterator[dict[str, JsonValue]]:
    for row in batch.to_pylist():
        yield cast("dict[str, JsonValue]", plain(row))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _truth(text: str) -> bool:
    return text.strip().lower() == "true"


_CASTS: Mapping[str, Callable[[str], JsonValue]] = {"BIGINT": int, "DOUBLE": float, "BOOLEAN": _truth}
