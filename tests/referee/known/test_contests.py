"""Programming contests become items of code: programs by their cases, functions by tests, each scored for real."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
from tests.referee.known.sources import open_table, write

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import DataError
from labwright.referee.code import CodeScorer
from labwright.referee.known import AddedBenchmark, add_benchmark
from labwright.referee.known.draft import Question, UnusableRowError
from labwright.referee.known.layouts import layout_of
from labwright.referee.pack import Item, read_pack

SANDBOX = Sandbox()
confined = pytest.mark.skipif(SANDBOX.boundary != "enforced", reason=f"programs are not confined: {SANDBOX.why}")


def apps(n: int, **changes: Any) -> dict[str, Any]:
    cases = {"inputs": ["1\n", "5\n"], "outputs": [f"{1 + n}\n", f"{5 + n}\n"]}
    solutions = ["print raw_input()", f"print(int(input()) + {n})"]  # the first is Python 2
    row = {"problem_id": n, "question": f"Add {n}.", "input_output": json.dumps(cases), "starter_code": "",
           "solutions": json.dumps(solutions), "difficulty": "introductory"}  # fmt: skip
    return {**row, **changes}


def livecodebench(kind: str, private: str) -> dict[str, Any]:
    public = [{"input": "[1, 2]\n2", "output": "[1, 2, 2]", "testtype": kind}]
    return {
        "question_content": "Append.", "question_id": "q1",
        "starter_code": "class Solution:\n    def add(self, a: List[int], n: int):",
        "public_test_cases": json.dumps(public), "private_test_cases": private,
        "metadata": json.dumps({"func_name": "add"}),
    }  # fmt: skip


def packed(value: object) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


def read(row: dict[str, Any]) -> Question:
    layout = layout_of(row, "some/contest")
    assert layout is not None
    return layout.read(row)


def passes(question: Question, program: str) -> bool:
    item = Item(
        "i", question.prompt, "", (), question.setup, question.tests, question.entry_point, cases=question.cases
    )
    layout_spec = layout_of(("question", "solutions", "input_output"), "apps")
    assert layout_spec is not None
    return CodeScorer(layout_spec.scorer, SANDBOX, unconfined=True).score(item, program).score == 1


def add(rows: list[dict[str, Any]], tmp_path: Path) -> AddedBenchmark:
    source = write(tmp_path / "contest.jsonl", rows)
    return add_benchmark(str(source), out=tmp_path / "pack", open_table=open_table, sandbox=SANDBOX)


@confined
def test_the_first_solution_that_passes_is_the_reference_and_items_without_one_are_left_out(tmp_path: Path) -> None:
    wrong = apps(4, solutions=json.dumps(["print(0)"]))
    added = add([apps(1), apps(2), apps(3), wrong], tmp_path)
    assert (added.layout, added.scorer, added.dev + added.test) == ("apps", "code", 3)
    assert any("its own solution does not pass" in note for note in added.notes)
    pack = read_pack(added.directory)
    assert pack.dev[0].answer.startswith("print(int(input())")
    assert len(pack.dev[0].cases) == 2
    assert pack.dev[0].answers == ()
    assert "standard input" in pack.dev[0].prompt


def test_a_function_is_called_by_its_tests() -> None:
    called = {"fn_name": "double", "inputs": [[2], [[1, 2]]], "outputs": [[4], [[1, 2, 1, 2]]]}
    question = read(apps(1, input_output=json.dumps(called), starter_code="def double(x):\n    "))
    assert question.entry_point == "double"
    assert passes(question, "```python\ndef double(x):\n    return x * 2\n```")
    assert not passes(question, "```python\ndef double(x):\n    return x\n```")


@pytest.mark.parametrize("pack", [json.dumps, lambda cases: packed(json.dumps(cases))])
def test_a_method_is_called_with_public_and_private_cases(pack: Any) -> None:
    private = pack([{"input": "[]\n1", "output": "[1]", "testtype": "functional"}])
    question = read(livecodebench("functional", private))
    assert question.tests.count("assert") == 2
    right = "class Solution:\n    def add(self, a: List[int], n: int):\n        return (*a, n)\n"
    assert passes(question, f"```python\n{right}```")
    assert not passes(question, f"```python\n{right.replace('*a, n', '*a, 2')}```")


def test_private_cases_that_would_call_something_are_not_read() -> None:
    class Call:
        def __reduce__(self) -> tuple[Any, ...]:
            return print, ("called",)

    damaged = [base64.b64encode(zlib.compress(each)).decode() for each in (b"", b"}]K\x01s.", b"K\x01K\x02a.")]
    for private in (packed(Call()), packed(7), "no base64!", base64.b64encode(b"no zlib").decode(), *damaged):
        with pytest.raises(UnusableRowError, match="private cases"):
            read(livecodebench("stdin", private))


def test_cases_of_columns_are_cases_and_only_python_3_is_a_solution() -> None:
    part = {"input": ["1"], "output": ["2"]}
    row = {"name": "n", "description": "Add 1.", "public_tests": part, "private_tests": part, "generated_tests": {},
           "solutions": {"language": [2, 3], "solution": ["C++", "print(int(input()) + 1)"]}}  # fmt: skip
    question = read(row)
    assert (len(question.cases), question.answer) == (2, "print(int(input()) + 1)")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"input_output": ""}, "no cases"),
        ({"input_output": "{"}, "no JSON"),
        ({"input_output": json.dumps({"inputs": ["1"], "outputs": []})}, "no cases"),
        ({"input_output": json.dumps({"inputs": ["x" * (9 << 20)], "outputs": ["1"]})}, "over 8 MiB"),
        ({"input_output": json.dumps({"fn_name": "a b", "inputs": [[1]], "outputs": [1]})}, "no name"),
    ],
)
def test_a_problem_that_cannot_be_scored_says_why(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UnusableRowError, match=why):
        read(apps(1, **changes))


def test_a_contest_without_any_cases_is_no_benchmark(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no cases"):
        add([apps(n, input_output="") for n in range(4)], tmp_path)
