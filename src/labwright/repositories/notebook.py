"""Jupyter notebooks as text that a person or a model can read: numbered cells, short outputs, images by name.

A notebook's JSON is mostly pictures and progress bars. What is shortened or left out is said in its place.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError

from labwright.contracts.errors import UsageError
from labwright.repositories.contents import readable_size
from labwright.repositories.wire import Count, Text, Wire, each

_OUTPUT_LINES: Final = 20  # of one output; the first and last are shown
_LINE: Final = 400  # characters of a line of output
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_INLINE_IMAGE = re.compile(r"data:(image/[\w.+-]+);base64,([A-Za-z0-9+/=\s]{64,})")
_TICKS = re.compile(r"^\s*(`{3,})", re.MULTILINE)
_SHOWN_TYPES: Final = ("text/markdown", "text/plain", "text/latex", "application/json")


def _joined(value: object) -> str:
    """Text in a notebook is a string, or a list of them."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


Source = Annotated[str, BeforeValidator(_joined)]
Mapped = Annotated[dict[str, Any], BeforeValidator(_mapping)]
Listed = Annotated[list[Any], BeforeValidator(_list)]


class _Output(Wire):
    output_type: Text = ""
    text: Source = ""
    data: Mapped = Field(default_factory=dict)
    ename: Text = ""
    evalue: Text = ""
    traceback: Listed = Field(default_factory=list)


class _Cell(Wire):
    cell_type: Text = "raw"
    source: Source = ""
    input: Source = ""  # what format 3 called the source of code
    execution_count: Count = None
    outputs: Listed = Field(default_factory=list)
    attachments: Mapped = Field(default_factory=dict)


class _Worksheet(Wire):
    cells: Listed = Field(default_factory=list)


class _Notebook(Wire):
    cells: Listed = Field(default_factory=list)
    worksheets: Listed = Field(default_factory=list)  # format 3
    metadata: Mapped = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook as Markdown. `code` is all of its code by itself, to look for imports in."""

    text: str
    cells: int
    language: str
    code: str
    remarks: tuple[str, ...] = ()


def is_notebook(path: str) -> bool:
    """Whether a file of this name is one."""
    return path.lower().endswith(".ipynb")


def readable(document: str, name: str) -> Notebook:
    """The notebook that a file's text is.

    Raises:
        UsageError: it is no JSON, or no notebook.
    """
    try:
        raw = json.loads(document)
        notebook = _Notebook.model_validate(raw)
    except (ValueError, RecursionError) as error:  # ValidationError is a ValueError
        why = "it is no object" if isinstance(error, ValidationError) else f"it is no JSON: {error}"
        raise UsageError(f"this is no notebook: {why}", where=name, cure="read it as it stands") from error
    if "cells" not in raw and "worksheets" not in raw:
        raise UsageError("this is no notebook: it has no cells", where=name, cure="read it as it stands")
    listed = list(notebook.cells)
    for sheet in each(notebook.worksheets, _Worksheet)[0]:
        listed += sheet.cells
    cells, dropped = each(listed, _Cell)
    language = _language(notebook.metadata)
    parts = [_shown(number, cell, language) for number, cell in enumerate(cells, start=1)]
    remarks = ["a notebook, shown as text: lines are those of this text, not of the file"]
    if dropped:
        remarks.append(f"{dropped} of its cells could not be read")
    code = "\n\n".join(cell.source or cell.input for cell in cells if cell.cell_type == "code")
    return Notebook("\n\n".join(parts), len(cells), language, code, tuple(remarks))


def _language(metadata: dict[str, Any]) -> str:
    for key, field in (("language_info", "name"), ("kernelspec", "language")):
        value = _mapping(metadata.get(key)).get(field)
        if isinstance(value, str) and re.fullmatch(r"[\w+#.-]{1,20}", value):
            return value.lower()
    return "python"


def _shown(number: int, cell: _Cell, language: str) -> str:
    source = (cell.source or cell.input).strip("\n")
    if cell.cell_type == "code":
        ran = f", ran as [{cell.execution_count}]" if cell.execution_count is not None else ""
        parts = [f"### Cell {number} (code{ran})", _fenced(source, language)]
        for output in each(cell.outputs, _Output)[0]:
            parts.append(_output(output))
    else:
        kind = cell.cell_type if cell.cell_type in ("markdown", "heading") else "raw"
        parts = [f"### Cell {number} ({kind})", _INLINE_IMAGE.sub(_named_image, source)]
        if cell.attachments:
            parts.append(f"[attached: {', '.join(sorted(cell.attachments))}]")
    return "\n\n".join(part for part in parts if part)


def _output(output: _Output) -> str:
    if output.output_type in ("error", "pyerr"):
        trace = _short(_clean("\n".join(_joined(line) for line in output.traceback)), tail=True)
        return "Error:\n\n" + _fenced(trace or f"{output.ename}: {output.evalue}", "text")
    if output.text:
        return "Output:\n\n" + _fenced(_short(_clean(output.text)), "text")
    pictures = [
        f"[{kind}, {_size(_joined(value))}]" for kind, value in output.data.items() if kind.startswith("image/")
    ]
    if pictures:
        return " ".join(pictures)
    for kind in _SHOWN_TYPES:
        if text := _text_of(output.data.get(kind)):
            return "Output:\n\n" + _fenced(_short(_clean(text)), "text")
    return f"[{', '.join(sorted(output.data))}, not shown]" if output.data else ""


def _text_of(value: Any) -> str:
    if isinstance(value, str | list):
        return _joined(value)
    return json.dumps(value) if value is not None else ""


def _clean(text: str) -> str:
    """Without colours; of a progress bar that draws over itself only what stood there last."""
    lines = _ANSI.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).strip("\n")


def _short(text: str, *, tail: bool = False) -> str:
    lines = [
        line if len(line) <= _LINE else f"{line[:_LINE]} … [{len(line) - _LINE} more characters]"
        for line in text.split("\n")
    ]
    if len(lines) <= _OUTPUT_LINES:
        return "\n".join(lines)
    head = _OUTPUT_LINES // 5 if tail else _OUTPUT_LINES // 2
    left_out = len(lines) - _OUTPUT_LINES
    return "\n".join([*lines[:head], f"… [{left_out} lines of output left out]", *lines[head + left_out :]])


def _fenced(text: str, language: str) -> str:
    longest = max((len(ticks) for ticks in _TICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _size(encoded: str) -> str:
    return readable_size(len(encoded) * 3 // 4)


def _named_image(found: re.Match[str]) -> str:
    return f"[{found[1]}, {_size(found[2])}]"
