"""The code scorer: starts both sides of an item, passes their lines to and fro, and watches the clock.

Programs that read and print have one side only: what they should print stays here, and is compared here.

Testing generated code by its behaviour follows HumanEval (Chen et al., 2021, arXiv 2107.03374) and MBPP (Austin et al.,
2021, arXiv 2108.07732); their harnesses run program and tests in one process.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

from labwright.compute.fences import Fenced, fence
from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.errors import BackendError, BoundaryError
from labwright.contracts.research import ItemResult
from labwright.contracts.specs import ScorerSpec
from labwright.referee.code.printed import same
from labwright.referee.code.programs import candidates
from labwright.referee.pack import Item

_HERE = Path(__file__).parent
_CONFINEMENT = _HERE / "confinement.py"
_LONGEST_LINE = 32 << 20
_SHOWN = 200  # characters of what a program printed
_TOO_LONG = (-signal.SIGXCPU, 128 + signal.SIGXCPU, -signal.SIGKILL, 128 + signal.SIGKILL)
_LONGEST_OUTPUT = 20_000
_TASKS = 256  # processes and threads of a side: numpy starts a thread a core
_INTERPRETERS_BYTES = 256 << 20
_SLACK_S = 20.0  # for starting two interpreters on a busy machine; the processor time is the true limit
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}


class CodeScorer:
    """1 where the program passes all of its item's tests and cases, else 0; `prediction` says how they ended."""

    def __init__(self, spec: ScorerSpec, sandbox: Sandbox, *, unconfined: bool = False) -> None:
        """`unconfined` accepts that programs run without a sandbox: a person has switched it off.

        Raises BoundaryError where programs cannot be confined and nobody accepted that.
        """
        if sandbox.boundary != "enforced" and not unconfined:
            raise BoundaryError(
                f"programs that a model wrote are not run without a sandbox: {sandbox.why}",
                cure="make the sandbox work, or set LABWRIGHT_SANDBOX=off to run them with your own rights",
            )
        self._spec, self._sandbox = spec, sandbox

    def score(self, item: Item, output: str) -> ItemResult:
        """Run the program that the output holds. Raises BackendError where the processes cannot be started."""
        programs = candidates(item, output)
        why = self._ended(item, programs) if item.tests or not item.cases else ""
        if item.cases and not why:
            why = self._cases(item, programs)
        return ItemResult(item.id, output[:_LONGEST_OUTPUT], why or "passed", 0.0 if why else 1.0)

    def _ended(self, item: Item, programs: tuple[str, ...]) -> str:
        """Why the program failed; empty where it passed."""
        deadline = time.monotonic() + 3 * self._spec.timeout_s + _SLACK_S
        with self._side("examiner", 2) as examiner, self._side("candidate", 1) as candidate:
            try:
                return self._exchange(item, programs, examiner, candidate, deadline)
            except _Late:
                return f"failed: took too long (over {self._spec.timeout_s:g} s)"
            except _Gone as gone:
                return f"failed: {gone.how(self._spec)}"

    def _exchange(
        self, item: Item, programs: tuple[str, ...], examiner: _Side, candidate: _Side, deadline: float
    ) -> str:
        candidate.write({"programs": programs}, deadline)
        begun = _object(candidate.read(deadline))
        if "raised" in begun:
            return f"failed: {begun['raised']}: {begun.get('text', '')}"[:_LONGEST_OUTPUT]
        examiner.write({"setup": item.setup, "tests": item.tests, "entry_point": item.entry_point}, deadline)
        while True:
            question = _object(examiner.read(deadline))
            if question.get("op") == "done":
                return "" if question.get("passed") is True else f"failed: {question.get('why')}"[:_LONGEST_OUTPUT]
            candidate.write(question, deadline)
            examiner.write(_object(candidate.read(deadline)), deadline)

    def _side(self, role: str, share: int) -> _Side:
        return self._started(role, "process.py", role, str(math.ceil(share * self._spec.timeout_s)))

    def _started(self, role: str, script: str, *args: str) -> _Side:
        argv = [sys.executable, "-I", "-B", str(_HERE / script), *args, str(self._spec.memory_mb << 20)]
        mounts = Mounts(read_only=(_HERE / script, _CONFINEMENT))
        line = self._sandbox.command(argv, mounts=mounts, cwd=Path("/"), gpus=False)
        most = 2 * (self._spec.memory_mb << 20) + _INTERPRETERS_BYTES
        return _Side(role, fence(line, tasks=_TASKS, memory_bytes=most, mode=self._sandbox.cgroups))

    # -- programs that read and print ----------------------------------------------------------------------------------

    def _cases(self, item: Item, programs: tuple[str, ...]) -> str:
        """Why the program failed the first case that it fails; empty where it passed all."""
        with self._started("program", "console.py", str(math.ceil(self._spec.timeout_s))) as console:
            try:
                begun = _object(self._asked(console, {"programs": programs}))
                if "raised" in begun:
                    return f"failed: {begun['raised']}"[:_LONGEST_OUTPUT]
                for number, case in enumerate(item.cases, start=1):
                    said = _object(self._asked(console, {"input": case.input}))
                    why = self._wrong(said, case.output)
                    if why:
                        return f"failed: case {number} of {len(item.cases)}: {why}"[:_LONGEST_OUTPUT]
            except _Late:
                return f"failed: took too long (over {self._spec.timeout_s:g} s)"
            except _Gone as gone:
                return f"failed: {gone.how(self._spec)}"
        return ""

    def _asked(self, console: _Side, question: object) -> bytes:
        """The answer; each case has the time that the tests of an item have."""
        deadline = time.monotonic() + 3 * self._spec.timeout_s + _SLACK_S
        console.write(question, deadline)
        return console.read(deadline)

    def _wrong(self, said: dict[str, object], expected: str) -> str:
        """What is wrong with one case's outcome; empty where it is right."""
        if "raised" in said:
            return str(said["raised"])
        code = said.get("code")
        if code in _TOO_LONG:
            return f"took too long (over {self._spec.timeout_s:g} s) or was killed"
        if code != 0:
            return str(said.get("said")) or f"ended with exit code {code}"
        printed = str(said.get("printed"))
        if same(printed, expected, self._spec.tolerance):
            return ""
        return f"printed {printed[:_SHOWN]!r}, which is wrong" if printed.strip() else "printed nothing"


