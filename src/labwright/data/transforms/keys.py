"""Rows under keys: 16 bytes a row, whatever the row's size, for finding equal rows and rows of one group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.examples import Reader
from labwright.data.objects import Lines

if TYPE_CHECKING:
    from labwright.data.objects import Numbers

_KEY_BYTES = 16  # two rows of a billion share one by chance once in 10^20 tables
_ENCODE = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
Key = Callable[[Mapping[str, JsonValue]], JsonValue]


@dataclass(frozen=True, slots=True)
class Keyed:
    """Rows with equal keys have equal codes. `firsts[code]` is the first row with it."""

    codes: Numbers
    firsts: Numbers

    @property
    def sizes(self) -> Numbers:
        """Rows a code."""
        return np.bincount(self.codes, minlength=len(self.firsts)).astype(np.int64)


def keyed(lines: Lines, key: Key) -> Keyed:
    """Every row's code; codes are numbered in the order in which their keys first come."""
    packed = bytearray()
    for row in lines.rows():
        packed += hashlib.blake2b(_ENCODE(key(row)).encode(), digest_size=_KEY_BYTES).digest()
    hashes = np.frombuffer(bytes(packed), dtype=np.dtype([("a", "<u8"), ("b", "<u8")]))
    return renumbered(_grouped(hashes))


def renumbered(codes: Numbers) -> Keyed:
    """Codes from 0 in the order in which they first come."""
    _, firsts, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(len(firsts), np.int64)
    rank[np.argsort(firsts)] = np.arange(len(firsts))
    return Keyed(rank[inverse], np.sort(firsts).astype(np.int64))


def by_example(lines: Lines) -> Key:
    """Rows are equal where question and answer are, but for surrounding space; or all texts, where there is no layout.

    Rows without any text are equal where everything in them is.
    """
    reader = Reader.of(lines)

    def key(row: Mapping[str, JsonValue]) -> JsonValue:
        parts = [part.strip() for part in reader.parts(row)]
        return list(parts) if any(parts) else dict(row)

    return key


def by_columns(columns: Sequence[str], version: DatasetVersion, lines: Lines) -> Key:
    """Rows are equal where these columns are; a row that lacks one has null there.

    Raises:
        DataError: no row has one of the columns.
    """
    check_columns(columns, version, lines)
    return lambda row: [row.get(column) for column in columns]


def check_columns(columns: Sequence[str], version: DatasetVersion, lines: Lines) -> None:
    """Raises DataError where no row has one of the columns."""
    missing = set(columns)
    there: set[str] = set()
    for row in lines.rows():
        missing.difference_update(row)
        there.update(row)
        if not missing:
            return
    raise DataError(
        f"there is no column {sorted(missing)[0]!r}",
        where=f"{version.name} ({version.id})",
        cure=f"choose from: {', '.join(sorted(there))}",
    )


def _grouped(hashes: NDArray[np.void]) -> Numbers:
    """A number a distinct hash."""
    by_hash = np.lexsort((hashes["b"], hashes["a"]))
    ordered = hashes[by_hash]
    new = np.ones(len(ordered), np.int64)
    new[1:] = (ordered["a"][1:] != ordered["a"][:-1]) | (ordered["b"][1:] != ordered["b"][:-1])
    codes = np.empty(len(ordered), np.int64)
    codes[by_hash] = np.cumsum(new) - 1
    return codes
