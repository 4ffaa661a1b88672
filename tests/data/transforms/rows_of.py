"""Small versions for tests of transforms, and what stands in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.research import DatasetVersion
from labwright.data.sources import open_source
from labwright.data.versions import lines_of, register_table

Raw = Mapping[str, JsonValue]


def version_of(tmp_path: Path, rows: Sequence[Raw], name: str = "data") -> DatasetVersion:
    """Registered from a JSONL file."""
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return register_table(open_source(str(path)), name, tmp_path / "home")


def pairs(tmp_path: Path, given: Sequence[tuple[str, str]], name: str = "data") -> DatasetVersion:
    """Of prompts and completions."""
    return version_of(tmp_path, [{"prompt": prompt, "completion": completion} for prompt, completion in given], name)


def rows_in(version: DatasetVersion) -> list[dict[str, JsonValue]]:
    """All rows of a version."""
    with lines_of(version) as lines:
        return list(lines.rows())


def column(version: DatasetVersion, name: str) -> list[JsonValue]:
    """One column of all rows."""
    return [row.get(name) for row in rows_in(version)]
