"""The run directory as backends on this machine lay it out and read it back.

What a run wrote is untrusted: links it may have left under a name of ours are not followed.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import TypeAdapter

from labwright.compute.supervision.records import FOLDER, STATUS, read_json
from labwright.contracts.compute import RunOrder, RunStatus
from labwright.contracts.errors import BackendError, LabwrightError, StorageError

INPUTS: Final = "inputs"
LOG: Final = "log.txt"
_FOLLOW_S = 0.1
_STATUS = TypeAdapter(RunStatus)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The final status that stands in a run directory, and of which attempt it is."""

    status: RunStatus
    attempt: int


def lay_out(order: RunOrder) -> Path:
    """Create the run directory with its inputs, and return its real path. Files that are there stay.

    Raises:
        BackendError: an input does not exist, or is a link into a hidden path.
        StorageError: the disk is full.
    """
    try:
        order.directory.mkdir(parents=True, exist_ok=True)
        directory = order.directory.resolve()
        (directory / FOLDER).mkdir(mode=0o700, exist_ok=True)
        _link_inputs(order, directory / INPUTS)
    except OSError as error:
        raise not_written(error, order.directory) from error
    return directory


def not_written(error: OSError, where: Path) -> LabwrightError:
    """The error for a person, from an operating system's error while a run directory was written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError("the disk is full", where=str(where), cure="free some space, then resume the study")
    return BackendError(f"the run directory cannot be written: {error.strerror}", where=str(where))


def _link_inputs(order: RunOrder, folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, source in order.inputs.items():
        if Path(name).name != name:
            raise BackendError(f"the input name {name!r} is no plain file name", where=order.run_id)
        (folder / name).symlink_to(real_input(source, order.hidden))


def real_input(source: Path, hidden: tuple[Path, ...]) -> Path:
    """Where an input really is. A run may have left a link where the next one looks for its checkpoint.

    Raises:
        BackendError: there is nothing, or a link leads into a hidden path.
    """
    real = source.resolve()
    if not real.exists():
        raise BackendError("an input of the run does not exist", where=str(source))
    for path in (path.resolve() for path in hidden):
        if real == path or (real.is_relative_to(path) and not source.absolute().is_relative_to(path)):
            raise BackendError("an input of the run leads into a hidden path", where=f"{source} -> {real}")
    return real


def read_status(directory: Path) -> Recorded | None:
    """The final status, or None while there is none. Reads the backend's own record, which a run cannot forge."""
    record = read_json(directory / FOLDER / STATUS)
    return None if record is None else Recorded(_STATUS.validate_python(record), int(str(record["attempt"])))


def read_log(directory: Path, *, is_over: Callable[[], bool]) -> Iterator[str]:
    """The lines of log.txt; waits for more until `is_over`, which is asked before each last look."""
    rest = b""
    file: BinaryIO | None = None
    try:
        while True:
            over = is_over()
            file = file or _open_log(directory / LOG)
            *lines, rest = (rest + (file.read() if file else b"")).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")
            if over:
                break
            time.sleep(_FOLLOW_S)
        if rest:
            yield rest.decode(errors="replace")
    finally:
        if file is not None:
            file.close()


def _open_log(path: Path) -> BinaryIO | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BackendError("log.txt is not a plain file; the run replaced it", where=str(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BackendError("log.txt is not a plain file; the run replaced it", where=str(path))
    return os.fdopen(descriptor, "rb")
