"""Statistics of the columns of a loaded table, by SQL: exact until time runs out, then over a sample, and said so."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
from pydantic import JsonValue

from labwright.contracts.data import ColumnProfile
from labwright.data.sources import Loaded, quoted
from labwright.data.sources.types import readable, sort_of

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

_EXACT_ROWS = 500_000  # above, distinct values and quantiles are estimated
_FREQUENT = 10
_CLASSES = 100  # a column of so few values shows all of them
_SHOWN = 120
_BINS = 20
_SAMPLE_ROWS = 20_000
_LEAST_S = 0.5
_BLANKS = "' ' || chr(9) || chr(10) || chr(13)"


@dataclass(frozen=True, slots=True)
class Profiles:
    """Columns with their statistics, and what is not exact about them."""

    columns: tuple[ColumnProfile, ...]
    sampled: int | None  # the rows that some columns rest on, where time did not allow all
    remarks: tuple[str, ...]


def profile(loaded: Loaded, seconds: float) -> Profiles:
    """Statistics of every column.

    Raises:
        duckdb.Error: of a kind that is our own defect.
    """
    deadline = time.monotonic() + seconds
    cursor = loaded.connection.cursor()
    sample = ""
    done: list[ColumnProfile] = []
    late: list[str] = []
    for column, kind in loaded.columns.items():
        source, rows = loaded.relation, loaded.rows
        with _interrupted_at(cursor, max(_LEAST_S, deadline - time.monotonic())):
            try:
                if time.monotonic() < deadline:
                    done.append(_column(cursor, source, column, kind, rows))
                    continue
            except duckdb.InterruptException:
                pass
        sample = sample or _sample(loaded)
        late.append(column)
        done.append(_column(cursor, sample, column, kind, min(rows, _SAMPLE_ROWS)))
    remarks = []
    if late:
        remarks.append(f"time ran out: {', '.join(late)} rest on {_SAMPLE_ROWS:,} rows spread over the table")
    if loaded.rows > _EXACT_ROWS:
        remarks.append("counts of distinct values and quantiles are estimates")
    return Profiles(tuple(done), _SAMPLE_ROWS if late else None, tuple(remarks))


@contextmanager
def _interrupted_at(cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, cursor.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _sample(loaded: Loaded) -> str:
    """A subquery of rows spread evenly over the table."""
    if loaded.rows <= _SAMPLE_ROWS:
        return loaded.relation
    step = loaded.rows // _SAMPLE_ROWS
    return f"(SELECT * FROM {loaded.relation} WHERE _n % {step} = 0 LIMIT {_SAMPLE_ROWS})"


def _column(cursor: duckdb.DuckDBPyConnection, source: str, column: str, kind: str, rows: int) -> ColumnProfile:
    name = quoted(column)
    match sort_of(kind):
        case "number":
            return _number(cursor, source, column, kind, rows)
        case "string":
            return _lengths(cursor, source, column, kind, rows, f"length({name})", f"trim({name}, {_BLANKS}) = ''")
        case "list":
            return _lengths(cursor, source, column, kind, rows, f"len({name})", f"len({name}) = 0")
        case "mixed":
            return _mixed(cursor, source, column, rows)
        case "bool" | "time":
            return _plain(cursor, source, column, kind, rows)
        case _:
            nulls = _one(cursor, f"SELECT count(*) FROM {source} WHERE {name} IS NULL")[0]
            return ColumnProfile(column, readable(kind), rows, int(nulls))


def _number(cursor: duckdb.DuckDBPyConnection, source: str, column: str, kind: str, rows: int) -> ColumnProfile:
    value = f"{quoted(column)}::DOUBLE"
    counted = f"(SELECT {quoted(column)} AS whole, {value} AS v FROM {source} WHERE isfinite({value}))"
    found, low, high, mean, distinct, quantiles = _one(
        cursor,
        f"SELECT count(*), min(whole), max(whole), avg(v), {_distinct('whole', rows)}, {_quantile('v', rows)}"
        f" FROM {counted}",
    )
    frequent = _frequent(cursor, source, column, rows) if distinct <= _CLASSES else ()
    return ColumnProfile(
        column,
        readable(kind),
        rows,
        nulls=rows - found,  # NaN and infinity are no numbers
        distinct=distinct,
        distinct_is_exact=rows <= _EXACT_ROWS,
        low=_plain_number(low),
        high=_plain_number(high),
        mean=mean,
        quantiles=tuple(quantiles or ()),
        frequent=frequent,
        histogram=_histogram(cursor, counted, "v", low, high),
    )


def _lengths(
    cursor: duckdb.DuckDBPyConnection, source: str, column: str, kind: str, rows: int, length: str, empty: str
) -> ColumnProfile:
    name = quoted(column)
    is_text = kind.upper() == "VARCHAR"
    distinct = _distinct(name, rows) if is_text else "NULL"
    found, low, high, mean, quantiles, empties, different = _one(
        cursor,
        f"SELECT count({name}), min({length}), max({length}), avg({length}), {_quantile(length, rows)},"
        f" count(*) FILTER ({empty}), {distinct} FROM {source}",
    )
    worthwhile = is_text and different and (different <= _CLASSES or different < found)
    nothing = is_text and found == 0
    return ColumnProfile(
        column,
        "null" if nothing else readable(kind),
        rows,
        nulls=rows - found,
        empty=empties,
        distinct=different,
        distinct_is_exact=rows <= _EXACT_ROWS,
        low=low,
        high=high,
        mean=mean,
        quantiles=tuple(float(one) for one in quantiles or ()),
        frequent=_frequent(cursor, source, column, rows) if worthwhile else (),
        histogram=_histogram(
            cursor, f"(SELECT ({length})::DOUBLE AS v FROM {source} WHERE {name} IS NOT NULL)", "v", low, high
        ),
    )


def _mixed(cursor: duckdb.DuckDBPyConnection, source: str, column: str, rows: int) -> ColumnProfile:
    """JSON text: which types its values have, and how often each. One type only is an object of any keys."""
    kinds = cursor.execute(
        f"SELECT json_type({quoted(column)}), count(*) FROM {source} WHERE {quoted(column)} IS NOT NULL"
        " GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    counts: dict[str, int] = {}
    for kind, count in kinds:
        if kind != "NULL":
            named = _JSON_TYPES.get(kind, kind.lower())
            counts[named] = counts.get(named, 0) + count
    shown = f"mixed ({', '.join(counts)})" if len(counts) > 1 else next(iter(counts), "null")
    return ColumnProfile(column, shown, rows, rows - sum(counts.values()), frequent=tuple(counts.items()))


def _plain(cursor: duckdb.DuckDBPyConnection, source: str, column: str, kind: str, rows: int) -> ColumnProfile:
    name = quoted(column)
    found, low, high, distinct = _one(
        cursor,
        f"SELECT count({name}), min({name})::VARCHAR, max({name})::VARCHAR, {_distinct(name, rows)} FROM {source}",
    )
    few = distinct <= _CLASSES
    return ColumnProfile(
        column,
        readable(kind),
        rows,
        nulls=rows - found,
        distinct=distinct,
        distinct_is_exact=rows <= _EXACT_ROWS,
        low=None if kind.upper() == "BOOLEAN" else low,
        high=None if kind.upper() == "BOOLEAN" else high,
        frequent=_frequent(cursor, source, column, rows) if few else (),
    )


def _frequent(cursor: duckdb.DuckDBPyConnection, source: str, column: str, rows: int) -> tuple[tuple[str, int], ...]:
    """The most frequent values; values that occur once are no news."""
    name = quoted(column)
    least = 1 if rows < 50 else 2
    found = cursor.execute(
        f"SELECT {name}::VARCHAR, count(*) AS n FROM {source} WHERE {name} IS NOT NULL"
        f" GROUP BY {name} HAVING n >= {least} ORDER BY n DESC, 1 LIMIT {_FREQUENT * 2}"
    ).fetchall()
    return tuple((_short(value), count) for value, count in found)


def _histogram(
    cursor: duckdb.DuckDBPyConnection, source: str, value: str, low: float | None, high: float | None
) -> tuple[tuple[float, int], ...]:
    if low is None or high is None:
        return ()
    least, most = float(low), float(high)
    width = (most - least) / _BINS
    if width <= 0:
        return ((least, int(_one(cursor, f"SELECT count({value}) FROM {source}")[0])),)
    found = dict(
        cursor.execute(
            f"SELECT least({_BINS - 1}, floor(({value} - ?) / ?))::INTEGER AS bin, count(*)"
            f" FROM {source} WHERE {value} IS NOT NULL GROUP BY bin",
            [least, width],
        ).fetchall()
    )
    return tuple((least + index * width, int(found.get(index, 0))) for index in range(_BINS))


def _distinct(name: str, rows: int) -> str:
    return f"count(DISTINCT {name})" if rows <= _EXACT_ROWS else f"approx_count_distinct({name})"


def _quantile(value: str, rows: int) -> str:
    how = "quantile_cont" if rows <= _EXACT_ROWS else "approx_quantile"
    return f"{how}({value}, {list(QUANTILES)})"


def _one(cursor: duckdb.DuckDBPyConnection, query: str) -> Sequence[Any]:
    return cursor.execute(query).fetchone() or ()


def _plain_number(value: Any) -> JsonValue:
    return value if isinstance(value, int | float) or value is None else float(value)


def _short(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


_JSON_TYPES = {
    "VARCHAR": "string",
    "BIGINT": "int64",
    "UBIGINT": "int64",
    "HUGEINT": "int64",
    "DOUBLE": "float64",
    "BOOLEAN": "bool",
    "ARRAY": "list",
    "OBJECT": "object",
}
