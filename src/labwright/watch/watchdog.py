"""Rules over a live stream of metrics."""

from __future__ import annotations

from collections.abc import Sequence

from labwright.contracts.compute import MetricPoint
from labwright.contracts.research import Alert
from labwright.watch.rules import RULES, Rule

_REMEMBERED = 5_000  # points; enough for every rule, and bounded for runs of a million steps


class Watchdog:
    """Asks every rule about every new point of one run, in order; each rule speaks at most once."""

    def __init__(self, run_id: str, rules: Sequence[Rule] = RULES) -> None:
        self._run_id = run_id
        self._silent = list(rules)
        self._points: list[MetricPoint] = []

    def look(self, points: Sequence[MetricPoint], *, now: float | None = None) -> list[Alert]:
        """The alerts that the new points raise; with none, only silence itself can raise one."""
        alerts: list[Alert] = []
        for point in points:
            if self._points and point.step <= self._points[-1].step:
                self._points = [p for p in self._points if p.step < point.step]  # the run resumed further back
            self._points.append(point)
            del self._points[:-_REMEMBERED]
            alerts += self._ask(None)
        if not points and self._points:
            alerts += self._ask(now)
        return alerts

    def _ask(self, now: float | None) -> list[Alert]:
        found = [(rule, alert) for rule in self._silent if (alert := rule.look(self._run_id, self._points, now))]
        for rule, _ in found:
            self._silent.remove(rule)
        return [alert for _, alert in found]
