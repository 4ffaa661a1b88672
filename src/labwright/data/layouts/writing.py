"""Converted rows on disk: JSONL or Parquet by the file's suffix, with the rejected rows in a file beside it.

Both files are written under temporary names and renamed when all rows are through: a kill or an error in the source
leaves what was there before. Rows go through one at a time; memory does not grow with the data.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from labwright.contracts.data import Rejected
from labwright.contracts.errors import DataError, StorageError
from labwright.data.layouts.convert import Converted

if TYPE_CHECKING:
    import pyarrow as pa

_JSONL = (".jsonl", ".ndjson")
_PARQUET = (".parquet",)
_BATCH = 1000
_PLACE = re.compile(r"\[\d+\]")
_QUOTED = re.compile(r"\((?:'[^']*'|\"[^\"]*\"|-?[\d.]+)\)")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. `reasons` and `notes` count rows."""

    out: Path
    rows: int
    rejected: int
    rejects: Path | None  # None: every row was converted
    reasons: Mapping[str, int]  # without places and values, the most frequent first
    notes: Mapping[str, int]


def rejects_beside(out: Path) -> Path:
    """Where the rows go that could not be converted."""
    return out.with_name(f"{out.stem}.rejects.jsonl")


def write_converted(results: Iterable[Converted | Rejected], out: Path) -> Written:
    """Write all results; a line of the rejects' file has `file`, `row`, `reason` and the row itself as `data`.

    Raises:
        DataError: the suffix is unknown, no row could be converted (the rejects' file tells why), or the source failed.
        StorageError: the disk is full or may not be written.
    """
    suffix = out.suffix.lower()
    if suffix not in (*_JSONL, *_PARQUET):
        raise DataError(
            f"rows cannot be written to a {suffix or 'suffixless'} file",
            where=str(out),
            cure="give a name that ends in .jsonl or .parquet",
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            return _write(results, out, stack)
    except OSError as error:
        raise StorageError.of(error, str(out)) or StorageError(
            f"the converted rows cannot be written: {error.strerror}", where=str(out), cure="check the directory"
        ) from error


def _write(results: Iterable[Converted | Rejected], out: Path, stack: ExitStack) -> Written:
    rows_path, rejects_path = _temporary(out, stack), _temporary(out, stack)
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    with rows_path.open("wb") as rows, rejects_path.open("wb") as rejects:
        for result in results:
            if isinstance(result, Rejected):
                counts["rejected"] += 1
                reasons[_general(result.reason)] += 1
                rejects.write(_reject_line(result))
            else:
                counts["rows"] += 1
                notes.update(result.notes)
                rows.write(json.dumps(dict(result.row), ensure_ascii=False).encode() + b"\n")
        for file in (rows, rejects):
            file.flush()
            os.fsync(file.fileno())
    aside = rejects_beside(out)
    if counts["rejected"]:
        _put(rejects_path, aside)
    if not counts["rows"]:
        why = f"; most often: {reasons.most_common(1)[0][0]}" if reasons else ": the source has no rows"
        cure = f"read {aside}, which holds every row with its reason" if reasons else "check the source"
        raise DataError(f"none of {counts['rejected']} rows could be converted{why}", where=str(out), cure=cure)
    if out.suffix.lower() in _PARQUET:
        table = _temporary(out, stack)
        _write_parquet(rows_path, table, out)
        rows_path = table
    _put(rows_path, out)
    if not counts["rejected"]:
        aside.unlink(missing_ok=True)  # of an earlier conversion to this file: it would tell of rows that are there now
    return Written(
        out,
        counts["rows"],
        counts["rejected"],
        aside if counts["rejected"] else None,
        dict(reasons.most_common()),
        dict(notes.most_common()),
    )


def _temporary(out: Path, stack: ExitStack) -> Path:
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".writing")
    os.close(handle)
    path = Path(name)
    stack.callback(path.unlink, missing_ok=True)
    return path


def _put(temporary: Path, path: Path) -> None:
    temporary.chmod(0o644)
    temporary.replace(path)


def _reject_line(result: Rejected) -> bytes:
    line = {"file": result.location.file, "row": result.location.row, "reason": result.reason, "data": result.row}
    text = json.dumps(line, ensure_ascii=False, default=str)  # what is no JSON was perhaps the reason
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _general(reason: str) -> str:
    """A reason without places and values, so that like ones are counted together."""
    return re.sub(r" +", " ", _QUOTED.sub("", _PLACE.sub("[]", reason))).strip()


def _write_parquet(rows: Path, table: Path, out: Path) -> None:
    """Through the written JSON lines twice: once for the schema of all, once to write."""
    import pyarrow as pa  # noqa: PLC0415  # heavy, and most conversions are to JSONL
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema: pa.Schema | None = None
    try:
        for batch in _batches(rows):
            found = pa.Table.from_pylist(batch).schema
            schema = found if schema is None else pa.unify_schemas([schema, found], promote_options="permissive")
        with pq.ParquetWriter(table, schema, compression="zstd") as writer:
            for batch in _batches(rows):
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(
            f"the rows do not fit one Parquet schema: {str(error).splitlines()[0]}",
            where=str(out),
            cure="keep only columns of one type, or write to a .jsonl file",
        ) from error


def _batches(rows: Path) -> Iterator[list[dict[str, JsonValue]]]:
    with rows.open("rb") as lines:
        while batch := [_flat(json.loads(line)) for line in islice(lines, _BATCH)]:
            yield batch


def _flat(row: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """With the arguments of calls as JSON text: their keys differ from call to call, and one schema would add every
    key of one to all others, as null.
    """
    return {name: _flat_turns(value) for name, value in row.items()}


def _flat_turns(value: JsonValue) -> JsonValue:
    if not isinstance(value, list):
        return value
    return [_flat_turn(turn) if isinstance(turn, dict) and "tool_calls" in turn else turn for turn in value]


def _flat_turn(turn: dict[str, JsonValue]) -> JsonValue:
    calls = turn["tool_calls"]
    if not isinstance(calls, list):
        return turn
    flat: list[JsonValue] = []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(call, dict) and isinstance(function, dict):
            arguments = json.dumps(function.get("arguments"), ensure_ascii=False)
            flat.append({**call, "function": {**function, "arguments": arguments}})
    return {**turn, "tool_calls": flat}
