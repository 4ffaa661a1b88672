"""Whether a process that a lab has recorded still lives: only its own machine can tell."""

from __future__ import annotations

import os
import socket

import psutil

from labwright.compute.supervision import processes
from labwright.contracts.processes import ProcessMark, Whereabouts


def marked(pid: int | None = None) -> ProcessMark:
    """What a process of this machine is known by later; this one, unless another is named."""
    number = os.getpid() if pid is None else pid
    try:
        process, boot = processes.look(number), processes.boot_id()
    except OSError:  # no /proc: the number and the machine's name have to do
        return ProcessMark(number, socket.gethostname())
    return ProcessMark(number, socket.gethostname(), boot, process.started if process else 0)


def whereabouts(mark: ProcessMark) -> Whereabouts:
    """Where a process is now. What an older version recorded, without a machine's name, is taken for this machine's."""
    me = marked()
    if mark.host not in ("", me.host):
        return "elsewhere"
    if mark.boot and me.boot and mark.boot != me.boot:
        return "gone"
    lives = processes.is_alive(mark.pid, mark.ticks) if mark.ticks else psutil.pid_exists(mark.pid)
    return "here" if lives else "gone"
