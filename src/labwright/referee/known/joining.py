"""Benchmarks whose answers lie in a file of their own: rows of both are joined by their id.

BFCL keeps accepted calls apart from its questions, Arena-Hard each model's answers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.data.sources import Table
from labwright.referee.known.draft import Question, UnusableRowError
from labwright.referee.known.reading import MOST, ReadRow, Row

_IDS = ("uid", "question_id", "id", "task_id", "prompt_id", "key")


@dataclass(frozen=True, slots=True)
class Answers:
    """The rows of a file with answers, by id."""

    column: str
    rows: Mapping[str, Mapping[str, JsonValue]]
    columns: tuple[str, ...]

    def read_by(self, read: ReadRow) -> ReadRow:
        """Reads a question's row together with its answer's; what the question says itself goes first."""

        def joined(row: Row) -> Question:
            found = self.rows.get(str(row.get(self.column)))
            if found is None:
                raise UnusableRowError("the answers hold none for it")
            return read({**found, **row})

        return joined


def answers_of(table: Table, columns: Collection[str]) -> Answers:
    """The answers, by the first usual id that both have. Raises DataError where there is none, or one stands twice."""
    rows: dict[str, Mapping[str, JsonValue]] = {}
    seen: dict[str, None] = {}
    column = ""
    for number, (location, row) in enumerate(table.rows(), start=1):
        column = column or next((name for name in _IDS if name in row and name in columns), "")
        if not column or number > MOST:
            break
        seen |= dict.fromkeys(row)
        identifier = str(row.get(column))
        if identifier in rows:
            raise DataError(
                f"the {column} {identifier!r} stands in it twice", where=str(location), cure="give one model's answers"
            )
        rows[identifier] = row
    if not rows:
        raise DataError(
            f"its rows cannot be joined with the questions: both need one of {', '.join(_IDS)}",
            where=table.origin,
            cure="give the file that belongs to these questions",
        )
    return Answers(column, rows, tuple(seen))
