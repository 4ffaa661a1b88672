"""The watchdog of one run: asks every rule about every new point, in order."""

from __future__ import annotations

from collections.abc import Sequence

from labwright.contracts.compute import MetricPoint
from labwright.contracts.research import Alert
from labwright.watch.history import History
from labwright.watch.rules import RULES, Rule


class Watchdog:
    """Each rule speaks at most once a run. Give it the run's points from the very first, also after a resume.

    A run that continues another stands on that one's curve (`before`): a loss that is low from its first step on has
    been learnt, and is not stuck.
    """

    def __init__(self, run_id: str, rules: Sequence[Rule] = RULES, *, before: Sequence[MetricPoint] = ()) -> None:
        self._run_id = run_id
        self._waiting = list(rules)
        self._history = History()
        for point in before:
            self._history.add(point)
        self._history.pause()

    def look(self, points: Sequence[MetricPoint], *, now: float | None = None) -> list[Alert]:
        """The alerts that the new points raise. Without any, silence can raise one, where `now` is given."""
        self._history.listen(heard=bool(points), now=now)
        alerts: list[Alert] = []
        for point in points:
            self._history.add(point)
            alerts += self._ask()
        return alerts if points else self._ask()

    def _ask(self) -> list[Alert]:
        found = [(rule, alert) for rule in self._waiting if (alert := rule.look(self._run_id, self._history))]
        for rule, _ in found:
            self._waiting.remove(rule)
        return [alert for _, alert in found]
