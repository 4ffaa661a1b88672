"""What a tool may do to the world, and what it may cost: policy sees these, and never a tool's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Effect = Literal["read", "write", "execute", "spend", "publish"]


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate of what a call costs. `usd` None is an unknown price, which is never zero."""

    usd: float | None = 0.0
    gpu_hours: float = 0.0
    wall_clock_s: float = 0.0


CostOf = Callable[[Mapping[str, Any]], Cost]
"""A tool's estimate from its arguments."""
