"""The watchdog's rules: what each looks for in a run's metrics, and what it advises.

A rule is asked after each new point, with the history up to it, so its answer does not depend on how the points were
cut into reads: a resumed study, which reads the file anew, hears the same alerts. Only silence depends on the clock.
Thresholds are chosen for short runs too, of a dozen noisy steps: where noise could explain what is seen, a rule waits.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from pydantic import JsonValue

from labwright.contracts.research import Alert
from labwright.watch.history import History

_LOWER_RATE: Mapping[str, JsonValue] = {"learning_rate": {"times": 0.1}}
_LOWER_RATE_ADVICE = "A tenth of the learning rate keeps the loss finite and falling."


class Rule(Protocol):
    """Looks at one run. Rules keep nothing themselves: one instance may serve many runs."""

    def look(self, run_id: str, history: History) -> Alert | None:
        """An alert, or None. Not asked again about a run after its first alert."""


@dataclass(frozen=True, slots=True)
class NotFinite:
    """A loss or a gradient is no number any more: nothing that follows can be of use."""

    metrics: tuple[str, ...] = ("loss", "grad_norm", "eval_loss")

    def look(self, run_id: str, history: History) -> Alert | None:
        last = history.last
        if last is None:
            return None
        bad = {n: last.values[n] for n in self.metrics if n in last.values and not math.isfinite(last.values[n])}
        if not bad:
            return None
        named = " and ".join(f"{name} is {value}" for name, value in bad.items())
        message = f"{named} at step {last.step}"
        return Alert(
            run_id, "not-finite", "error", last.step, message, bad, _LOWER_RATE_ADVICE, _LOWER_RATE, stops_run=True
        )


@dataclass(frozen=True, slots=True)
class Divergence:
    """The smoothed loss stands far above the best it has been, and has stood there for several points.

    Far is beyond all of: a multiple of the best, a share of what was gained since the start, and the loss's own noise.
    """

    times_best: float = 1.5
    share_of_gain: float = 0.5
    times_noise: float = 4.0
    patience: int = 4

    def look(self, run_id: str, history: History) -> Alert | None:
        loss = history.series["loss"]
        if len(loss) <= self.patience:
            return None
        best_at = loss.best()
        best = loss.smooth[best_at]
        noise = loss.noise(max(best_at + 1, len(loss) - self.patience))
        if best <= noise or len(loss) - 1 - best_at < self.patience:  # a loss around zero, as in GRPO, has no multiples
            return None
        line = max(
            best * self.times_best,
            best + self.share_of_gain * (loss.smooth[0] - best),
            best + self.times_noise * noise,
        )
        if min(loss.smooth[-self.patience :]) <= line or median(loss.values[-self.patience :]) <= line:
            return None  # the median: a single spike lifts the smoothed loss for several points
        step, now = loss.steps[-1], loss.smooth[-1]
        message = f"the smoothed loss rose from {best:.3g} at step {loss.steps[best_at]} to {now:.3g} at step {step}"
        numbers = {"loss": now, "best": best, "best_step": float(loss.steps[best_at]), "limit": line}
        return Alert(
            run_id, "divergence", "error", step, message, numbers, _LOWER_RATE_ADVICE, _LOWER_RATE, stops_run=True
        )


@dataclass(frozen=True, slots=True)
class Plateau:
    """The loss has stood still over the last half of a run that is long enough to tell.

    It compares that half's two quarters. Noise makes it wait: even the gain's upper bound (two standard errors) must
    lie below what would count as progress. A loss that fell well before it came to rest has learnt what there is.
    """

    least_points: int = 24
    least_gain: float = 0.03  # relative to the earlier quarter
    learnt: float = 0.6  # a loss below this share of its first three values is at rest, not stuck

    def look(self, run_id: str, history: History) -> Alert | None:
        loss = history.series["loss"]
        count = len(loss)
        if count < self.least_points:
            return None
        start, middle = count - 2 * (count // 4), count - count // 4
        before, after = loss.mean(start, middle), loss.mean(middle, count)
        quarter = count // 4
        error = math.sqrt((loss.variance(start, middle) + loss.variance(middle, count)) / quarter)
        first = loss.mean(0, 3)
        if before <= 0 or after < self.learnt * first or before - after + 2 * error >= self.least_gain * before:
            return None
        if after - before > 2 * error and after > 1.2 * before:
            return None  # it rises: that is divergence's business
        step = loss.steps[-1]
        message = f"the loss has stood at {after:.3g} since step {loss.steps[start]} (now step {step})"
        numbers = {"loss": after, "before": before, "gain": before - after, "standard_error": error, "first": first}
        change: Mapping[str, JsonValue] = {"learning_rate": {"times": 3.0}, "max_steps": {"times": 2.0}}
        advice = "Three times the learning rate, or more steps, gets the loss off its plateau."
        return Alert(run_id, "plateau", "warning", step, message, numbers, advice, change)


@dataclass(frozen=True, slots=True)
class Overfit:
    """The loss on held-out rows rises while the training loss falls."""

    least_rise: float = 0.05  # relative to the best
    patience: int = 2  # evaluations in a row above the best
    window: int = 200  # evaluations that are looked back on

    def look(self, run_id: str, history: History) -> Alert | None:
        held_out, loss = history.series["eval_loss"], history.series["loss"]
        count = len(held_out)
        evaluated = history.last is not None and "eval_loss" in history.last.values
        if not evaluated or count <= self.patience or len(loss) < 4:
            return None
        best_at = min(range(max(0, count - self.window), count), key=held_out.values.__getitem__)
        best = held_out.values[best_at]
        recent = held_out.values[-self.patience :]
        if count - 1 - best_at < self.patience or min(recent) <= best + self.least_rise * abs(best):
            return None
        split = bisect_right(loss.steps, held_out.steps[best_at])
        if not 0 < split < len(loss) or loss.mean(split, len(loss)) >= loss.mean(max(0, 2 * split - len(loss)), split):
            return None
        step, now = held_out.steps[-1], held_out.values[-1]
        message = (
            f"the held-out loss rose from {best:.3g} at step {held_out.steps[best_at]} to {now:.3g} at step {step}, "
            "while the training loss fell"
        )
        numbers = {"eval_loss": now, "best": best, "best_step": float(held_out.steps[best_at])}
        change: Mapping[str, JsonValue] = {"max_steps": {"times": 0.5}}
        advice = "Half the steps stop before the model learns its training rows by heart."
        return Alert(run_id, "overfit", "warning", step, message, numbers, advice, change)


@dataclass(frozen=True, slots=True)
class Stall:
    """Steps take many times what they took in this run, or nothing new has been written for long."""

    times_usual: float = 5.0
    patience: int = 3  # slow steps in a row
    least_known: int = 5  # steps before them
    least_s: float = 10.0  # what a slow step takes at least; jitter of fast runs is no stall
    silent_times: float = 20.0
    silent_s: float = 120.0
    silent_start_s: float = 900.0  # before the first points: a large model takes long to load

    def look(self, run_id: str, history: History) -> Alert | None:
        return self._slow(run_id, history) or self._silent(run_id, history)

    def _slow(self, run_id: str, history: History) -> Alert | None:
        if history.last is None or len(history.paces) <= self.least_known:
            return None
        before = median(history.paces[-200:-1])
        if history.gap_s >= self._silence(before):  # so a silence that has ended is seen by whoever reads it later
            return self._long_step(run_id, history.last.step, history.gap_s, before)
        if len(history.paces) < self.least_known + self.patience:
            return None
        slow = history.paces[-self.patience :]
        usual = median(history.paces[-200 : -self.patience])
        if min(slow) <= max(self.times_usual * usual, self.least_s):
            return None
        return self._long_step(run_id, history.last.step, median(slow), usual)

    def _silence(self, usual_s: float) -> float:
        return max(self.silent_s, self.silent_times * usual_s)

    def _long_step(self, run_id: str, step: int, took_s: float, usual_s: float) -> Alert:
        message = f"a step took {took_s:.1f} s at step {step}; usual in this run are {usual_s:.2f} s"
        return self._alert(run_id, step, message, {"step_s": took_s, "usual_s": usual_s})

    def _silent(self, run_id: str, history: History) -> Alert | None:
        started = len(history.paces) >= self.least_known
        usual = median(history.paces[-200:]) if started else 0.0
        limit = self._silence(usual) if started else self.silent_start_s
        if history.silent_s < limit:
            return None
        step = history.last.step if history.last else 0
        message = f"nothing new in metrics.jsonl for {history.silent_s:.0f} s after step {step}"
        return self._alert(run_id, step, message, {"silent_s": history.silent_s, "usual_s": usual})

    def _alert(self, run_id: str, step: int, message: str, numbers: Mapping[str, float]) -> Alert:
        advice = "Look for another load on the machine, for swapping, or for a hung process (log.txt)."
        return Alert(run_id, "stall", "warning", step, message, numbers, advice)


RULES: tuple[Rule, ...] = (NotFinite(), Divergence(), Plateau(), Overfit(), Stall())
