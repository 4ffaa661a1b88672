"""Programs that read standard input and print: APPS, TACO, CodeContests, LiveCodeBench; some of them call a function.

APPS: Hendrycks et al., 2021, arXiv 2105.09938; CodeContests: Li et al., 2022, arXiv 2203.07814; TACO: Li et al., 2023,
arXiv 2312.14852; LiveCodeBench: Jain et al., 2024, arXiv 2403.07974.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import zlib
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from labwright.contracts.specs import GenerationSpec, ScorerSpec
from labwright.referee.known.draft import Question, UnusableRowError
from labwright.referee.known.layout import Layout
from labwright.referee.known.reading import Row, name_in, text
from labwright.referee.pack import Case

_MOST_BYTES = 8 << 20  # of an item's cases: a few of APPS' have far more
_MOST_PACKED = 256 << 20
_PYTHON_3 = 3  # in CodeContests' list of languages
_READS = "Write a Python program that reads standard input and prints to standard output."
_CALLED = "Write Python that completes this code:"
_CLOSING = "Give the whole program in one block that is fenced by ```python and ```."
_SETUP = """\
import bisect, collections, functools, heapq, itertools, math, operator, random, re, string, sys
from bisect import *
from collections import *
from functools import *
from heapq import *
from itertools import *
from math import *
from typing import *
"""
_PLAIN = """\
def _plain(value):
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value

"""


def _apps(row: Row) -> Question:
    said = _loaded(row.get("input_output"), "input_output")
    if not isinstance(said, dict):
        raise UnusableRowError("it has no cases")
    inputs, outputs = said.get("inputs"), said.get("outputs")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or not inputs or len(inputs) != len(outputs):
        raise UnusableRowError("it has no cases")
    starter, name = row.get("starter_code"), name_in(row, "problem_id") or name_in(row, "id")
    solutions = _texts(_loaded(row.get("solutions"), "solutions"))
    called = said.get("fn_name")
    if isinstance(called, str) and called:
        lines = [
            f"_right = {right!r}\nassert _plain({_call(called, starter, args)}) in (_right, *_right[:1])"
            if isinstance(right, list)
            else f"assert _plain({_call(called, starter, args)}) == {right!r}"
            for args, right in zip(inputs, outputs, strict=True)
            if isinstance(args, list)
        ]
        return _function(text(row, "question"), starter, called, lines, solutions, name)
    cases = [Case(_stream(given), _stream(right)) for given, right in zip(inputs, outputs, strict=True)]
    return _program(text(row, "question"), cases, solutions, name)


def _livecodebench(row: Row) -> Question:
    listed = [*_tests(row.get("public_test_cases")), *_tests(row.get("private_test_cases"))]
    cases = [(str(each.get("input", "")), str(each.get("output", ""))) for each in listed]
    kinds = {each.get("testtype") for each in listed}
    if not cases or len(kinds) != 1:
        raise UnusableRowError("it has no cases" if not cases else "its cases are of several kinds")
    question, name, starter = text(row, "question_content"), name_in(row, "question_id"), row.get("starter_code")
    if kinds != {"functional"}:
        return _program(question, [Case(given, right) for given, right in cases], (), name)
    metadata = _loaded(row.get("metadata"), "metadata")
    called = metadata.get("func_name") if isinstance(metadata, dict) else None
    if not isinstance(called, str):
        raise UnusableRowError("the function has no name")
    lines = []
    for given, right in cases:
        args = [_loaded(line, "a case") for line in given.split("\n") if line.strip()]
        lines.append(f"assert _plain({_call(called, starter, args)}) == {_loaded(right, 'a case')!r}")
    return _function(question, starter, called, lines, (), name)


def _codecontests(row: Row) -> Question:
    cases = [case for part in ("public_tests", "private_tests", "generated_tests") for case in _columns(row.get(part))]
    if not cases:
        raise UnusableRowError("it has no cases")
    if row.get("input_file") or row.get("output_file"):
        raise UnusableRowError("it reads or writes files")
    return _program(text(row, "description"), cases, _in_python(row.get("solutions")), name_in(row, "name"))


def _columns(part: JsonValue) -> list[Case]:
    inputs, outputs = (part.get("input"), part.get("output")) if isinstance(part, dict) else ([], [])
    if not isinstance(inputs, list) or not isinstance(outputs, list):
        return []
    return [Case(str(given), str(right)) for given, right in zip(inputs, outputs, strict=False)]


def _in_python(solutions: JsonValue) -> tuple[str, ...]:
    if not isinstance(solutions, dict):
        return ()
    languages, programs = solutions.get("language"), _texts(solutions.get("solution"))
    if not isinstance(languages, list):
        return ()
    return tuple(program for kind, program in zip(languages, programs, strict=False) if kind == _PYTHON_3)


# -- items -------------------------------------------------------------------------------------------------------------


def _program(question: str, cases: Sequence[Case], solutions: Sequence[str], name: str) -> Question:
    if sum(len(case.input) + len(case.output) for case in cases) > _MOST_BYTES:
        raise UnusableRowError(f"its cases are over {_MOST_BYTES >> 20} MiB")
    prompt = f"{question.strip()}\n\n{_READS} {_CLOSING}\n"
    return Question(prompt, next(iter(solutions), ""), answers=tuple(solutions[1:]), cases=tuple(cases), name=name)


def _function(
    question: str, starter: JsonValue, called: str, lines: Sequence[str], solutions: Sequence[str], name: str
) -> Question:
    """A function or a method of `Solution`: its calls are tests."""
    if not lines:
        raise UnusableRowError("it has no cases")
    tests = _PLAIN + "\n".join(lines) + "\n"
    if len(tests) > _MOST_BYTES:
        raise UnusableRowError(f"its cases are over {_MOST_BYTES >> 20} MiB")
    given = starter if isinstance(starter, str) and starter.strip() else f"def {called}("
    return Question(
        f"{question.strip()}\n\n{_CALLED}\n\n{given.rstrip()}\n\n{_CLOSING}\n",
        next(iter(solutions), ""),
        answers=tuple(solutions[1:]),
        setup=_SETUP,
        tests=tests,
        entry_point="Solution" if _is_method(starter) else called,
        name=name,
    )


def _is_method(starter: JsonValue) -> bool:
    return isinstance(starter, str) and "class Solution" in starter


def _call(called: str, starter: JsonValue, args: Sequence[JsonValue]) -> str:
    if not called.isidentifier():
        raise UnusableRowError("the function has no name")
    return f"{'Solution().' if _is_method(starter) else ''}{called}({', '.join(map(repr, args))})"


def _stream(value: JsonValue) -> str:
    """What a case reads or prints: a text, or a list of lines."""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _loaded(value: JsonValue, name: str) -> JsonValue:
    """JSON in a text, as it lies in a column; what is data already stays. Raises UnusableRowError."""
    if not isinstance(value, str) or not value.strip():
        return value or None
    try:
        found: JsonValue = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise UnusableRowError(f"`{name}` holds no JSON") from error
    return found


def _tests(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    """LiveCodeBench's cases: JSON, or JSON that was pickled, compressed and written in base64."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        value = _unpacked(value)
    found = _loaded(value, "test_cases")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


