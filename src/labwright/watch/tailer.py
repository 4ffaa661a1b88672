"""Reading metrics.jsonl while a run is still writing it."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import BinaryIO

from labwright.contracts.compute import MetricPoint

_LONGEST_LINE = 1 << 20  # a run is not trusted to end its lines


class Tailer:
    """Reads what is new since the last look. A line that is not finished yet is left for the next look."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._offset = offset
        self._at = 0.0
        self._in_long_line = False
        self.bad_lines = 0

    def read(self) -> tuple[list[MetricPoint], int]:
        """The new points, and the byte offset up to which the file has been read.

        `NaN` and `Infinity` are read as what they say. Lines that are no JSON object with a whole `step`, or are
        longer than 1 MiB, are counted in `bad_lines`. A file that became shorter was written anew by a new attempt of
        the run: it is read again from its start. Only a regular file is read: a link could lead anywhere, a pipe
        could make its reader wait for ever.
        """
        points: list[MetricPoint] = []
        opened = _open(self._path)
        if opened is None:
            return points, self._offset
        with opened as file:
            if os.fstat(file.fileno()).st_size < self._offset:
                self._offset, self._at, self._in_long_line, self.bad_lines = 0, 0.0, False, 0
            file.seek(self._offset)
            while line := file.readline(_LONGEST_LINE):
                ended = line.endswith(b"\n")
                if not ended and len(line) < _LONGEST_LINE and not self._in_long_line:
                    break  # the rest of it has not been written yet
                self._offset += len(line)
                if self._in_long_line or not ended:
                    self.bad_lines += not self._in_long_line
                    self._in_long_line = not ended
                elif line.strip() and (point := self._parse(line)) is not None:
                    points.append(point)
        return points, self._offset

    def _parse(self, line: bytes) -> MetricPoint | None:
        """A point, or None for a line that is none. A line without a usable `time` has that of the line before."""
        try:
            entry = json.loads(line)
            step = entry["step"]
            if isinstance(step, bool) or step != int(step):
                raise ValueError("a step is a whole number")
            numbers = {name: number for name, value in entry.items() if (number := _number(value)) is not None}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            self.bad_lines += 1
            return None
        at = numbers.get("time", math.nan)
        self._at = at if math.isfinite(at) else self._at
        values = {name: number for name, number in numbers.items() if name not in ("step", "time")}
        return MetricPoint(int(step), self._at, values)


def _open(path: Path) -> BinaryIO | None:
    """The file, or None for what is not there, may not be read or is no regular file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
