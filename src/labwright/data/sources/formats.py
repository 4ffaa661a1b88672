"""What kind of data a file holds: by its suffix, and where that says too little, by its first bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import BinaryIO, Literal

from labwright.contracts.errors import DataError

Format = Literal["jsonl", "json", "csv", "tsv", "parquet", "arrow", "text"]
Compression = Literal["", "gz", "zst"]

_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".txt": "text",
    ".text": "text",
}
_PACKED: dict[str, Compression] = {".gz": "gz", ".gzip": "gz", ".zst": "zst", ".zstd": "zst"}
_HEAD_BYTES = 1 << 16


def by_suffix(name: str) -> tuple[Format | None, Compression]:
    """The format and compression that a file's name promises."""
    path = PurePosixPath(name.lower())
    packed = _PACKED.get(path.suffix, "")
    if packed:
        path = path.with_suffix("")
    return _SUFFIXES.get(path.suffix), packed


def settle(name: str, opened: Callable[[], BinaryIO]) -> Format:
    """The format for certain; `opened` gives the unpacked content.

    Raises:
        DataError: it is none that can be read.
    """
    promised, _ = by_suffix(name)
    if promised in ("csv", "tsv", "text", "jsonl"):
        return promised
    with opened() as file:
        head = file.read(_HEAD_BYTES)
    if promised is not None and promised != "json":
        return promised
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    return _json_kind(name, head, promised)


def _json_kind(name: str, head: bytes, promised: Format | None) -> Format:
    """A `.json` file is an array of objects or JSON lines; a pretty-printed single object is neither."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return "json"
    if start.startswith(b"{") or (promised == "json" and not start):
        first, newline, _ = start.partition(b"\n")
        if not newline or promised is None or _is_json(first) or not first.strip().endswith((b"{", b",", b"[")):
            return "jsonl"
        raise DataError(
            "this is one JSON object over many lines, not a list of rows",
            where=name,
            cure="write a JSON array of objects, or JSONL with one object a line",
        )
    raise DataError(
        "this is no format that can be read",
        where=name,
        cure="use JSONL, JSON (an array of objects), CSV, TSV, Parquet, Arrow or text, with its usual suffix",
    )


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
