"""From band keys to groups: who meets in a bucket is compared, and who is similar is united.

Rows with equal sets are one from the start. Then band by band: rows that share a key make a bucket; its pairs that are
not yet in one group, and did not meet in an earlier band, are compared by their whole sets. A bucket of thousands
(texts of one template) is compared row by row against the rest, for as long as its share of comparisons lasts; what was
left is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from labwright.data.duplicates.spill import Sets
from labwright.data.duplicates.words import Hashes, Places

SMALL = 64  # rows of a bucket of which all pairs are made at once
PAIRS_AT_ONCE = 1 << 20
PAIRS_OF_A_BUCKET = 500_000
_CLOSE = 1e-9


@dataclass(slots=True)
class Grouping:
    """Rows of `sets`, united."""

    sets: Sets
    threshold: float
    most: int = PAIRS_OF_A_BUCKET
    not_compared: int = 0
    _parents: Places = field(init=False)  # a row's group is where this leads to in the end
    _crowded: list[Hashes] = field(default_factory=list)  # by band: keys of buckets that were not compared whole

    def __post_init__(self) -> None:
        self._parents = np.arange(len(self.sets), dtype=np.int64)

    def run(self) -> None:
        """Unite all that is similar."""
        self._unite_equal()
        alone = np.flatnonzero(self._parents == np.arange(len(self._parents)))  # one row of each set
        for band, mapped in enumerate(self.sets.bands):
            keys = mapped[alone]
            order = np.argsort(keys)
            keys, rows = keys[order], alone[order]
            starts, sizes = _repeats(keys)
            for first, second in _small_pairs(rows, starts, sizes):
                self._compare(first, second, band)
            crowded = [
                keys[start]
                for start, size in zip(starts[sizes > SMALL], sizes[sizes > SMALL], strict=True)
                if not self._compare_crowd(np.sort(rows[start : start + size]))
            ]
            self._crowded.append(np.array(crowded, np.uint64))

    def roots(self, rows: Places) -> Places:
        """Of each row the first row of its group."""
        roots = self._parents[rows]
        while ((further := self._parents[roots]) != roots).any():
            roots = further
        self._parents[rows] = roots
        return roots

    def _unite_equal(self) -> None:
        order = np.argsort(self.sets.whole, kind="stable")
        starts, sizes = _repeats(self.sets.whole[order])
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
            self._parents[order[start : start + size]] = order[start]

    def _compare(self, first: Places, second: Places, band: int) -> None:
        fits = (self.roots(first) != self.roots(second)) & self._sizes_allow(first, second)
        first, second = first[fits], second[fits]
        for earlier in range(band):
            keys = self.sets.bands[earlier]
            mine = keys[first]
            met = mine == keys[second]
            if len(self._crowded[earlier]):
                met &= ~np.isin(mine, self._crowded[earlier])
            first, second = first[~met], second[~met]
        self._unite(first, second)

    def _compare_crowd(self, rows: Places) -> bool:
        """Each row of a large bucket with all after it; whether that was done to the end."""
        left = self.most
        for place in range(len(rows) - 1):
            roots = self.roots(rows[place:])
            if place % SMALL == 0 and (roots == roots[0]).all():
                return True
            others = rows[place + 1 :][roots[1:] != roots[0]]
            if len(others) > left:
                self.not_compared += self._strangers(rows[place:])
                return False
            left -= len(others)
            leader = np.full(len(others), rows[place])
            fits = self._sizes_allow(leader, others)
            self._unite(leader[fits], others[fits])
        return True

    def _strangers(self, rows: Places) -> int:
        """Pairs that are not in one group."""
        _, counts = np.unique(self.roots(rows), return_counts=True)
        return int(len(rows) ** 2 - (counts.astype(np.int64) ** 2).sum()) // 2

    def _sizes_allow(self, first: Places, second: Places) -> NDArray[np.bool_]:
        one, other = self.sets.sizes[first], self.sets.sizes[second]
        allowed: NDArray[np.bool_] = np.minimum(one, other) >= (self.threshold - _CLOSE) * np.maximum(one, other)
        return allowed

    def _unite(self, first: Places, second: Places) -> None:
        if not len(first):
            return
        similar = self.sets.similarities(first, second) >= self.threshold - _CLOSE
        first, second = self.roots(first[similar]), self.roots(second[similar])
        if not len(first):
            return
        involved, places = np.unique(np.concatenate([first, second]), return_inverse=True)
        one, other = places[: len(first)], places[len(first) :]
        links = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(len(involved), len(involved)))
        _, labels = connected_components(links, directed=False)
        heads = np.full(labels.max() + 1, len(self._parents), np.int64)
        np.minimum.at(heads, labels, involved)
        self._parents[involved] = heads[labels]


def _repeats(ordered: Hashes) -> tuple[Places, Places]:
    """Where runs of two or more equal keys start, and how long they are."""
    edges = (
        np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))
        if len(ordered)
        else np.zeros(1, np.int64)
    )
    sizes = np.diff(edges)
    return edges[:-1][sizes > 1], sizes[sizes > 1]


def _small_pairs(rows: Places, starts: Places, sizes: Places) -> Iterator[tuple[Places, Places]]:
    """All pairs of all buckets of up to `SMALL` rows, some at a time."""
    for size in np.unique(sizes[sizes <= SMALL]).tolist():
        one, other = np.triu_indices(size, 1)
        of_size = starts[sizes == size]
        step = max(1, PAIRS_AT_ONCE // len(one))
        for begin in range(0, len(of_size), step):
            buckets = rows[of_size[begin : begin + step, None] + np.arange(size)]
            yield buckets[:, one].ravel(), buckets[:, other].ravel()
