"""A DuckDB database on disk in a temporary folder: what a large table is loaded into, looked at and thrown away with.

Its SQL may read and write inside that folder and nowhere else, and no extension is ever installed. Data comes in
through a second, short-lived instance (`loading`) that may read the files to be loaded and nothing else; what it wrote
is then attached here, read-only.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from labwright.contracts.errors import StorageError

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # SQL cannot name a Python variable
}


class Scratch:
    """Use it as a context manager; `connection` is the database, of which `connection.cursor()` serves other threads.

    Memory beyond `memory_bytes` spills to the folder. A folder that is given keeps standing; what lies in it goes.
    """

    def __init__(self, folder: Path | None = None, *, memory_bytes: int = 2 << 30, threads: int | None = None) -> None:
        self.memory_bytes = memory_bytes
        self.threads = threads or max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        self._loaded = 0
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="labwright-scratch-", dir=folder)).resolve()
        except OSError as error:
            raise StorageError.of(error, str(folder)) or StorageError(
                f"no scratch folder can be made: {error.strerror}", where=str(folder), cure="choose another place"
            ) from error
        self.connection = self._open(self.folder / "scratch.duckdb", [])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and delete it."""
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh(self, name: str) -> Path:
        """A path inside the folder that nobody has yet."""
        self._loaded += 1
        return self.folder / f"{self._loaded}-{name}"

    @contextmanager
    def loading(self, paths: Sequence[str]) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
        """A new database beside this one, which may read `paths` and nothing else; for `attach`."""
        self._loaded += 1
        file = self.folder / f"data-{self._loaded}.duckdb"
        connection = self._open(file, paths)
        connection.execute("SET force_compression = 'uncompressed'")  # it is read once or twice: packing costs more
        try:
            yield connection, file
        finally:
            connection.close()

    def attach(self, file: Path) -> str:
        """Make a database that `loading` wrote readable here; returns the name of its catalog."""
        name = file.stem.replace("-", "_")
        self.connection.execute(f"ATTACH {literal(str(file))} AS {name} (READ_ONLY)")
        return name

    def _open(self, file: Path, paths: Sequence[str]) -> duckdb.DuckDBPyConnection:
        config = {
            **_CONFIG,
            "threads": self.threads,
            "memory_limit": f"{self.memory_bytes // 1_000_000}MB",
            "temp_directory": str(self.folder / "spill"),
        }
        connection = duckdb.connect(str(file), config=config)
        connection.execute("SET enable_progress_bar = false")  # it would write into a command's answer
        connection.execute(f"SET allowed_directories = [{literal(str(self.folder) + os.sep)}]")
        if paths:
            connection.execute(f"SET allowed_paths = {literals(paths)}")
        connection.execute("SET enable_external_access = false")
        return connection


def literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Sequence[str]) -> str:
    """A list of strings in SQL."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"


def quoted(name: str) -> str:
    """A column's or table's name in SQL."""
    return '"' + name.replace('"', '""') + '"'
