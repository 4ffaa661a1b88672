"""Two models on the same items: what differs counts, what both got right or wrong does not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from labwright.contracts.research import Comparison
from labwright.stats.intervals import bootstrap_mean

_FLIPS = 100_000
_CELLS = 4_000_000


@lru_cache(maxsize=100_000)
def mcnemar_exact(wins: int, losses: int) -> float:
    """The two-sided exact McNemar test: the binomial test on the items that only one of two models got right.

    With no such item there is nothing to test, and p is 1 (McNemar, 1947, Psychometrika 12:153–157).
    """
    return float(binomtest(wins, wins + losses, 0.5).pvalue) if wins + losses else 1.0


def sign_flip(differences: Sequence[float], *, flips: int = _FLIPS, seed: int = 0) -> float:
    """The two-sided p-value of a paired sign-flip permutation test that the mean difference is zero.

    Without a true difference each item's difference could as well have had the other sign (Fisher, 1935). The drawn
    flips and the observed one are counted together, so p is never 0 (Phipson and Smyth, 2010): the smallest is
    1 / (flips + 1).
    """
    moved = np.asarray([d for d in differences if d != 0], dtype=float)
    if not len(moved):
        return 1.0
    observed = abs(float(moved.sum()))
    dice = np.random.default_rng(seed)
    rows = max(1, _CELLS // len(moved))
    beyond = 0
    for done in range(0, flips, rows):
        signs = dice.integers(0, 2, (min(rows, flips - done), len(moved)), dtype=np.int8) * 2 - 1
        beyond += int((np.abs(signs @ moved) >= observed * (1 - 1e-12)).sum())
    return (beyond + 1) / (flips + 1)


def compare_paired(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Comparison:
    """The first model against the second on the same items, in the same order.

    The difference has a paired-bootstrap 95 % interval (10,000 resamples of items). p is exact McNemar's where all
    scores are 0 or 1, else that of the sign-flip permutation test. `wins` are the items where the first scored higher.

    Raises:
        ValueError: the lengths differ, or there are no items.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} items against {len(second)}: a paired comparison needs the same items")
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    difference = one - other
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    interval = bootstrap_mean(difference.tolist(), seed=seed)
    binary = _is_binary(one) and _is_binary(other)
    p_value = mcnemar_exact(wins, losses) if binary else sign_flip(difference.tolist(), seed=seed)
    return Comparison(len(first), wins, losses, interval, p_value)


def _is_binary(scores: NDArray[np.float64]) -> bool:
    return bool(np.isin(scores, (0.0, 1.0)).all())
