"""Dataset versions: rows under the hash of their content.

A run, a gate report and a bundle all name a training set by this hash, so "the same data" is a fact and not a file
name. The canonical form is JSONL with sorted keys and no spare spaces; it is stored once, as
`<home>/objects/<sha256>.jsonl`, and never changed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.errors import DataError, StorageError
from labwright.contracts.research import DatasetVersion, Lineage
from labwright.contracts.specs import DataFormat
from labwright.data.rows import Row, iterate_rows, read_rows

ID_DIGITS = 16
_CHUNK_BYTES = 1 << 20


def register(path: Path, name: str, data_format: DataFormat, home: Path) -> DatasetVersion:
    """Store a person's file as a dataset version; the same rows give the same version, whatever the file is called.

    Raises:
        DataError: the file is missing, empty or malformed; names file, line and field.
        StorageError: the version cannot be written.
    """
    stored = _store(iterate_rows(path, data_format), home / "objects")
    lineage = Lineage("register", {"path": path.name, "format": data_format})
    return DatasetVersion(stored.id, name, str(stored.path), data_format, stored.rows, str(path), (lineage,))


def derive(
    rows: Iterable[Row],
    *,
    parents: Sequence[DatasetVersion],
    transform: str,
    params: Mapping[str, JsonValue],
    name: str | None = None,
) -> DatasetVersion:
    """Store rows that a transform made of its parents' (first parent: name, format, home and earlier lineage).

    Raises:
        DataError: no rows are left.
        StorageError: the version cannot be written.
    """
    first = parents[0]
    stored = _store(rows, Path(first.path).parent)
    if stored.rows == 0:
        raise DataError(
            f"{transform} leaves no rows of {first.name!r}",
            where=first.source,
            cure="loosen the transform's parameters, or use other data",
        )
    earlier = {_key(step): step for parent in parents for step in parent.lineage}  # an ancestor met twice is told once
    lineage = (*earlier.values(), Lineage(transform, dict(params), tuple(p.id for p in parents)))
    return DatasetVersion(
        id=stored.id,
        name=name or first.name,
        path=str(stored.path),
        format=first.format,
        rows=stored.rows,
        source=first.source,
        lineage=lineage,
    )


def load(version: DatasetVersion) -> list[Row]:
    """A version's rows; numbers are line numbers in the version.

    Raises:
        DataError: the stored file is gone or no longer what its name says.
    """
    if not verify(version):
        raise DataError(
            f"the stored rows of dataset {version.name!r} ({version.id}) are gone or were changed",
            where=version.path,
            cure=f"delete that file and register {version.source} again",
        )
    return read_rows(Path(version.path), version.format)


def verify(version: DatasetVersion) -> bool:
    """Whether the stored file is there and its hash still true."""
    path = Path(version.path)
    return path.is_file() and _hash_of(path) == path.stem and path.stem.startswith(version.id)


def canonical(raw: Mapping[str, JsonValue]) -> str:
    """One row as one line: sorted keys, no spare spaces, no escapes, no line end.

    Raises:
        DataError: a value has no form in JSON (a date, bytes, NaN, half a character).
    """
    try:
        line = json.dumps(raw, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        line.encode()
    except (TypeError, ValueError) as error:
        bad = next((key for key, value in raw.items() if not _is_json(value)), None)
        raise DataError(
            f"field {bad!r} has no form in JSON: {error}", cure="turn the column into text, or drop it"
        ) from error
    return line


@dataclass(frozen=True, slots=True)
class _Stored:
    digest: str
    path: Path
    rows: int

    @property
    def id(self) -> str:
        return self.digest[:ID_DIGITS]


def _key(step: Lineage) -> str:
    return json.dumps([step.transform, dict(step.params), step.parents], sort_keys=True)


def _store(rows: Iterable[Row], objects: Path) -> _Stored:
    """Write to a temporary file while hashing, then rename: a kill leaves a whole version or none."""
    try:
        objects.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=objects, prefix=".writing-", suffix=".jsonl")
    except OSError as error:
        raise _storage_error(error, objects) from error
    scratch = Path(temporary)
    digest = hashlib.sha256()
    count = 0
    try:
        with os.fdopen(handle, "wb") as file:
            for line in _lines(rows):
                digest.update(line)
                file.write(line)
                count += 1
            file.flush()
            os.fsync(file.fileno())
        path = objects / f"{digest.hexdigest()}.jsonl"
        if count:
            scratch.chmod(0o644)
            scratch.replace(path)
            _sync_directory(objects)
    except OSError as error:
        raise _storage_error(error, objects) from error
    finally:
        scratch.unlink(missing_ok=True)
    return _Stored(digest.hexdigest(), path, count)


def _lines(rows: Iterable[Row]) -> Iterator[bytes]:
    for row in rows:
        try:
            yield canonical(row.raw).encode() + b"\n"
        except DataError as error:
            raise DataError(error.what, where=f"row {row.number}", cure=error.cure) from error


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hash_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _storage_error(error: OSError, objects: Path) -> StorageError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    cure = "free some space there, or set LABWRIGHT_HOME to a larger disk" if full else "check the directory's rights"
    return StorageError(f"a dataset version cannot be written: {error.strerror}", where=str(objects), cure=cure)


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):
        return False
    return True
