"""A sample of large JSONL files: neighbouring lines from places spread over them, found without reading the whole.

What stands at the beginning of a file is often not like the rest: files are sorted, or put together one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from labwright.data.sources.datafile import DataFile
from labwright.data.sources.places import Stretch

_PLACES = 64
_PROBE_BYTES = 1 << 20


def sample_lines(files: Sequence[DataFile], most_rows: int, target: Path) -> list[Stretch]:
    """Write about `most_rows` lines to `target`, never more, and say where each stretch of them stands.

    Empty where most of the rows fit anyhow, so that taking the first of them is as good.

    Raises:
        OSError: a file cannot be read, or the target not be written.
    """
    total = sum(file.bytes or 0 for file in files)
    if _rows_guessed(files, total) <= 2 * most_rows:
        return []
    places = min(_PLACES, most_rows)
    stretches: list[Stretch] = []
    ends: dict[str, int] = {}
    with target.open("wb") as sink:
        for index in range(places):
            rows = (index + 1) * most_rows // places - index * most_rows // places
            file, offset = _place(files, total * index // places)
            with file.open_stored() as stream:
                begin = max(_line_start(stream, offset), ends.get(file.path, 0))
                found, ends[file.path] = _copy(file, stream, begin, rows, sink)
            stretches += found
    return stretches


def _rows_guessed(files: Sequence[DataFile], total: int) -> float:
    with files[0].open_stored() as stream:
        probe = stream.read(_PROBE_BYTES)
    return total * max(1, probe.count(b"\n")) / len(probe) if probe else 0.0


def _place(files: Sequence[DataFile], at: int) -> tuple[DataFile, int]:
    for file in files:
        size = file.bytes or 0
        if at < size:
            return file, at
        at -= size
    return files[-1], files[-1].bytes or 0


def _line_start(stream: BinaryIO, offset: int) -> int:
    if offset == 0:
        return 0
    stream.seek(offset - 1)
    stream.readline()
    return stream.tell()


def _copy(file: DataFile, stream: BinaryIO, begin: int, rows: int, sink: BinaryIO) -> tuple[list[Stretch], int]:
    """Lines from `begin` on; a blank line is no row, so it ends a stretch. Returns where it stopped as well."""
    stream.seek(begin)
    stretches: list[Stretch] = []
    at = start = begin
    count = 0
    while rows and (line := stream.readline()):
        at += len(line)
        if not line.strip():
            if count:
                stretches.append(Stretch(file, count, offset=start))
            start, count = at, 0
            continue
        sink.write(line if line.endswith(b"\n") else line + b"\n")
        count += 1
        rows -= 1
    if count:
        stretches.append(Stretch(file, count, offset=start))
    return stretches, at
