"""A person's or a model's condition in SQL, checked before it runs: it may look at one row's columns and nothing else.

DuckDB parses it; what is not an operator or a function of its arguments alone is refused by name: subqueries, windows,
aggregates, tables, parameters, anything that reads a clock, a setting, a file, or draws at random. What passes then
runs in a scratch database without access to anything outside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

import duckdb
from pydantic import JsonValue

from labwright.contracts.errors import DataError

_KINDS = frozenset(
    {
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "LAMBDA",
        "OPERATOR",
        "TYPE",
    }
)
_WORDS = {
    "SUBQUERY": "a query within the condition",
    "WINDOW": "a window function, which looks at other rows",
    "STAR": "a star",
    "PARAMETER": "a parameter",
    "POSITIONAL_REFERENCE": "a column by its number",
    "DEFAULT": "DEFAULT",
}
_MACROS = frozenset(
    {
        "array_to_string",
        "date_add",
        "days_in_month",
        "fdiv",
        "if",
        "json",
        "map_contains_entry",
        "map_contains_value",
        "nullif",
        "split_part",
    }
)
_MACRO_FAMILIES = ("array_", "list_")
_NOT_FOR_ROWS = ("__internal", "json_serialize", "json_deserialize")
_ALSO_REFUSED = frozenset({"age", "version", "generate_series", "range", "repeat", "lpad", "rpad", "error"})
_CURE = "write a condition over the columns of one row, such as length(prompt) < 2000 AND level = 'easy'"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was checked."""

    text: str

    @property
    def sql(self) -> str:
        """In brackets; a row for which it is null does not meet it."""
        return f"coalesce(CAST((\n{self.text}\n) AS BOOLEAN), false)"


def checked(text: str, columns: Mapping[str, str]) -> Condition:
    """The condition, if it looks at nothing but the columns of a row.

    Raises:
        DataError: it is no SQL, names an unknown column, or holds what a condition may not.
    """
    if not text.strip():
        raise _refused(text, "the condition is empty")
    tree = _tree(text)
    names = {name.lower() for name in (*columns, "_n")}
    _walk(tree, names, text, columns)
    return Condition(text)


def _tree(text: str) -> Mapping[str, JsonValue]:
    """The condition's syntax tree. It is parsed as the one thing selected, so it cannot be more than an expression."""
    with duckdb.connect(config={"enable_external_access": False}) as connection:
        query = f"SELECT (\n{text}\n) FROM rows_of_the_version"
        (answer,) = connection.execute("SELECT json_serialize_sql($1)", [query]).fetchone() or ("{}",)
    parsed = json.loads(answer)
    if parsed.get("error"):
        raise _refused(text, f"this is no condition in SQL: {parsed.get('error_message', 'it cannot be read')}")
    statements = parsed.get("statements", [])
    node = statements[0]["node"] if len(statements) == 1 else {}
    selected = node.get("select_list", [])
    rest = ("where_clause", "having", "qualify", "sample", "group_expressions", "modifiers")
    table = node.get("from_table", {})
    if len(selected) != 1 or any(node.get(part) for part in rest) or table.get("table_name") != "rows_of_the_version":
        raise _refused(text, "this is more than a condition")
    return cast("Mapping[str, JsonValue]", selected[0])


def _walk(node: JsonValue | Mapping[str, JsonValue], names: set[str], text: str, columns: Mapping[str, str]) -> None:
    if isinstance(node, list):
        for member in node:
            _walk(member, names, text, columns)
        return
    if not isinstance(node, Mapping):
        return
    kind = node.get("class")
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise _refused(text, f"{_WORDS.get(kind, kind.lower())} is not allowed here")
        if kind == "LAMBDA":
            names = names | set(_parameters(node.get("lhs")))
        if kind == "COLUMN_REF":
            _check_column(node, names, text, columns)
        if kind == "FUNCTION":
            _check_function(node, text)
    for member in node.values():
        _walk(member, names, text, columns)


def _check_column(node: Mapping[str, JsonValue], names: set[str], text: str, columns: Mapping[str, str]) -> None:
    path = node.get("column_names")
    first = str(path[0]) if isinstance(path, list) and path else ""
    if first.lower() not in names:
        there = ", ".join(columns)
        raise _refused(text, f"there is no column {first!r}", cure=f"choose from: {there}; texts stand in 'quotes'")


def _check_function(node: Mapping[str, JsonValue], text: str) -> None:
    name = str(node.get("function_name", "")).lower()
    if node.get("schema") or node.get("catalog") or name not in _allowed():
        raise _refused(text, f"the function {name!r} is not allowed here: a row's values alone decide")


def _parameters(node: JsonValue) -> Iterator[str]:
    """The names that a lambda gives its arguments."""
    match node:
        case {"class": "COLUMN_REF", "column_names": [str(name)]}:
            yield name.lower()
        case dict():
            for member in node.values():
                yield from _parameters(member)
        case list():
            for member in node:
                yield from _parameters(member)
        case str():
            yield node.lower()
        case _:
            return


@cache
def _allowed() -> frozenset[str]:
    """Functions whose result depends on their arguments alone, in all their forms; operators are functions too."""
    with duckdb.connect(config={"enable_external_access": False}) as connection:
        found = connection.execute(
            "SELECT lower(function_name), bool_and(function_type = 'scalar' AND stability <> 'VOLATILE') "
            "AND bool_or(stability = 'CONSISTENT'), "
            "bool_and(function_type IN ('scalar', 'macro') AND coalesce(stability, 'CONSISTENT') = 'CONSISTENT' "
            "AND (macro_definition IS NULL OR NOT regexp_matches(lower(macro_definition), '(select|unnest)'))) "
            "FROM duckdb_functions() WHERE internal GROUP BY 1"
        ).fetchall()
    return frozenset(
        name
        for name, is_plain, is_macro in found
        if (is_plain or (is_macro and (name in _MACROS or name.startswith(_MACRO_FAMILIES))))
        and not name.startswith(_NOT_FOR_ROWS)
        and name not in _ALSO_REFUSED
    )


def _refused(text: str, what: str, cure: str = _CURE) -> DataError:
    return DataError(what, where=f"the condition {text!r}", cure=cure)
