"""How many rows files hold, without loading them: by footers, by line ends."""

from __future__ import annotations

from collections.abc import Sequence

from labwright.data.sources.datafile import DataFile
from labwright.data.sources.walk import walk

_PIECE = 1 << 22
_WALKED_BYTES = 20_000_000


def count_rows(files: Sequence[DataFile], most_bytes: int) -> int | None:
    """None where counting would mean to read more than so many bytes.

    Raises:
        DataError: a file is damaged.
    """
    total = 0
    for file in files:
        size = file.bytes or 0
        if file.format == "parquet":
            total += _footer(file)
        elif file.format in ("jsonl", "text") and not file.compression and size <= most_bytes:
            total += _lines(file, blank_counts=file.format == "text")
            most_bytes -= size
        elif size <= min(most_bytes, _WALKED_BYTES):
            total += sum(1 for _ in walk(file))
            most_bytes -= size
        else:
            return None
    return total


def _footer(file: DataFile) -> int:
    import pyarrow as pa  # noqa: PLC0415  # heavy, and most files are JSONL
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with file.open_stored() as stream, pq.ParquetFile(stream) as parquet:
            return int(parquet.metadata.num_rows)
    except (pa.ArrowException, OSError):
        return sum(1 for _ in walk(file))  # which says what is wrong with it


def _lines(file: DataFile, *, blank_counts: bool) -> int:
    """Lines; blank ones count in text only. Two line ends in a row make it look twice."""
    count, last, blanks = 0, b"\n", False
    with file.open_stored() as stream:
        while piece := stream.read(_PIECE):
            count += piece.count(b"\n")
            blanks = blanks or b"\n\n" in piece or b"\n\r\n" in piece or (last == b"\n" and piece[:1] in (b"\n", b"\r"))
            last = piece[-1:]
        if blanks and not blank_counts:
            stream.seek(0)
            return sum(1 for line in stream if line.strip())
    return count + (last != b"\n")
