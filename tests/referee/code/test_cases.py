"""Programs that read and print: right ones pass, and what they should print is nowhere that they can reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from labwright.compute.sandbox import Sandbox
from labwright.contracts.specs import ScorerSpec
from labwright.referee.code import CodeScorer
from labwright.referee.code.printed import same
from labwright.referee.pack import Case, Item

SANDBOX = Sandbox()
SPEC = ScorerSpec(kind="code", timeout_s=1, memory_mb=256)
SUMS = Item("i", "Sum them.", "", cases=(Case("1 2\n", "3\n"), Case("10 -4\n", "6\n"), Case("0 0", "0")))
RIGHT = "a, b = map(int, input().split())\nprint(a + b)\n"

confined = pytest.mark.skipif(SANDBOX.boundary != "enforced", reason=f"programs are not confined: {SANDBOX.why}")


@contextmanager
def scorer(spec: ScorerSpec = SPEC) -> Iterator[CodeScorer]:
    yield CodeScorer(spec, SANDBOX, unconfined=True)


def ended(output: str, item: Item = SUMS) -> str:
    with scorer() as code:
        result = code.score(item, output)
    assert result.score == (1.0 if result.prediction == "passed" else 0.0)
    return result.prediction


@pytest.mark.parametrize(
    "output",
    [
        RIGHT,
        f"Read both and add:\n```python\n{RIGHT}```\n",
        f"First:\n```python\nx = 1\n```\nBetter:\n```python\n{RIGHT}```",
        "import sys\nsys.stdout.write(str(sum(map(int, sys.stdin.buffer.read().split()))))",
        "def main():\n    print(sum(int(n) for n in open(0).read().split()))\nif __name__ == '__main__':\n    main()",
        "import threading\nthreading.Thread(target=lambda: print(sum(map(int, input().split())))).start()",
        "import sys\nprint(sum(map(int, input().split())))\nsys.exit()",
    ],
)
def test_a_right_program_passes_however_it_reads_and_prints(output: str) -> None:
    assert ended(output) == "passed"


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("print(3)", "case 2 of 3: printed '3\\n', which is wrong"),
        ("pass", "case 1 of 3: printed nothing"),
        ("print(1 / 0)", "ZeroDivisionError"),
        ("I would add them.", "no Python"),
        ("import sys; print(3); sys.exit(4)", "exit code 4"),
        ("print(open('/etc/nothing').read())", "FileNotFoundError"),
        ("x = [0] * 10**9", "MemoryError"),
        ("import os; os.fork()", "PermissionError"),
    ],
)
def test_a_wrong_program_fails_and_the_case_is_named(output: str, why: str) -> None:
    assert why in ended(output)


def test_a_program_that_never_ends_is_ended() -> None:
    assert "took too long" in ended("while True: pass")


def test_a_program_that_prints_without_end_is_ended() -> None:
    assert "printed over 4 MiB" in ended("while True: print('x' * 100000)")


def test_each_case_is_a_process_of_its_own() -> None:
    keeps = "import builtins\nassert not hasattr(builtins, 'seen')\nbuiltins.seen = True\n" + RIGHT
    assert ended(keeps) == "passed"


@confined
@pytest.mark.parametrize("what", ["open({}/mem', 'r+b')", "open({}/maps')", "open({}/fd/4', 'rb')"])
def test_the_process_that_starts_a_program_and_has_no_limits_cannot_be_taken_over_by_it(what: str) -> None:
    assert "PermissionError" in ended("import os\n" + what.format("f'/proc/{os.getppid()}"))


def test_a_program_may_read_its_own_standard_input_by_its_name() -> None:
    assert ended("with open('/dev/stdin') as given:\n    print(sum(map(int, given.read().split())))") == "passed"


def test_tests_and_cases_have_to_pass_both() -> None:
    item = Item("i", "?", "", tests="assert double(2) == 4\n", cases=(Case("", "hi"),))
    assert ended("def double(x): return 2 * x\nprint('hi')", item) == "passed"
    assert "AssertionError" in ended("def double(x): return x\nprint('hi')", item)
    assert "case 1 of 1" in ended("def double(x): return 2 * x", item)


@pytest.mark.parametrize(
    ("printed", "expected", "tolerance", "right"),
    [
        ("1 2 \n3\n\n", "1 2\n3", 0, True),
        ("1\n2", "1 2", 0, False),
        ("0.5", ".500", 0, True),
        ("0.3333333", "0.33333334", 0, False),
        ("0.3333333", "0.33333334", 1e-6, True),
        ("1000000000.5", "1000000001.0", 1e-6, True),
        ("1000000007", "1000000008", 1e-6, False),
        ("1000000007", "1000000007.0", 0, True),
        ("nan", "1.0", 1e-6, False),
        ("Yes", "YES", 0, False),
        ("", "", 0, True),
        ("²", "2.0", 1, False),
    ],
)
def test_what_was_printed_is_compared_word_by_word(printed: str, expected: str, tolerance: float, right: bool) -> None:
    assert same(printed, expected, tolerance) is right
