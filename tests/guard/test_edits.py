"""A wrong edit of a call's arguments is refused where it is written, in the words of the tool's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from labwright.contracts.effects import Cost
from labwright.contracts.errors import UsageError
from labwright.contracts.sessions import Approval
from labwright.guard.edits import checked

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "script": {"type": "string"},
        "hours": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "mode": {"enum": ["fast", "slow"]},
        "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
    },
    "required": ["script"],
    "additionalProperties": False,
    "$defs": {"Row": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
}


def asked(schema: Mapping[str, Any] | None = SCHEMA) -> Approval:
    given = {"script": "train.py"}
    return Approval("A1", "s", "c", "launch", ("execute",), given, "w", "", Cost(), "", 0.0, schema=schema)


@pytest.mark.parametrize(
    "args",
    [{"script": "a.py"}, {"script": "a.py", "hours": None, "mode": "slow", "rows": [{"n": 1}]}, '{"script": ""}'],
)
def test_an_edit_that_fits_is_taken(args):
    assert checked(args, asked())["script"] in ("a.py", "")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "'script' is a required property"),
        ({"script": 1}, "script: 1 is not of type 'string'"),
        ({"script": "a", "hours": "four"}, "hours: 'four' is not of type 'integer' and 'four' is not of type 'null'"),
        ({"script": "a", "mode": "fastest"}, "mode: 'fastest' is not one of ['fast', 'slow']"),
        ({"script": "a", "rows": [{"n": 1}, {"n": "x"}]}, "rows.1.n: 'x' is not of type 'integer'"),
        ({"script": "a", "scirpt": "b"}, "'scirpt' was unexpected"),
    ],
)
def test_one_that_does_not_is_refused_with_what_is_wrong_and_what_the_tool_takes(args, said):
    with pytest.raises(UsageError, match="the edited arguments do not fit launch") as caught:
        checked(args, asked())
    assert said in caught.value.what and caught.value.where == "A1"
    takes = 'script (string), hours (integer or null, may be left out), mode ("fast" or "slow", may be left out)'
    assert takes in str(caught.value.cure)


def test_all_faults_are_told_up_to_five_and_a_long_value_is_cut():
    with pytest.raises(UsageError) as caught:
        checked({"script": "a", "rows": [{"n": "x" * 5000}, *({"n": str(n)} for n in range(7))]}, asked())
    assert "rows.4.n" in caught.value.what and "(and 3 more)" in caught.value.what
    assert "is not of type 'integer'" in caught.value.what and len(caught.value.what) < 1000


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        {"type": "no such type"},
        {"$ref": "http://localhost:9/schema.json"},  # of somebody's server: nothing is fetched
        {"$ref": "#"},
        {"$schema": 7},
        {"$schema": {"draft": 7}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"},
    ],
)
def test_a_schema_that_is_none_or_cannot_be_read_refuses_nothing(schema):
    assert checked({"any": 1}, asked(schema)) == {"any": 1}
