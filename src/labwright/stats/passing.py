"""pass@k: the chance that at least one of k outputs is right, estimated from more of them than k."""

from __future__ import annotations

from math import comb


def pass_at_k(drawn: int, right: int, k: int) -> float:
    """The share of all choices of k out of the `drawn` outputs that hold one of the `right`.

    It is unbiased, where 1 - (1 - right/drawn)^k is not: Chen et al., 2021, arXiv 2107.03374. Whole numbers are
    counted, so no product of many fractions loses digits. With k = 1 it is the mean.

    Raises ValueError where fewer than k were drawn, or more are right than were drawn.
    """
    if not 1 <= k <= drawn or not 0 <= right <= drawn:
        raise ValueError(f"pass@{k} cannot be estimated from {drawn} outputs, {right} of them right")
    return 1 - comb(drawn - right, k) / comb(drawn, k)
