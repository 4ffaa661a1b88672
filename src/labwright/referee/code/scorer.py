"""The code scorer: starts both sides of an item, passes their lines to and fro, and watches the clock.

Programs that read and print have one side only: what they should print stays here, and is compared here. A side says
that it is confined before anything of a model's runs in it; one that cannot be is an error, and never a score.

Testing generated code by its behaviour follows HumanEval (Chen et al., 2021, arXiv 2107.03374) and MBPP (Austin et al.,
2021, arXiv 2108.07732); their harnesses run program and tests in one process.
"""

from __future__ import annotations

import math
import signal
import sys
import time
from pathlib import Path

from labwright.compute.fences import fence
from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.errors import BackendError, BoundaryError, LabwrightError
from labwright.contracts.research import ItemResult
from labwright.contracts.specs import ScorerSpec
from labwright.referee.code.printed import same
from labwright.referee.code.programs import candidates
from labwright.referee.code.side import Gone, Late, Side, as_object, is_ready
from labwright.referee.pack import Item

_HERE = Path(__file__).parent
_CONFINEMENT = _HERE / "confinement.py"
_SHOWN = 200  # characters of what a program printed
_TOO_LONG = (-signal.SIGXCPU, 128 + signal.SIGXCPU, -signal.SIGKILL, 128 + signal.SIGKILL)
_LONGEST_OUTPUT = 20_000
_TASKS = 256  # processes and threads of a side: numpy starts a thread a core
_INTERPRETERS_BYTES = 256 << 20
_SLACK_S = 20.0  # for a busy machine; the processor time is the true limit


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
        self._filtered = "may" if unconfined else "must"

    def must_work(self) -> None:
        """Start a side as for a program, and end it. Raises BackendError where none can be started or confined here.

        Said once before a benchmark's outputs are made, so that nobody waits for what cannot be scored.
        """
        with self._side("candidate", 1, heard=True) as side:
            side.ready()

    def score(self, item: Item, output: str) -> ItemResult:
        """Run the program that the output holds. Raises BackendError where the processes cannot be started."""
        programs = candidates(item, output)
        why = self._ended(item, programs) if item.tests or not item.cases else ""
        if item.cases and not why:
            why = self._cases(item, programs)
        return ItemResult(item.id, output[:_LONGEST_OUTPUT], why or "passed", 0.0 if why else 1.0)

    def _ended(self, item: Item, programs: tuple[str, ...]) -> str:
        """Why the program failed; empty where it passed."""
        with self._side("examiner", 2) as examiner, self._side("candidate", 1) as candidate:
            for side in (examiner, candidate):
                side.ready()
            deadline = time.monotonic() + 3 * self._spec.timeout_s + _SLACK_S
            try:
                return self._exchange(item, programs, examiner, candidate, deadline)
            except Late:
                return f"failed: took too long (over {self._spec.timeout_s:g} s)"
            except Gone as gone:
                return f"failed: {self._how(gone)}"

    def _exchange(self, item: Item, programs: tuple[str, ...], examiner: Side, candidate: Side, deadline: float) -> str:
        candidate.write({"programs": programs}, deadline)
        begun = as_object(candidate.read(deadline))
        if "raised" in begun:
            return f"failed: {begun['raised']}: {begun.get('text', '')}"[:_LONGEST_OUTPUT]
        examiner.write({"setup": item.setup, "tests": item.tests, "entry_point": item.entry_point}, deadline)
        while True:
            question = as_object(examiner.read(deadline))
            if question.get("op") == "done":
                return "" if question.get("passed") is True else f"failed: {question.get('why')}"[:_LONGEST_OUTPUT]
            candidate.write(question, deadline)
            examiner.write(as_object(candidate.read(deadline)), deadline)

    def _side(self, role: str, share: int, *, heard: bool = False) -> Side:
        return self._started(role, "process.py", role, str(math.ceil(share * self._spec.timeout_s)), heard=heard)

    def _started(self, role: str, script: str, *args: str, heard: bool = False) -> Side:
        given = [*args, str(self._spec.memory_mb << 20), self._filtered]
        argv = [sys.executable, "-I", "-B", str(_HERE / script), *given]
        mounts = Mounts(read_only=(_HERE / script, _CONFINEMENT))
        line = self._sandbox.command(argv, mounts=mounts, cwd=Path("/"), gpus=False)
        most = 2 * (self._spec.memory_mb << 20) + _INTERPRETERS_BYTES
        return Side(role, fence(line, tasks=_TASKS, memory_bytes=most, mode=self._sandbox.cgroups), heard=heard)

    # -- programs that read and print ----------------------------------------------------------------------------------

    def _cases(self, item: Item, programs: tuple[str, ...]) -> str:
        """Why the program failed the first case that it fails; empty where it passed all."""
        with self._started("program", "console.py", str(math.ceil(self._spec.timeout_s))) as console:
            console.ready()
            try:
                begun = as_object(self._asked(console, {"programs": programs}))
                if "raised" in begun:
                    return f"failed: {begun['raised']}"[:_LONGEST_OUTPUT]
                for number, case in enumerate(item.cases, start=1):
                    said = is_ready(as_object(self._asked(console, {"input": case.input})))
                    why = self._wrong(said, case.output)
                    if why:
                        return f"failed: case {number} of {len(item.cases)}: {why}"[:_LONGEST_OUTPUT]
            except Late:
                return f"failed: took too long (over {self._spec.timeout_s:g} s)"
            except Gone as gone:
                return f"failed: {self._how(gone)}"
        return ""

    def _how(self, gone: Gone) -> str:
        """How a side ended early, in words."""
        who = "the tests" if gone.role == "examiner" else "the program"
        if gone.code in _TOO_LONG:
            return f"{who} took too long (over {self._spec.timeout_s:g} s) or was killed"
        return f"{who} ended early (exit code {gone.code})"

    def _asked(self, console: Side, question: object) -> bytes:
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


def obstacle(sandbox: Sandbox, *, unconfined: bool = False) -> LabwrightError | None:
    """Why programs of models cannot be scored here, with the cure; None where they can."""
    try:
        CodeScorer(ScorerSpec(kind="code"), sandbox, unconfined=unconfined).must_work()
    except (BoundaryError, BackendError) as error:
        return error
    return None
