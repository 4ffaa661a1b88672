from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from labwright.contracts.errors import UsageError
from labwright.repositories import readable


def book(*cells: Any, **more: Any) -> str:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more})


def code(source: Any, *outputs: Any, count: int | None = None) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "execution_count": count, "metadata": {}}


def test_cells_are_numbered_and_code_is_fenced() -> None:
    shown = readable(
        book({"cell_type": "markdown", "source": ["# Title\n", "text"]}, code(["import trl\n", "x = 1"], count=7)), "n"
    )
    assert shown.text == (
        "### Cell 1 (markdown)\n\n# Title\ntext\n\n### Cell 2 (code, ran as [7])\n\n```python\nimport trl\nx = 1\n```"
    )
    assert shown.cells == 2 and shown.code == "import trl\nx = 1"
    assert "not of the file" in shown.remarks[0]


def test_long_outputs_are_shortened_and_say_by_how_much() -> None:
    text = "".join(f"step {n}\n" for n in range(100))
    shown = readable(book(code("train()", {"output_type": "stream", "text": text})), "n").text
    assert "step 0\n" in shown and "step 99" in shown and "step 50" not in shown
    assert "[80 lines of output left out]" in shown
    wide = readable(book(code("x", {"output_type": "stream", "text": "y" * 1000})), "n").text
    assert "600 more characters" in wide


def test_of_a_progress_bar_only_the_last_state_is_shown_and_no_colours() -> None:
    bar = "\r  1%|x\r 50%|xx\r\x1b[32m100%\x1b[0m|xxxx\r\ndone\n"
    shown = readable(book(code("x", {"output_type": "stream", "text": bar})), "n").text
    assert "100%|xxxx\ndone" in shown and "50%" not in shown and "\x1b" not in shown


def test_images_are_named_with_their_size_and_never_shown() -> None:
    image = base64.b64encode(bytes(30_000)).decode()
    shown = readable(
        book(
            code("plot()", {"output_type": "display_data", "data": {"image/png": image, "text/plain": ["<Figure>"]}}),
            {"cell_type": "markdown", "source": f"![x](data:image/png;base64,{image})"},
            {
                "cell_type": "markdown",
                "source": "![y](attachment:y.png)",
                "attachments": {"y.png": {"image/png": image}},
            },
        ),
        "n",
    ).text
    assert shown.count("[image/png, 30.0 kB]") == 2 and "[attached: y.png]" in shown
    assert len(shown) < 500


def test_results_errors_and_what_cannot_be_shown_are_told_apart() -> None:
    shown = readable(
        book(
            code("2", {"output_type": "execute_result", "data": {"text/plain": "2", "text/html": "<b>2</b>"}}),
            code(
                "1/0", {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mZeroDivisionError"]}
            ),
            code("w", {"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {"id": 1}}}),
            code("d", {"output_type": "execute_result", "data": {"application/json": {"a": 1}}}),
            code("e", {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}),
        ),
        "n",
    ).text
    assert "Output:\n\n```text\n2\n```" in shown and "<b>" not in shown
    assert "Error:\n\n```text\nZeroDivisionError\n```" in shown and "KeyError: 'x'" in shown
    assert "[application/vnd.jupyter.widget-view+json, not shown]" in shown and '{"a": 1}' in shown


def test_a_fence_in_the_code_does_not_end_the_cell() -> None:
    shown = readable(book(code('"""\n```python\nx\n```\n"""')), "n").text
    assert shown.count("````") == 2


def test_format_3_is_read_too() -> None:
    old = json.dumps(
        {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["a = 1"], "outputs": None}]}]}
    )
    assert "a = 1" in readable(old, "n").text


def test_odd_parts_are_tolerated_and_counted() -> None:
    shown = readable(
        book(None, 3, {}, {"cell_type": None, "source": None}, code(None, None, 5, {"data": {"image/png": None}}, {})),
        "n",
    )
    assert shown.cells == 3 and "2 of its cells could not be read" in shown.remarks
    assert readable(json.dumps({"cells": None, "metadata": 3}), "n").cells == 0
    assert readable(book(code("x"), metadata={"language_info": {"name": "julia\n```"}}), "n").language == "python"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"a": 1}', "[" * 100_000])
def test_what_is_no_notebook_is_a_clear_error(text: str) -> None:
    with pytest.raises(UsageError, match="no notebook"):
        readable(text, "x.ipynb")
