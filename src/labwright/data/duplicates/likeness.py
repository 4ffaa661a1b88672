"""When two texts count as near-duplicates, and what has to be kept of a text to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from labwright.contracts.errors import DataError
from labwright.data.duplicates.words import Hashes, Places, Words, runs, scrambled, words_of

SEED = 42
MISSED = 0.005  # of the pairs exactly at the threshold, by the choice of bands
_ODD = 0xD6E8FEB86659FD93


@dataclass(frozen=True, slots=True)
class Likeness:
    """When two texts are near-duplicates: their sets of shingles have a Jaccard similarity of `threshold`.

    A shingle is a run of `shingle` words, folded (case, punctuation and Unicode variants do not count). With `numbers`,
    texts whose numbers differ are never near-duplicates, as another number makes another problem.
    Candidates come from `permutations` MinHash values in `bands`; by default so few bands that at most 0.5 % of the
    pairs at the threshold are missed.
    """

    threshold: float = 0.8
    shingle: int = 2
    permutations: int = 128
    bands: int | None = None
    numbers: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise DataError(f"a similarity of {self.threshold} is no threshold", cure="choose one from 0.5 to 1")
        if self.shingle < 1 or self.permutations < 1 or not 1 <= (self.bands or 1) <= self.permutations:
            raise DataError(
                f"{self.permutations} permutations in {self.bands} bands over runs of {self.shingle} words cannot be",
                cure="choose at least 1 of each, and no more bands than permutations",
            )

    @property
    def banding(self) -> tuple[int, int]:
        """How many bands, and how many MinHash values in each."""
        if self.bands is not None:
            return self.bands, self.permutations // self.bands
        for values in range(self.permutations, 1, -1):
            bands = self.permutations // values
            if (1 - self.threshold**values) ** bands <= MISSED:
                return bands, values
        return self.permutations, 1


@dataclass(frozen=True, slots=True)
class Sketches:
    """Of a batch of texts: their sets of shingles, one after the other, and the keys under which they meet."""

    shingles: NDArray[np.uint32]  # of each text ascending, without repeats
    sizes: Places  # of each set; 0 for a text without words
    whole: Hashes  # one key for the whole set
    bands: Hashes  # texts x bands


def sketch(texts: Sequence[str], likeness: Likeness) -> Sketches:
    """Fold, shingle and hash a batch."""
    words = words_of(texts)
    shingles, sizes = shingle_sets(words, likeness.shingle)
    spread = scrambled(shingles.astype(np.uint64) * np.uint64(_ODD))
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    keys = numbers_keys(words) if likeness.numbers else np.zeros(len(texts), np.uint64)
    whole = scrambled(_sums(spread, bounds) + scrambled(sizes.astype(np.uint64)) + keys)
    return Sketches(shingles, sizes, whole, _band_keys(spread, bounds, likeness) + keys[:, None])


def shingle_sets(words: Words, width: int) -> tuple[NDArray[np.uint32], Places]:
    """Each text's runs of `width` words (all its words, where it has fewer) as a sorted set; and the sets' sizes."""
    counts, owners = words.counts, words.owners
    inside = np.ones(max(0, len(owners) - width + 1), np.bool_)
    for back in range(1, width):  # the last words of a text begin no run in it
        last = words.bounds[1:][counts >= back] - back
        inside[last[last < len(inside)]] = False
    hashes, of = runs(words.hashes, width)[inside], owners[: len(inside)][inside]
    for fewer in range(1, width):
        short = np.flatnonzero(counts == fewer)
        if len(short):
            hashes = np.concatenate([hashes, runs(words.hashes, fewer)[words.bounds[short]]])
            of = np.concatenate([of, short])
    keys = (of.astype(np.uint64) << np.uint64(32)) | (hashes >> np.uint64(32))
    keys.sort()
    first = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    keys = keys[first]
    sizes = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(counts)).astype(np.int64)
    return keys.astype(np.uint32), sizes


def numbers_keys(words: Words) -> Hashes:
    """One key for each text's numbers in their order; 0 for a text without numbers."""
    numbers = words.hashes[words.numeric]
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(words.numeric)])[words.bounds]
    rank = np.arange(len(numbers)) - np.repeat(bounds[:-1], np.diff(bounds))
    return _sums(scrambled(numbers + rank.astype(np.uint64) * np.uint64(_ODD)), bounds)


def _sums(values: Hashes, bounds: Places) -> Hashes:
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
    differences: Hashes = sums[bounds[1:]] - sums[bounds[:-1]]
    return differences


def _band_keys(spread: Hashes, bounds: Places, likeness: Likeness) -> Hashes:
    bands, values = likeness.banding
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        spread, bounds.astype(np.uint64), likeness.permutations, SEED
    ).to_rows()
    digests = np.array(matrix, np.uint64).reshape(len(bounds) - 1, likeness.permutations)
    factors = scrambled(np.arange(1, values + 1, dtype=np.uint64)) | np.uint64(1)
    parts = digests[:, : bands * values].reshape(-1, bands, values)
    return scrambled(np.einsum("tbv,v->tb", parts, factors))
