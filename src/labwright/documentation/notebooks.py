"""Notebooks as scripts: their code cells in a row, so that the check says of them what it says of a script.

A notebook is JSON, and JSON reads as a Python dictionary: unread, every notebook would pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, TypeAdapter, ValidationError

_PLAIN_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")  # the rest of such a cell is Python still
_MAGIC = re.compile(r"(\s*)(?:[%!?].*|[\w.]+\?{1,2}\s*)")
_CAPTURED = re.compile(r"(\s*[\w, ]+=\s*)[%!].*")


class _Cell(BaseModel):
    cell_type: str
    source: str | list[str] = ""


class _Notebook(BaseModel):
    cells: list[_Cell]


@dataclass(frozen=True, slots=True)
class Cells:
    """The script, and for each of its lines the cell (from 1) and the line in that cell."""

    script: str
    places: tuple[tuple[int, int], ...]


def cells(text: str) -> Cells | None:
    """The code cells of a notebook; None where the text is none. Magics and shell commands become empty statements."""
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return None
    try:
        notebook = TypeAdapter(_Notebook).validate_json(text.lstrip("\ufeff"))
    except ValidationError:
        return None
    lines: list[str] = []
    places: list[tuple[int, int]] = []
    for number, cell in enumerate(notebook.cells, start=1):
        source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        if cell.cell_type == "code":
            for at, line in enumerate(_python(source), start=1):
                lines.append(line)
                places.append((number, at))
    return Cells("\n".join(lines), tuple(places))


def _python(source: str) -> Iterator[str]:
    lines = source.splitlines()
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_PLAIN_MAGICS):
        return  # another language
    for line in lines:
        captured, magic = _CAPTURED.fullmatch(line), _MAGIC.fullmatch(line)
        yield f"{captured[1]}None" if captured else f"{magic[1]}pass" if magic else line
