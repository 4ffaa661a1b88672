"""One file of a dataset, here or on the Hub, that can be opened, hashed and, where SQL needs it, laid on disk."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from labwright.contracts.errors import DataError, StorageError
from labwright.data.sources.formats import Compression, Format

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file with rows. `path` is a local path or a URL; `name` is how errors and evidence call it."""

    path: str
    name: str
    format: Format
    compression: Compression = ""
    bytes: int | None = None  # as stored, so packed
    rows: int | None = None  # where somebody said
    remote: Callable[[], BinaryIO] | None = field(default=None, repr=False, compare=False)  # opens a seekable stream

    @property
    def is_local(self) -> bool:
        return self.remote is None

    def open_stored(self) -> BinaryIO:
        """Its bytes as stored, seekable. Raises DataError."""
        if self.remote is not None:
            return self.remote()
        try:
            return Path(self.path).open("rb")
        except OSError as error:
            raise unreadable(error, self.name) from error

    def open(self) -> BinaryIO:
        """Its bytes, unpacked. Raises DataError; reading may raise OSError, EOFError, zlib.error."""
        if not self.compression:
            return self.open_stored()
        if self.compression == "gz":
            return cast(BinaryIO, gzip.GzipFile(fileobj=self.open_stored(), mode="rb"))
        import pyarrow as pa  # noqa: PLC0415  # heavy, and few files are packed so

        return cast(BinaryIO, io.BufferedReader(_Unzstd(pa.CompressedInputStream(self.open_stored(), "zstd"))))

    def on_disk(self, folder: Path) -> Path:
        """A local path of its content, fetched into `folder` where it is remote.

        Raises:
            StorageError: there is no room.
            DataError, ServiceError: it cannot be read.
        """
        if self.remote is None:
            return Path(self.path)
        suffix = f".{self.compression}" if self.compression else ""
        target = folder / f"{hashlib.sha256(self.path.encode()).hexdigest()[:16]}.{self.format}{suffix}"
        if not target.exists():
            part = target.with_suffix(".part")
            try:
                with self.remote() as source, part.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 8 * _CHUNK_BYTES)
                part.rename(target)
            except OSError as error:
                raise StorageError.of(error, str(folder)) or unreadable(error, self.name) from error
        return target

    def digest(self) -> str:
        """SHA-256 of the stored bytes. Raises DataError."""
        if self.remote is not None:
            with self.remote() as file:
                return _hash(file)
        try:
            status = Path(self.path).stat()
            return _digest_of(self.path, status.st_size, status.st_mtime_ns)
        except OSError as error:
            raise unreadable(error, self.name) from error


class _Unzstd(io.RawIOBase):
    """pyarrow's unpacked stream as Python's layers want it."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        piece = self._stream.read(len(buffer)) or b""
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()


def unreadable(error: OSError, name: str) -> DataError:
    """The error of a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return DataError("there is no such file", where=name, cure="correct the path")
    if isinstance(error, IsADirectoryError):
        return DataError("this is a directory, not a file", where=name, cure="name a file in it")
    return DataError(
        f"the file cannot be read: {error.strerror or error}", where=name, cure="correct its path or its permissions"
    )


@lru_cache(maxsize=4096)
def _digest_of(path: str, size: int, modified_ns: int) -> str:  # noqa: ARG001  # they are the cache's key
    with Path(path).open("rb") as file:
        return _hash(file)


def _hash(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
