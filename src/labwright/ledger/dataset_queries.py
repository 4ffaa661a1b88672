"""Finds dataset versions, whichever study made them or none. Read-only."""

from __future__ import annotations

import re

from sqlalchemy import Connection, select

from labwright.contracts.errors import UsageError
from labwright.contracts.events import DatasetRegistered, GateChecked
from labwright.contracts.research import DatasetVersion, GateReport
from labwright.ledger import tables
from labwright.ledger.queries import parse

_FEWEST_DIGITS = 6
_BEGINNING = re.compile(rf"[0-9a-f]{{{_FEWEST_DIGITS},64}}")
_LISTED = 5


def find(connection: Connection, name: str) -> DatasetVersion | None:
    """The newest of an id; else of a name; else of the one id that begins so. Raises UsageError for several."""
    datasets = tables.datasets
    for column in (datasets.c.dataset_id, datasets.c.name):
        newest = select(datasets.c.body).where(column == name).order_by(datasets.c.seq.desc()).limit(1)
        if (body := connection.scalar(newest)) is not None:
            return parse(DatasetRegistered, (body,))[0].dataset
    if not _BEGINNING.fullmatch(name):
        return None
    begins = datasets.c.dataset_id.startswith(name, autoescape=True)
    ids = list(connection.scalars(select(datasets.c.dataset_id).where(begins).distinct().limit(_LISTED + 1)))
    if len(ids) > 1:
        listed = ", ".join(sorted(ids)[:_LISTED]) + (", …" if len(ids) > _LISTED else "")
        raise UsageError(f"several dataset versions begin with {name!r}", cure=f"write more of it: {listed}")
    return find(connection, ids[0]) if ids and ids[0] != name else None


def every(connection: Connection) -> tuple[DatasetVersion, ...]:
    """Of each id and name the newest, in the order in which they first came."""
    datasets = tables.datasets
    bodies = list(connection.scalars(select(datasets.c.body).order_by(datasets.c.seq)))
    found: dict[tuple[str, str], DatasetVersion] = {}
    for event in parse(DatasetRegistered, bodies):
        found[event.dataset.id, event.dataset.name] = event.dataset
    return tuple(found.values())


def gates_of(connection: Connection, dataset_id: str) -> tuple[GateReport, ...]:
    """What the gate found of a version, oldest first."""
    gates = tables.gates
    bodies = select(gates.c.body).where(gates.c.dataset_id == dataset_id).order_by(gates.c.seq)
    return tuple(event.report for event in parse(GateChecked, list(connection.scalars(bodies))))
