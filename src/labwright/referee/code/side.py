"""One process of an item of code: started in its fence, spoken to in lines, and ended.

Whatever goes wrong before a side says that it is ready is this machine's doing, and raises BackendError. From then on
a model's program may run in it, and how it ends is how the program ended.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from contextlib import AbstractContextManager, ExitStack, suppress

from labwright.compute.fences import Fenced
from labwright.contracts.errors import BackendError

_LONGEST_LINE = 32 << 20
_START_S = 120.0  # for an interpreter in its sandbox, on a machine that is busy with everything else
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
_CURE = (
    "programs need a kernel that sets seccomp filters (CONFIG_SECCOMP_FILTER). An image for another architecture is "
    "emulated, and has none: take the one for this machine's. LABWRIGHT_SANDBOX=off runs programs with your own rights"
)


class Late(Exception):  # noqa: N818 - no error: how a program may end
    """The time is over."""


class Gone(Exception):  # noqa: N818
    """A side ended, or said what is no answer."""

    def __init__(self, role: str, code: int | None) -> None:
        self.role, self.code = role, code


class Side:
    """One process and its two pipes, with a fence around it: a program that takes over the sandbox's own process, and
    so gets rid of the limits that it has itself, is still under those of the fence.

    `heard` keeps what it says on stderr for an error's words; only for a side that runs nothing of a model's, which
    could fill that pipe.
    """

    def __init__(self, role: str, fenced: AbstractContextManager[Fenced], *, heard: bool = False) -> None:
        self.role = role
        self._fence = ExitStack()
        argv = self._fence.enter_context(fenced).argv
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if heard else subprocess.DEVNULL,
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

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._fence.close()

    def ready(self) -> None:
        """Wait until it is confined. Raises BackendError where it does not come to that."""
        try:
            is_ready(as_object(self.read(time.monotonic() + _START_S)))
        except Late:
            raise BackendError(
                f"the process that runs programs did not start in {_START_S:.0f} s",
                cure="the machine is overloaded: try again when less runs on it",
            ) from None
        except Gone as gone:
            raise BackendError(
                f"the process that runs programs ended before it ran one (exit code {gone.code}){self._last_words()}",
                cure="`labwright doctor` says what this machine lacks; where it lacks nothing, try again",
            ) from None

    def write(self, message: object, deadline: float) -> None:
        """One line. Raises Late where the other side does not read in time, Gone where it has ended."""
        into = self._process.stdin
        assert into is not None
        view = memoryview(json.dumps(message).encode() + b"\n")
        with selectors.DefaultSelector() as waiting:
            waiting.register(into, selectors.EVENT_WRITE)
            while view:
                left = deadline - time.monotonic()
                if left <= 0 or not waiting.select(left):
                    raise Late
                try:
                    view = view[os.write(into.fileno(), view) :]
                except BlockingIOError:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    raise self._gone() from None

    def read(self, deadline: float) -> bytes:
        """The next line. Raises Late or Gone."""
        out = self._process.stdout
        assert out is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(out, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not waiting.select(left):
                    raise Late
                chunk = os.read(out.fileno(), 1 << 16)
                if not chunk or len(self._buffer) > _LONGEST_LINE:
                    raise self._gone()
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _gone(self) -> Gone:
        try:
            return Gone(self.role, self._process.wait(timeout=10))
        except subprocess.TimeoutExpired:
            return Gone(self.role, None)

    def _last_words(self) -> str:
        """What it said on stderr, where that is kept."""
        if self._process.stderr is None:
            return ""
        os.set_blocking(self._process.stderr.fileno(), False)
        said = (self._process.stderr.read() or b"").decode(errors="replace").strip()
        return f": {said.splitlines()[-1][:300]}" if said else ""


def as_object(line: bytes) -> dict[str, object]:
    """A line as an object; what is none is an answer that answers nothing."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"raised": "RuntimeError", "text": "the program's answer is no data"}


def is_ready(said: dict[str, object]) -> dict[str, object]:
    """What was said. Raises BackendError where it is that no program can be confined or started here."""
    if said.get("ready") is False:
        raise BackendError(f"programs that a model wrote cannot be confined here: {said.get('why')}", cure=_CURE)
    return said
