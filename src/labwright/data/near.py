"""Near-duplicates by MinHash: sets of words, compared without comparing every pair.

MinHash and its banding are rensa's (Broder, 1997, "On the resemblance and containment of documents"). They only name
candidates; whoever asks confirms with `jaccard`, so an unlucky hash costs time and never a false alarm.
"""

from __future__ import annotations

from collections.abc import Collection, Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rensa import RMinHash, RMinHashLSH

PERMUTATIONS = 128
BANDS = 32  # of 4 values: a pair of similarity 0.8 is missed with probability 5e-8
_SEED = 42
_SLACK = 0.75  # sets whose sizes differ by more than this cannot be 0.8 similar


class NearIndex:
    """Sets of words under numbers; names those that may be similar to another set."""

    def __init__(self) -> None:
        self._fewest = self._most = 0
        self._index: RMinHashLSH | None = None

    def add(self, number: int, words: Collection[str]) -> None:
        """Put a set in."""
        if self._index is None:
            from rensa import RMinHashLSH  # noqa: PLC0415  # a compiled library, needed only for this check

            self._index = RMinHashLSH(threshold=0.8, num_perm=PERMUTATIONS, num_bands=BANDS)
            self._fewest = self._most = len(words)
        self._fewest, self._most = min(self._fewest, len(words)), max(self._most, len(words))
        self._index.insert(number, _hashed(words))

    def candidates(self, words: Collection[str]) -> list[int]:
        """Numbers of sets that may be similar, in ascending order."""
        if self._index is None or not words:
            return []
        if not _SLACK * self._fewest <= len(words) <= self._most / _SLACK:
            return []
        return sorted(self._index.query(_hashed(words)))


def jaccard(first: Set[str], second: Set[str]) -> float:
    """Shared words by all words; 1 for two empty sets."""
    union = len(first | second)
    return len(first & second) / union if union else 1.0


def _hashed(words: Collection[str]) -> RMinHash:
    from rensa import RMinHash  # noqa: PLC0415  # as above

    minhash = RMinHash(num_perm=PERMUTATIONS, seed=_SEED)
    minhash.update(sorted(words))
    return minhash