class _Late(Exception):  # noqa: N818 - no error: how a program may end
    """The time is over."""


class _Gone(Exception):  # noqa: N818
    """A side ended, or said what is no answer."""

    def __init__(self, role: str, code: int | None) -> None:
        self.role, self.code = role, code

    def how(self, spec: ScorerSpec) -> str:
        """In words."""
        who = "the tests" if self.role == "examiner" else "the program"
        if self.code in _TOO_LONG:
            return f"{who} took too long (over {spec.timeout_s:g} s) or was killed"
        return f"{who} ended early (exit code {self.code})"


class _Side:
    """One process and its two pipes, with a fence around it: a program that takes over the sandbox's own process, and
    so gets rid of the limits that it has itself, is still under those of the fence."""

    def __init__(self, role: str, fenced: AbstractContextManager[Fenced]) -> None:
        self.role = role
        self._fence = ExitStack()
        argv = self._fence.enter_context(fenced).argv
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            self._fence.close()
            raise BackendError(f"a program cannot be started: {error}", where=argv[0]) from error
        self._buffer = b""
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)  # a program that reads nothing must not hold us up

    def __enter__(self) -> _Side:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._fence.close()

    def write(self, message: object, deadline: float) -> None:
        """One line. Raises _Late where the other side does not read in time, _Gone where it has ended."""
        into = self._process.stdin
        assert into is not None
        view = memoryview(json.dumps(message).encode() + b"\n")
        with selectors.DefaultSelector() as waiting:
            waiting.register(into, selectors.EVENT_WRITE)
            while view:
                left = deadline - time.monotonic()
                if left <= 0 or not waiting.select(left):
                    raise _Late
                try:
                    view = view[os.write(into.fileno(), view) :]
                except BlockingIOError:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    raise self._gone() from None

    def read(self, deadline: float) -> bytes:
        """The next line. Raises _Late or _Gone."""
        out = self._process.stdout
        assert out is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(out, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not waiting.select(left):
                    raise _Late
                chunk = os.read(out.fileno(), 1 << 16)
                if not chunk or len(self._buffer) > _LONGEST_LINE:
                    raise self._gone()
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _gone(self) -> _Gone:
        try:
            return _Gone(self.role, self._process.wait(timeout=1))
        except subprocess.TimeoutExpired:
            return _Gone(self.role, None)


def _object(line: bytes) -> dict[str, object]:
    """A line as an object; what is none is an answer that answers nothing."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"raised": "RuntimeError", "text": "the program's answer is no data"}
