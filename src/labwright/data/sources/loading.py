"""Files into a scratch table: types found over every row, rows in their order, on disk.

JSON, CSV and local Parquet are read by DuckDB in parallel; the rest comes as Arrow batches. Where DuckDB stumbles, the
files are walked in Python, which knows the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb
from pydantic import JsonValue

from labwright.contracts.errors import DataError, StorageError
from labwright.data.sources.batches import UnreadableError, everything, insert, spread
from labwright.data.sources.datafile import DataFile, unreadable
from labwright.data.sources.linesample import sample_lines
from labwright.data.sources.places import Places, Stretch
from labwright.data.sources.scratch import Scratch, quoted
from labwright.data.sources.sqlsources import (
    Types,
    csv_column_types,
    csv_source,
    has_twins,
    json_source,
    json_types,
    parquet_source,
)
from labwright.data.sources.walk import walk

_MOST_DEPTH = 120
_WORTH_A_THREAD = 32_000_000  # bytes; below, finding types takes no time


@dataclass(frozen=True, slots=True)
class LoadedFiles:
    """What `load_files` made."""

    relation: str
    columns: Mapping[str, str]
    rows: int
    is_sample: bool
    how: str
    places: Places
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Job:
    """The files to load as they lie on disk, and what a sample of lines stands for."""

    files: Sequence[DataFile]
    paths: Sequence[str]
    most_rows: int | None
    sampled: Sequence[Stretch] = ()


def load_files(files: Sequence[DataFile], scratch: Scratch, most_rows: int | None) -> LoadedFiles:
    """See `Table.load`."""
    job = _job(files, scratch, most_rows)
    try:
        with scratch.loading(job.paths) as (connection, database):
            loaded = _by_sql(connection, job) if job.paths else _by_batches(connection, files, most_rows)
            columns, renamed = _view(connection, loaded.names) if loaded.names else ({}, {})
        catalog = scratch.attach(database)
    except duckdb.OutOfMemoryException as error:
        raise StorageError(
            f"the data does not fit the scratch folder or the memory given: {_first_line(error)}",
            where=str(scratch.folder),
            cure="free some space there, or give more memory",
        ) from error
    except (duckdb.Error, UnreadableError) as error:
        raise _diagnosed(job, error) from error
    rows = sum(stretch.rows for stretch in loaded.stretches)
    how = loaded.how or (f"the first {rows:,} rows" if loaded.is_sample else "every row")
    relation = f'"{catalog}"."main"."data"'
    return LoadedFiles(relation, columns, rows, loaded.is_sample, how, Places(loaded.stretches), renamed)


@dataclass(frozen=True, slots=True)
class _Loaded:
    names: Sequence[str]
    stretches: Sequence[Stretch]
    is_sample: bool
    how: str = ""


def _job(files: Sequence[DataFile], scratch: Scratch, most_rows: int | None) -> _Job:
    first = files[0].format
    if first in ("text", "arrow") or (first == "parquet" and (most_rows is not None or not _all_local(files))):
        return _Job(files, (), most_rows)
    if first == "jsonl" and most_rows is not None and _all_local(files) and not any(f.compression for f in files):
        target = scratch.fresh("sample.jsonl")
        try:
            sampled = sample_lines(files, most_rows, target)
        except OSError as error:
            raise StorageError.of(error, str(target)) or unreadable(error, files[0].name) from error
        if sampled:
            size = target.stat().st_size
            return _Job([DataFile(str(target), target.name, "jsonl", "", size)], [str(target)], most_rows, sampled)
    return _Job(files, [_plain_path(file, scratch) for file in files], most_rows)


def _all_local(files: Sequence[DataFile]) -> bool:
    return all(file.is_local for file in files)


def _plain_path(file: DataFile, scratch: Scratch) -> str:
    """A path that DuckDB does not take for a pattern."""
    path = file.on_disk(scratch.folder).absolute()
    if not path.is_file():
        raise DataError("there is no such file", where=file.name, cure="correct the path")
    if not any(mark in str(path) for mark in "*?[]{}"):
        return str(path)
    link = scratch.fresh("link")
    link.symlink_to(path)
    return str(link)


def _by_sql(connection: duckdb.DuckDBPyConnection, job: _Job) -> _Loaded:
    filled = [(file, path) for file, path in zip(job.files, job.paths, strict=True) if file.bytes != 0]
    if not filled:
        return _Loaded((), (), False)
    files, paths = [file for file, _ in filled], [path for _, path in filled]
    match files[0].format:
        case "parquet":
            names = _create(connection, parquet_source(paths), job.most_rows)
        case "csv" | "tsv":
            types = csv_column_types(connection, files, paths)
            names = _create(connection, csv_source(files, paths, types), job.most_rows)
        case _:
            names = _create_from_json(connection, files, paths, job.most_rows)
            _refuse_nan(connection)
    is_sample = _cut_to(connection, job.most_rows)
    if job.sampled:
        how = f"{sum(s.rows for s in job.sampled):,} rows from {len(job.sampled)} places spread over the files"
        return _Loaded(names, job.sampled, True, how)
    stretches = [Stretch(files[index], rows) for index, rows in _counts(connection)]
    return _Loaded(names, stretches, is_sample)


def _create_from_json(
    connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], paths: Sequence[str], most_rows: int | None
) -> list[str]:
    """Types are those of every row. In a large file that takes as long as loading, so both go on at once.

    The types of the first rows are mostly those of all; where they are not, what was loaded is loaded again.
    """
    whole = partial(json_types, connection.cursor(), files, paths)
    if sum(file.bytes or 0 for file in files) < _WORTH_A_THREAD:
        return _create(connection, json_source(files, paths, whole()), most_rows)
    with ThreadPoolExecutor(1) as thread:
        finding = thread.submit(whole)
        guess: Types = []
        names: list[str] = []
        try:
            guess = json_types(connection, files, paths, whole=False)
            names = _create(connection, json_source(files, paths, guess), most_rows)
        except duckdb.Error:  # the guess was wrong, or the file is: the types of all rows will tell
            guess = []
        types = finding.result()
    if guess != types or has_twins(types):
        connection.execute("DROP TABLE IF EXISTS raw")
        names = _create(connection, json_source(files, paths, types), most_rows)
    return names


def _by_batches(connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], most_rows: int | None) -> _Loaded:
    plan = spread(files, most_rows) if files[0].format == "parquet" and most_rows is not None else everything(files)
    names = insert(connection, plan, _create_empty, None if most_rows is None else most_rows + 1)
    if not names:
        return _Loaded((), (), False)
    cut = _cut_to(connection, most_rows)
    stretches = [Stretch(plan.parts[index].file, rows, plan.parts[index].start) for index, rows in _counts(connection)]
    return _Loaded(names, stretches, cut or plan.is_sample, plan.how)


def _create_empty(connection: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    return _create(connection, source, -1, "0")


def _create(
    connection: duckdb.DuckDBPyConnection, source: str, most_rows: int | None, file: str = "file_index"
) -> list[str]:
    """The table `raw` with columns c0, c1, … (so that no name of the data means anything) and f, the file.

    One row more than `most_rows`, which tells whether there are more.
    """
    names = list(connection.sql(f"SELECT * FROM {source}").columns)
    columns = ", ".join(f"{quoted(name)} AS c{index}" for index, name in enumerate(names))
    limit = f" LIMIT {int(most_rows) + 1}" if most_rows is not None else ""
    connection.execute(f"CREATE TABLE raw AS SELECT {columns}, {file} AS f FROM {source}{limit}")
    return names


def _cut_to(connection: duckdb.DuckDBPyConnection, most_rows: int | None) -> bool:
    """Delete the row too many; whether there was one."""
    if most_rows is None:
        return False
    (count,) = connection.execute(f"DELETE FROM raw WHERE rowid >= {int(most_rows)}").fetchone() or (0,)
    return bool(count)


def _counts(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """Files (by their index) in the order of their rows, with the number of these."""
    return connection.execute("SELECT f, count(*) FROM raw GROUP BY f ORDER BY min(rowid)").fetchall()


def _view(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The view `data`: the table's order is the files', so `rowid` is the number of the row."""
    taken, renamed = {"_n"}, {}
    shown: list[str] = []
    for name in names:
        here = name
        while here.lower() in taken:
            here += "_"
        taken.add(here.lower())
        if here != name:
            renamed[name] = here
        shown.append(here)
    columns = ", ".join(f"c{index} AS {quoted(here)}" for index, here in enumerate(shown))
    connection.execute(f"CREATE VIEW data AS SELECT rowid AS _n, {columns} FROM raw")
    types = connection.sql("SELECT * FROM raw").types
    return {here: str(kind) for here, kind in zip(shown, types, strict=False)}, renamed


