"""Small files and looks at them, for the audit's tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import JsonValue

from labwright.data.audit.engine import Request, Subject
from labwright.data.audit.running import prepare
from labwright.data.sources import Scratch, Table, open_source


def table_of(folder: Path, rows: Sequence[Mapping[str, JsonValue]], name: str = "rows.jsonl") -> Table:
    """Rows as a JSONL file, opened."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return open_source(str(path))


@contextmanager
def subject_of(
    folder: Path, rows: Sequence[Mapping[str, JsonValue]], request: Request | None = None
) -> Iterator[Subject]:
    """What detectors are given."""
    with Scratch() as scratch:
        yield prepare(table_of(folder, rows), scratch, request or Request())
