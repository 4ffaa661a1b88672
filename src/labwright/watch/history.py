"""What the watchdog remembers of a run, kept so that every rule answers a new point in constant time."""

from __future__ import annotations

import math
from array import array

from labwright.contracts.compute import MetricPoint

_SMOOTHING = 0.3  # weight of the newest value in the smoothed loss
_WARM_UP = 3  # values before a smoothed one may count as the best
_WATCHED = ("loss", "eval_loss")


class Series:
    """One metric's finite values, with running sums, the smoothed value after each, and where it was best."""

    def __init__(self) -> None:
        self.steps = array("q")
        self.values = array("d")
        self.smooth = array("d")
        self._best_at = array("q")  # where the smoothed value was lowest so far
        self._sums = array("d", [0.0])
        self._squares = array("d", [0.0])
        self._jumps = array("d", [0.0, 0.0])  # squared first differences: noise that ignores the trend

    def __len__(self) -> int:
        return len(self.values)

    def add(self, step: int, value: float) -> None:
        """Take one more value."""
        last = self.values[-1] if self.values else value
        self.steps.append(step)
        self.values.append(value)
        weight = max(_SMOOTHING, 1 / len(self))  # a plain mean at first: no single value may set the level
        self.smooth.append(weight * value + (1 - weight) * (self.smooth[-1] if self.smooth else 0.0))
        best = self._best_at[-1] if self._best_at else 0
        is_best = len(self) <= _WARM_UP or self.smooth[-1] < self.smooth[best]
        self._best_at.append(len(self) - 1 if is_best else best)
        self._sums.append(self._sums[-1] + value)
        self._squares.append(self._squares[-1] + value * value)
        if len(self) > 1:
            self._jumps.append(self._jumps[-1] + (value - last) * (value - last))

    def rewind(self, step: int) -> None:
        """Forget the values from this step on."""
        while self.steps and self.steps[-1] >= step:
            kept = (self.steps, self.values, self.smooth, self._best_at, self._sums, self._squares)
            for column in kept:
                column.pop()
            if len(self) >= 1:
                self._jumps.pop()

    def best(self) -> int:
        """Where the smoothed value was lowest."""
        return self._best_at[-1]

    def mean(self, start: int, stop: int) -> float:
        """The mean of the values from `start` up to `stop`."""
        return (self._sums[stop] - self._sums[start]) / (stop - start)

    def variance(self, start: int, stop: int) -> float:
        """The variance of the values from `start` up to `stop`."""
        return max((self._squares[stop] - self._squares[start]) / (stop - start) - self.mean(start, stop) ** 2, 0.0)

    def noise(self, stop: int) -> float:
        """The standard deviation of the values before `stop` around their trend; 0 where fewer than three are known."""
        return math.sqrt(self._jumps[stop] / (2 * (stop - 1))) if stop >= 3 else 0.0


class History:
    """One run's points so far. `silent_s` is how long this process has waited for a new one."""

    def __init__(self) -> None:
        self.series = {name: Series() for name in _WATCHED}
        self.paces = array("d")  # seconds a step
        self.last: MetricPoint | None = None
        self.gap_s = 0.0  # between the last two steps
        self.silent_s = 0.0
        self._heard_at: float | None = None

    def add(self, point: MetricPoint) -> None:
        """Take one more point. A step further back means that the run resumed there: what followed is forgotten."""
        if self.last is not None and point.step < self.last.step:
            for series in self.series.values():
                series.rewind(point.step)
        elif self.last is not None and point.step > self.last.step and point.at > self.last.at > 0:
            self.gap_s = point.at - self.last.at
            self.paces.append(self.gap_s / (point.step - self.last.step))
        for name, series in self.series.items():
            value = point.values.get(name, math.nan)
            if math.isfinite(value):
                series.add(point.step, value)
        self.last = point

    def pause(self) -> None:
        """What follows is timed anew: between two runs lies more than a step."""
        self.last = None
        self.paces = array("d")

    def listen(self, *, heard: bool, now: float | None) -> None:
        """Note the time. Silence counts from what this process heard itself, so a resumed study starts from zero."""
        if now is None:
            return
        if heard or self._heard_at is None:
            self._heard_at = now
        self.silent_s = now - self._heard_at
