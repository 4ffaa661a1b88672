"""What is special about PostgreSQL: snapshots for readers, turns for writers, and texts that it can hold.

A reader sees one moment of the ledger, however many questions it asks (REPEATABLE READ). A writer first takes its turn
by an advisory lock and then sees whatever was committed before (READ COMMITTED; a snapshot would be taken before the
turn has come). So what SQLite gives by its nature holds here too: what was seen in a write transaction still holds when
it is in, and events become visible in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL

from labwright.contracts.errors import StorageError, UsageError

NAMES: Final = ("postgresql", "postgres", "postgresql+psycopg")
DRIVER: Final = "postgresql+psycopg"

_WRITER_LOCK = 0x1AB3  # the advisory lock that writers take in turn
_CONNECT_TIMEOUT_S = 10
_REPLACED = "\ufffd"

# One question instead of three: both settings last until the transaction ends.
_TAKE_TURN = text("SELECT set_config('lock_timeout', :patience, true), pg_advisory_xact_lock(:lock)")

# How statements and their parameters reach the driver: one set, or many.
_Parameters = Mapping[str, object] | Sequence[Mapping[str, object]]


def make_engine(url: URL) -> Engine:
    """An engine whose transactions read; `for_writing` gives the same one for those that write.

    Raises:
        UsageError: the URL cannot be meant.
        ImportError: the driver is not installed.
    """
    if "@" in (url.host or ""):  # where a password's own @ ended it too early, the host shows the rest of it
        cure = "write @ as %40, : as %3A, / as %2F and % as %25 in user and password"
        raise UsageError("the ledger's URL has several @", where="LABWRIGHT_LEDGER_URL", cure=cure)
    usual = {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "labwright", "client_encoding": "utf8"}
    engine = create_engine(
        url.set(drivername=DRIVER),
        isolation_level="REPEATABLE READ",
        use_native_hstore=False,  # else every first connection asks for a type that no table has
        pool_pre_ping=True,  # a session that waits for a person may outlive a restart of the server
        connect_args={name: value for name, value in usual.items() if name not in url.query},
    )
    event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
    return engine


def for_writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write. Each begins with `take_turn`."""
    return engine.execution_options(isolation_level="READ COMMITTED")


def take_turn(connection: Connection, patience_s: float) -> None:
    """Wait until no other transaction writes; the turn is over when this one ends, or its process does."""
    connection.execute(_TAKE_TURN, {"patience": f"{int(patience_s * 1000)}ms", "lock": _WRITER_LOCK})


def place(url: URL) -> str:
    """The ledger's place for error messages: never with a password, which may also stand in the query."""
    query = {"host": url.query["host"]} if "host" in url.query else {}
    shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    return shown.render_as_string()


def must_be_unicode(connection: Connection, where: str) -> None:
    """Refuse a database that cannot hold every text. Raises StorageError."""
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        cure = "make one that holds every text: createdb --encoding=UTF8 --template=template0 NAME"
        raise StorageError(f"the database is in {encoding}, not in UTF-8", where=where, cure=cure)


def _without_nul(
    _connection: Connection,
    _cursor: object,
    statement: str,
    parameters: _Parameters,
    _context: object,
    _many: bool,
) -> tuple[str, _Parameters]:
    """PostgreSQL's texts hold no NUL, which a log or a tool's result may. In an event's JSON it is escaped anyway."""
    if isinstance(parameters, Mapping):
        return statement, _storable(parameters)
    return statement, [_storable(each) for each in parameters]


def _storable(parameters: Mapping[str, object]) -> Mapping[str, object]:
    if not any(isinstance(value, str) and "\x00" in value for value in parameters.values()):
        return parameters
    return {n: v.replace("\x00", _REPLACED) if isinstance(v, str) else v for n, v in parameters.items()}
