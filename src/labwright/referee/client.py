"""The engine's end of the pipe to the referee's process.

The process is started when it is first needed. If it dies, by a kill or by running out of memory, it is started
again and asked the same thing: every request is safe to repeat. After three deaths at the same request the client
gives up with what the process last said.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from labwright.contracts import errors
from labwright.contracts.errors import LabwrightError, RefereeError
from labwright.contracts.events import BenchmarkSealed, TestOpened
from labwright.contracts.research import Comparison, Evaluation, GateReport, Verdict
from labwright.referee.protocol import (
    ANSWER,
    OPENING,
    REPLY,
    REQUEST,
    Appraisal,
    Appraise,
    CheckSource,
    Compare,
    Disclose,
    Evaluate,
    Export,
    Failure,
    Gate,
    Judge,
    Opening,
    OpenTest,
    Request,
    Rescore,
    Rescored,
    ScoreRows,
    Seal,
)

OnProgress = Callable[[int, int], None]
_DEATHS_BEFORE_GIVING_UP = 3


class RefereeClient:
    """Asks the referee. Raises the errors that the referee raised, as if it were here; RefereeError when it is gone."""

    def __init__(self, opening: Opening, *, python: str = sys.executable) -> None:
        self._opening = opening
        self._python = python
        self._process: subprocess.Popen[str] | None = None
        self._stderr: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The referee's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def seal(self, request: Seal) -> BenchmarkSealed:
        return self._ask(request)  # type: ignore[no-any-return]

    def check_source(self, request: CheckSource) -> tuple[str, ...]:
        return self._ask(request)  # type: ignore[no-any-return]

    def gate(self, request: Gate) -> GateReport:
        return self._ask(request)  # type: ignore[no-any-return]

    def evaluate(self, request: Evaluate, on_progress: OnProgress | None = None) -> Evaluation:
        return self._ask(request, on_progress)  # type: ignore[no-any-return]

    def appraise(self, request: Appraise) -> Appraisal:
        return self._ask(request)  # type: ignore[no-any-return]

    def open_test(self, request: OpenTest) -> TestOpened:
        return self._ask(request)  # type: ignore[no-any-return]

    def judge(self, request: Judge) -> Verdict:
        return self._ask(request)  # type: ignore[no-any-return]

    def compare(self, request: Compare) -> Comparison:
        return self._ask(request)  # type: ignore[no-any-return]

    def export(self, request: Export) -> Path:
        return Path(self._ask(request))

    def rescore(self, request: Rescore) -> Rescored:
        return self._ask(request)  # type: ignore[no-any-return]

    def score_rows(self, request: ScoreRows, on_progress: OnProgress | None = None) -> list[float]:
        return self._ask(request, on_progress)  # type: ignore[no-any-return]

    def disclose(self, request: Disclose) -> tuple[str, ...]:
        return self._ask(request)  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process; it ends by itself when its input closes."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):  # it was dead already, with a request still in the pipe
                process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    # -- the pipe ------------------------------------------------------------------------------------------------------

    def _ask(self, request: Request, on_progress: OnProgress | None = None) -> Any:
        for _ in range(_DEATHS_BEFORE_GIVING_UP):
            reply = self._exchange(request, on_progress)
            if reply is not None:
                if reply.failure is not None:
                    raise _raised(reply.failure)
                return ANSWER[request.op].validate_python(reply.result, strict=False)
        raise RefereeError(
            f"the referee's process died {_DEATHS_BEFORE_GIVING_UP} times at `{request.op}`; it last said: "
            f"{self._last_words()}",
            cure="check memory and disk with `labwright doctor`, then `labwright study resume`",
        )

    def _exchange(self, request: Request, on_progress: OnProgress | None) -> Any:
        """The final reply, or None if the process died."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(REQUEST.dump_json(request).decode() + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            self.close()
            return None
        for line in process.stdout:
            reply = REPLY.validate_json(line)
            if reply.done:
                return reply
            if reply.progress and on_progress:
                on_progress(*reply.progress)
        self.close()
        return None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [self._python, "-m", "labwright.referee.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            env={**self._opening.environment, **self._opening.ledger_environment},
            start_new_session=True,  # Ctrl-C in the terminal is the engine's to handle
        )
        assert self._process.stdin is not None
        self._process.stdin.write(OPENING.dump_json(self._opening).decode() + "\n")
        self._process.stdin.flush()
        return self._process

    def _last_words(self, lines: int = 5) -> str:
        if self._stderr is None:
            return "(nothing)"
        self._stderr.seek(0)
        words: Sequence[str] = self._stderr.read().decode(errors="replace").strip().splitlines()
        return " | ".join(words[-lines:]) or "(nothing)"


def _raised(failure: Failure) -> LabwrightError:
    """The error as it was raised on the other side."""
    kind = getattr(errors, failure.type, RefereeError)
    error: LabwrightError = kind(failure.what, where=failure.where, cure=failure.cure)
    return error
