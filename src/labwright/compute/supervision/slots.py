"""Slots and the queue for them: files under flock, so that a dead holder's slot is free without anyone tidying up.

Each kind of slot (cpu, gpu) has a folder with `queue/` (one numbered ticket a waiting supervisor, locked while it
lives) and one file a slot. First come, first served: a supervisor tries for slots when no living ticket is before its
own. One lock around drawing and looking keeps a ticket that is not locked yet from being taken for a dead one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path


class Queue:
    """One supervisor's place in the queue for one kind of slot."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tickets = directory / "queue"
        self._tickets.mkdir(parents=True, exist_ok=True)
        self._held: list[int] = []
        with _Locked(directory / "lock"):
            number = max((int(path.name) for path in self._tickets.iterdir()), default=0) + 1
            self._ticket = self._tickets / f"{number:012d}"
            self._descriptor = os.open(self._ticket, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def take(self, names: Sequence[str], wanted: int) -> tuple[str, ...] | None:
        """`wanted` of the named slots, or None while others are first or too few are free. Never blocks."""
        with _Locked(self._directory / "lock"):
            if not self._is_first():
                return None
            taken: list[str] = []
            for name in names:
                if len(taken) < wanted:
                    descriptor = os.open(self._directory / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                    if _lock(descriptor):
                        self._held.append(descriptor)
                        taken.append(name)
                    else:
                        os.close(descriptor)
            if len(taken) < wanted:
                self._free()
                return None
            self._leave()
        return tuple(taken)

    def close(self) -> None:
        """Give back the slots, or the place in the queue."""
        self._free()
        with _Locked(self._directory / "lock"):
            self._leave()

    def _is_first(self) -> bool:
        for path in sorted(self._tickets.iterdir()):
            if path == self._ticket:
                return True
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if not _lock(descriptor):
                    return False
                path.unlink()  # its supervisor is dead
            finally:
                os.close(descriptor)
        return True

    def _leave(self) -> None:
        if self._descriptor >= 0:
            self._ticket.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def _free(self) -> None:
        while self._held:
            os.close(self._held.pop())


class _Locked:
    """A short critical section across processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
