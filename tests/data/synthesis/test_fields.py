"""Fields of a row: short to write, strict to check, and a schema that a model can follow."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from labwright.data.synthesis.fields import FieldSpecs, RowSchema

FIELDS = TypeAdapter(FieldSpecs)


def schema(row_format: str = "custom", **fields: Any) -> RowSchema:
    return RowSchema(row_format, FIELDS.validate_python(fields))


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("string", ["a", ""], [1, None, ["a"]]),
        ("integer", [1], ["1", 1.5, True]),
        ("number", [1, 1.5], ["1", float("nan"), float("inf")]),
        ("boolean", [True], ["true", 1]),
        (["yes", "no"], ["yes"], ["maybe", True]),
        ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3], [0, 4]),
        ({"pattern": "^[A-Z]+$", "max_length": 3}, ["ABC"], ["abc", "ABCD"]),
        ({"type": "array", "items": "string", "min_length": 1}, [["a"]], [[], ["a", 1], "a"]),
        ({"type": "object", "properties": {"x": "integer"}}, [{"x": 1}], [{}, {"x": "1"}, {"x": 1, "y": 2}]),
        ({"type": "string", "optional": True}, ["a", None], [1]),
    ],
)
def test_values_are_checked_and_never_coerced(field: Any, good: list[Any], bad: list[Any]) -> None:
    made = schema(value=field)
    assert [made.complaint({"value": value}) for value in good] == [None] * len(good)
    assert all(made.complaint({"value": value}) for value in bad)


def test_names_that_python_uses_itself_are_possible() -> None:
    made = schema(schema="string", copy="integer", model_config="string", _x="string")
    assert made.complaint({"schema": "a", "copy": 1, "model_config": "b", "_x": "c"}) is None
    assert set(made.asked()["properties"]) == {"schema", "copy", "model_config", "_x"}  # type: ignore[call-overload, arg-type]


def test_missing_and_unknown_fields_are_named() -> None:
    made = schema("prompt-completion")
    assert "completion" in (made.complaint({"prompt": "a"}) or "")
    assert "label" in (made.complaint({"prompt": "a", "completion": "b", "label": "c"}) or "")


def test_a_model_is_not_asked_for_fields_that_are_given() -> None:
    asked = schema("prompt-completion", label=["a", "b"]).asked(without={"prompt": ""})
    assert set(asked["required"]) == {"completion", "label"}  # type: ignore[arg-type]


def test_messages_have_turns() -> None:
    made = schema("messages")
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert made.complaint({"messages": turns}) is None
    assert made.complaint({"messages": [*turns, {"role": "robot", "content": "c"}]})
    assert made.complaint({"messages": turns[:1]})
