"""A row under its layout: cells by role, with errors that name the column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from labwright.data.layouts.example import ConvertOptions, question
from labwright.data.layouts.layout import Layout, Role
from labwright.data.layouts.templates import Template, as_text
from labwright.data.layouts.turns import Turn, Unfit, kind_of, tool_definitions


@dataclass(frozen=True, slots=True)
class Source:
    """One row to be read."""

    row: Mapping[str, JsonValue]
    layout: Layout
    options: ConvertOptions
    template: Template | None = None

    def name(self, role: Role) -> str:
        """The column of a role that the layout must have. Raises Unfit where it has none."""
        column = self.layout.column(role)
        if column is None:
            raise Unfit("", f"the layout has no column for the {role}")
        return column

    def cell(self, role: Role) -> JsonValue:
        """The value of a role, null where the layout has no column for it."""
        column = self.layout.column(role)
        return None if column is None else self.row.get(column)

    def text(self, role: Role) -> str:
        """A cell that must be a text. Raises Unfit."""
        column = self.name(role)
        value = self.row.get(column)
        if not isinstance(value, str):
            raise Unfit(column, f"{kind_of(value)} where a text should be")
        return value

    def text_or_none(self, role: Role) -> str | None:
        """A text, or None where the column is not there, null or empty. Raises Unfit for anything else."""
        value = self.cell(role)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        return self.text(role)

    def tools(self) -> tuple[JsonValue, ...]:
        return tool_definitions(self.cell(Role.TOOLS), self.layout.column(Role.TOOLS) or "")

    def opening(self) -> tuple[Turn, ...]:
        """The system turn: the row's own, or the one that was asked for."""
        text = self.text_or_none(Role.SYSTEM) or self.options.system
        return (Turn("system", text),) if text else ()

    def with_opening(self, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        """Turns with the system turn before them, where they have none of their own."""
        own = bool(turns) and turns[0].speaker == "system" and bool(turns[0].content.strip())
        return turns if own else (*self.opening(), *(turn for turn in turns if turn.speaker != "system" or own))

    def asked(self, place: str, parts: Sequence[str | None], **named: str | None) -> Turn:
        """The user's turn: the template filled in, or the parts that are there, one after the other."""
        if self.template is not None:
            there = {name: text for name, text in named.items() if text is not None}
            return question(self.template.fill({**self.row, **there}), place)
        return question("\n\n".join(part for part in parts if part), place)


def scalar(value: JsonValue, place: str) -> str:
    """A text, or a number as text. Raises Unfit for anything else."""
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return as_text(value)
    raise Unfit(place, f"{kind_of(value)} where a text should be")
