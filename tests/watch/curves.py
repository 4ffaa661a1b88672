"""Metric curves as real runs write them, for the watchdog's tests."""

from __future__ import annotations

import random
from collections.abc import Iterable

from labwright.contracts.compute import MetricPoint


def points(losses: Iterable[float], *, pace_s: float = 3.0, first_step: int = 1) -> list[MetricPoint]:
    return [
        MetricPoint(step, 1_700_000_000 + pace_s * step, {"loss": loss, "grad_norm": 1.0})
        for step, loss in enumerate(losses, start=first_step)
    ]


def learning(steps: int, *, noise: float = 0.1, start: float = 0.69, end: float = 0.2, seed: int = 0) -> list[float]:
    """A loss that falls from `start` to near `end` within 25 steps, with noise relative to its height."""
    dice = random.Random(seed)
    return [(end + (start - end) * 0.88**step) * (1 + dice.gauss(0, noise)) for step in range(steps)]
