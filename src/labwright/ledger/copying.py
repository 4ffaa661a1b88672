"""Copies a ledger to another place, from SQLite to PostgreSQL or back: a lab that outgrows its file takes all along.

Both hold the same tables, so each row is read as it is and written with its number. The source is read as of one moment
and is not changed but for being brought up to date; the target is filled in one transaction, or stays empty. The index
over papers' texts is the database's own, so it is filled as the library fills it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, Table, func, literal, select

from labwright.contracts.errors import StorageError, UsageError
from labwright.ledger import connection as database
from labwright.ledger import library_projection, library_tables, session_tables, tables
from labwright.ledger.complaints import storage_errors

_BATCH: Final = 200  # rows that are in memory at once: a message may be large
_THE_RECORD: Final = (tables.events, session_tables.messages, session_tables.heads)

# Every table of the ledger, parents first.
TABLES: Final = (
    tables.events,
    *reversed(tables.STATE),
    *reversed(session_tables.SESSION_STATE),
    session_tables.messages,
    session_tables.heads,
    tables.curves,
    tables.metric_files,
    *reversed(library_tables.LIBRARY_STATE),
)


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied, where from and where to, without passwords."""

    source: str
    target: str
    rows: Mapping[str, int]  # by table
    running: tuple[str, ...]  # studies and sessions that nobody had ended: what they record later is not in the copy


def copy(source_url: str, target_url: str) -> Copied:
    """Copy the ledger at one URL into a new or an empty one at another.

    Raises:
        UsageError: there is no ledger at the source, or one with content at the target.
        StorageError: one of them cannot be read or written, or the copy is not what was copied.
    """
    for url, where in ((source_url, "FROM"), (target_url, "TO")):
        database.check(url, where)
    if not database.holds_a_ledger(source_url):
        cure = "name the file of a ledger, or a database that holds one; `labwright doctor` says where this lab's is"
        raise UsageError("there is no ledger to copy", where=database.described(source_url), cure=cure)
    with (
        _opened(source_url) as (source, here),
        _opened(target_url) as (target, there),
        storage_errors(there),
        source.begin() as reading,
        database.writer(target).begin() as writing,
    ):
        _must_be_empty(writing, there)
        for table in TABLES:
            for rows in _batches(reading, table, here):
                writing.execute(table.insert(), rows)
        library_projection.copy_index(reading, writing)
        if writing.dialect.name == "postgresql":
            _count_on(writing)
        before, after = _measured(reading), _measured(writing)
        if before != after:
            wrong = ", ".join(sorted(name for name in before if before[name] != after[name]))
            cure = "nothing was written; copy again, and where it says so again, this is a defect"
            raise StorageError(f"the copy is not what was copied: {wrong}", where=there, cure=cure)
        return Copied(here, there, {name: count for name, (count, _) in after.items()}, _running(reading))


@contextmanager
def _opened(url: str) -> Iterator[tuple[Engine, str]]:
    engine, where = database.open_engine(url)
    try:
        yield engine, where
    finally:
        engine.dispose()


def _must_be_empty(target: Connection, where: str) -> None:
    for table in TABLES:
        if target.execute(select(table).limit(1)).first() is not None:
            cure = "name a file that is not there, or a database that was just made; nothing was changed"
            raise UsageError(f"there is a ledger already, with rows in {table.name}", where=where, cure=cure)


def _batches(source: Connection, table: Table, where: str) -> Iterator[list[dict[str, object]]]:
    with storage_errors(where):
        chosen = select(table).order_by(*table.primary_key)
        found = source.execution_options(yield_per=_BATCH).execute(chosen)
        for rows in found.mappings().partitions():
            yield [{str(name): value for name, value in row.items()} for row in rows]


def _count_on(target: Connection) -> None:
    """Let PostgreSQL give the next number where it numbers rows by itself. SQLite looks at the rows."""
    for table in (tables.events, session_tables.messages):
        last = target.scalar(select(func.max(table.c.seq)))
        if last is not None:
            target.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "seq"), last)))


def _measured(connection: Connection) -> dict[str, tuple[int, int]]:
    """Rows of each table, and of what everything else can be made from also its length."""
    found: dict[str, tuple[int, int]] = {}
    for table in (*TABLES, library_tables.paper_search):
        length = func.coalesce(func.sum(func.length(table.c.body)), 0) if table in _THE_RECORD else literal(0)
        count, letters = connection.execute(select(func.count(), length).select_from(table)).one()
        found[table.name] = (int(count), int(letters))
    return found


def _running(source: Connection) -> tuple[str, ...]:
    begun = [(t.c.id, t.c.seq, t.c.state) for t in (tables.studies, session_tables.agent_sessions)]
    return tuple(
        str(found)
        for id_, seq, state in begun
        for found in source.scalars(select(id_).where(state == "running").order_by(seq))
    )
