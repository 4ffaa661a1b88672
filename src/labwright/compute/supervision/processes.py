"""What the kernel knows of processes: read from /proc, since the supervisor may use the standard library only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One line of /proc/PID/stat. `started` is in clock ticks since boot: with it a pid is never taken for another."""

    pid: int
    parent: int
    name: str
    started: int
    resident_bytes: int
    tasks: int  # its threads; a process without more has one

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def look(pid: int) -> Process | None:
    """A process that lives; None for one that is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    state, *numbers = rest.split()
    if state in "ZX":
        return None
    return Process(pid, int(numbers[0]), name, int(numbers[18]), int(numbers[20]) * _PAGE, int(numbers[16]))


def everything() -> dict[int, Process]:
    """All living processes of this pid namespace and those inside it."""
    found = (look(int(entry)) for entry in os.listdir(_PROC) if entry.isdigit())  # noqa: PTH208 (every quarter second)
    return {process.pid: process for process in found if process}


def descendants(of: int) -> list[Process]:
    """The living processes below `of`, nearest first."""
    children: dict[int, list[Process]] = {}
    for process in everything().values():
        children.setdefault(process.parent, []).append(process)
    found = list(children.get(of, ()))
    for process in found:
        found.extend(children.get(process.pid, ()))
    return found


def proportional_bytes(pid: int) -> int:
    """Memory with shared pages divided among those who share them; 0 where it cannot be read."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def tree_bytes(tree: Iterable[Process], above: int) -> int:
    """Memory of a process tree. Resident sizes count shared pages once a process, so a sum above `above` is refined."""
    tree = list(tree)
    resident = sum(process.resident_bytes for process in tree)
    if resident <= above or len(tree) < 2:
        return resident
    return sum(proportional_bytes(process.pid) or process.resident_bytes for process in tree)


def boot_id() -> str:
    """Changes with every start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_alive(pid: int, started: int) -> bool:
    """Whether that very process still lives."""
    process = look(pid)
    return process is not None and process.started == started


def send(pid: int, number: signal.Signals) -> None:
    """A signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def of_run(directory: Path) -> list[Process]:
    """What still lives of a run whose supervisor is gone, known by the run directory in its environment."""
    mark = b"LABWRIGHT_RUN_DIR=" + os.fsencode(directory)
    found = []
    for process in everything().values():
        try:
            marked = mark in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        except OSError:
            marked = False
        if marked and process.pid != os.getpid():
            found.append(process)
    return found


def end_remains(directory: Path) -> tuple[str, ...]:
    """End what still lives of a run; the names of what had to be ended."""
    ended: dict[int, str] = {}
    for _ in range(50):
        living = of_run(directory)
        if not living:
            break
        for process in living:
            ended[process.pid] = str(process)
            send(process.pid, signal.SIGKILL)
        time.sleep(0.02)
    return tuple(ended.values())
