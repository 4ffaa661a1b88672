"""Where each row of a dataset version came from, and which rows were left behind: small files beside the objects.

A file is Parquet under the hash of its content, `<home>/origins/<sha256>.parquet`. Row `i` of an origins file tells
where row `i` of the version stood: `source` (a file's name, or the id of a parent version) and `row` (1-based there).
Numbers that run on cost next to nothing, as they are stored as differences. A dropped file has the rows that a
transform did not take, each with its reason and, for a duplicate, the row that stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labwright.contracts.data import Location
from labwright.contracts.errors import DataError
from labwright.data.objects import hash_of, settle, writing

if TYPE_CHECKING:  # as in `objects`
    import numpy as np
    from numpy.typing import NDArray

    from labwright.data.objects import Numbers

FOLDER = "origins"
_GROUP_ROWS = 1 << 18


@dataclass(frozen=True, slots=True)
class Origins:
    """Row `i` stood in `sources[which[i]]` as number `rows[i]`, 0-based. `which` None: all in the first."""

    sources: tuple[str, ...]
    rows: Numbers
    which: NDArray[np.int32] | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Rows of one parent that were not taken: numbers are 0-based, `why[i]` is an index into `reasons`.

    `instead` is the row that stands for it; -1: none does.
    """

    rows: Numbers
    why: NDArray[np.int32]
    reasons: tuple[str, ...]
    instead: Numbers | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Rows a reason."""
        import numpy as np  # noqa: PLC0415  # as above

        counted = np.bincount(self.why, minlength=len(self.reasons)).tolist()
        return {reason: count for reason, count in zip(self.reasons, counted, strict=True) if count}


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """One row that was not taken; `row` and `instead` are 1-based."""

    source: str
    row: int
    reason: str
    instead: int | None


class OriginsWriter:
    """Collects places of rows that stream by, and writes them in the end."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._sources: dict[str, int] = {}
        self._which: list[int] = []
        self._rows: list[int] = []
        self._done: list[tuple[NDArray[np.int32], Numbers]] = []

    def add(self, source: str, row: int) -> None:
        """The next row stood in `source` as its 1-based `row`."""
        self._which.append(self._sources.setdefault(source, len(self._sources)))
        self._rows.append(row - 1)
        if len(self._rows) == _GROUP_ROWS:
            self._pack()

    def finish(self) -> str:
        """Write; returns the file's name. Raises StorageError."""
        import numpy as np  # noqa: PLC0415  # as above

        self._pack()
        which = np.concatenate([part for part, _ in self._done])
        rows = np.concatenate([part for _, part in self._done])
        return write_origins(self._home, Origins(tuple(self._sources), rows, which))

    def _pack(self) -> None:
        import numpy as np  # noqa: PLC0415  # as above

        self._done.append((np.array(self._which, np.int32), np.array(self._rows, np.int64)))
        self._which, self._rows = [], []


def write_origins(home: Path, origins: Origins) -> str:
    """Write an origins file; returns its name. Raises StorageError."""
    import numpy as np  # noqa: PLC0415  # as above

    which = np.zeros(len(origins.rows), np.int32) if origins.which is None else origins.which
    return _write(home, {"source": _coded(which, origins.sources), "row": origins.rows + 1})


def write_dropped(home: Path, source: str, dropped: Dropped) -> str:
    """Write a dropped file; returns its name. Raises StorageError."""
    import numpy as np  # noqa: PLC0415  # as above
    import pyarrow as pa  # noqa: PLC0415  # heavy, and studies rarely drop rows

    instead = np.full(len(dropped.rows), -1, np.int64) if dropped.instead is None else dropped.instead
    columns = {
        "source": _coded(np.zeros(len(dropped.rows), np.int32), (source,)),
        "row": dropped.rows + 1,
        "reason": _coded(dropped.why, dropped.reasons),
        "instead": pa.array(instead + 1, mask=instead < 0),
    }
    return _write(home, columns)


def read_origin(home: Path, name: str, row: int) -> Location:
    """Where the 1-based `row` of a version stood: `file` is a file's name or a version's id.

    Raises:
        DataError: the file is gone or damaged, or has no such row.
    """
    with _opened(home, name) as parquet:
        before = 0
        for group in range(parquet.num_row_groups):
            size = parquet.metadata.row_group(group).num_rows
            if row <= before + size:
                found = parquet.read_row_group(group).slice(row - before - 1, 1).to_pylist()[0]
                return Location(str(found["source"]), int(found["row"]))
            before += size
    raise DataError(f"row {row} has no recorded origin", where=name, cure="name a row that the version has")


def read_origins(home: Path, name: str) -> Origins:
    """Where all rows of a version stood. Raises DataError."""
    import numpy as np  # noqa: PLC0415  # as above

    with _opened(home, name) as parquet:
        table = parquet.read()
    coded = table.column("source").combine_chunks().dictionary_encode()
    rows = table.column("row").to_numpy() - 1
    return Origins(tuple(coded.dictionary.to_pylist()), rows, coded.indices.to_numpy().astype(np.int32))


def read_dropped(home: Path, name: str) -> Iterator[DroppedRow]:
    """The rows that a transform did not take, in the parent's order. Raises DataError."""
    with _opened(home, name) as parquet:
        for batch in parquet.iter_batches():
            for found in batch.to_pylist():
                yield DroppedRow(str(found["source"]), int(found["row"]), str(found["reason"]), found["instead"])


def _coded(which: NDArray[np.int32], names: Sequence[str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415  # as above

    return pa.DictionaryArray.from_arrays(pa.array(which), pa.array(list(names), pa.string()))


def _write(home: Path, columns: dict[str, Any]) -> str:
    import pyarrow as pa  # noqa: PLC0415  # as above
    import pyarrow.parquet as pq  # noqa: PLC0415

    folder = home / FOLDER
    with writing(folder, ".parquet") as (file, temporary):
        pq.write_table(
            pa.table(columns),
            file,
            compression="zstd",
            row_group_size=_GROUP_ROWS,
            use_dictionary=[name for name in ("source", "reason") if name in columns],
            column_encoding={name: "DELTA_BINARY_PACKED" for name in ("row", "instead") if name in columns},
        )
        file.flush()
        name = hash_of(temporary)
        settle(file, temporary, folder / f"{name}.parquet")
    return name


def _opened(home: Path, name: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415  # as above
    import pyarrow.parquet as pq  # noqa: PLC0415

    path = home / FOLDER / f"{name}.parquet"
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            "the record of where rows came from is gone or damaged",
            where=str(path),
            cure="make the version again from its source: `labwright data lineage` tells how",
        ) from error
