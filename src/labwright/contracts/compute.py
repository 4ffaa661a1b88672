"""What travels between the engine and a compute backend, and the `Backend` Protocol itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from labwright.contracts.research import Boundary, RunState

EndReason = Literal[
    "",
    "finished",
    "error",
    "deadline",
    "memory",
    "processes",
    "cancelled",
    "alert",
    "unwanted",
    "killed",
    "lost",
    "disk",
]


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run needs. Memory and tasks are ceilings that the backend enforces."""

    memory_bytes: int
    cpus: int = 1
    gpus: int = 0
    tasks: int = 4096  # processes and threads at a time


@dataclass(frozen=True, slots=True)
class RunOrder:
    """A command to execute in its own directory: all a backend has to know."""

    run_id: str
    directory: Path
    command: tuple[str, ...]
    resources: Resources
    deadline: float  # seconds since the epoch
    seed: int
    inputs: Mapping[str, Path] = field(default_factory=dict)  # name under inputs/ -> real path, read-only
    environment: Mapping[str, str] = field(default_factory=dict)  # granted on top of the allow-list
    hidden: tuple[Path, ...] = ()  # must not be seen by the run, whatever else is mounted
    attempt: int = 1  # a run that something outside it ended is submitted again with the next number


@dataclass(frozen=True, slots=True)
class RunHandle:
    """How a backend finds a run again, also from another process."""

    backend: str
    run_id: str
    directory: Path
    token: str  # the backend's own: a process id with its start time, a job id


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What a backend knows of a run now."""

    state: RunState
    reason: EndReason = ""
    exit_code: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    peak_memory_bytes: int | None = None
    boundary: Boundary = "not enforced"
    left_behind: tuple[str, ...] = ()  # processes that outlived the command and were ended
    touched: tuple[str, ...] = ()  # decoys of hidden paths that something in the run opened


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One line of metrics.jsonl. Values may be NaN or infinite: the watchdog wants to see them."""

    step: int
    at: float
    values: Mapping[str, float]


class Backend(Protocol):
    """Where runs execute. Every call may come from another process than the one that submitted."""

    @property
    def name(self) -> str:
        """The backend's name in the ledger and on the command line."""

    def submit(self, order: RunOrder) -> RunHandle:
        """Start the run, or queue it where no slot is free. Raises BackendError."""

    def poll(self, handle: RunHandle) -> RunStatus:
        """The run's status now; final states stay. Never blocks."""

    def logs(self, handle: RunHandle, *, follow: bool = False) -> Iterator[str]:
        """The lines of log.txt; with `follow` until the run has ended."""

    def cancel(self, handle: RunHandle, reason: EndReason = "cancelled") -> None:
        """End the run and everything it started, leaving its files. Ending an ended run does nothing."""

    def reattach(self, run_id: str, directory: Path) -> RunHandle | None:
        """The handle of a run submitted earlier, or None where no trace of its start is found."""
