"""One process a study: a lock that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labwright.contracts.errors import UsageError

_BETWEEN_S = 0.05


@contextmanager
def study_lock(directory: Path) -> Iterator[None]:
    """Hold the study while the block runs.

    Raises:
        UsageError: another process holds it.
    """
    cure = "watch it with `labwright study status`, or end it with `labwright study stop`"
    with held(directory, "the study", cure):
        yield


@contextmanager
def held(directory: Path, what: str, cure: str) -> Iterator[None]:
    """Hold the lock in a directory; `what` and `cure` are for whoever comes second.

    Raises:
        UsageError: another process holds it.
    """
    path = directory / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _locked(descriptor):
            raise UsageError(
                f"{what} is being run by {_holder(path)}",
                where=str(directory),
                cure=cure,
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _holder(path: Path) -> str:
    """Who has the lock, in words; where several machines have one home, it may be another one's process."""
    number, _, host = path.read_text().strip().partition(" ")
    there = f" on {host}" if host not in ("", socket.gethostname()) else ""
    return f"process {number}{there}" if number else "another process"


def _locked(descriptor: int) -> bool:
    """Take the lock, unless somebody runs the study.

    `is_held` shares it while it looks, on a busy machine for long. So a refusal counts only where it cannot be shared.
    """
    while not _take(descriptor, fcntl.LOCK_EX):
        if not _take(descriptor, fcntl.LOCK_SH):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(_BETWEEN_S)
    return True


def _take(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(directory: Path) -> bool:
    """Whether a process is running the study now."""
    path = directory / "lock"
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not _take(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)
