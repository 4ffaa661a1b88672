"""Intervals around a score: Wilson's for a share of items, the bootstrap's for any mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from labwright.contracts.research import Interval


def wilson(successes: int, items: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson, 1927, JASA 22).

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
    """Percentile bootstrap of a mean (Efron, 1979, Annals of Statistics 7). The same seed gives the same interval.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("an interval needs at least one value")
    data = np.asarray(values, dtype=float)
    means = np.asarray([])
    dice = np.random.default_rng(seed)
    means = data[dice.integers(0, len(data), (resamples, len(data)))].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(data.mean()), float(low), float(high))
