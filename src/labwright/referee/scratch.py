"""Where a referee stages models: in a folder of its own, as a lab's studies, evaluations and audits run side by side.

Each referee holds the lock in its folder, and the kernel drops it when the holder dies, however it dies. That tells
what a killed referee left behind, which is removed, from what a live one is scoring.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "r-"


class Scratch:
    """`stage` for weights, which workers may read, and `out` for what they write; both go when it is closed."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            for folder in root.glob(f"{_PREFIX}*"):
                _remove_if_abandoned(folder)
            self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            self._lock = _open(self._folder)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.stage = self._folder / "stage"
        self.out = self._folder / "out"
        self.stage.mkdir()
        self.out.mkdir()

    def close(self) -> None:
        """Remove the folder and let go of it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Nobody looks for abandoned folders between the making of one and its lock."""
    descriptor = _open(root)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_if_abandoned(folder: Path) -> None:
    try:
        descriptor = _open(folder)
    except FileNotFoundError:  # its holder has just closed it
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    return os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
