"""A process of some machine, as the ledger and the files of a lab name it.

Several machines may share one lab, and a number alone names a different process on each of them, and on each of them
again after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Whereabouts = Literal["here", "gone", "elsewhere"]
"""Of a process: it lives on this machine, it is over, or it is another machine's and cannot be seen from here."""


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process. All but its number may be unknown, of what an older version recorded or where there is no /proc."""

    pid: int
    host: str = ""  # as its machine calls itself
    boot: str = ""  # which changes with every start of the machine
    ticks: int = 0  # from that start to the process's own: its number may be given again


@dataclass(frozen=True, slots=True)
class LastSeen:
    """The process that took a study or a session up last, and when it last recorded something."""

    process: ProcessMark
    at: float
