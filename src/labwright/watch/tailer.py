"""Reading metrics.jsonl while a run is still writing it."""

from __future__ import annotations

import json
from pathlib import Path

from labwright.contracts.compute import MetricPoint

_MOST_BYTES_A_READ = 8 << 20


class Tailer:
    """Reads what is new since the last look. A line that is not finished yet is left for the next look."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._offset = offset
        self.bad_lines = 0

    def read(self) -> tuple[list[MetricPoint], int]:
        """The new points, and the byte offset up to which the file has been read.

        Lines that are no JSON object with a `step` are counted in `bad_lines`. A file that became shorter was
        truncated by a run that resumed from a checkpoint: it is read again from the start.
        """
        if not self._path.is_file() or self._path.is_symlink():
            return [], self._offset
        if self._path.stat().st_size < self._offset:
            self._offset = 0
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read(_MOST_BYTES_A_READ)
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        points = [p for line in whole.splitlines() if (p := self._parse(line)) is not None]
        return points, self._offset

    def _parse(self, line: bytes) -> MetricPoint | None:
        try:
            entry = json.loads(line)
            step, at = int(entry["step"]), float(entry.get("time", 0.0))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.bad_lines += 1
            return None
        numbers = {
            name: float(value)
            for name, value in entry.items()
            if name not in ("step", "time") and isinstance(value, int | float) and not isinstance(value, bool)
        }
        return MetricPoint(step, at, numbers)
