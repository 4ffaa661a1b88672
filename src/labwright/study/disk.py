"""When the disk is full: the study fails with that reason, which is still written down, and can be resumed.

A few megabytes are set aside in the study's directory while it runs. They are given up when writing fails, so that
the ledger can say why the study ended and the report can be written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labwright.contracts.errors import StorageError

RESERVE = "reserve"
_RESERVE_BYTES = 8 << 20
_FULL_BELOW_BYTES = 4 << 20  # a run that failed with less than this free failed because of it


@contextmanager
def reserved(directory: Path) -> Iterator[None]:
    """Set space aside while the block runs, and give it up when the block ends.

    Raises:
        StorageError: the disk is full, now or at any write in the block.
    """
    path = directory / RESERVE
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _RESERVE_BYTES)
        yield
    except OSError as error:
        meant = StorageError.of(error, str(directory))
        if meant is None:
            raise
        raise meant from error
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def is_full(directory: Path) -> bool:
    """Whether hardly anything can be written any more."""
    return shutil.disk_usage(directory).free < _FULL_BELOW_BYTES


def full(directory: Path) -> StorageError:
    """The error to raise where `is_full`."""
    cure = "free some space there, then `labwright study resume`; what was recorded is kept"
    return StorageError("the disk is full", where=str(directory), cure=cure)
