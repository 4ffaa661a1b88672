"""A process apart: it outlives whoever started it, and is found again by a record of its number and its start.

Studies and data jobs are such processes, since an agent's session may be killed at any time.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from pydantic import TypeAdapter, ValidationError

from labwright.compute.whereabouts import marked, whereabouts
from labwright.contracts.errors import BackendError
from labwright.contracts.processes import ProcessMark

_APART_S = 10.0  # between a process's start and its record
_LAST_BYTES = 4000
_LONGEST_LINE = 300


@dataclass(frozen=True, slots=True)
class _Record:
    """What is written down of a process: when, and a `ProcessMark`."""

    at: float
    pid: int
    host: str = ""
    boot: str = ""
    ticks: int = 0


_RECORD: TypeAdapter[_Record] = TypeAdapter(_Record)


def start(words: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `python -P -m WORDS` in a folder and a session of its own; what it says goes to the end of `log`.

    Nothing in the folder can be imported in place of what was meant: -P keeps it off the path.

    Raises:
        BackendError: the process could not be started.
    """
    try:
        with log.open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", *words],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
    except OSError as error:
        raise BackendError(f"the process did not start: {error.strerror}", where=str(folder)) from error


def record(process: subprocess.Popen[bytes]) -> bytes:
    """What `find` goes by, to be written down at once."""
    return _RECORD.dump_json(_Record(time.time(), **asdict(marked(process.pid))))


def mark(recorded: Path) -> ProcessMark | None:
    """The process of a record, as `whereabouts` takes it; None where there is no record."""
    known = _read(recorded)
    return None if known is None else ProcessMark(known.pid, known.host, known.boot, known.ticks)


def find(recorded: Path) -> psutil.Process | None:
    """The process of a record, while it lives on this machine; its number may have gone to another since."""
    known, named = _read(recorded), mark(recorded)
    if known is None or named is None or whereabouts(named) != "here":
        return None
    try:
        process = psutil.Process(known.pid)
        # Ticks since the boot hold when the clock is set; a record without them is of an older version.
        is_it = known.ticks != 0 or abs(process.create_time() - known.at) < _APART_S
        return process if is_it and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _read(recorded: Path) -> _Record | None:
    try:
        return _RECORD.validate_json(recorded.read_bytes())
    except (OSError, ValidationError):
        return None


def last_words(log: Path) -> str:
    """The last line that it said; empty where it said nothing."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _LAST_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:_LONGEST_LINE] if lines else ""
