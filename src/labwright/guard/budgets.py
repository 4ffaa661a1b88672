"""Ceilings, and the three moves that keep them: reserve before the work, reconcile after it, release what was not used.

A reservation is an event in the ledger, so what a killed process had set aside is still set aside when the study is
resumed, and two reservations can never jointly pass a ceiling.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from labwright.contracts.errors import BudgetError
from labwright.contracts.events import BudgetReconciled, BudgetReleased, BudgetReserved
from labwright.contracts.views import BudgetView, StudyView
from labwright.ledger import Ledger

_ROUNDING_USD = 1e-9  # ten times ten cents are a dollar


class BudgetKeeper:
    """Keeps one study inside its budget. Reservations are named by the caller, so asking twice reserves once."""

    def __init__(self, ledger: Ledger, study_id: str, *, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._study_id = study_id
        self._now = now
        self._open: set[str] = set()
        self._closed: set[str] = set()
        self._read_history()

    def reserve(
        self,
        reservation_id: str,
        purpose: str,
        wall_clock_s: float,
        runs: int,
        *,
        gpu_hours: float = 0.0,
        usd: float = 0.0,
    ) -> None:
        """Set part of the budget aside before the work it pays for.

        Wall-clock and runs are set aside; `gpu_hours` and `usd` must fit what is left, and count once they are spent.

        Raises:
            BudgetError: a ceiling would be crossed; says which, how much is left, and the cure.
        """
        if reservation_id in self._open | self._closed:
            return
        view = self._view()
        _must_fit(view, purpose, wall_clock_s, runs, gpu_hours, usd)
        self._ledger.record(self._study_id, BudgetReserved(reservation_id, purpose, wall_clock_s, runs))
        self._open.add(reservation_id)

    def reconcile(
        self, reservation_id: str, *, wall_clock_s: float, runs: int, gpu_hours: float = 0.0, usd: float = 0.0
    ) -> None:
        """Replace a reservation by what the work really took; a second time does nothing."""
        if reservation_id in self._open:
            event = BudgetReconciled(reservation_id, wall_clock_s, runs, gpu_hours, usd)
            self._ledger.record(self._study_id, event)
            self._close(reservation_id)

    def release(self, reservation_id: str) -> None:
        """Give a reservation back unused; a second time does nothing."""
        if reservation_id in self._open:
            self._ledger.record(self._study_id, BudgetReleased(reservation_id))
            self._close(reservation_id)

    def _close(self, reservation_id: str) -> None:
        self._open.discard(reservation_id)
        self._closed.add(reservation_id)

    def _read_history(self) -> None:
        for recorded in self._ledger.events(self._study_id):
            if isinstance(recorded.event, BudgetReserved):
                self._open.add(recorded.event.reservation_id)
            elif isinstance(recorded.event, BudgetReconciled | BudgetReleased):
                self._close(recorded.event.reservation_id)

    def _view(self) -> StudyView:
        return self._ledger.study_view(self._study_id, now=self._now())


def _must_fit(view: StudyView, purpose: str, wall_clock_s: float, runs: int, gpu_hours: float, usd: float) -> None:
    budget: BudgetView = view.budget
    spec = view.spec.budget
    ceilings = [
        ("wall_clock", wall_clock_s, budget.left_wall_clock_s, "s", ".0f"),
        ("runs", float(runs), float(budget.left_runs), "", ".0f"),
        ("usd", usd, budget.left_usd + _ROUNDING_USD, " dollars", ".2f"),
    ]
    if spec.gpu_hours is not None:
        ceilings.append(("gpu_hours", gpu_hours, spec.gpu_hours - budget.used_gpu_hours, "h", ".2f"))
    for name, asked, left, unit, digits in ceilings:
        if asked > left or left < 0:
            raise BudgetError(
                f"{purpose} needs {asked:{digits}}{unit} of {name} and {max(left, 0):{digits}}{unit} are left",
                where=view.id,
                cure=f"raise budget.{name} in study.yaml and start a new study",
            )
