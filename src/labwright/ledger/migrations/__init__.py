"""The ledger's schema as a chain of steps that only grows. Imported only where there is something to migrate."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from labwright.contracts.errors import StorageError
from labwright.ledger import library_tables, session_tables, tables
from labwright.ledger.schema import metadata

_IN_CODE = (tables, session_tables, library_tables)  # importing them is what fills the metadata


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def upgrade(connection: Connection, where: str) -> None:
    """Take every step that this ledger lacks, in the caller's transaction. Raises StorageError for a newer ledger."""
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageError(
            f"the ledger was written by another, newer version of Labwright ({error})",
            where=where,
            cure="upgrade Labwright, or use another LABWRIGHT_HOME",
        ) from error


def newest_version() -> str | None:
    """The last step of the chain."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def differences(connection: Connection) -> list[object]:
    """What the tables in code and in the database do not agree on. The index over papers' texts is the migration's."""
    context = MigrationContext.configure(connection, opts={"include_name": _is_in_code})
    return list(compare_metadata(context, metadata))


def _is_in_code(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or name is None or not name.startswith(library_tables.paper_search.name)
