"""A watcher around one short command, for machines where the kernel cannot be asked to count it.

It is a process of its own between whoever wants the command and the command, since only a parent sees all that comes of
it: orphans of its tree are handed to it. Output, exit code and signals are the command's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from . import processes

ENDED = 137
_FIRST_LOOK_S, _LOOK_S, _HURRY_S = 0.05, 0.25, 0.005
_PASSES = 2000
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def main(words: Sequence[str]) -> None:
    """`TASKS MEMORY_BYTES COMMAND…`: run it, end it where it wants more, and leave nothing of it behind."""
    tasks, memory_bytes, *command = int(words[0]), int(words[1]), *words[2:]
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        child = subprocess.Popen(command, preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(127)
    why = _watch(child, tasks, memory_bytes)
    _end_everything(child)
    if why:
        sys.stderr.write(f"labwright: it was ended: {why}\n")
        sys.exit(ENDED)
    sys.exit(128 - child.returncode if child.returncode < 0 else child.returncode)


def _watch(child: subprocess.Popen[bytes], tasks: int, memory_bytes: int) -> str:
    """Wait for the end. Why it has to be ended; empty where it ended by itself."""
    pause = _FIRST_LOOK_S
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(pause)
            return ""
        pause = _LOOK_S
        tree = processes.descendants(os.getpid())
        if sum(process.tasks for process in tree) > tasks:
            return f"it had more than {tasks} processes and threads at a time"
        if processes.tree_bytes(tree, above=memory_bytes) > memory_bytes:
            return f"it used more than {memory_bytes / 1e9:.2f} GB of memory"


def _end_everything(child: subprocess.Popen[bytes]) -> None:
    """Kill, look again, kill: until nothing is left. Each pass is short, so that what starts anew loses the race."""
    for _ in range(_PASSES):
        tree = processes.descendants(os.getpid())
        for process in tree:
            processes.send(process.pid, signal.SIGKILL)
        child.poll()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not tree:
            break
        time.sleep(_HURRY_S)
