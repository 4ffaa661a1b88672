"""Of rows that are the same, or nearly, one stays."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from labwright.contracts.research import DatasetVersion
from labwright.data.duplicates import Likeness, near_groups
from labwright.data.examples import Reader, texts_in
from labwright.data.objects import Lines
from labwright.data.origins import Dropped
from labwright.data.transforms.keys import by_columns, by_example, keyed
from labwright.data.versions import Selection, lines_of, select

if TYPE_CHECKING:
    from labwright.data.objects import Numbers

_EXACT, _NEAR = 0, 1
_REASONS = ("the same as an earlier row", "nearly the same as an earlier row")


@dataclass(frozen=True, slots=True)
class Sameness:
    """Which row each row may be left out for: itself, where it stays."""

    stands: Numbers
    near: Numbers  # of those, the rows that are only nearly the same
    not_compared: int = 0


def dedup(
    version: DatasetVersion,
    *,
    near: bool = False,
    by: Sequence[str] = (),
    likeness: Likeness | None = None,
    name: str | None = None,
) -> DatasetVersion:
    """Keep the first of rows that are the same; with `near`, of rows that are nearly the same too.

    "The same" is question and answer but for surrounding spaces, whatever other columns say; or, with `by`, the values
    of these columns. Near-duplicates are those of `data/duplicates`: by default four fifths of the word pairs shared
    (Jaccard), never with other numbers, and linked: a row like a row that is like the first goes too.

    Raises:
        DataError: there is no such column.
        StorageError: the disk is full.
    """
    alike = likeness or Likeness()
    with lines_of(version) as lines:
        same = sameness(version, lines, near=near, by=by, likeness=alike)
    numbers = np.arange(len(same.stands))
    gone = np.flatnonzero(same.stands != numbers)
    why = np.where(np.isin(gone, same.near), _NEAR, _EXACT).astype(np.int32)
    dropped = Dropped(gone, why, _REASONS, same.stands[gone])
    params: dict[str, JsonValue] = {"near": near, "removed": len(gone)}
    if by:
        params["by"] = list(by)
    if near:
        bands, _ = alike.banding
        params |= {
            "removed_near": int((why == _NEAR).sum()),
            "threshold": alike.threshold,
            "shingle": alike.shingle,
            "permutations": alike.permutations,
            "bands": bands,
            "numbers": alike.numbers,
            "not_compared": same.not_compared,
        }
    kept = Selection(np.flatnonzero(same.stands == numbers))
    return select(kept, parents=(version,), transform="dedup", params=params, name=name, dropped=dropped)


def sameness(version: DatasetVersion, lines: Lines, *, near: bool, by: Sequence[str], likeness: Likeness) -> Sameness:
    """For every row, the first that it is the same as. Raises DataError, StorageError."""
    found = keyed(lines, by_columns(by, version, lines) if by else by_example(lines))
    stands = found.firsts[found.codes]
    if not near:
        return Sameness(stands, np.empty(0, np.int64))
    with tempfile.TemporaryDirectory(prefix="labwright-dedup-") as folder:
        groups = near_groups(_texts(lines, found.firsts, by), likeness, folder=Path(folder))
    spare: list[int] = []
    for group in groups.groups:
        first = min(group)
        for number in group:
            if number != first:
                spare.append(number)
                stands[number] = first
    return Sameness(stands[stands], np.array(sorted(spare), np.int64), groups.not_compared)


def _texts(lines: Lines, numbers: Numbers, by: Sequence[str]) -> Iterator[tuple[int, str]]:
    reader = Reader.of(lines)
    for number in numbers.tolist():
        row = lines.row(number)
        yield number, _joined(row, by) if by else reader.text(row)


def _joined(row: Mapping[str, JsonValue], columns: Sequence[str]) -> str:
    return "\n".join(text for column in columns for text in texts_in(row.get(column)))
