"""The places that a ledger can be kept in, as fixtures: a test that takes one runs on SQLite and on PostgreSQL.

Migrating an empty database takes longer than most tests, so each gets a copy of one that was migrated.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from tests.servers.postgres_server import PostgresServer, why_not
from tests.toys.empty_ledger import place_ledger

FreshLedger = Callable[[], AbstractContextManager[str]]
"""Makes an empty ledger, gives its URL, and drops it."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the session; a test that wants one is skipped where there can be none."""
    if why := why_not():
        pytest.skip(why)
    server = PostgresServer.started()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_ledger() -> FreshLedger:
    """For tests that need many, such as one for each example."""

    @contextmanager
    def copied() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as home:
            yield f"sqlite:///{place_ledger(Path(home))}/lab.db"

    return copied


@pytest.fixture(scope="session")
def postgres_ledger(postgres_server: PostgresServer) -> FreshLedger:
    """The same on PostgreSQL."""
    return postgres_server.ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """One empty ledger, on SQLite and on PostgreSQL."""
    name = "sqlite_ledger" if request.param == "sqlite" else "postgres_ledger"
    fresh: FreshLedger = request.getfixturevalue(name)
    with fresh() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place without a ledger: a file in a folder that there is not, and a database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/far/away/lab.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database() as url:
        yield url


def rows_of(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run a statement on a ledger's database behind the ledger's back, with its triggers and keys."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()
