"""Rows on disk under the hash of their content: written once, whole or not at all, and read by number.

An object is JSONL in canonical form, one row a line, as `<home>/objects/<sha256>.jsonl`. Because every stored line is
canonical already, a transform that only chooses rows copies lines and parses nothing.
"""

from __future__ import annotations

import errno
import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, TypeAlias, cast

from pydantic import JsonValue

from labwright.contracts.errors import DataError, StorageError

if TYPE_CHECKING:  # a sixth of a second and 15 MB, which neither a study nor the intern needs to begin
    import numpy as np
    from numpy.typing import NDArray

ID_DIGITS = 16
_ENCODE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_CHUNK_BYTES = 1 << 22
_WRITE_BYTES = 1 << 20

if TYPE_CHECKING:
    Numbers: TypeAlias = NDArray[np.int64]
"""Row numbers, 0-based."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that was written. Of no rows, nothing was kept."""

    digest: str
    path: Path
    rows: int

    @property
    def id(self) -> str:
        return self.digest[:ID_DIGITS]


def canonical(raw: Mapping[str, JsonValue]) -> str:
    """One row as one line: sorted keys, no spare spaces, no escapes, no line end.

    Raises:
        DataError: a value has no form in JSON (a date, bytes, NaN, half a character).
    """
    try:
        line = _ENCODE(raw)
        line.encode()
    except (TypeError, ValueError, RecursionError) as error:
        bad = next((key for key, value in raw.items() if not _is_json(value)), None)
        raise DataError(
            f"field {bad!r} has no form in JSON: {error}", cure="turn the column into text, or drop it"
        ) from error
    return line


def store(lines: Iterable[bytes], objects: Path) -> Stored:
    """Write lines (each with its line end) while hashing, then rename: a kill leaves a whole object or none.

    Raises:
        StorageError: the object cannot be written.
    """
    digest = hashlib.sha256()
    count = 0
    with writing(objects, ".jsonl") as (file, temporary):
        pending: list[bytes] = []
        size = 0
        for line in lines:
            pending.append(line)
            count += 1
            size += len(line)
            if size >= _WRITE_BYTES:
                block = b"".join(pending)
                digest.update(block)
                file.write(block)
                pending, size = [], 0
        block = b"".join(pending)
        digest.update(block)
        file.write(block)
        path = objects / f"{digest.hexdigest()}.jsonl"
        if count:
            settle(file, temporary, path)
    return Stored(digest.hexdigest(), path, count)


@contextmanager
def writing(directory: Path, suffix: str) -> Iterator[tuple[BinaryIO, Path]]:
    """A temporary file in `directory`, gone at the end unless `settle` gave it its name.

    What the machine says of disk and rights becomes a StorageError.
    """
    temporary: Path | None = None
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=directory, prefix=".writing-", suffix=suffix)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield cast(BinaryIO, file), temporary
    except OSError as error:
        raise storage_error(error, directory) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def settle(file: BinaryIO, temporary: Path, path: Path) -> None:
    """Give a temporary file its name, once it is on the disk. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())
    temporary.chmod(0o644)
    temporary.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def hash_of(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def storage_error(error: OSError, place: Path) -> StorageError:
    """What the machine said, for a person."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    cure = "free some space there, or set LABWRIGHT_HOME to a larger disk" if full else "check the directory's rights"
    return StorageError(f"a dataset version cannot be written: {error.strerror}", where=str(place), cure=cure)


class Lines:
    """An object's lines by number, from a mapped file: memory holds 8 bytes a row, whatever the rows' size."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._starts = _line_starts(self._map)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._map.close()
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> bytes:
        """A line with its line end."""
        return self._map[self._starts[number] : self._starts[number + 1]]

    def row(self, number: int) -> dict[str, JsonValue]:
        """A row, parsed."""
        return cast("dict[str, JsonValue]", json.loads(self[number]))

    def rows(self) -> Iterator[dict[str, JsonValue]]:
        """All rows in order, one at a time."""
        for number in range(len(self)):
            yield self.row(number)

    def bytes_of(self, numbers: Numbers) -> int:
        """How much the lines of these numbers hold together."""
        return int((self._starts[numbers + 1] - self._starts[numbers]).sum())


def _line_starts(mapped: mmap.mmap) -> Numbers:
    """Where each line begins, and where the last one ends."""
    import numpy as np  # noqa: PLC0415  # as above

    found = [np.zeros(1, np.int64)]
    for start in range(0, len(mapped), _CHUNK_BYTES):
        piece = np.frombuffer(mapped[start : start + _CHUNK_BYTES], np.uint8)
        found.append(np.flatnonzero(piece == ord("\n")) + (start + 1))
    return np.concatenate(found).astype(np.int64)


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return True
