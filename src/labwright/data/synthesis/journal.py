"""The journal of a synthesis run: what was made, what came of it, what it cost. Lines are only ever added.

A run that was killed is taken up from it: the last line may be torn, and is then as good as never written. Only one
process writes it at a time.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic import JsonValue

from labwright.contracts.errors import DataError, StorageError, UsageError

Entry = Mapping[str, Any]
"""One line: plain JSON with its `kind`. What each kind holds is known to the file that writes it."""


class Journal:
    """Opened for adding; what stood there before is read first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = open(path, "a+b", opener=_opened)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise _storage(error, path) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            cure = "wait until it is done, or end it; this command then goes on from there"
            raise UsageError("another process is at this synthesis", where=str(path), cure=cure) from error
        self._cut_torn_end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have it."""
        self._file.close()

    def entries(self) -> Iterator[Entry]:
        """What stands there, in order. Raises DataError where a line in the middle is damaged."""
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    cure = "delete the journal to begin anew; what it holds was paid for, so look at it first"
                    raise DataError(
                        f"this line is no entry: {error}", where=f"{self.path}, line {number}", cure=cure
                    ) from error

    def add(self, entry: Mapping[str, JsonValue] | Entry) -> None:
        """Write one line, to the disk itself. Raises StorageError."""
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
        with self._lock:
            try:
                self._file.write(line)
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise _storage(error, self.path) from error

    def _cut_torn_end(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65_536)
            self._file.seek(start)
            at = self._file.read(end - start).rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        if end != size:
            self._file.truncate(end)
        self._file.seek(0, os.SEEK_END)


def _opened(path: str, flags: int) -> int:
    """Never through a link: the folder may be one that an agent writes to, and the link lead out of it."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _storage(error: OSError, path: Path) -> StorageError:
    if error.errno == errno.ELOOP:
        return StorageError("the journal is a link", where=str(path), cure="remove it, or give another output file")
    known = StorageError.of(error, str(path))
    return known or StorageError(f"the journal cannot be written: {error.strerror}", where=str(path))
