"""Ceilings on processes and memory around a short command, kept by the kernel or, where it will not, by a watcher.

A run of a recipe has its supervisor for that. This is for what is started and waited for: a program of a synthesis
spec, a command of the intern's. It matters most where Labwright is root, as in many containers: the limit on processes
that everybody knows, RLIMIT_NPROC, does not bind root.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labwright.compute.supervision import cgroups

Cgroups = Literal["auto", "off"]
_WATCH = "import sys; sys.path.insert(0, sys.argv[1]); from supervision.watcher import main; main(sys.argv[2:])"
_PROBED_TASKS = 16
_PROBED_BYTES = 256 << 20
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Fenced:
    """A command with its fence around it."""

    argv: list[str]
    tasks: int
    group: cgroups.Group

    def complaint(self) -> str:
        """What the fence kept back, in a line for whoever reads the command's errors; empty where it kept nothing.

        To be asked before the fence is taken down. A watcher has said its own on the command's stderr.
        """
        if self.group.ran_out_of_memory():
            return "labwright: the kernel ended a process of it for using too much memory"
        if self.group.refused():
            return f"labwright: it was refused more than {self.tasks} processes and threads at a time"
        return ""


@contextmanager
def fence(argv: Sequence[str], *, tasks: int, memory_bytes: int, mode: Cgroups = "auto") -> Iterator[Fenced]:
    """The command line that runs `argv` with at most `tasks` processes and threads, and about `memory_bytes` of memory.

    In a cgroup too many processes are refused and too much memory is ended; a watcher ends the command for either. When
    the block ends, whatever the command left behind in its cgroup ends too.
    """
    group = cgroups.Group()
    if mode == "auto":
        group = cgroups.make(f"command-{next(_numbers)}", tasks=tasks, memory_bytes=memory_bytes)
    try:
        line = list(argv) if group.is_whole else _watched(argv, tasks, memory_bytes)
        yield Fenced(group.command(line), tasks, group)
    finally:
        cgroups.remove(group.folders)


def kept_by_the_kernel(mode: Cgroups = "auto") -> tuple[frozenset[str], str]:
    """Which of `pids` and `memory` the kernel limits for a run here, by trying; and why not the others."""
    if mode == "off":
        return frozenset(), "LABWRIGHT_CGROUPS is off"
    group = cgroups.make(f"probe-{next(_numbers)}", tasks=_PROBED_TASKS, memory_bytes=_PROBED_BYTES)
    cgroups.remove(group.folders)
    kept = {name for name, folder in (("pids", group.pids), ("memory", group.memory)) if folder}
    return frozenset(kept), group.why


def _watched(argv: Sequence[str], tasks: int, memory_bytes: int) -> list[str]:
    here = str(Path(__file__).parent)
    return [sys.executable, "-I", "-S", "-c", _WATCH, here, str(tasks), str(memory_bytes), *argv]