class _TextsOnly(pickle.Unpickler):
    """Reads texts, and nothing that would have to be called."""

    def find_class(self, module: str, name: str) -> object:
        """Nothing is found."""
        raise pickle.UnpicklingError(f"it names {module}.{name}")


# what broken base64, zlib and pickles raise: the last run their own little programs on a stack
_NO_PACK = (
    binascii.Error, zlib.error, pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError,
    OverflowError, MemoryError,
)  # fmt: skip


def _unpacked(value: str) -> str:
    try:
        raw = zlib.decompressobj().decompress(base64.b64decode(value, validate=True), _MOST_PACKED)
        found = _TextsOnly(io.BytesIO(raw)).load()
    except _NO_PACK as error:
        raise UnusableRowError("its private cases cannot be read") from error
    if not isinstance(found, str):
        raise UnusableRowError("its private cases cannot be read")
    return found


_CHAT = GenerationSpec(few_shot=0, max_new_tokens=2048, chat=True)
_APPS = ScorerSpec(kind="code", timeout_s=4, memory_mb=2048, tolerance=1e-5)
_LCB = ScorerSpec(kind="code", timeout_s=6, memory_mb=2048, tolerance=0)

LAYOUTS: tuple[Layout, ...] = (
    Layout("apps", ("question", "solutions", "input_output"), _apps, _APPS, _CHAT),
    Layout(
        "livecodebench", ("question_content", "public_test_cases", "private_test_cases"), _livecodebench, _LCB, _CHAT
    ),
    Layout("codecontests", ("description", "public_tests", "private_tests"), _codecontests, _APPS, _CHAT),
)
