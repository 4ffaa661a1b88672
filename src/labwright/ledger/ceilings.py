"""Folds the raise of a study's ceilings: its row holds the spec that is in force, the history what it was before."""

from __future__ import annotations

from dataclasses import replace

from pydantic import JsonValue
from sqlalchemy import Connection, select

from labwright.contracts.events import EVENT, BudgetRaised, NoteTaken, StudyCreated
from labwright.ledger import tables
from labwright.ledger.place import Place


def fold_raise(event: BudgetRaised, to: Connection, place: Place) -> None:
    """Put the ceilings into force, and note it for the study's report."""
    mine = tables.studies.c.id == place.study_id
    created = EVENT.validate_json(to.execute(select(tables.studies.c.body).where(mine)).scalar_one())
    assert isinstance(created, StudyCreated)
    before = created.spec["budget"]
    assert isinstance(before, dict)
    ceilings: dict[str, JsonValue] = {**before}
    said = []
    if event.wall_clock_s is not None:
        said.append(f"wall-clock from {_number(before, 'wall_clock') / 3600:g} h to {event.wall_clock_s / 3600:g} h")
        ceilings["wall_clock"] = event.wall_clock_s
    if event.usd is not None:
        said.append(f"dollars from ${_number(before, 'usd'):.2f} to ${event.usd:.2f}")
        ceilings["usd"] = event.usd
    in_force = replace(created, spec={**created.spec, "budget": ceilings})
    to.execute(tables.studies.update().where(mine).values(body=EVENT.dump_json(in_force).decode()))
    note = NoteTaken(f"{event.by} raised the budget: {', '.join(said)}", about="budget")
    row = {"seq": place.seq, "study_id": place.study_id, "about": note.about}
    to.execute(tables.notes.insert(), {**row, "body": EVENT.dump_json(note).decode()})


def _number(budget: dict[str, JsonValue], name: str) -> float:
    value = budget.get(name, 0.0)
    assert isinstance(value, int | float)
    return float(value)
