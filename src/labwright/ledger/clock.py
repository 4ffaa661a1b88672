"""How long a study took: its sessions are wall-clock, and what ran within them is the active part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end`, in seconds since the epoch. Backwards counts as nothing."""

    start: float
    end: float

    @property
    def length_s(self) -> float:
        return max(0.0, self.end - self.start)


def total_s(spans: Iterable[Span]) -> float:
    """The spans' lengths, added up."""
    return sum(span.length_s for span in spans)


def covered_s(spans: Iterable[Span], windows: Sequence[Span]) -> float:
    """How much of the windows the spans cover; where spans overlap it counts once."""
    clipped = sorted(
        (max(span.start, window.start), min(span.end, window.end))
        for span in spans
        for window in windows
        if span.start < window.end and span.end > window.start
    )
    covered, reached = 0.0, float("-inf")
    for start, end in clipped:
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered
