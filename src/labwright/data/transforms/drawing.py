"""Drawing rows by a seed: the same draw on every machine, with every version of numpy, for ever.

A row's place in the order is a hash of its number and the seed, so nothing depends on a generator's state, and a larger
draw of one seed holds the smaller one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from labwright.data.objects import Numbers
from numpy.typing import NDArray

_STEP = 0x9E3779B97F4A7C15
_FACTORS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def keys(count: int, seed: int) -> NDArray[np.uint64]:
    """A hash a row (splitmix64: Steele, Lea and Flood, 2014)."""
    start = (seed * 0xD1342543DE82EF95 + 1) % (1 << 64)
    values = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_STEP) + np.uint64(start)
    for shift, factor in _FACTORS:
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(31))


def order(count: int, seed: int) -> Numbers:
    """The numbers from 0 to `count` - 1, shuffled."""
    return np.argsort(keys(count, seed), kind="stable").astype(np.int64)


def shares(weights: Sequence[float], size: int) -> list[int]:
    """Whole numbers in proportion, by largest remainder, so that they add up to `size`."""
    exact = [weight * size / sum(weights) for weight in weights]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for index in by_remainder[: size - sum(counts)]:
        counts[index] += 1
    return counts
