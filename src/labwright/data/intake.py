"""Takes a person's dataset file into a session's workspace: checked before it is read, under a safe name, private.

It is the door that an upload comes through, from the command line today and from a browser later, so it trusts neither
the name nor the content. Nothing leaves the machine, and what is refused leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labwright.contracts.errors import DataError, LabwrightError, StorageError
from labwright.data.sources import open_source

MOST_BYTES = 100_000_000
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".txt")
_LONGEST_NAME = 80
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))})
_CHUNK_BYTES = 1 << 20
_MOST_OF_A_NAME = 1_000


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A file that was taken in. Only this user may read it."""

    path: Path
    bytes: int
    rows: int


def take_in(source: Path, into: Path, *, most_bytes: int = MOST_BYTES) -> TakenIn:
    """Copy a file of this machine into a folder, which is made where it is missing.

    Raises:
        DataError: no regular file, too large (found before anything is read), of no known kind, or malformed.
        StorageError: it cannot be written.
    """
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        cure = "check the path and its rights"
        raise DataError(f"the file cannot be opened: {error.strerror}", where=source.name, cure=cure) from error
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise DataError("this is no file", where=source.name, cure="give a file, not a directory or a device")
    with os.fdopen(descriptor, "rb") as stream:
        return receive(stream, source.name, into, size=about.st_size, most_bytes=most_bytes)


def receive(stream: BinaryIO, name: str, into: Path, *, size: int | None, most_bytes: int = MOST_BYTES) -> TakenIn:
    """Take a stream of bytes in under a name that its sender chose; `size` is what the sender says it has.

    Raises as `take_in`; no error tells where on this machine the folder is.
    """
    safe = safe_name(name)
    if size is not None and size > most_bytes:
        raise _too_large(safe, size, most_bytes)
    try:
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=into, prefix=".receiving-", suffix=Path(safe).suffix)
    except OSError as error:
        raise _unwritten(error, safe) from error
    scratch = Path(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            taken = _copied(stream, file, safe, most_bytes)
        rows = _rows(scratch, safe)
        return TakenIn(_placed(scratch, into, safe), taken, rows)
    except OSError as error:
        raise _unwritten(error, safe) from error
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """A file name of plain letters out of any text: no path, no leading dot, a suffix that is known.

    Raises DataError for an unknown suffix.
    """
    last = unicodedata.normalize("NFKD", name[-_MOST_OF_A_NAME:]).replace("\\", "/").rpartition("/")[2]
    plain = _UNSAFE.sub("-", last.encode("ascii", "ignore").decode()).strip(".-_ ")
    suffix = Path(plain).suffix.lower() if "." in plain else f".{plain.lower()}"  # of a name that was nothing but one
    if suffix not in SUFFIXES:
        cure = f"a dataset is one of {', '.join(SUFFIXES)}"
        raise DataError("this kind of file is not taken in", where=plain[:_LONGEST_NAME] or None, cure=cure)
    stem = Path(plain).stem[: _LONGEST_NAME - len(suffix)].rstrip(".-_ ") if "." in plain else ""
    if not stem or stem.lower().partition(".")[0] in _RESERVED:
        stem = f"data-{stem}".rstrip("-")
    return f"{stem}{suffix}"


def _copied(stream: BinaryIO, file: BinaryIO, name: str, most_bytes: int) -> int:
    """How many bytes came; a sender may have more than it said."""
    taken = 0
    while chunk := stream.read(_CHUNK_BYTES):
        taken += len(chunk)
        if taken > most_bytes:
            raise _too_large(name, taken, most_bytes)
        file.write(chunk)
    if taken == 0:
        raise DataError("the file is empty", where=name, cure="give one with rows")
    file.flush()
    os.fsync(file.fileno())
    return taken


def _rows(scratch: Path, name: str) -> int:
    """How many rows it has: all of them are read, so that a malformed one is found now."""
    try:
        rows = sum(1 for _ in open_source(str(scratch)).rows())
    except LabwrightError as error:
        hidden = (str(scratch), scratch.name)
        raise DataError(_without(error.what, hidden, name), where=_without(error.where or name, hidden, name),
                        cure=error.cure) from None  # fmt: skip
    if rows == 0:
        raise DataError("the file holds no rows", where=name, cure="give one with rows")
    return rows


def _placed(scratch: Path, into: Path, name: str) -> Path:
    """The file under its name, or the next free one: nothing is ever written over."""
    stem, suffix = Path(name).stem, Path(name).suffix
    for number in range(1, 10_000):
        path = into / (name if number == 1 else f"{stem}-{number}{suffix}")
        try:
            os.link(scratch, path)
        except FileExistsError:
            continue
        return path
    raise DataError("there are too many files of this name", where=name, cure="delete some, or rename this one")


def _without(text: str, hidden: tuple[str, ...], name: str) -> str:
    for each in hidden:
        text = text.replace(each, name)
    return text


def _too_large(name: str, size: int, most_bytes: int) -> DataError:
    return DataError(
        f"the file has {size / 1e6:.1f} MB or more, and {most_bytes / 1e6:.0f} MB are taken in",
        where=name,
        cure="name its path in the prompt instead of attaching it: it is then read where it lies",
    )


def _unwritten(error: OSError, name: str) -> StorageError:
    return StorageError(
        f"it cannot be stored: {error.strerror}", where=name, cure="free some space, or check the rights"
    )
