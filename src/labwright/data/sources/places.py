"""From the number of a loaded row back to its file and its line there."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from labwright.contracts.data import Location
from labwright.data.sources.datafile import DataFile

_PIECE = 1 << 22


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring rows of one file: `rows` of them, from its row `start` (0-based) or its byte `offset`."""

    file: DataFile
    rows: int
    start: int = 0
    offset: int | None = None


@dataclass(slots=True)
class Places:
    """Looks rows up; what it has to count in a file for that, it counts once."""

    stretches: Sequence[Stretch]
    _firsts: list[int] = field(init=False, repr=False)
    _blanks: dict[str, list[int]] = field(init=False, repr=False, default_factory=dict)
    _lines_before: dict[tuple[str, int], int] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._firsts, total = [], 0
        for stretch in self.stretches:
            self._firsts.append(total)
            total += stretch.rows

    def locate(self, n: int) -> Location:
        """Raises IndexError where there is no such row, DataError where its file is gone."""
        index = bisect.bisect_right(self._firsts, n) - 1
        if index < 0 or n - self._firsts[index] >= self.stretches[index].rows:
            raise IndexError(f"there is no loaded row {n}")
        stretch = self.stretches[index]
        within = n - self._firsts[index]
        if stretch.file.format != "jsonl":
            return Location(stretch.file.name, stretch.start + within + 1)
        if stretch.offset is not None:
            return Location(stretch.file.name, self._lines_to(stretch.file, stretch.offset) + within + 1)
        return Location(stretch.file.name, self._line(stretch.file, stretch.start + within))

    def _line(self, file: DataFile, row: int) -> int:
        """The line of a row: the blank lines before it are no rows."""
        if file.path not in self._blanks:
            with file.open() as stream:
                self._blanks[file.path] = _blank_lines(stream, self._whole(file))
        # blank lines at b0 < b1 < …: row r stands on line r + 1 + k, where k blanks come before it
        blanks, k = self._blanks[file.path], 0
        while k < len(blanks) and blanks[k] <= row + 1 + k:
            k += 1
        return row + 1 + k

    def _whole(self, file: DataFile) -> int:
        """The rows of a file that were loaded."""
        return sum(stretch.rows for stretch in self.stretches if stretch.file.path == file.path)

    def _lines_to(self, file: DataFile, offset: int) -> int:
        key = (file.path, offset)
        if key not in self._lines_before:
            known = max((o for p, o in self._lines_before if p == file.path and o <= offset), default=0)
            count = self._lines_before.get((file.path, known), 0)
            with file.open() as stream:
                stream.seek(known)
                left = offset - known
                while left and (piece := stream.read(min(left, _PIECE))):
                    count += piece.count(b"\n")
                    left -= len(piece)
            self._lines_before[key] = count
        return self._lines_before[key]


def _blank_lines(stream: BinaryIO, rows: int) -> list[int]:
    """The 1-based numbers of lines of nothing but spaces. Where there are as many lines as rows, there is none."""
    count, last = 0, b"\n"
    while piece := stream.read(_PIECE):
        count += piece.count(b"\n")
        last = piece[-1:]
    if count + (last != b"\n") == rows:
        return []
    stream.seek(0)
    return [number for number, line in enumerate(stream, start=1) if not line.strip()]
