"""One process a study: a lock that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labwright.contracts.errors import UsageError

_ATTEMPTS, _BETWEEN_S = 5, 0.05


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
            holder = path.read_text().strip() or "another process"
            raise UsageError(
                f"{what} is being run by process {holder}",
                where=str(directory),
                cure=cure,
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock; `is_held` may have it for a moment, so one refusal means nothing yet."""
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt < _ATTEMPTS - 1:
                time.sleep(_BETWEEN_S)
        else:
            return True
    return False


def is_held(directory: Path) -> bool:
    """Whether a process is running the study now."""
    path = directory / "lock"
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
