"""Groups of near-duplicates among any number of texts.

MinHash and its bands (Broder, 1997, "On the resemblance and containment of documents"; Indyk and Motwani, 1998) name
the candidates, and each is confirmed by the Jaccard similarity of the sets themselves, so an unlucky hash costs time
and never a false alarm. Folding and hashing run on numpy and rensa a batch at a time; what has to be kept of a text,
its set of shingles (4 bytes each) and 8 bytes a band, is written to disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from labwright.contracts.errors import StorageError
from labwright.data.duplicates.likeness import Likeness, numbers_keys, shingle_sets, sketch
from labwright.data.duplicates.pairing import Grouping
from labwright.data.duplicates.spill import Spill
from labwright.data.duplicates.words import Places, words_of

BATCH_CHARACTERS = 1 << 18
BATCH_TEXTS = 4096
_AS_USUAL = Likeness()
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class NearGroups:
    """What `near_groups` found."""

    rows: int  # that were looked at
    groups: tuple[tuple[int, ...], ...]  # numbers in the order they came; the first of each is the one to keep
    not_compared: int = 0  # pairs that met in a bucket too crowded to compare all: 0 nearly always

    @property
    def spare(self) -> int:
        """How many rows would go if the first of each group stayed."""
        return sum(len(group) - 1 for group in self.groups)


def near_groups(
    texts: Iterable[tuple[int, str]],
    likeness: Likeness = _AS_USUAL,
    *,
    folder: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> NearGroups:
    """Group texts (number, text) that are near-duplicates, exact ones included; linked by single linkage.

    Streams: memory grows by some 60 bytes a row, the rest spills to a temporary folder (in `folder`). Texts without a
    word are left alone. `progress` hears how many rows were read.

    Raises:
        StorageError: the temporary folder cannot be made or is full.
    """
    looked_at = 0
    numbers: list[Places] = []
    try:
        temporary = tempfile.TemporaryDirectory(prefix="labwright-near-", dir=folder)
    except OSError as error:
        cure = "choose a folder that exists and may be written to"
        raise StorageError(f"no temporary folder: {error.strerror}", where=str(folder), cure=cure) from error
    with temporary as place, Spill(Path(place), likeness.banding[0]) as spill:
        for batch in batches(texts, lambda pair: len(pair[1])):
            sketches = sketch([text for _, text in batch], likeness)
            worded = sketches.sizes > 0
            spill.add(
                replace(
                    sketches, sizes=sketches.sizes[worded], whole=sketches.whole[worded], bands=sketches.bands[worded]
                )
            )
            numbers.append(np.array([number for number, _ in batch], np.int64)[worded])
            looked_at += len(batch)
            if progress is not None:
                progress(looked_at)
        grouping = Grouping(spill.read(), likeness.threshold)
        grouping.run()
        roots = grouping.roots(np.arange(len(grouping.sets)))
    return NearGroups(
        looked_at,
        tuple(_groups(roots, np.concatenate([np.zeros(0, np.int64), *numbers]))),
        grouping.not_compared,
    )


def similarity(first: str, second: str, likeness: Likeness = _AS_USUAL) -> float:
    """The Jaccard similarity of two texts as `near_groups` measures it; 0 where their numbers forbid it."""
    words = words_of([first, second])
    if likeness.numbers and len(set(numbers_keys(words).tolist())) > 1:
        return 0.0
    shingles, sizes = shingle_sets(words, likeness.shingle)
    if not sizes.all():
        return 0.0
    shared = len(np.intersect1d(shingles[: sizes[0]], shingles[sizes[0] :], assume_unique=True))
    return float(shared / (len(shingles) - shared))


def batches(
    things: Iterable[_T], size: Callable[[_T], int], most: int = BATCH_CHARACTERS, count: int = BATCH_TEXTS
) -> Iterator[list[_T]]:
    """Lists of up to `count` things and about `most` in size."""
    batch: list[_T] = []
    held = 0
    for thing in things:
        batch.append(thing)
        held += size(thing)
        if held >= most or len(batch) >= count:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _groups(roots: Places, numbers: Places) -> Iterator[tuple[int, ...]]:
    order = np.argsort(roots, kind="stable")
    edges = np.flatnonzero(np.diff(roots[order], prepend=-1, append=-1))
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if end - start > 1:
            yield tuple(numbers[order[start:end]].tolist())
