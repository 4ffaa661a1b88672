"""Short programs of other people: in the sandbox, with ceilings on time, memory, processes and what they write.

A run of a recipe has a supervisor and a directory that outlives it; this is for scripts that answer at once, such as a
generator or a verifier of a synthesis spec. Where the sandbox does not hold they run all the same, under the same
ceilings, and `remark` says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from labwright.compute.environment import home_in, scrubbed
from labwright.compute.fences import Fenced, fence
from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.data import ProgramEnd, ProgramLimits
from labwright.contracts.errors import BackendError

_SAID = 4_000  # characters of its output that are kept
_START = """
import json, resource, runpy, sys
for name, most in json.loads(sys.argv[1]).items():
    resource.setrlimit(getattr(resource, name), (most, most))
sys.argv = sys.argv[2:]
sys.path.insert(0, ".")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class SandboxedPrograms:
    """Implements `ProgramRunner`. `source` is the environment that harmless variables are taken from."""

    def __init__(self, sandbox: Sandbox, source: Mapping[str, str] | None = None) -> None:
        self._sandbox = sandbox
        self._environment = scrubbed(source or {}, home_in("/tmp"))

    @property
    def remark(self) -> str:
        """Why programs are not confined here; empty where they are."""
        return self._sandbox.why

    def run(self, script: str, args: Sequence[str], folder: Path, limits: ProgramLimits) -> ProgramEnd:
        """`python SCRIPT ARGS…` in `folder`. Everything that it started ends with it. Raises BackendError."""
        folder = folder.resolve()
        ceilings = {
            "RLIMIT_AS": limits.memory_bytes,
            "RLIMIT_FSIZE": limits.output_bytes,
            "RLIMIT_CORE": 0,
            "RLIMIT_CPU": int(limits.timeout_s) + 2,
        }
        argv = [sys.executable, "-c", _START, json.dumps(ceilings), script, *args]
        line = self._sandbox.command(argv, mounts=Mounts(writable=(folder,)), cwd=folder, gpus=False)
        most, mode = limits.memory_bytes, self._sandbox.cgroups
        with fence(line, tasks=limits.tasks, memory_bytes=most, mode=mode) as fenced:
            return self._run(fenced, folder, script, limits.timeout_s)

    def _run(self, fenced: Fenced, folder: Path, script: str, timeout_s: float) -> ProgramEnd:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    fenced.argv,
                    cwd=folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=errors,
                    start_new_session=True,
                )
            except OSError as error:
                raise BackendError(f"the program could not be started: {error}", where=script) from error
            code = _ended(process, timeout_s)
            complaint = fenced.complaint()
            return ProgramEnd(code, _last(out), _last(errors) + (f"{complaint}\n" if complaint else ""))


def _ended(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """Its exit code; None where it had to be ended at its time limit."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # also what it left behind; the sandbox dies with its parent
        process.wait()


def _last(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 4 * _SAID))
    return file.read().decode("utf-8", "replace")[-_SAID:]
