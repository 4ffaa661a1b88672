"""Many comparisons at once: keeping the chance of even one false finding at what was said."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float], alpha: float = 0.05) -> tuple[bool, ...]:
    """Which hypotheses Holm's step-down method rejects, in the order given.

    It never rejects less than Bonferroni and keeps the same promise (Holm, 1979, Scandinavian Journal of Statistics
    6:65–70). It needs all p-values at once, so it serves a finished table; promotion, which decides while trials are
    still being made, uses alpha / K.
    """
    rejected = [False] * len(p_values)
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if not p_values[index] <= alpha / (len(p_values) - place):  # so written, a NaN is never rejected
            break
        rejected[index] = True
    return tuple(rejected)
