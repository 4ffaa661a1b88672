"""JSON, CSV and Parquet files as sources of SQL, with types that were found over every row and guess nothing."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Mapping, Sequence

import duckdb
from duckdb.sqltypes import DuckDBPyType

from labwright.contracts.errors import DataError
from labwright.data.sources.datafile import DataFile
from labwright.data.sources.formats import Format
from labwright.data.sources.jsontext import MOST_ROW_BYTES, lines
from labwright.data.sources.scratch import literal, literals, quoted

Types = list[tuple[str, str]]
"""Columns and their DuckDB types."""

_COMPRESSIONS = {"": "none", "gz": "gzip", "zst": "zstd"}
_TEXTUAL = frozenset({"date", "time", "timestamp", "timestamp with time zone", "timestamp_s", "timestamp_ms", "uuid"})
_NOTHING = frozenset({"null", "sqlnull"})
_ALL = 9_223_372_036_854_775_807
_FIRST_ROWS = 20_480
_MARKS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_QUOTED = re.compile(r'"[^"]*"')

HEAD_LINES = 2
"""Lines of a CSV file that `separator` looks at."""


def parquet_source(paths: Sequence[str]) -> str:
    """Columns by name: files may have them in another order, or lack some."""
    return f"read_parquet({literals(paths)}, union_by_name = true)"


def json_types(
    connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], paths: Sequence[str], *, whole: bool = True
) -> Types:
    """Over every row, or (quickly, for a guess) over the first. Raises duckdb.Error."""
    return _described(connection, json_detecting(files, paths, whole=whole))


def json_detecting(files: Sequence[DataFile], paths: Sequence[str], *, whole: bool = True) -> str:
    """A source with DuckDB's own names and types."""
    rows = -1 if whole else _FIRST_ROWS
    return (
        f"read_json({literals(paths)}, {_json_options(files)}, union_by_name = true, sample_size = {rows},"
        f" maximum_sample_files = {_ALL}, map_inference_threshold = -1)"
    )


def json_source(files: Sequence[DataFile], paths: Sequence[str], types: Types) -> str:
    """A source with these columns; what a row has beside them is not seen, so they must be all."""
    if has_twins(types):
        return json_detecting(files, paths)
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types)
    return f"read_json({literals(paths)}, {_json_options(files)}, columns = {{{columns}}})"


def has_twins(types: Types) -> bool:
    """Whether keys differ in case only, so that DuckDB gave one of them a name of its own."""
    names = {name.lower() for name, _ in types}
    return any(
        number.isdecimal() and stem.lower() in names for stem, _, number in (name.rpartition("_") for name, _ in types)
    )


def csv_source(files: Sequence[DataFile], paths: Sequence[str], types: Mapping[str, str] | None = None) -> str:
    """A source with these types, or with those that fit every row. Raises DataError."""
    delimiter = _separator_of_all(files)
    if types is None:
        how = "sample_size = -1, auto_type_candidates = ['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR']"
    else:
        how = "types = {" + ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items()) + "}"
    return (
        f"read_csv({literals(paths)}, delim = {literal(delimiter)}, header = true, quote = '\"', escape = '\"',"
        f" comment = '', skip = 0, strict_mode = true, null_padding = false, union_by_name = true,"
        f" max_line_size = {MOST_ROW_BYTES}, compression = {literal(_compression(files))}, {how})"
    )


def csv_column_types(
    connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], paths: Sequence[str]
) -> Mapping[str, str]:
    """Over every row. Raises duckdb.Error, DataError."""
    for file in files:
        _check_header(file)
    return dict(_described(connection, csv_source(files, paths)))


def csv_types(files: Sequence[DataFile]) -> Mapping[str, str]:
    """The types of the columns of local CSV files, for a walk; of other files, nothing."""
    if not files or files[0].format not in ("csv", "tsv") or not all(file.is_local for file in files):
        return {}
    paths = [file.path for file in files]
    try:
        with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
            return csv_column_types(connection, files, paths)
    except duckdb.Error:
        return {}  # ragged or damaged: the walk says where, and what comes before it is text


def _json_options(files: Sequence[DataFile]) -> str:
    shape = "array" if files[0].format == "json" else "newline_delimited"
    return (
        f"format = '{shape}', records = true, maximum_object_size = {MOST_ROW_BYTES},"
        f" compression = {literal(_compression(files))}"
    )


def _compression(files: Sequence[DataFile]) -> str:
    kinds = {file.compression for file in files}
    return _COMPRESSIONS[kinds.pop()] if len(kinds) == 1 else "auto"


def _check_header(file: DataFile) -> None:
    delimiter = separator(file.format, _head_of(file))
    with file.open() as stream:
        reader = csv.reader((f"{text}\n" for _, text in lines(stream, file.name)), delimiter=delimiter)
        check_header(next(reader, []), file.name)


def _separator_of_all(files: Sequence[DataFile]) -> str:
    found = {separator(file.format, _head_of(file)): file for file in files}
    if len(found) > 1:
        first, other = list(found)[:2]
        raise DataError(
            f"the files do not part their columns alike: {_MARKS[first]} in {found[first].name}, {_MARKS[other]} here",
            where=found[other].name,
            cure="write them again in one way, or name those of one kind",
        )
    return next(iter(found))


def _head_of(file: DataFile) -> list[str]:
    """The lines that tell what parts the columns."""
    with file.open() as stream:
        return [f"{text}\n" for _, text in itertools.islice(lines(stream, file.name), HEAD_LINES)]


def separator(kind: Format, head: Sequence[str]) -> str:
    """What parts the columns, told from the first lines: Excel writes CSV with `;` where the comma is decimal.

    A header with a comma has commas. One without has another mark only where the line below it has that mark as often.
    """
    if kind == "tsv":
        return "\t"
    header, first = (_QUOTED.sub("", text) for text in (*head, "", "")[:2])
    if "," in header:
        return ","
    shared = {mark: header.count(mark) for mark in _MARKS if header.count(mark) == first.count(mark)}
    likeliest = max(shared, key=lambda mark: shared[mark], default=",")
    return likeliest if shared.get(likeliest) else ","


def check_header(header: Sequence[str], name: str) -> None:
    """Raises DataError for a header that cannot name columns."""
    where = f"{name}, header"
    if not header:
        raise DataError("the file holds no header", where=where, cure="name the columns on the first line")
    seen: set[str] = set()
    for column in header:
        if column.lower() in seen:
            raise DataError(f"the column {column!r} is there twice", where=where, cure="rename one of them")
        seen.add(column.lower())
    if "" in seen:
        raise DataError("a column has no name", where=where, cure="name every column on the first line")


def _described(connection: duckdb.DuckDBPyConnection, source: str) -> Types:
    relation = connection.sql(f"SELECT * FROM {source}")
    return [(name, _honest(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)]


def _honest(kind: DuckDBPyType) -> str:
    """The type without guesses: what stood there as a string stays one, also where it looks like a date."""
    match kind.id:
        case "list":
            return f"{_honest(members_of(kind)[0][1])}[]"
        case "struct":
            return "STRUCT(" + ", ".join(f"{quoted(name)} {_honest(child)}" for name, child in members_of(kind)) + ")"
        case name if name in _TEXTUAL or name in _NOTHING:
            return "VARCHAR"  # what is null everywhere could be anything, and SQL's functions take text
        case _:
            return str(kind)


def members_of(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """A struct's fields, or a list's one member, with their types."""
    return [(name, child) for name, child in kind.children if isinstance(child, DuckDBPyType)]
