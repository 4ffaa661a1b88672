"""The watchdog's rules: what each looks for in a run's metrics, and what it advises.

A rule is asked once for each new point, with all points so far. It answers with an alert or None, and is not asked
again after its first alert. Rules see numbers only, so they say the same when a resumed study reads the file anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Protocol

from pydantic import JsonValue

from labwright.contracts.compute import MetricPoint
from labwright.contracts.research import Alert

_LOWER_RATE: Mapping[str, JsonValue] = {"learning_rate": {"times": 0.1}}
_WATCHED = ("loss", "grad_norm", "eval_loss")


class Rule(Protocol):
    """Looks at one run's points."""

    def look(self, run_id: str, points: Sequence[MetricPoint], now: float | None) -> Alert | None:
        """An alert, or None. `now` is the time of the look, for rules about silence."""


@dataclass(frozen=True, slots=True)
class NotFinite:
    """A loss or gradient that is no number any more: nothing that follows can be of use."""

    def look(self, run_id: str, points: Sequence[MetricPoint], now: float | None) -> Alert | None:  # noqa: ARG002
        last = points[-1]
        bad = {n: last.values[n] for n in _WATCHED if n in last.values and not math.isfinite(last.values[n])}
        if not bad:
            return None
        named = " and ".join(f"{name} is {value}" for name, value in bad.items())
        return Alert(
            run_id, "not-finite", "error", last.step, f"{named} at step {last.step}", bad,
            "start again with a tenth of the learning rate", _LOWER_RATE, stops_run=True,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Divergence:
    """The smoothed loss stands far above the best it has been, and keeps standing there."""

    window: int = 4
    times_best: float = 2.0
    above_best: float = 0.5

    def look(self, run_id: str, points: Sequence[MetricPoint], now: float | None) -> Alert | None:  # noqa: ARG002
        losses = _finite(points, "loss")
        if len(losses) < 2 * self.window:
            return None
        smooth = _smoothed(losses, self.window)
        best = min(smooth)
        recent = losses[-self.window :]
        line = max(best * self.times_best, best + self.above_best)
        if min(recent) <= line:
            return None
        last = points[-1]
        numbers = {"loss": fmean(recent), "best": best}
        message = f"the loss rose to {fmean(recent):.3g} from a best of {best:.3g} by step {last.step}"
        return Alert(
            run_id, "divergence", "error", last.step, message, numbers,
            "start again with a tenth of the learning rate", _LOWER_RATE, stops_run=True,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plateau:
    """No progress over the last third of a run that is long enough to tell."""

    least_points: int = 30
    least_gain: float = 0.01  # relative

    def look(self, run_id: str, points: Sequence[MetricPoint], now: float | None) -> Alert | None:  # noqa: ARG002
        losses = _finite(points, "loss")
        if len(losses) < self.least_points:
            return None
        third = len(losses) // 3
        before, after = fmean(losses[-2 * third : -third]), fmean(losses[-third:])
        spread = median(abs(a - b) for a, b in zip(losses[-third:-1], losses[-third + 1 :], strict=True))
        gain = (before - after) / max(abs(before), 1e-12)
        noise = spread / math.sqrt(third) / max(abs(before), 1e-12)
        if abs(gain) > max(self.least_gain, 2 * noise) or (noise > 0.02 and gain > 0):
            return None
        last = points[-1]
        change: Mapping[str, JsonValue] = {"learning_rate": {"times": 3.0}, "max_steps": {"times": 2.0}}
        message = f"the loss has stood at {after:.3g} for {third} points (before that {before:.3g})"
        numbers = {"loss": after, "before": before, "gain": gain}
        return Alert(
            run_id, "plateau", "warning", last.step, message, numbers,
            "three times the learning rate, or more steps", change,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Overfit:
    """The loss on held-out training rows rises while the training loss falls."""

    least_rise: float = 0.05  # relative to the best
    evaluations: int = 2  # this many in a row above the best

    def look(self, run_id: str, points: Sequence[MetricPoint], now: float | None) -> Alert | None:  # noqa: ARG002
        held_out = _finite(points, "eval_loss")
        losses = _finite(points, "loss")
        if len(held_out) <= self.evaluations or len(losses) < 4 or "eval_loss" not in points[-1].values:
            return None
        best = min(held_out[: -self.evaluations])
        if min(held_out[-self.evaluations :]) <= best * (1 + self.least_rise):
            return None
        half = len(losses) // 2
        if fmean(losses[half:]) >= fmean(losses[:half]):
            return None
        last = points[-1]
        change: Mapping[str, JsonValue] = {"max_steps": {"times": 0.5}}
        message = f"the held-out loss rose from {best:.3g} to {held_out[-1]:.3g} while the training loss fell"
        numbers = {"eval_loss": held_out[-1], "best": best}
        return Alert(run_id, "overfit", "warning", last.step, message, numbers, "half the steps", change)


@dataclass(frozen=True, slots=True)
class Stall:
    """Steps take many times what they took, or nothing was written for many times that long."""

    times_usual: float = 10.0
    least_s: float = 60.0
    least_points: int = 5

    def look(self, run_id: str, points: Sequence[MetricPoint], now: float | None) -> Alert | None:
        if len(points) < self.least_points:
            return None
        gaps = [b.at - a.at for a, b in zip(points, points[1:], strict=False) if b.at > a.at > 0]
        if len(gaps) < self.least_points - 1:
            return None
        usual = median(gaps)
        silent = max(gaps[-1], (now - points[-1].at) if now is not None else 0.0)
        if silent < max(self.least_s, usual * self.times_usual):
            return None
        message = f"a step took {silent:.0f} s; usual are {usual:.2f} s"
        numbers = {"gap_s": silent, "usual_s": usual}
        return Alert(
            run_id, "stall", "warning", points[-1].step, message, numbers,
            "look for another load on the machine, or for swapping",
        )  # fmt: skip


RULES: tuple[Rule, ...] = (NotFinite(), Divergence(), Plateau(), Overfit(), Stall())


def _finite(points: Sequence[MetricPoint], name: str) -> list[float]:
    return [v for p in points if (v := p.values.get(name)) is not None and math.isfinite(v)]


def _smoothed(values: Sequence[float], window: int) -> list[float]:
    return [fmean(values[i : i + window]) for i in range(len(values) - window + 1)]
