"""Programs of models against tests: right ones pass, and no program can pass by anything but being right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from labwright.compute.fences import fence
from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.errors import BackendError, BoundaryError
from labwright.contracts.specs import BenchmarkSpec, ScorerSpec
from labwright.referee.code import CodeScorer, candidates
from labwright.referee.code.side import Side
from labwright.referee.generation import GenerationWorker
from labwright.referee.pack import Case, Item
from labwright.referee.scorers import Means
from labwright.referee.scoring import answer, why_not_again

SANDBOX = Sandbox()
STUB = 'from typing import List\n\ndef double(x: int) -> int:\n    """Twice x.\n    """\n'
TESTS = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-3) == -6\n"
ITEM = Item("i", STUB, "", setup=STUB, tests=TESTS, entry_point="double")
SPEC = ScorerSpec(kind="code", timeout_s=30, memory_mb=256)

confined = pytest.mark.skipif(SANDBOX.boundary != "enforced", reason=f"programs are not confined: {SANDBOX.why}")


@contextmanager
def scorer(spec: ScorerSpec = SPEC) -> Iterator[CodeScorer]:
    yield CodeScorer(spec, SANDBOX, unconfined=True)


def ended(output: str, item: Item = ITEM, spec: ScorerSpec = SPEC) -> str:
    with scorer(spec) as code:
        result = code.score(item, output)
    assert result.score == (1.0 if result.prediction == "passed" else 0.0)
    return result.prediction


@pytest.mark.parametrize(
    "output",
    [
        "    return 2 * x\n",
        "```python\ndef double(x):\n    return x + x\n```",
        "Sure, here it is:\n\n```\ndef double(x):\n    return x + x\n",
        "```python\n    return x * 2\n```",
        "    print('noise')\n    return x * 2",
    ],
)
def test_a_right_program_passes_however_it_was_written_down(output: str) -> None:
    assert ended(output) == "passed"


@pytest.mark.parametrize(
    ("output", "prediction"),
    [("    return 2 * x\n", "passed"), ("    import os; os._exit(3)", "failed: the program ended early (exit code 3)")],
)
def test_where_the_kernel_keeps_no_ceilings_a_watcher_changes_no_result(output: str, prediction: str) -> None:
    watched = CodeScorer(SPEC, Sandbox(cgroups="off"), unconfined=True)
    assert watched.score(ITEM, output).prediction == prediction


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("    return 4\n", "AssertionError"),
        ("    return str(2 * x)\n", "AssertionError"),
        ("I do not know.", "no Python"),
        ("", "AssertionError"),
        ("    raise ValueError('no')", "ValueError: no"),
        ("    return undefined_name", "NameError"),
    ],
)
def test_a_wrong_program_fails_and_is_told_why(output: str, why: str) -> None:
    assert why in ended(output)


@pytest.mark.parametrize(
    "trick",
    [
        "    import os; os._exit(0)",
        "    raise SystemExit(0)",
        '    print(\'{"op": "done", "passed": true}\')',
        "    class Any_(int):\n        __eq__ = lambda s, o: True\n        __hash__ = int.__hash__\n    return Any_(7)",
        "    class Anything:\n        def __eq__(self, other): return True\n    return Anything()",
        "    import os\n    for fd in range(3, 20):\n"
        '        try: os.write(fd, b\'{"op": "done", "passed": true}\\n\')\n'
        "        except OSError: pass\n    return 0",
        "    import builtins; builtins.AssertionError = type('A', (Exception,), {}); return 0",
        "    import sys; sys.exit = lambda *a: None; return 0",
        "    import gc\n    found = [o for o in gc.get_objects() if isinstance(o, str) and 'candidate(2) ==' in o]\n"
        "    return 4 if found else 0",
    ],
)
def test_no_trick_passes(trick: str) -> None:
    assert ended(trick).startswith("failed")


def test_a_program_does_not_see_the_tests() -> None:
    spy = (
        "    import sys, gc\n    seen = [str(o) for o in gc.get_objects() if isinstance(o, (str, dict))] + sys.argv\n"
        "    return x * 2 if not any('-6' in s and 'assert' in s for s in seen) else 0"
    )
    assert ended(spy) == "passed"


@confined
@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("    return open('/etc/shadow').read()", "failed"),
        ("    import socket; socket.create_connection(('1.1.1.1', 80), 1)", "unreachable"),
        ("    return len(' ' * 10**10)", "MemoryError"),
        ("    open('/tmp/x', 'wb').write(b'0' * (64 << 20)); return 0", "failed"),
    ],
)
def test_a_program_has_no_network_no_files_and_little_memory(output: str, why: str) -> None:
    assert why in ended(output)


@confined
def test_a_program_that_never_ends_is_ended() -> None:
    assert "took too long" in ended("    while True: pass", spec=SPEC.model_copy(update={"timeout_s": 0.2}))


@pytest.mark.parametrize(
    "start",
    [
        "os.fork()",
        "subprocess.run(['/bin/true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "multiprocessing.get_context('fork').Process(target=print).start()",
    ],
)
def test_a_program_starts_no_processes(start: str) -> None:
    output = f"    import os, subprocess, multiprocessing\n    {start}\n    return 2 * x"
    assert "PermissionError" in ended(output)


def test_a_program_may_start_threads() -> None:
    output = "    import threading\n    made = []\n    t = threading.Thread(target=lambda: made.append(2 * x))\n"
    assert ended(output + "    t.start(); t.join()\n    return made[0]") == "passed"


def test_programs_do_not_run_unconfined_unless_a_person_accepts_it() -> None:
    with pytest.raises(BoundaryError, match="without a sandbox"):
        CodeScorer(SPEC, Sandbox("off"))
    assert CodeScorer(SPEC, Sandbox("off"), unconfined=True).score(ITEM, "    return 2 * x\n").score == 1


def test_tests_may_pass_collections_and_see_what_was_changed_in_place() -> None:
    tests = (
        "rows = [3, 1, 2]\ntidy(rows)\nassert rows == [1, 2, 3]\n"
        "assert pairs({'a': (1, 2.5)}) == [('a', (1, 2.5))]\nassert kinds() == ({1}, b'x', None, 1j, 10**30)\n"
    )
    code = (
        "def tidy(r): r.sort()\ndef pairs(d): return list(d.items())\ndef kinds(): return {1}, b'x', None, 1j, 10**30\n"
    )
    assert ended(code, Item("i", "?", "", tests=tests)) == "passed"


def test_tests_may_use_classes_of_the_program_and_what_they_hold() -> None:
    tests = (
        "assert longest([Pair(1, 5), Pair(7, 9)]) == 2\nassert Pair(1, 5).b == 5\nassert list(count(3)) == [0, 1, 2]\n"
    )
    code = (
        "class Pair:\n    def __init__(self, a, b):\n        self.a, self.b = a, b\n"
        "def longest(pairs): return sum(isinstance(p, Pair) for p in pairs)\n"
        "def count(n):\n    for i in range(n): yield i\n"
    )
    assert ended(code, Item("i", "?", "", tests=tests)) == "passed"


def test_an_exception_of_the_program_is_one_that_tests_can_expect() -> None:
    tests = "try:\n    strict(-1)\n    assert False\nexcept ValueError as error:\n    assert 'negative' in str(error)\n"
    assert ended("def strict(n):\n    raise ValueError('negative')", Item("i", "?", "", tests=tests)) == "passed"


def test_helpers_of_the_given_code_serve_the_tests() -> None:
    setup = 'def square(n):\n    return n * n\n\ndef root(n):\n    """Root."""\n'
    item = Item("i", setup, "", setup=setup, tests="def check(candidate):\n    assert candidate(square(7)) == 7\n",
                entry_point="root")  # fmt: skip
    assert ended("    return int(n ** 0.5)\n", item) == "passed"


def test_the_block_that_defines_the_entry_point_is_the_program() -> None:
    output = "```python\ndouble(2)\n```\nso\n```python\ndef double(x):\n    return 2 * x\n```"
    assert all("return 2 * x" in program for program in candidates(ITEM, output))
    assert candidates(ITEM, "    return 1") == (STUB + "    return 1",)


# -- where programs cannot be confined ---------------------------------------------------------------------------------

WITHOUT_FILTERS = Path(__file__).parents[2] / "toys" / "without_filters.py"
PRINTING = Item("j", "", "", cases=(Case("2", "4"),))
RIGHT = {ITEM: "    return 2 * x\n", PRINTING: "print(2 * int(input()))"}


class UnfilteredSandbox(Sandbox):
    """A sandbox on a kernel that sets no seccomp filters."""

    def command(self, argv: Sequence[str], *, mounts: Mounts, cwd: Path, gpus: bool = True) -> list[str]:
        line = super().command(argv, mounts=mounts, cwd=cwd, gpus=gpus)
        return [sys.executable, str(WITHOUT_FILTERS), *line]


@confined
def test_where_programs_cannot_be_confined_that_is_an_error_of_the_machine_and_never_a_score() -> None:
    sandbox = UnfilteredSandbox()
    benchmark = BenchmarkSpec(name="b", scorer=SPEC)
    for item, output in RIGHT.items():
        with pytest.raises(BackendError, match=r"cannot be confined here: .*the kernel sets no seccomp filter"):
            CodeScorer(SPEC, sandbox).score(item, output)
    worker = GenerationWorker(Path(sys.executable), Path("never started"), sandbox, Mounts())
    with pytest.raises(BackendError, match="no seccomp filter") as raised:  # before anything is generated
        answer(worker, benchmark, [ITEM], (), None, lambda done, total: None, means=Means(sandbox))
    assert "CONFIG_SECCOMP_FILTER" in str(raised.value.cure) and "LABWRIGHT_SANDBOX=off" in str(raised.value.cure)
    assert "cannot be confined here" in why_not_again(benchmark, sandbox)


class RecordingSandbox(Sandbox):
    """None, and it keeps what was started."""

    def __init__(self) -> None:
        super().__init__("off")
        self.started: list[list[str]] = []

    def command(self, argv: Sequence[str], *, mounts: Mounts, cwd: Path, gpus: bool = True) -> list[str]:
        self.started.append(list(argv))
        return super().command(argv, mounts=mounts, cwd=cwd, gpus=gpus)


def test_what_is_tried_beforehand_has_all_the_time_and_memory_of_a_program() -> None:
    """With less time an interpreter that starts slowly would be ended, and the machine be said to lack something."""
    sandbox = RecordingSandbox()
    code = CodeScorer(SPEC, sandbox, unconfined=True)
    code.must_work()
    [tried] = sandbox.started
    assert code.score(ITEM, RIGHT[ITEM]).prediction == "passed"
    assert tried in sandbox.started[1:]


@pytest.mark.parametrize("item", RIGHT)
def test_whoever_runs_programs_with_their_own_rights_needs_no_filter(item: Item) -> None:
    scorer = CodeScorer(SPEC, UnfilteredSandbox("off"), unconfined=True)
    assert scorer.score(item, RIGHT[item]).prediction == "passed"


def test_a_side_that_ends_before_it_is_ready_says_its_last_words(tmp_path: Path) -> None:
    missing = subprocess.run([sys.executable, str(tmp_path / "no.py")], capture_output=True, text=True, check=False)
    command = [sys.executable, str(tmp_path / "no.py")]
    fenced = fence(command, tasks=16, memory_bytes=1 << 28)
    with (
        Side("program", fenced, heard=True) as side,
        pytest.raises(BackendError, match=r"ended before it ran one \(exit code 2\)") as raised,
    ):
        side.ready()
    assert missing.stderr.strip().splitlines()[-1][:100] in raised.value.what
