"""Opens the ledger's database, brings its schema up to date, and turns what a database may say into `StorageError`.

What is special about SQLite stands here and nowhere else: write-ahead logging, so that a reader never waits for a
writer; foreign keys; and `BEGIN IMMEDIATE` for writes, so that two processes take turns instead of failing when
the second one finds that its snapshot is stale.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, Engine, column, create_engine, event, select, table, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, NoSuchModuleError, OperationalError

from labwright.contracts.errors import StorageError
from labwright.ledger.tables import SCHEMA_VERSION

BUSY_TIMEOUT_S: Final = 30.0
_WRITES: Final = "labwright_writes"
_WRITER_LOCK: Final = 0x1AB3  # the advisory lock that writers take in turn on PostgreSQL

# What the database says (lower case) -> what is wrong, and what to do.
_MEANINGS: Final = (
    ("locked", "another process kept the ledger locked", "wait for it to finish, or end it, and try again"),
    ("disk is full", "the disk is full", "free some space and try again; nothing that was recorded is lost"),
    ("disk i/o error", "the disk does not read or write", "check the disk and its free space, and try again"),
    ("readonly", "the ledger is read-only", "make the file and its directory writable for this user"),
    ("unable to open", "the ledger cannot be opened", "check that its directory exists and is writable"),
    ("not a database", "the file is no ledger", "move it away, or restore it from a backup"),
    ("malformed", "the ledger is damaged", "restore it from a backup, or try `sqlite3 lab.db .recover`"),
    ("no such module", "this Python's SQLite cannot search text", "use a Python whose sqlite3 was built with FTS5"),
    ("no such table", "the ledger lacks a table", "move the file away, or restore it from a backup"),
    ("no such column", "the ledger lacks a column", "move the file away, or restore it from a backup"),
)


class _Cursor(Protocol):
    def execute(self, statement: str, /) -> object: ...
    def fetchone(self) -> tuple[object, ...] | None: ...
    def close(self) -> None: ...


class _DBAPIConnection(Protocol):
    isolation_level: str | None

    def cursor(self) -> _Cursor: ...


@contextmanager
def storage_errors(where: str, doing: str = "this") -> Iterator[None]:
    """Turn the database's errors into `StorageError`. A wrong statement of our own still crashes."""
    try:
        yield
    except IntegrityError as error:
        raise StorageError(
            f"{doing} contradicts what the ledger holds: {error.orig}",
            where=where,
            cure="an id is recorded once and refers to what is already there; this is a defect of the caller",
        ) from error
    except DatabaseError as error:
        said = str(error.orig).lower()
        for sign, what, cure in _MEANINGS:
            if sign in said:
                raise StorageError(f"{what} ({error.orig})", where=where, cure=cure) from error
        if isinstance(error, OperationalError):
            cure = "check that the database is reachable and intact"
            raise StorageError(str(error.orig), where=where, cure=cure) from error
        raise


def open_engine(url: str) -> tuple[Engine, str]:
    """An engine for the ledger at `url`, created and migrated, and its place for error messages."""
    try:
        parsed = make_url(url)
        where = parsed.database or str(parsed)
        _make_directory(parsed)
        engine = create_engine(parsed)
    except ArgumentError as error:
        cure = "write sqlite:////path/to/lab.db or postgresql+psycopg://user@host/database"
        raise StorageError(f"{url!r} is no database URL", cure=cure) from error
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StorageError(f"no driver for this database: {error}", cure="install its driver, e.g. psycopg") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin)
    with storage_errors(where):
        _bring_up_to_date(engine, where)
    return engine, where


def writer(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return engine.execution_options(**{_WRITES: True})


def _make_directory(url: URL) -> None:
    if not url.drivername.startswith("sqlite") or url.database in (None, "", ":memory:"):
        return
    directory = Path(url.database).parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the lab's home cannot be created: {error.strerror}",
            where=str(directory),
            cure="set LABWRIGHT_HOME to a directory that this user may write",
        ) from error


def _prepare_sqlite(connection: _DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: `_begin` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = NORMAL")
    _use_write_ahead_log(cursor)
    cursor.close()


def _use_write_ahead_log(cursor: _Cursor) -> None:
    """Switch to WAL. SQLite does not wait for this lock by itself, so two first openings at once must take turns."""
    until = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _begin(connection: Connection) -> None:
    writes = bool(connection.get_execution_options().get(_WRITES))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    elif connection.dialect.name == "postgresql" and writes:
        # Sequence numbers are drawn before the commit: without turns, a reader could see 8 before 7.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITER_LOCK})


def _schema_version(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    version: str | None = connection.scalar(select(column("version_num")).select_from(table("alembic_version")))
    return version


def _bring_up_to_date(engine: Engine, where: str) -> None:
    with engine.connect() as connection:
        if _schema_version(connection) == SCHEMA_VERSION:
            return
    with writer(engine).begin() as connection:
        if _schema_version(connection) != SCHEMA_VERSION:  # another process may have done it meanwhile
            from labwright.ledger.migrations import upgrade  # noqa: PLC0415  Alembic takes 0.7 s to import

            upgrade(connection, where)
