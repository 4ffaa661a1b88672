"""The terminal while no prompt is open: quiet, so that typing ahead does not disturb what is printed, and not lost."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

AGAIN_S = 2.0
_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O.|.)?")


def is_interactive() -> bool:
    """Whether a person sits at both ends, at a terminal that can draw."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


class Keyboard:
    """Standard input of a terminal."""

    def __init__(self, stdin: TextIO) -> None:
        self._file = stdin.fileno()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """No echo and no line editing, and Enter stays Enter for the next prompt; Ctrl-C is still a signal."""
        before = termios.tcgetattr(self._file)
        still = termios.tcgetattr(self._file)
        still[0] &= ~termios.ICRNL
        still[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(self._file, termios.TCSANOW, still)
        try:
            yield
        finally:
            termios.tcsetattr(self._file, termios.TCSANOW, before)

    @contextmanager
    def loud(self) -> Iterator[None]:
        """As other programs expect it, such as an editor."""
        before = termios.tcgetattr(self._file)
        usual = termios.tcgetattr(self._file)
        usual[0] |= termios.ICRNL
        usual[3] |= termios.ECHO | termios.ICANON | termios.ISIG
        termios.tcsetattr(self._file, termios.TCSANOW, usual)
        try:
            yield
        finally:
            termios.tcsetattr(self._file, termios.TCSANOW, before)

    def typed_ahead(self) -> str:
        """What was typed and nobody has read: it must not become the answer to a question that nobody had seen."""
        found = b""
        while select.select([self._file], [], [], 0)[0]:
            more = os.read(self._file, 4096)
            if not more:
                break
            found += more
        text = _SEQUENCE.sub("", found.decode(errors="ignore")).replace("\r", "\n")
        return "".join(c for c in text if c.isprintable() or c == "\n")


class Presses:
    """Counts Ctrl-C: the second within two seconds means to leave."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last: float | None = None

    def again(self) -> bool:
        """One more was pressed. Whether it is the second in a short time."""
        moment = self._now()
        is_second = self._last is not None and moment - self._last <= AGAIN_S
        self._last = moment
        return is_second
