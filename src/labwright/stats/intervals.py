"""Intervals around a score: Wilson's for a share of items, the bootstrap's for any mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from labwright.contracts.research import Interval

_CELLS = 4_000_000  # random numbers held at once: 32 MB


def wilson(successes: int, items: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson, 1927, JASA 22:209–212).

    It stays inside 0 to 1 and is honest near both ends, where the textbook interval shrinks to nothing.

    Raises:
        ValueError: there are no items, or more successes than items.
    """
    if items <= 0:
        raise ValueError("an interval needs at least one item")
    found = binomtest(successes, items).proportion_ci(confidence, method="wilson")
    return Interval(successes / items, float(found.low), float(found.high))


def bootstrap_mean(
    values: Sequence[float], confidence: float = 0.95, *, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Percentile bootstrap of a mean (Efron, 1979, Annals of Statistics 7:1–26). The same seed, the same interval.

    Drawing n of n values with replacement draws how often each distinct value comes up, which is multinomial. For
    scores of 0 and 1 this costs a few milliseconds where index by index takes a hundred times that.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("an interval needs at least one value")
    distinct, counts = np.unique(np.asarray(values, dtype=float), return_counts=True)
    items = int(counts.sum())
    dice = np.random.default_rng(seed)
    rows = max(1, _CELLS // len(distinct))
    sizes = [min(rows, resamples - done) for done in range(0, resamples, rows)]
    draws = [dice.multinomial(items, counts / items, size=size) @ distinct / items for size in sizes]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(draws), [tail, 1 - tail])
    return Interval(float(counts @ distinct / items), float(low), float(high))


def mean_interval(scores: Sequence[float], confidence: float = 0.95) -> Interval:
    """The interval of a model's score: Wilson's where every item's score is 0 or 1, the bootstrap's otherwise.

    Raises:
        ValueError: there are no scores.
    """
    if len(scores) and all(score in (0, 1) for score in scores):
        return wilson(round(sum(scores)), len(scores), confidence)
    return bootstrap_mean(scores, confidence)
