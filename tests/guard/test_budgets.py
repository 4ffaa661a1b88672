"""Ceilings hold: nothing is begun that would cross one, and nothing is counted twice."""

from __future__ import annotations

import time

import pytest

from labwright.contracts.errors import BudgetError
from labwright.contracts.events import SessionStarted, StudyCreated
from labwright.contracts.specs import StudySpec
from labwright.guard import BudgetKeeper
from labwright.ledger import Ledger


@pytest.fixture
def ledger(ledger_url):
    spec = StudySpec.model_validate(
        {
            "goal": "keep the budget",
            "base_model": "m",
            "benchmark": "b",
            "data": [{"name": "d", "path": "d.jsonl"}],
            "budget": {"wall_clock": "100s", "runs": 3, "gpu_hours": 0.5, "usd": 2},
        }
    )
    start = time.time()
    with Ledger.open(ledger_url) as ledger:
        ledger.record("s", StudyCreated("s", "/s", "/d", spec.model_dump(mode="json")), at=start)
        ledger.record("s", SessionStarted(1, "here", "autopilot"), at=start)
        yield ledger


def started(ledger: Ledger) -> float:
    return next(iter(ledger.events("s"))).at


def keeper(ledger: Ledger, after_s: float = 0.0) -> BudgetKeeper:
    return BudgetKeeper(ledger, "s", now=lambda: started(ledger) + after_s)


def test_a_run_that_would_pass_the_wall_clock_is_not_begun_and_the_error_says_what_is_left(ledger):
    with pytest.raises(BudgetError, match=r"needs 90s of wall_clock and 80s are left") as caught:
        keeper(ledger, after_s=20).reserve("r1", "search run", 90, 1)
    assert "budget.wall_clock" in caught.value.cure


def test_reservations_together_cannot_pass_a_ceiling(ledger):
    budget = keeper(ledger)
    budget.reserve("r1", "search run", 60, 1)
    with pytest.raises(BudgetError):
        budget.reserve("r2", "search run", 60, 1)


def test_the_runs_ceiling_counts_used_and_reserved_runs(ledger):
    budget = keeper(ledger)
    budget.reserve("r1", "run", 1, 1)
    budget.reconcile("r1", wall_clock_s=1, runs=1)
    budget.reserve("r2", "run", 1, 2)
    with pytest.raises(BudgetError, match="runs"):
        budget.reserve("r3", "run", 1, 1)


def test_what_is_released_can_be_reserved_again(ledger):
    budget = keeper(ledger)
    budget.reserve("r1", "run", 90, 3)
    budget.release("r1")
    budget.reserve("r2", "run", 90, 3)
    assert ledger.study_view("s", now=started(ledger)).budget.reserved_runs == 3


def test_reserving_and_reconciling_twice_counts_once_also_from_another_process(ledger):
    keeper(ledger).reserve("r1", "run", 10, 1)
    keeper(ledger).reserve("r1", "run", 10, 1)
    keeper(ledger).reconcile("r1", wall_clock_s=8, runs=1)
    keeper(ledger).reconcile("r1", wall_clock_s=8, runs=1)
    view = ledger.study_view("s", now=started(ledger)).budget
    assert (view.used_runs, view.reserved_runs) == (1, 0)


@pytest.mark.parametrize(("name", "left"), [("gpu_hours", "0.10h"), ("usd", "0.10 dollars")])
def test_gpu_hours_and_dollars_that_were_spent_leave_less_for_the_next(ledger, name, left):
    budget = keeper(ledger)
    spent = {"gpu_hours": 0.4, "usd": 1.9}
    budget.reserve("r1", "run", 1, 1, **spent)
    budget.reconcile("r1", wall_clock_s=1, runs=1, **spent)
    with pytest.raises(BudgetError, match=f"needs 0.20.* of {name} and {left} are left"):
        budget.reserve("r2", "run", 1, 1, **{name: 0.2})
    budget.reserve("r2", "run", 1, 1, **{name: 0.05})
