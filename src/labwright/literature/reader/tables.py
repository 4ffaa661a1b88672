"""Tables as Markdown: the spans of a real table become a plain grid in which each row can be read by itself.

Results and hyperparameters live in tables, with headings over several rows, cells over several columns and tables in
cells. Markdown knows none of that. So a heading of several rows becomes one row (`Math / GSM8K`), a cell that spans
rows is repeated in each of them, and empty columns, which only space the print, are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_SPAN = 100  # an honest table has no wider cell; a hostile one says 1000000
_MOST_CELLS = 40_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as it stands in the source."""

    text: str  # one line
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the source."""

    cells: tuple[Cell, ...]
    heading: bool = False  # the source marks it as part of the table's heading


@dataclass(frozen=True, slots=True)
class Table:
    """The Markdown, and how many rows did not go into it."""

    markdown: str
    rows_left_out: int = 0


def table(rows: Sequence[Row]) -> Table:
    """The rows as a Markdown table; empty where no cell holds text."""
    heads = _headings(rows)
    grid, left_out = _grid(rows, heads)
    used = sorted({at for line in grid for at, text in line.items() if text})
    if not used:
        return Table("", left_out)
    titles = [_title([line.get(at, "") for line in grid[:heads]]) for at in used]
    body = [[line.get(at, "") for at in used] for line in grid[heads:]]
    lines = [_line(titles), _line(["---"] * len(used)), *(_line(cells) for cells in body if any(cells))]
    return Table("\n".join(lines), left_out)


def flat(rows: Sequence[Row]) -> str:
    """The rows on one line: what is left of a table that stands in a cell of another one."""
    texts = [[cell.text for cell in row.cells if cell.text] for row in rows]
    if all(len(cells) <= 1 for cells in texts):  # only there to break a line, as `\\makecell` does
        return " ".join(text for cells in texts for text in cells)
    return "; ".join(", ".join(cells) for cells in texts if cells)


def _headings(rows: Sequence[Row]) -> int:
    """How many rows are the heading: those marked as such, else the first and what its spans reach over."""
    marked = 0
    for row in rows:
        if not row.heading:
            break
        marked += 1
    if 0 < marked < len(rows):
        return marked
    if not rows:
        return 0
    first = rows[0].cells
    if len(rows) > 2 and any(cell.columns > 1 and cell.text for cell in first) and len(first) > 1:
        return 2
    reach = max((cell.rows for cell in first), default=1)
    return min(max(reach, 1), max(len(rows) - 1, 1), 4)


def _grid(rows: Sequence[Row], heads: int) -> tuple[list[dict[int, str]], int]:
    """Each row as column → text, with spans filled in; and the number of rows beyond the largest size."""
    grid: list[dict[int, str]] = []
    hanging: dict[int, tuple[int, str]] = {}  # column → rows that a cell from above still covers, its text
    cells = 0
    for number, row in enumerate(rows):
        if cells > _MOST_CELLS:
            return grid, len(rows) - number
        line: dict[int, str] = {}
        below: dict[int, tuple[int, str]] = {}
        for at, (left, text) in hanging.items():
            line[at] = text
            if left > 1:
                below[at] = (left - 1, text)
        at = 0
        for cell in row.cells:
            while at in line:
                at += 1
            width, height = (min(max(span, 1), _MOST_SPAN) for span in (cell.columns, cell.rows))
            for offset in range(width):
                text = cell.text if offset == 0 or number < heads else ""
                line[at + offset] = text
                if height > 1:
                    below[at + offset] = (height - 1, text)
            at += width
        cells += len(line)
        grid.append(line)
        hanging = below
    return grid, 0


def _title(parts: Sequence[str]) -> str:
    """A column's heading out of its rows, without repetition."""
    kept: list[str] = []
    for part in parts:
        if part and part not in kept:
            kept.append(part)
    return " / ".join(kept)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
