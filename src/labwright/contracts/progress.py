"""How a surface learns what a study is doing right now, without the study knowing any surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from labwright.contracts.views import StudyView


@dataclass(frozen=True, slots=True)
class Activity:
    """What the engine is busy with: a run's latest step and losses, or an evaluation's items done of all."""

    label: str
    run_id: str | None = None
    step: int | None = None
    max_steps: int | None = None
    loss: float | None = None
    losses: tuple[float, ...] = ()  # oldest first
    done: int | None = None
    total: int | None = None
    started_at: float | None = None  # seconds since the epoch


class ProgressSink(Protocol):
    """Shows a study's progress to somebody."""

    def update(self, view: StudyView, activity: Activity) -> None:
        """Show this. Cheap enough to be called at every poll."""

    def close(self) -> None:
        """Leave the terminal as it was found. May be called twice."""


class SilentProgress:
    """The fake: shows nothing and remembers the last update."""

    def __init__(self) -> None:
        self.last: tuple[StudyView, Activity] | None = None
        self.closed = False

    def update(self, view: StudyView, activity: Activity) -> None:
        self.last = (view, activity)

    def close(self) -> None:
        self.closed = True
