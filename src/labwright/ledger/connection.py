"""Opens the ledger's database and brings its schema up to date.

What is special about SQLite stands here: write-ahead logging, so that a reader never waits for a writer; foreign keys;
and `BEGIN IMMEDIATE` for writes, so that two processes take turns instead of failing when the second one finds that its
snapshot is stale. What is special about PostgreSQL stands in `postgresql.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, Engine, column, create_engine, event, select, table
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from labwright.contracts.errors import StorageError, UsageError
from labwright.ledger import postgresql
from labwright.ledger.complaints import storage_errors
from labwright.ledger.schema import SCHEMA_VERSION
from labwright.ledger.wal import use_write_ahead_log

BUSY_TIMEOUT_S: Final = 30.0
_PATIENCE_S: Final = "labwright_patience_s"  # an option of transactions that write, and of no others
_CURE: Final = "write sqlite:////path/to/lab.db or postgresql+psycopg://user@host/database"


class _Cursor(Protocol):
    def execute(self, statement: str, /) -> object: ...
    def fetchone(self) -> tuple[object, ...] | None: ...
    def close(self) -> None: ...


class _DBAPIConnection(Protocol):
    isolation_level: str | None

    def cursor(self) -> _Cursor: ...


def open_engine(url: str) -> tuple[Engine, str]:
    """An engine for the ledger at `url`, created and migrated, and its place for error messages.

    Raises:
        UsageError: the URL is none, or of a database that the ledger cannot be kept in.
        StorageError: the driver is missing, or the database cannot be reached, opened or brought up to date.
    """
    engine, where = _engine(_parsed(url))
    event.listen(engine, "begin", _begin)
    with storage_errors(where):
        _bring_up_to_date(engine, where)
    return engine, where


def described(url: str) -> str:
    """What a ledger is kept in, and where; a server is asked, and nothing is made. Raises as `open_engine` does."""
    parsed = _parsed(url)
    if parsed.drivername not in postgresql.NAMES:
        return f"SQLite in {parsed.database or 'memory'}"
    engine, where = _engine(parsed)
    try:
        with storage_errors(where), engine.connect() as connection:
            version = connection.dialect.server_version_info or ()
    finally:
        engine.dispose()
    return f"PostgreSQL {'.'.join(map(str, version))} at {where}"


def holds_a_ledger(url: str) -> bool:
    """Whether there is a ledger, of whatever version; nothing is made. Raises as `open_engine` does."""
    parsed = _parsed(url)
    if parsed.drivername not in postgresql.NAMES and not (parsed.database and Path(parsed.database).is_file()):
        return False
    engine, where = _engine(parsed)
    try:
        with storage_errors(where), engine.connect() as connection:
            return _schema_version(connection) is not None
    finally:
        engine.dispose()


def writer(engine: Engine, patience_s: float = BUSY_TIMEOUT_S) -> Engine:
    """The same engine, for transactions that write; on PostgreSQL each waits so long for its turn."""
    if engine.dialect.name == "postgresql":
        engine = postgresql.for_writing(engine)
    return engine.execution_options(**{_PATIENCE_S: patience_s})


def check(url: str, where: str) -> None:
    """Raise UsageError where a URL names no database of ours; `where` is who gave it."""
    _parsed(url, where)


def _parsed(url: str, where: str = "LABWRIGHT_LEDGER_URL") -> URL:
    """What the URL says. Nothing of it is repeated where it is refused: it may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise UsageError("the ledger's URL is no database URL", where=where, cure=_CURE) from error
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", *postgresql.NAMES):
        what = f"the ledger cannot be kept in {parsed.drivername!r}, only in SQLite or PostgreSQL"
        raise UsageError(what, where=where, cure=_CURE)
    return parsed


def _engine(url: URL) -> tuple[Engine, str]:
    if url.drivername not in postgresql.NAMES:
        _make_directory(url)
        engine = create_engine(url)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine, url.database or str(url)
    where = postgresql.place(url)
    try:
        return postgresql.make_engine(url), where
    except ImportError as error:  # also where the driver is there and its library is not
        cure = "pip install 'labwright[postgres]'"
        raise StorageError(f"the driver of PostgreSQL is not installed: {error}", where=where, cure=cure) from error


def _make_directory(url: URL) -> None:
    if url.database in (None, "", ":memory:"):
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
    use_write_ahead_log(cursor, BUSY_TIMEOUT_S)
    cursor.close()


def _begin(connection: Connection) -> None:
    patience_s: float | None = connection.get_execution_options().get(_PATIENCE_S)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if patience_s is None else "BEGIN IMMEDIATE")
    elif patience_s is not None:
        postgresql.take_turn(connection, patience_s)


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

            if connection.dialect.name == "postgresql":
                postgresql.must_be_unicode(connection, where)
            upgrade(connection, where)
