"""Tool calls as plain lines."""

from __future__ import annotations

import io

from pydantic_ai.messages import FunctionToolCallEvent, FunctionToolResultEvent, ToolCallPart, ToolReturnPart

from labwright.cli.calls import Lines


def lines_of(content: object) -> list[str]:
    out = io.StringIO()
    show = Lines(out)
    show(FunctionToolCallEvent(ToolCallPart("study_create", {"goal": "sort"}, "c1")))
    show(FunctionToolResultEvent(ToolReturnPart("study_create", content, "c1")))
    return out.getvalue().splitlines()


def test_a_call_is_a_line_with_its_arguments_and_a_line_with_the_first_of_its_result() -> None:
    assert lines_of("it went\nwell") == ['→ study_create {"goal":"sort"}', "  it went well"]


def test_a_result_that_is_only_a_message_is_shown_as_its_words() -> None:
    assert lines_of({"message": "Capability 'study' loaded."})[1] == "  Capability 'study' loaded."
    assert lines_of({"message": "done", "rows": 3})[1] == "  {'message': 'done', 'rows': 3}"
