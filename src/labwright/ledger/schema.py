"""What all of the ledger's tables share: their metadata, the version of the schema, and the columns that recur.

A state table has a typed column for each thing that is searched, counted or changed later, and the event that made the
row as `body`. Rows keep the `seq` of that event, which is the order in which things happened. Nothing in the tables is
specific to SQLite or to PostgreSQL; the triggers that keep `events` append-only are in the migration.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, MetaData, Text

SCHEMA_VERSION: Final = "0005"  # the newest migration; known here so that opening a current ledger imports no Alembic

# SQLite counts rows by itself only for a column of the type INTEGER, which has 64 bits there.
SEQ: Final = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


def place() -> Column[int]:
    """The event that made a row, as the row's key."""
    return Column("seq", SEQ, primary_key=True, autoincrement=False)


def study(*, nullable: bool = False) -> Column[str]:
    """The study that a row belongs to."""
    return Column("study_id", Text, ForeignKey("studies.id"), nullable=nullable)


def session() -> Column[str]:
    """The intern's session that a row belongs to."""
    return Column("session_id", Text, ForeignKey("agent_sessions.id"), nullable=False)


def text(name: str, **options: Any) -> Column[str]:
    """A text that is never missing."""
    return Column(name, Text, nullable=False, **options)


def seconds(name: str, *, nullable: bool = False) -> Column[float]:
    """A moment in seconds since the epoch, or a length of time."""
    return Column(name, Double, nullable=nullable)
