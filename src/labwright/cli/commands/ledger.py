"""`labwright ledger …`."""

from __future__ import annotations

from typing import Annotated

import typer

from labwright.cli.commands.act import Json, act, group

ledger = group("ledger", "Copy the ledger to another place.")


@ledger.callback()
def _group() -> None:
    """Copy the ledger to another place."""


@ledger.command("copy")
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="a ledger: its file, or its database URL")],
    target: Annotated[str, typer.Argument(metavar="TO", help="a new file, or the URL of an empty database")],
    json: Json = False,
) -> None:
    """Copy a ledger with all that it holds, from SQLite to PostgreSQL or back.

    FROM stays as it is. TO must hold nothing; it is filled in one transaction, with every number and id, and counted.
    Then LABWRIGHT_LEDGER_URL says where the ledger is. End what runs before: what it records later is not copied. A
    password is better in PGPASSWORD or ~/.pgpass than in the URL.
    """
    act("ledger", "copy", source, target, json=json)
