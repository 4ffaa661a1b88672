"""How much a score moves when nothing but the training seed changes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev


def noise_floor(scores: Sequence[float]) -> float:
    """The standard deviation (n − 1) of a trial's scores over its training seeds, in score units.

    One seed says nothing about noise: the answer is then 0.0, and a caller must not read it as "no noise". The scores
    share their items, so the items' own sampling error is not in it.
    """
    return stdev(scores) if len(scores) > 1 else 0.0
