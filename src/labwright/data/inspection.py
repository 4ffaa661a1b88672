"""A look at a dataset before anything is done with it: schema, splits, sizes, samples, what each column holds.

Exact where that fits the time given; else over a sample, and said so.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.data import ColumnProfile, Inspection, SplitSize
from labwright.contracts.errors import DataError, OfflineError, RateLimitedError, ServiceError
from labwright.data.profiles import Profiles, profile
from labwright.data.sources import Loaded, Scratch, Table, open_source
from labwright.data.sources.counting import count_rows
from labwright.data.sources.hub_statistics import merged, viewer_statistics
from labwright.data.sources.types import readable

_HERE_BYTES_S = 40e6  # what is loaded and counted a second, with much left over for slow machines
_HUB_BYTES_S = 4e6
_PACKED_RATIO = 5
_PROBE_ROWS = 200
_LEAST_ROWS = 1_000
_LOADING_SHARE = 0.6
_CELL = 400
_MEMBERS = 12


def inspect(table: Table, *, seconds: float = 20.0, samples: int = 5, scratch_folder: Path | None = None) -> Inspection:
    """What a dataset's split holds.

    Args:
        table: from `open_source`.
        seconds: about how long it may take; a dataset that needs longer is sampled.
        samples: rows to show; long cells are cut, and say so.
        scratch_folder: where a table larger than memory may lie meanwhile; by default the system's temporary folder.

    Raises:
        DataError: names file and row.
        ServiceError: the Hub could not be reached.
        StorageError: the disk is full.
    """
    begun = time.monotonic()
    with Scratch(scratch_folder) as scratch:
        loaded = table.load(scratch, most_rows=_most_rows(table, seconds * _LOADING_SHARE))
        left = max(1.0, seconds - (time.monotonic() - begun))
        profiles = profile(loaded, left)
        remarks = [*table.remarks]
        if loaded.sampled is not None:
            remarks.append(f"statistics rest on {loaded.how}")
        columns, told = _with_viewer(table, loaded, profiles)
        remarks += [*told, *profiles.remarks]
        shown = _samples(loaded, samples)
        if any(_was_cut(row) for row in shown):
            remarks.append("long cells are cut; each says how long it is")
    sampled = loaded.sampled if loaded.sampled is not None else profiles.sampled
    return Inspection(
        name=table.name,
        origin=table.origin,
        revision=table.revision,
        licence=table.licence,
        splits=_splits(table, loaded, seconds),
        split=table.split,
        schema=_schema(loaded, columns),
        columns=tuple(_with_names(column, table.class_names) for column in columns),
        samples=shown,
        sampled=sampled,
        remarks=tuple(remarks),
    )


def _most_rows(table: Table, seconds: float) -> int | None:
    """How many rows fit the time; None: all."""
    sizes = [(file.bytes or 0) * (_PACKED_RATIO if file.compression else 1) for file in table.files]
    here = all(file.is_local for file in table.files)
    most_bytes = seconds * (_HERE_BYTES_S if here else _HUB_BYTES_S)
    known = all(file.bytes is not None for file in table.files)
    if known and sum(sizes) <= most_bytes:
        return None
    probe = list(itertools.islice(table.rows(), _PROBE_ROWS))
    wide = sum(len(json.dumps(row, ensure_ascii=False)) for _, row in probe) / max(1, len(probe))
    return max(_LEAST_ROWS, int(most_bytes / max(1.0, wide)))


def _with_viewer(table: Table, loaded: Loaded, profiles: Profiles) -> tuple[Sequence[ColumnProfile], Sequence[str]]:
    """Where only a sample could be loaded, the Hub's own statistics know all rows."""
    if table.hub is None or loaded.sampled is None:
        return profiles.columns, ()
    try:
        known = viewer_statistics(table.hub)
    except (OfflineError, RateLimitedError):
        raise
    except ServiceError as error:
        return profiles.columns, (f"the Hub has no statistics of this dataset: {error.what}",)
    if not known:
        return profiles.columns, ("the Hub's statistics cover a part of the dataset only, so they are not shown",)
    columns = [merged(column, known[column.name]) if column.name in known else column for column in profiles.columns]
    return columns, (
        f"counts, extremes and means of {len(known)} columns are the Hub's, over all rows; quantiles are the sample's",
    )


def _schema(loaded: Loaded, columns: Sequence[ColumnProfile]) -> tuple[tuple[str, str], ...]:
    better = {column.name: column.type for column in columns}
    return tuple((name, better.get(name, readable(kind))) for name, kind in loaded.columns.items())


def _with_names(column: ColumnProfile, names: Mapping[str, Sequence[str]]) -> ColumnProfile:
    """Class numbers with what they stand for."""
    known = names.get(column.name)
    if not known:
        return column
    frequent = []
    for value, count in column.frequent:
        index = int(value) if value.lstrip("-").isdecimal() else -1
        frequent.append((f"{value} ({known[index]})" if 0 <= index < len(known) else value, count))
    return replace(column, type=f"{column.type} (class)", frequent=tuple(frequent))


def _splits(table: Table, loaded: Loaded, seconds: float) -> tuple[SplitSize, ...]:
    """With the rows of each, where counting them is quick."""
    found = []
    for split in table.splits:
        rows = split.rows
        if rows is None and split.name == table.split and loaded.sampled is None:
            rows = loaded.rows
        elif rows is None and table.hub is None and not table.revision:
            rows = _counted(table, split, seconds)
        found.append(replace(split, rows=rows))
    return tuple(found)


def _counted(table: Table, split: SplitSize, seconds: float) -> int | None:
    try:
        other = table if split.name == table.split else open_source(table.origin, split=split.name)
        return count_rows(other.files, most_bytes=int(seconds * _HERE_BYTES_S * 10))
    except DataError:  # it is not the split that was asked about
        return None


def _samples(loaded: Loaded, count: int) -> tuple[Mapping[str, JsonValue], ...]:
    """Rows spread over what was loaded."""
    count = min(count, loaded.rows)
    numbers = sorted({index * loaded.rows // count for index in range(count)}) if count > 0 else []
    return tuple({name: cut(value) for name, value in row.items()} for row in loaded.fetch(numbers))


def cut(value: JsonValue, most: int = _CELL) -> JsonValue:
    """The value with long strings and lists shortened, which then say how long they were."""
    match value:
        case str() if len(value) > most:
            return f"{value[:most]}… ({len(value):,} characters)"
        case list():
            kept: list[JsonValue] = [cut(member, most) for member in value[:_MEMBERS]]
            return [*kept, f"… ({len(value):,} members)"] if len(value) > _MEMBERS else kept
        case dict():
            return {name: cut(member, most) for name, member in value.items()}
        case _:
            return value


def _was_cut(value: object) -> bool:
    match value:
        case str():
            return value.endswith((" characters)", " members)")) and "… (" in value
        case list():
            return any(_was_cut(member) for member in value)
        case dict():
            return any(_was_cut(member) for member in value.values())
        case _:
            return False
