"""Turns what a database says into a `StorageError`: what is wrong, where, and what to do about it.

SQLite is told by its words. PostgreSQL is told by the code of its answer, and by its words where a connection could
not be made, for there is no code then. Neither speaks of passwords.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from labwright.contracts.errors import StorageError

_LONGEST = 300  # letters of a database's own words


class _Meaning(NamedTuple):
    what: str
    cure: str


# What SQLite says (lower case), in part.
_SQLITE: Final = {
    "locked": _Meaning("another process kept the ledger locked", "wait for it to finish, or end it, and try again"),
    "disk is full": _Meaning("the disk is full", "free some space and try again; nothing that was recorded is lost"),
    "disk i/o error": _Meaning("the disk does not read or write", "check the disk and its free space, and try again"),
    "readonly": _Meaning("the ledger is read-only", "make the file and its directory writable for this user"),
    "unable to open": _Meaning("the ledger cannot be opened", "check that its directory exists and is writable"),
    "not a database": _Meaning("the file is no ledger", "move it away, or restore it from a backup"),
    "malformed": _Meaning("the ledger is damaged", "restore it from a backup, or try `sqlite3 lab.db .recover`"),
    "no such module": _Meaning("this Python's SQLite cannot search text", "use a Python whose sqlite3 has FTS5"),
    "no such table": _Meaning("the ledger lacks a table", "move the file away, or restore it from a backup"),
    "no such column": _Meaning("the ledger lacks a column", "move the file away, or restore it from a backup"),
}

_UNREACHABLE: Final = _Meaning(
    "the database server cannot be reached", "start it, or correct host and port in LABWRIGHT_LEDGER_URL"
)
_ENDED: Final = _Meaning(
    "the database server ended the connection", "check that it runs and try again; what was recorded is kept"
)
_FOREIGN: Final = _Meaning(
    "the database holds tables of something else", "give the ledger a database of its own: createdb NAME"
)
_LACKS: Final = _Meaning("the ledger lacks a table or a column", "restore the database from a backup")
_NOT_LET_IN: Final = _Meaning(
    "the database server did not accept this user and password",
    "correct them in LABWRIGHT_LEDGER_URL; the password may also stand in PGPASSWORD or in ~/.pgpass",
)

# What the driver of PostgreSQL says of a connection (lower case), in part.
_POSTGRESQL: Final = {
    "password authentication failed": _NOT_LET_IN,
    "no password supplied": _NOT_LET_IN,
    "pg_hba.conf": _Meaning(
        "the database server lets this user not in from this machine",
        "ask its administrator for a line in pg_hba.conf that does",
    ),
    "role": _Meaning(  # what it says of a user who is not there, where it asks for no password
        "the database server knows no such user",
        "correct the user in LABWRIGHT_LEDGER_URL, or make it: createuser NAME",
    ),
    "too many clients": _Meaning(
        "the database server has no connection left", "end other programs that use it, or raise max_connections"
    ),
    "connection slots": _Meaning(
        "the database server has no connection left", "end other programs that use it, or raise max_connections"
    ),
    "starting up": _Meaning("the database server is starting", "wait a moment and try again"),
    "shutting down": _ENDED,
    "server closed the connection": _ENDED,
    "connection is lost": _ENDED,
    "terminating connection": _ENDED,
    "connection refused": _UNREACHABLE,
    "no such file": _UNREACHABLE,
    "timeout": _UNREACHABLE,
    "no route to host": _UNREACHABLE,
    "unreachable": _UNREACHABLE,
    "name or service": _UNREACHABLE,
    "name resolution": _UNREACHABLE,
    "resolve": _UNREACHABLE,
    "translate host": _UNREACHABLE,
}
_NO_DATABASE: Final = _Meaning(
    "the database server has no such database", "make it: createdb NAME, in UTF-8 and owned by the ledger's user"
)

# The codes of PostgreSQL's answers: https://www.postgresql.org/docs/current/errcodes-appendix.html
_STATES: Final = {
    "55P03": _Meaning("another process kept the ledger locked", "wait for it to finish, or end it, and try again"),
    "53100": _Meaning("the server's disk is full", "free some space there and try again; what was recorded is kept"),
    "25006": _Meaning("the database server is read-only", "name a server that may be written, not a standby"),
    "42501": _Meaning(
        "this user may not make or change tables there", "make the user the database's owner: ALTER DATABASE … OWNER TO"
    ),
    "42P01": _LACKS,
    "42703": _LACKS,
    "42P07": _FOREIGN,
    "42710": _FOREIGN,
    "42723": _FOREIGN,
    "57P01": _ENDED,
    "57P02": _ENDED,
    "57P03": _ENDED,
}


@contextmanager
def storage_errors(where: str, doing: str = "this") -> Iterator[None]:
    """Turn the database's errors into `StorageError`. A wrong statement of our own still crashes."""
    try:
        yield
    except IntegrityError as error:
        raise StorageError(
            f"{doing} contradicts what the ledger holds: {_words(error)}",
            where=where,
            cure="an id is recorded once and refers to what is already there; this is a defect of the caller",
        ) from error
    except DatabaseError as error:
        meant = _meaning(error)
        if meant is not None:
            raise StorageError(f"{meant.what} ({_words(error)})", where=where, cure=meant.cure) from error
        if isinstance(error, OperationalError):
            cure = "check that the database is reachable and intact"
            raise StorageError(_words(error), where=where, cure=cure) from error
        raise


def _meaning(error: DatabaseError) -> _Meaning | None:
    said = str(error.orig).lower()
    signs = _SQLITE
    if type(error.orig).__module__.startswith("psycopg"):
        state: str | None = getattr(error.orig, "sqlstate", None)  # the driver is optional, so its class is not named
        if state is not None:
            return _STATES.get(state)
        if "database" in said and "does not exist" in said:
            return _NO_DATABASE
        signs = _POSTGRESQL
    return next((meant for sign, meant in signs.items() if sign in said), None)


def _words(error: DatabaseError) -> str:
    """The database's own words, on one line."""
    said = " ".join(str(error.orig).split())
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
