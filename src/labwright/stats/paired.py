"""Two models on the same items: what differs counts, what both got right or wrong does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from labwright.contracts.research import Comparison
from labwright.stats.intervals import bootstrap_mean


def mcnemar_exact(wins: int, losses: int) -> float:
    """The two-sided exact McNemar test (McNemar, 1947, Psychometrika 12): the binomial test on discordant pairs."""
    return float(binomtest(wins, wins + losses, 0.5).pvalue) if wins + losses else 1.0


def compare_paired(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Comparison:
    """The first model against the second on the same items, in the same order.

    The difference has a paired-bootstrap 95 % interval; the p-value is exact McNemar's over the items where one scored
    higher (for scores that are not 0 or 1 that is the sign test).

    Raises:
        ValueError: the lengths differ, or there are no items.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} items against {len(second)}: a paired comparison needs the same items")
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    interval = bootstrap_mean(difference.tolist(), seed=seed)
    return Comparison(len(first), wins, losses, interval, mcnemar_exact(wins, losses))
