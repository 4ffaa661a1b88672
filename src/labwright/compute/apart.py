"""A process apart: it outlives whoever started it, and is found again by a record of its number and its start.

Studies and data jobs are such processes, since an agent's session may be killed at any time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from labwright.contracts.errors import BackendError

_APART_S = 10.0  # between a process's start and its record
_LAST_BYTES = 4000
_LONGEST_LINE = 300


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
    return json.dumps({"pid": process.pid, "at": time.time()}).encode()


def find(recorded: Path) -> psutil.Process | None:
    """The process of a record, while it lives; its number may have gone to another since."""
    try:
        known = json.loads(recorded.read_bytes())
        process = psutil.Process(int(known["pid"]))
        is_it = abs(process.create_time() - float(known["at"])) < _APART_S
        return process if is_it and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, psutil.Error):
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
