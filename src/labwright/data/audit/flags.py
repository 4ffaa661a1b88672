"""Every flagged row as a Parquet file: where it stands, what it has, and a note that shows no secret of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labwright.contracts.errors import StorageError

if TYPE_CHECKING:
    import pyarrow as pa

    from labwright.data.audit.engine import Subject

_BATCH = 50_000
_QUERY = "SELECT DISTINCT _n, kind, col, note FROM flags ORDER BY _n, kind, col, note"


def write_flags(subject: Subject, path: Path) -> None:
    """A line for each flag: `file` and `row` (1-based there), `kind`, `column`, `note`. Raises StorageError."""
    import pyarrow as pa  # noqa: PLC0415  # heavy, and rarely asked for
    import pyarrow.parquet as pq  # noqa: PLC0415

    text = pa.string()
    schema = pa.schema([("file", text), ("row", pa.int64()), ("kind", text), ("column", text), ("note", text)])
    part = path.with_name(path.name + ".part")
    try:
        with pq.ParquetWriter(part, schema) as writer:
            for rows in _flags(subject):
                writer.write_batch(_batch(subject, rows, schema))
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"the flagged rows cannot be written: {error.strerror}", where=str(path), cure="choose another place"
        ) from error


def _flags(subject: Subject) -> Iterator[Sequence[tuple[int, str, str, str | None]]]:
    cursor = subject.scratch.connection.cursor()
    try:
        cursor.execute(_QUERY)
        while rows := cursor.fetchmany(_BATCH):
            yield rows
    finally:
        cursor.close()


def _batch(subject: Subject, rows: Sequence[tuple[int, str, str, str | None]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa  # noqa: PLC0415  # as above

    places = [subject.loaded.locate(number) for number, _, _, _ in rows]
    shown = {note: subject.noted(note) for note in {note or "" for _, _, _, note in rows}}  # most notes are alike
    columns = [
        [place.file for place in places],
        [place.row for place in places],
        [kind for _, kind, _, _ in rows],
        [column for _, _, column, _ in rows],
        [shown[note or ""] for _, _, _, note in rows],
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
