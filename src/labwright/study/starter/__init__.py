"""The study that `labwright study init DIR` writes: small, commented, and runnable as it is.

It lies here as files, so that what a person gets is what the tests read.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from labwright.contracts.errors import StorageError, UsageError


def write_starter(directory: Path) -> tuple[Path, ...]:
    """Write the starter study into a directory, which is made where it is missing. Returns what was written.

    Raises:
        UsageError: there is something in the directory; nothing is written then.
        StorageError: the directory cannot be written.
    """
    files = dict(_files(resources.files(__package__) / "files", Path()))
    written = []
    try:
        _must_be_free(directory)
        for name, content in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.append(path)
    except OSError as error:
        raise StorageError(
            f"cannot be written: {error.strerror}", where=str(directory), cure="choose another directory"
        ) from error
    return tuple(written)


def _must_be_free(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise UsageError("this is a file", where=str(directory), cure="give a new or empty directory")
    there = sorted(p.name for p in directory.iterdir()) if directory.is_dir() else []
    if "study.yaml" in there:
        raise UsageError(
            "there is a study here already, and nothing was written",
            where=str(directory),
            cure=f"run it with `labwright study run {directory}`, or choose another directory",
        )
    if there:
        held = ", ".join(there[:3]) + (", …" if len(there) > 3 else "")
        raise UsageError(
            f"the directory is not empty (it holds {held}), and nothing was written",
            where=str(directory),
            cure="give a new or empty directory",
        )


def _files(folder: Traversable, prefix: Path) -> list[tuple[Path, bytes]]:
    found: list[tuple[Path, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name == "__pycache__":
            continue
        name = prefix / entry.name
        found += _files(entry, name) if entry.is_dir() else [(name, entry.read_bytes())]
    return found
