"""The referee's hold on the generation worker: starts it, asks it, and survives its death.

The worker runs an untrusted model, so it is a process of its own, in the sandbox, with an environment the caller gives
and nothing else. If it dies or says something that is no reply, the question fails with its last words; the next
`load` starts a fresh one.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.errors import BudgetError, MachineError, ModelError, RefereeError
from labwright.contracts.generation import Decoding, LikelihoodRequest

OnProgress = Callable[[int, int], None]
_LAST_LINES = 8
_THEN: Final = "and try again; a study goes on with `labwright study resume`"
_CURES: Final[Mapping[str, str]] = {
    "memory": f"free memory, see `labwright doctor`, {_THEN}",
    "disk": f"free some space there, {_THEN}",
    "files": f"see that the model's files and the lab's home are there and may be read, {_THEN}",
    "library": f"install it, or Labwright anew, {_THEN}",
}
T = TypeVar("T")


class _Reply(BaseModel):
    """One line of the worker's; what else it holds is read by the question's own rules."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    id: int
    ok: bool | None = None
    progress: list[int] | None = None
    error: str = ""
    fault: Literal["model", "memory", "disk", "files", "library"] = "model"  # of what could not be answered
    outputs: list[str] | None = None
    log_likelihoods: list[float] | None = None


class GenerationWorker:
    """A Generator (contracts/generation.py) whose model lives in a sandboxed process of its own."""

    def __init__(
        self,
        python: Path,
        script: Path,
        sandbox: Sandbox,
        mounts: Mounts,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = (str(python), "-P", str(script))  # -P: the script's neighbours are not on its path
        self._sandbox = sandbox
        self._mounts = replace(mounts, read_only=(*mounts.read_only, script))
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[str] | None = None
        self._stderr: IO[bytes] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._asked = 0

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def load(
        self, config_dir: Path, weights_dir: Path, adapter_dir: Path | None = None, *, deadline: float | None = None
    ) -> None:
        """Load weights into the base's architecture, starting the worker if none runs.

        Raises:
            ModelError: the model cannot be loaded or its numbers are not finite.
            MachineError: the machine is at fault: no memory, no disk, a file or a library is missing, it was killed.
            RefereeError: the worker died of something else, or said something that is no reply.
            BudgetError: the deadline (seconds since the epoch) passed; the worker was ended.
        """
        if self.pid is None:
            self._start()
        adapter = str(adapter_dir) if adapter_dir is not None else None
        paths = {"config_dir": str(config_dir), "weights_dir": str(weights_dir), "adapter_dir": adapter}
        self._ask({"op": "load", **paths}, deadline, None)

    def generate(
        self,
        prompts: Sequence[str],
        decoding: Decoding,
        *,
        shared_prefix: str = "",
        deadline: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[str]:
        """One output a prompt, in order, cut at the first stop string. Raises what `load` raises."""
        request = {"prompts": list(prompts), "shared_prefix": shared_prefix, "decoding": asdict(decoding)}
        reply = self._ask({"op": "generate", **request}, deadline, on_progress)
        return self._complete(reply.outputs, len(prompts))

    def log_likelihoods(
        self,
        requests: Sequence[LikelihoodRequest],
        *,
        shared_prefix: str = "",
        batch_size: int = 32,
        deadline: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[float]:
        """The summed log-probability of each continuation, in order. Raises what `load` raises."""
        pairs = [[request.prompt, request.continuation] for request in requests]
        question = {"requests": pairs, "shared_prefix": shared_prefix, "batch_size": batch_size}
        reply = self._ask({"op": "log_likelihoods", **question}, deadline, on_progress)
        return self._complete(reply.log_likelihoods, len(requests))

    def export(self, out: Path) -> None:
        """Save the loaded model, adapter merged, with the base's tokenizer, as a model directory."""
        self._ask({"op": "export", "out": str(out)}, None, None)

    def close(self) -> None:
        """Kill the worker and everything in its session. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    # -- the pipe ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.close()
        if self._stderr is not None:
            self._stderr.close()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        root = Path("/")
        try:
            self._process = subprocess.Popen(
                self._sandbox.command(self._command, mounts=self._mounts, cwd=root),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                encoding="utf-8",
                errors="replace",
                env=self._environment,
                cwd=root,
                start_new_session=True,
            )
        except OSError as error:
            raise RefereeError(f"the generation worker cannot be started: {error}", where=self._command[0]) from error
        self._lines = queue.Queue()
        assert self._process.stdout is not None
        threading.Thread(target=_pump, args=(self._process.stdout, self._lines), daemon=True).start()

    def _ask(self, request: Mapping[str, object], deadline: float | None, on_progress: OnProgress | None) -> _Reply:
        process = self._process
        if process is None or process.stdin is None:
            raise RefereeError("the generation worker is not running", cure="load a model first")
        self._asked += 1
        try:
            process.stdin.write(json.dumps({"id": self._asked, **request}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        while True:
            reply = self._next(deadline)
            if reply.ok is False:
                what = f"the generation worker could not {request['op']}: {reply.error}"
                if reply.fault == "model":
                    raise ModelError(what)
                self.close()  # what it still holds may be what is lacking
                raise MachineError(what, cure=_CURES[reply.fault])
            if reply.ok:
                return reply
            if on_progress is not None and reply.progress is not None and len(reply.progress) == 2:
                on_progress(*reply.progress)

    def _next(self, deadline: float | None) -> _Reply:
        wait_s = None if deadline is None else max(0.0, deadline - time.time())
        try:
            line = self._lines.get(timeout=wait_s)
        except queue.Empty:
            self.close()
            raise BudgetError("the deadline passed while the model was generating; the worker was ended") from None
        if line is None:
            raise self._death()
        try:
            reply = _Reply.model_validate_json(line)
        except ValidationError:
            raise self._nonsense(f"said something that is no reply: {line[:200]!r}") from None
        if reply.id != self._asked:
            raise self._nonsense(f"answered question {reply.id} instead of {self._asked}")
        return reply

    def _complete(self, answers: list[T] | None, wanted: int) -> list[T]:
        if answers is None or len(answers) != wanted:
            raise self._nonsense(f"gave {0 if answers is None else len(answers)} answers to {wanted} questions")
        return answers

    def _nonsense(self, what: str) -> RefereeError:
        self.close()
        return RefereeError(f"the generation worker {what}; it was ended. {self._last_words()}")

    def _death(self) -> RefereeError:
        code = self._process.wait() if self._process is not None else None
        self.close()
        killed = code in (-signal.SIGKILL, 128 + signal.SIGKILL)
        how = "ran out of memory or was killed" if killed else "died"
        return (MachineError if killed else RefereeError)(
            f"the generation worker {how} (exit code {code}). {self._last_words()}",
            cure=f"check memory with `labwright doctor`, {_THEN}; a smaller generation.batch_size needs less",
        )

    def _last_words(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - 8192))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return "It last said: " + (" | ".join(lines[-_LAST_LINES:]) or "(nothing)")


def _pump(pipe: IO[str], lines: queue.Queue[str | None]) -> None:
    """Hand the worker's lines over; None when there will be no more."""
    with contextlib.suppress(ValueError):  # the pipe was closed under the reader: the worker was ended
        for line in pipe:
            lines.put(line)
    lines.put(None)
