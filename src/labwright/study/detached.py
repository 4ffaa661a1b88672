"""A study in a process of its own, which outlives whoever started it: an agent's session may be killed at any time.

Who runs a study is decided by its lock alone; the record written here only covers the second or two in which a new
process has not taken it yet.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from labwright.contracts.errors import BackendError
from labwright.study.lock import is_held

LOG = "engine.log"
_RECORD = "engine.json"
_STARTING_S = 60.0  # a process that has not taken the lock by then never will
_APART_S = 10.0  # between a process's start and its record
_LAST_BYTES = 4000


def start(study_id: str, researcher: str, directory: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `labwright study resume` for a study, detached: its own session, its output in the study's directory.

    Raises:
        BackendError: the process could not be started.
    """
    command = [sys.executable, "-m", "labwright", "study", "resume", study_id, "--model", researcher]
    try:
        with (directory / LOG).open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise BackendError(f"the study's process did not start: {error.strerror}", where=str(directory)) from error
    (directory / _RECORD).write_text(json.dumps({"pid": process.pid, "at": time.time()}))
    return process


def is_running(directory: Path) -> bool:
    """Whether a process runs the study, or is about to."""
    return is_held(directory) or _is_starting(directory)


def is_busy(directory: Path) -> bool:
    """As `is_running`, and also while a process that has let the study go still writes its report."""
    return is_held(directory) or _process(directory) is not None


def last_words(directory: Path) -> str:
    """The end of what the study's processes said, for when one is gone without a word in the ledger."""
    try:
        with (directory / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _LAST_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""


def _is_starting(directory: Path) -> bool:
    """Whether the newest process is young and has not had the lock yet."""
    process = _process(directory)
    if process is None or time.time() - process.create_time() > _STARTING_S:
        return False
    try:
        return (directory / "lock").read_text().strip() != str(process.pid)
    except OSError:
        return True


def _process(directory: Path) -> psutil.Process | None:
    """The newest process that was started here, while it lives; its number may have gone to another since."""
    try:
        record = json.loads((directory / _RECORD).read_text())
        process = psutil.Process(int(record["pid"]))
        is_it = abs(process.create_time() - float(record["at"])) < _APART_S
        return process if is_it and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