def _refuse_nan(connection: duckdb.DuckDBPyConnection) -> None:
    """NaN and Infinity are no JSON, though DuckDB takes them."""
    relation = connection.sql("SELECT * FROM raw")
    wide = [name for name, kind in zip(relation.columns, relation.types, strict=True) if kind.id == "double"]
    where = " OR ".join(f"NOT isfinite({name})" for name in wide)
    if wide and connection.execute(f"SELECT 1 FROM raw WHERE {where} LIMIT 1").fetchone():
        raise duckdb.InvalidInputException("NaN or Infinity stands there, which JSON has not")


def _diagnosed(job: _Job, error: Exception) -> DataError:
    """The error with its file and row, found by walking; DuckDB's own words where the walk finds nothing wrong."""
    said = _first_line(error)
    named = [file for file in job.files if file.path in said or Path(file.path).name in said]
    seen = 0
    for file in named or job.files:
        try:
            for number, row in walk(file):
                if "recursion depth" in said:
                    _refuse_depth(row, f"{file.name}:{number}")
                seen += 1
        except DataError as found:
            if not job.sampled:
                return found
            place = Places(job.sampled).locate(seen)
            return DataError(found.what, where=str(place), cure=found.cure)
    if not seen and not named:
        return DataError("there are no rows", where=job.files[0].name, cure="give data with at least one row")
    where = ", ".join(file.name for file in (named or job.files)[:3])
    return DataError(f"the data cannot be loaded: {said}", where=where, cure="check that its rows have one shape")


def _refuse_depth(row: JsonValue, where: str) -> None:
    """Raises DataError for a row that is nested deeper than DuckDB reads."""
    level, depth = [row], 0
    while level:
        depth += 1
        level = [member for one in level for member in _members(one)]
    if depth > _MOST_DEPTH:
        raise DataError(
            f"the row is nested {depth} deep; at most {_MOST_DEPTH} is read", where=where, cure="flatten it"
        )


def _members(value: JsonValue) -> Sequence[JsonValue]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:400]
