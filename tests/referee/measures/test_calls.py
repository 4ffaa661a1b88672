"""Function calls in an output: found as text, compared as BFCL compares them, and never made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labwright.contracts.specs import ScorerSpec
from labwright.referee.measures.calls import Call, ExpectedCall, calls_in
from labwright.referee.pack import Item
from labwright.referee.scorers import scorer_for

AREA = ExpectedCall("area", {"base": [10], "unit": ["units", ""]}, {"base": "integer", "unit": "string"})
TEN = (Call("area", {"base": 10}),)


def score(output: str, *expected: ExpectedCall) -> float:
    return scorer_for(ScorerSpec(kind="calls")).score(Item("i", "?", "", calls=expected or (AREA,)), output).score


@pytest.mark.parametrize(
    "output",
    [
        "area(base=10)",
        "[area(base=10)]",
        "`area(base=10)`",
        "I call:\n```python\n[area(base=10)]\n```\nDone.",
        "<think>area(base=3)?</think>\n[area(base=10)]",
        "The base is (as said) ten.\narea(base=10)",
        '{"name": "area", "arguments": {"base": 10}}',
        '[{"name": "area", "parameters": {"base": 10}}]',
        '<tool_call>\n{"name": "area", "arguments": {"base": 10}}\n</tool_call>',
        '{"type": "function", "function": {"name": "area", "arguments": "{\\"base\\": 10}"}}',
        "area(base=2*5)",
    ],
)
def test_a_call_is_found_as_python_and_as_json(output: str) -> None:
    assert calls_in(output) == TEN


@pytest.mark.parametrize(
    "output",
    [
        "",
        "no call",
        "area",
        "area(10)",
        "area(base=10",
        "area(**x)",
        "f()(x=1)",
        "<tool_call>\nnone\n</tool_call>",
        "3",
    ],
)
def test_what_is_no_call_is_none(output: str) -> None:
    assert calls_in(output) == ()
    assert score(output) == 0


def test_nothing_of_a_call_is_run(tmp_path: Any) -> None:
    told = tmp_path / "told"
    (call,) = calls_in(f"area(base=open({str(told)!r}, 'w'), unit=2**9**9**9, x=-y)")
    assert not told.exists()
    assert call.arguments == {"base": f"open({str(told)!r}, 'w')", "unit": "2 ** 9 ** 9 ** 9", "x": "-y"}


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("area(base=10, unit='Units')", 1),
        ("area(base=10, unit='u.n-i_t s')", 1),
        ("area(base=10, unit='cm')", 0),
        ("area(base=10, colour='red')", 0),
        ("area(unit='units')", 0),
        ("area(base=10.0)", 0),
        ("area(base='10')", 0),
        ("area(base=True)", 0),
        ("volume(base=10)", 0),
        ("[area(base=10), area(base=10)]", 0),
    ],
)
def test_name_types_and_values_have_to_be_those_expected(said: str, right: int) -> None:
    assert score(said) == right


@pytest.mark.parametrize(
    ("kind", "accepted", "right", "wrong"),
    [
        ("float", [2.0], ("2", "2.0", "4/2"), ("'2'", "True", "2.1")),
        ("boolean", [True], ("True", "true"), ("1", "'true'", "False")),
        ("array", [["New York", "b"]], ("['new york', 'b']", "('New-York', 'B')"), ("['b']", "'b'", "['b', 'a']")),
        ("dict", [{"a": [1, 2], "b": ["", "x"]}], ("{'a': 2}", "{'a': 1, 'b': 'X'}"), ("{}", "{'a': 3}", "{'c': 1}")),
        ("array", [[{"a": [1]}]], ("[{'a': 1}]",), ("[{'a': 2}]", "[]")),
        ("integer", ["n"], ("n",), ("m", "3")),
        ("any", [[1, [2]]], ("[1, [2]]",), ("[1, 2]",)),
        ("string", ["it's"], ('"it\'s"',), ("'its'",)),
    ],
)
def test_values_are_compared_by_their_type(
    kind: str, accepted: list[Any], right: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    expected = ExpectedCall("f", {"x": accepted}, {"x": kind})
    assert [score(f"f(x={said})", expected) for said in (*right, *wrong)] == [1] * len(right) + [0] * len(wrong)


def test_several_calls_may_come_in_any_order() -> None:
    first, second = (ExpectedCall("f", {"x": [n]}, {}) for n in (1, 2))
    assert score("[f(x=2), f(x=1)]", first, second) == 1
    assert score("[f(x=2), f(x=2)]", first, second) == 0


def test_a_wrong_call_says_why() -> None:
    result = scorer_for(ScorerSpec(kind="calls")).score(Item("i", "?", "", calls=(AREA,)), "area(base=9)")
    assert result.prediction == '[{"name": "area", "arguments": {"base": 9}}] (base has the wrong value)'


@given(st.text(alphabet="area(bse=10){}[]\"':,<tol_c>`\n-+*. ", max_size=120))
def test_any_output_is_scored(output: str) -> None:
    assert score(output) in (0.0, 1.0)


@pytest.mark.parametrize(
    "piece", ["(", "[", "{", "-", "f(", "```\n", "<tool_call>", "[{", "</think>", "f(x=1)\n", "1+"]
)
def test_a_pathological_output_is_scored_like_any_other(piece: str) -> None:
    assert score(piece * (20_000 // len(piece))) == 0
    assert score("area(base=" + piece * 1000) == 0
