"""Files that come as Arrow batches into a scratch table: Arrow, text, Parquet on the Hub, and samples of Parquet."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import duckdb

from labwright.contracts.errors import LabwrightError
from labwright.data.sources.datafile import DataFile
from labwright.data.sources.jsontext import lines
from labwright.data.sources.scratch import quoted
from labwright.data.sources.walk import arrow_batches

Create = Callable[[duckdb.DuckDBPyConnection, str], list[str]]
"""Makes the empty table `raw` like a source; returns the columns' names."""

_Member = TypeVar("_Member")
_TEXT_BYTES = 1 << 23
_PARQUET_ROWS = 4096
_FILES_SAMPLED = 8
_GROUPS_SAMPLED = 4


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a file to load: all of them, or at most so many from a row on, of one row group."""

    file: DataFile
    group: int | None = None
    start: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to load, and what a person is told of it."""

    parts: Sequence[Part]
    how: str = "every row"
    is_sample: bool = False


def everything(files: Sequence[DataFile]) -> Plan:
    """All rows of all files."""
    return Plan([Part(file) for file in files])


def spread(files: Sequence[DataFile], most_rows: int) -> Plan:
    """Row groups spread over Parquet files, at most so many rows of them. Raises as `insert`."""
    chosen = _evenly(files, _FILES_SAMPLED)
    share = -(-most_rows // len(chosen))
    parts: list[Part] = []
    total = 0
    for file in chosen:
        sizes = _group_sizes(file)
        total += sum(sizes)
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        groups = _evenly([index for index, size in enumerate(sizes) if size], _GROUPS_SAMPLED)
        each = -(-share // max(1, len(groups)))
        parts += [Part(file, index, starts[index], min(each, sizes[index])) for index in groups]
    if len(chosen) == len(files) and total <= most_rows:
        return everything(files)
    rows = sum(part.most or 0 for part in parts)
    how = f"{rows:,} rows from {len(parts)} places spread over {len(chosen)} of {len(files)} files"
    return Plan(parts, how, True)


def insert(connection: duckdb.DuckDBPyConnection, plan: Plan, create: Create, left: int | None) -> list[str]:
    """Into the table `raw`, part after part, at most `left` rows; the names of its columns, none where no row came.

    Raises:
        UnreadableError: a file is no such file, or not whole.
        DataError, ServiceError: as reading it raised.
        duckdb.Error: the rows do not fit together.
    """
    names: list[str] = []
    for index, part in enumerate(plan.parts):
        most = part.most if left is None else left if part.most is None else min(left, part.most)
        if most == 0:
            break
        count = _insert(connection, part, create, names, most, index)
        left = None if left is None else left - count
    return names


def _insert(
    connection: duckdb.DuckDBPyConnection, part: Part, create: Create, names: list[str], most: int | None, index: int
) -> int:
    import pyarrow as pa  # noqa: PLC0415  # heavy, and most files are JSONL

    batches = _Careful(_batches(part), part.file)
    first = next(batches, None)
    if first is None:
        return 0
    incoming = list(first.schema.names)
    if not names:
        connection.register("incoming", first.schema.empty_table())
        names += create(connection, "incoming")
        connection.unregister("incoming")
    reader = pa.RecordBatchReader.from_batches(first.schema, _limited(first, batches, most))
    connection.register("incoming", reader)
    try:
        strange = [name for name in incoming if name not in names]
        if strange:
            raise duckdb.InvalidInputException(f"the column {strange[0]!r} is in {part.file.name} but not before")
        columns = ", ".join(quoted(name) if name in incoming else "NULL" for name in names)
        query = f"INSERT INTO raw SELECT {columns}, {index} FROM incoming"
        (count,) = connection.execute(query).fetchone() or (0,)
    except duckdb.Error:
        if batches.stumbled is not None:  # SQL knows only that its source failed
            raise batches.stumbled from None
        raise
    finally:
        connection.unregister("incoming")
    return int(count)


class UnreadableError(Exception):
    """A file is no such file, or not whole; the walk knows the row."""


class _Careful:
    """Batches that keep what went wrong, since on its way through Arrow and SQL an error loses its type."""

    def __init__(self, batches: Iterator[Any], file: DataFile) -> None:
        self._batches, self._file = batches, file
        self.stumbled: LabwrightError | UnreadableError | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        import pyarrow as pa  # noqa: PLC0415  # heavy, and most files are JSONL

        try:
            return next(self._batches)
        except LabwrightError as error:
            self.stumbled = error
            raise
        except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
            self.stumbled = UnreadableError(f"{self._file.name}: {error}")
            raise self.stumbled from error


def _batches(part: Part) -> Iterator[Any]:
    match part.file.format:
        case "parquet":
            return _parquet_batches(part)
        case "arrow":
            return _arrow_file(part.file)
        case _:
            return _text_batches(part.file)


def _parquet_batches(part: Part) -> Iterator[Any]:
    import pyarrow.parquet as pq  # noqa: PLC0415  # heavy, and most files are JSONL

    groups = None if part.group is None else [part.group]
    with part.file.open_stored() as stream, pq.ParquetFile(stream) as parquet:
        if parquet.metadata.num_rows:
            yield from parquet.iter_batches(batch_size=_PARQUET_ROWS, row_groups=groups)


def _arrow_file(file: DataFile) -> Iterator[Any]:
    with file.open() as stream:
        yield from arrow_batches(stream)


def _text_batches(file: DataFile) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415  # heavy, and most files are JSONL

    texts: list[str] = []
    size = 0
    with file.open() as stream:
        for _, text in lines(stream, file.name):
            texts.append(text)
            size += len(text) + 1
            if size >= _TEXT_BYTES:
                yield pa.record_batch({"text": pa.array(texts, pa.string())})
                texts, size = [], 0
    if texts:
        yield pa.record_batch({"text": pa.array(texts, pa.string())})


def _limited(first: Any, batches: Iterator[Any], left: int | None) -> Iterator[Any]:
    batch = first
    while batch is not None:
        taken = batch if left is None else batch.slice(0, left)
        left = None if left is None else left - taken.num_rows
        yield taken
        batch = next(batches, None) if left is None or left > 0 else None


def _group_sizes(file: DataFile) -> list[int]:
    import pyarrow as pa  # noqa: PLC0415  # heavy, and most files are JSONL
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with file.open_stored() as stream, pq.ParquetFile(stream) as parquet:
            return [parquet.metadata.row_group(index).num_rows for index in range(parquet.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError(f"{file.name}: {error}") from error


def _evenly(members: Sequence[_Member], count: int) -> list[_Member]:
    if len(members) <= count:
        return list(members)
    return [members[index * (len(members) - 1) // (count - 1)] for index in range(count)]
