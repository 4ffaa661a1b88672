"""How much a score moves when nothing but the training seed changes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev


def noise_floor(scores: Sequence[float]) -> float:
    """The standard deviation (n - 1) of a trial's scores over its training seeds; 0 where there is only one."""
    return stdev(scores) if len(scores) > 1 else 0.0
