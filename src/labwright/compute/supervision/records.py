"""The files by which a supervisor and the backend speak: one folder in the run directory, hidden from the run itself.

The run may write anywhere in its own directory, so what the backend believes stands here: in the sandbox the folder
is covered. The status.json beside the run's results is a copy for people and scripts.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

FOLDER = ".supervision"
ORDER = "order.json"
SUPERVISOR = "supervisor.json"
STATUS = "status.json"
CANCEL = "cancel"
LOCK = "lock"
ERRORS = "supervisor.log"
DECOYS = "decoys"
_ROOM = "room"  # disk space kept back, so that the status of a run that filled the disk can still be written
_ROOM_BYTES = 128 << 10

Json = str | int | float | bool | None | list[str]


@dataclass(frozen=True)
class Order:
    """What the supervisor is told."""

    run_id: str
    attempt: int
    directory: str
    command: list[str]
    environment: dict[str, str]
    memory_bytes: int
    deadline: float
    grace_s: float  # after the deadline, before SIGTERM
    term_s: float  # after SIGTERM, before SIGKILL
    slots_directory: str
    slots: list[str]  # names of the slots that fit
    slots_wanted: int
    gpus: bool  # the slots are GPUs, and their numbers go to CUDA_VISIBLE_DEVICES
    boundary: str
    decoys: dict[str, str]  # stand-in -> the hidden path it stands for
    tasks: int = 4096  # processes and threads at a time
    cgroups: bool = False  # whether the kernel may be asked to keep memory and tasks; they are watched in any case

    @classmethod
    def read(cls, path: Path) -> Order:
        loaded = json.loads(path.read_text())
        return cls(**{field.name: loaded[field.name] for field in fields(cls) if field.name in loaded})

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Whole or not at all, and on the disk."""
    draft = path.with_name(path.name + ".draft")
    with draft.open("w") as file:
        file.write(json.dumps(value, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_json(path: Path) -> dict[str, Json] | None:
    """The record, or None where there is none."""
    try:
        loaded: dict[str, Json] = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None
    return loaded


def keep_room(folder: Path) -> None:
    """Take a little disk space in advance. A disk that is full already keeps none."""
    with contextlib.suppress(OSError), (folder / _ROOM).open("wb") as file:
        file.write(os.urandom(_ROOM_BYTES))


def publish(folder: Path, status: Mapping[str, object], *, patience_s: float = 600.0) -> None:
    """Write the final status, its copy first, so that whoever is told of the end finds it; a full disk is waited for.

    The copy is moved into place from our folder: a link that the run left under that name is not followed.
    """
    until = time.time() + patience_s
    ready = folder / "ready.json"
    while True:
        try:
            write_json(ready, status)
            break
        except OSError:
            (folder / _ROOM).unlink(missing_ok=True)
            if time.time() > until:
                raise
            time.sleep(0.2)
    (folder / _ROOM).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # the run may have put a directory there, or filled the disk again
        write_json(folder / "copy.json", status)
        (folder / "copy.json").replace(folder.parent / STATUS)
    ready.replace(folder / STATUS)


def say(folder: Path, text: str) -> None:
    """Add a line of ours to the run's log, out of the kept room if the disk is full."""
    line = f"labwright: {text}\n".encode()
    for _ in range(2):
        try:
            descriptor = open_log(folder.parent)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
            return
        except OSError:
            (folder / _ROOM).unlink(missing_ok=True)


def open_log(directory: Path) -> int:
    """A descriptor that appends to log.txt. Anything but a plain file of that name, left by the run, is moved away."""
    log = directory / "log.txt"
    if log.is_symlink() or (log.exists() and not log.is_file()):
        log.rename(log.with_name(f"log.txt.{time.time_ns()}"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
