"""DuckDB's types as a person reads them: `string`, `int64`, `list<struct<role: string, content: string>>`."""

from __future__ import annotations

import duckdb
from duckdb.sqltypes import DuckDBPyType

from labwright.data.sources.sqlsources import members_of

_NAMES = {
    "varchar": "string",
    "boolean": "bool",
    "tinyint": "int8",
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "hugeint": "int128",
    "utinyint": "uint8",
    "usmallint": "uint16",
    "uinteger": "uint32",
    "ubigint": "uint64",
    "uhugeint": "uint128",
    "float": "float32",
    "double": "float64",
    "blob": "bytes",
    "json": "mixed",
    "timestamp with time zone": "timestamp",
    "timestamp_s": "timestamp",
    "timestamp_ms": "timestamp",
    "timestamp_ns": "timestamp",
    "null": "null",
}
_INTEGERS = frozenset(name for name in _NAMES if name.endswith("int") or name == "integer")


def readable(kind: str | DuckDBPyType) -> str:
    """A type, or its text in SQL, for a person. A column of JSON text holds values of several types: `mixed`."""
    found = duckdb.type(kind) if isinstance(kind, str) else kind
    if str(found).upper() == "JSON":
        return "mixed"
    match found.id:
        case "list" | "array":
            return f"list<{readable(members_of(found)[0][1])}>"
        case "struct":
            return "struct<" + ", ".join(f"{name}: {readable(child)}" for name, child in members_of(found)) + ">"
        case "map":
            members = [readable(child) for _, child in members_of(found)]
            return f"map<{', '.join(members)}>"
        case "decimal":
            return str(found).lower()
        case name:
            return _NAMES.get(name, name)


def sort_of(kind: str) -> str:
    """`number`, `string`, `bool`, `list`, `time`, `mixed` or `other`: which statistics mean something."""
    found = duckdb.type(kind)
    if kind.upper() == "JSON":
        return "mixed"
    match found.id:
        case "varchar":
            return "string"
        case "boolean":
            return "bool"
        case "list" | "array":
            return "list"
        case "float" | "double" | "decimal":
            return "number"
        case name if name in _INTEGERS:
            return "number"
        case name if name.startswith(("date", "timestamp", "time")):
            return "time"
        case _:
            return "other"
