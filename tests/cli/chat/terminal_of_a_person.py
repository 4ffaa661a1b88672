"""A person at a terminal: a real pty with `labwright chat` behind it, typed into and read like a screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_CODES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[=>78MDEc])")
_BEGUN = re.compile(r"\x1b(\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[()]?)?\Z")  # a code whose end is not here yet
WAIT_S = 600.0  # where something fails; else it takes what it takes


class Terminal:
    """A context manager. `text` is all that was printed so far, without its control codes."""

    def __init__(self, *words: str, env: Mapping[str, str], cwd: Path, rows: int = 40, columns: int = 100) -> None:
        self._words = words
        self._env = {**env, "TERM": "xterm-256color"}
        self._cwd = cwd
        self._size = (rows, columns)
        self._printed = b""
        self._seen = 0

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *self._size, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "labwright", *self._words], stdin=slave, stdout=slave, stderr=slave,
            cwd=self._cwd, env=self._env, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=60)
        self._reader.join(timeout=60)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                more = os.read(self._master, 65536)
            except OSError:
                return
            if not more:
                return
            self._printed += more
            for _ in range(more.count(b"\x1b[6n")):  # where is the cursor?
                os.write(self._master, b"\x1b[10;1R")

    @property
    def raw(self) -> bytes:
        return self._printed

    @property
    def text(self) -> str:
        printed = _CODES.sub("", self._printed.decode(errors="replace"))
        return _BEGUN.sub("", printed).replace("\r", "")

    def type(self, text: str, *, enter: bool = True) -> None:
        """Type a line. What is expected next is expected after this."""
        self._seen = len(self.text)
        os.write(self._master, text.encode() + (b"\r" if enter else b""))

    def ctrl(self, letter: str) -> None:
        self._seen = len(self.text)
        os.write(self._master, bytes([ord(letter.upper()) - 64]))

    def expect(self, *texts: str, within_s: float = WAIT_S) -> str:
        """Wait until all of these were printed. What is expected next is expected after them; what came so far."""
        ends_at = time.monotonic() + within_s
        while True:
            is_over = self._process.poll() is not None and not self._reader.is_alive()  # before the last look
            new = self.text[self._seen :]
            missing = [text for text in texts if text not in new]
            if not missing:
                self._seen += max(new.index(text) + len(text) for text in texts)
                return new
            if time.monotonic() > ends_at or is_over:
                raise AssertionError(f"never printed: {missing}; printed instead:\n{new}")
            time.sleep(0.03)

    def say(self, text: str, *answer: str) -> str:
        """Type a message, wait for these words and for the next prompt; what was printed from the typing on."""
        start = len(self.text)
        self.type(text)
        self.expect(*answer)
        self.expect("›")
        return self.text[start:]

    def leave(self) -> int:
        """Press Ctrl-C until it leaves; the exit code.

        Two presses count as one wish only within two seconds, and how long a busy machine takes over each nobody knows.
        So it is pressed again when the last press was answered by something else than leaving, and not before.
        """
        ends_at = time.monotonic() + WAIT_S
        self.ctrl("c")
        while self._process.poll() is None and time.monotonic() < ends_at:
            if any(answer in self.text[self._seen :] for answer in ("again leaves", "interrupted")):
                self.ctrl("c")
            time.sleep(0.03)
        return self.ended()

    def ended(self, within_s: float = WAIT_S) -> int:
        """The exit code, once it has left."""
        code = self._process.wait(timeout=within_s)
        self._reader.join(timeout=60)
        return code
