"""A study in a process of its own, which outlives whoever started it: an agent's session may be killed at any time.

Who runs a study is decided by its lock alone; the record written here only covers the second or two in which a new
process has not taken it yet.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from labwright.compute import apart
from labwright.study.lock import is_held

LOG = "engine.log"
_RECORD = "engine.json"
_STARTING_S = 600.0  # a process that has not taken the lock by then never will, on the busiest machine


def start(study_id: str, researcher: str, directory: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `labwright study resume` for a study, detached: its own session, its output in the study's directory.

    Raises:
        BackendError: the process could not be started.
    """
    words = ["labwright", "study", "resume", study_id, "--model", researcher]
    process = apart.start(words, directory, directory / LOG, environment)
    (directory / _RECORD).write_bytes(apart.record(process))
    return process


def is_running(directory: Path) -> bool:
    """Whether a process runs the study, or is about to."""
    return is_held(directory) or _is_starting(directory)


def is_busy(directory: Path) -> bool:
    """As `is_running`, and also while a process that has let the study go still writes its report."""
    return is_held(directory) or apart.find(directory / _RECORD) is not None


def last_words(directory: Path) -> str:
    """The end of what the study's processes said, for when one is gone without a word in the ledger."""
    return apart.last_words(directory / LOG)


def _is_starting(directory: Path) -> bool:
    """Whether the newest process is young and has not had the lock yet."""
    process = apart.find(directory / _RECORD)
    if process is None or time.time() - process.create_time() > _STARTING_S:
        return False
    try:
        return (directory / "lock").read_text().split()[:1] != [str(process.pid)]
    except OSError:
        return True
