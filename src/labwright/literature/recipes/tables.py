"""Markdown tables in the text of a section: where each row stands, which rows are its head, and its caption."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from labwright.literature.recipes.numbers import numbers

_SEPARATOR = re.compile(r"\|?(?:\s*:?-{2,}:?\s*\|?)+")
_CELL = re.compile(r"(?<!\\)\|")
_CAPTION = re.compile(r"\W{0,4}(?:Table|Tab\.)\s*[\dA-Z]", re.IGNORECASE)
_CAPTION_AWAY = 2  # lines between a table and its caption
_LONGEST_CAPTION = 600
_MOST_HEADS = 3
_MARKS = str.maketrans("", "", "*`$")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, with its place in the text."""

    start: int
    end: int
    cells: tuple[str, ...]

    @property
    def filled(self) -> bool:
        """Whether a cell right of the first holds a number."""
        return any(numbers(cell) for cell in self.cells[1:])


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `heads` rows at its top say what the columns are."""

    rows: tuple[Row, ...]
    heads: int
    caption: tuple[int, int] | None  # its place in the text

    @property
    def head(self) -> tuple[Row, ...]:
        """The rows that name the columns."""
        return self.rows[: self.heads]

    @property
    def body(self) -> tuple[Row, ...]:
        """The others."""
        return self.rows[self.heads :]

    def between(self, start: int, end: int) -> range:
        """The indices of the rows that a stretch of the text touches."""
        first = bisect_right(self.rows, start, key=lambda row: row.end)
        return range(first, max(first, bisect_left(self.rows, end, key=lambda row: row.start)))

    def column(self, index: int) -> str:
        """What the head says of a column; an empty cell belongs to the one at its left, which spans it."""
        said: list[str] = []
        for row in self.head:
            cells = row.cells[: index + 1]
            name = next((cell for cell in reversed(cells) if cell), "") if index else (cells[0] if cells else "")
            if name and name not in said:
                said.append(name)
        return " ".join(said)


def tables(text: str) -> Iterator[Table]:
    """The tables of a text, from top to bottom. A table is two lines or more that begin with a pipe."""
    lines = list(_lines(text))
    at = 0
    while at < len(lines):
        first = at
        while at < len(lines) and lines[at][2].startswith("|"):
            at += 1
        if at - first >= 2:
            table = _table(lines, first, at)
            if table is not None:
                yield table
        at += at == first
    return


def bare(cell: str) -> str:
    """What a cell says, without emphasis."""
    return " ".join(cell.replace("\\|", "|").translate(_MARKS).split())


def _lines(text: str) -> Iterator[tuple[int, int, str]]:
    at = 0
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        start = at + len(line) - len(line.lstrip())
        yield start, start + len(stripped), stripped
        at += len(line)


def _table(lines: list[tuple[int, int, str]], first: int, after: int) -> Table | None:
    rows: list[Row] = []
    heads = 0
    for start, end, line in lines[first:after]:
        if _SEPARATOR.fullmatch(line):
            heads = heads or len(rows)
            continue
        rows.append(Row(start, end, tuple(bare(cell) for cell in _CELL.split(line.strip().removeprefix("|")))))
    rows = [_without_last(row) for row in rows]
    if len(rows) < 2:
        return None
    heads = heads or 1
    while heads < min(_MOST_HEADS, len(rows) - 1) and not rows[heads].filled and not rows[heads].cells[0]:
        heads += 1  # a second row of column names has no row name and no numbers
    return Table(tuple(rows), heads, _caption(lines, first, after))


def _without_last(row: Row) -> Row:
    """A line that ends in a pipe has no cell behind it."""
    return Row(row.start, row.end, row.cells[:-1]) if len(row.cells) > 1 and not row.cells[-1] else row


def _caption(lines: list[tuple[int, int, str]], first: int, after: int) -> tuple[int, int] | None:
    above = [line for line in reversed(lines[max(0, first - _CAPTION_AWAY) : first]) if line[2]]
    below = [line for line in lines[after : after + _CAPTION_AWAY] if line[2]]
    for start, end, line in [*above, *below]:
        if _CAPTION.match(line) and len(line) <= _LONGEST_CAPTION:
            return start, end
    return None
