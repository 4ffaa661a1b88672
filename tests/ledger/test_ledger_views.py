"""What the ledger says of a study, from the events that were recorded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.ledger import ledger_samples as samples

from labwright.contracts.errors import StorageError, UsageError
from labwright.contracts.events import (
    BudgetReconciled,
    BudgetReleased,
    BudgetReserved,
    NoteTaken,
    PhaseStarted,
    QueryMetered,
    StudyEnded,
    TestOpened,
)
from labwright.contracts.research import BASE, Interval, Outcome, RunState, StudyState
from labwright.contracts.views import PhaseMark
from labwright.ledger import Ledger


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url) as opened:
        yield opened


def begin(ledger: Ledger, study: str = "s-1") -> None:
    ledger.record(study, samples.created(), at=100.0)
    ledger.record(study, samples.session(), at=100.0)


def test_a_rich_history_shows_in_the_view_as_it_happened(ledger: Ledger) -> None:
    history = samples.rich_history("s-1")
    assert ledger.record_many("s-1", history) == len(history)
    view = ledger.study_view("s-1")
    assert (view.state, view.reason, view.phase) == (StudyState.FINISHED, "done", "search")
    assert view.phases == (PhaseMark("prepare", 101.0), PhaseMark("search", 109.0))
    assert (view.created_at, view.ended_at, view.wall_clock_s, view.active_s) == (100.0, 270.0, 161.0, 60.0)
    assert (view.spec.budget.runs, view.budget.wall_clock_s, view.budget.usd) == (12, 1800.0, 2.5)
    assert [d.name for d in view.datasets] == ["sorted", "noisy"], "registering again is no second version"
    assert view.findings["d" * 16] == samples.dataset().findings
    assert view.gates == (samples.gate("dev"), samples.gate("test"))
    assert [t.id for t in view.trials] == ["s-1.t1", "s-1.t2"]
    assert view.trials[0] == samples.trial("s-1", 1).trial
    assert view.alerts == (samples.alert("s-1", 1).alert,), "an infinite number comes back as one"
    assert [e.subject for e in view.evaluations] == [BASE, "s-1.t1.r1", "s-1.t1.r1"]
    assert view.evaluated_at["s-1.base.dev.1"] == 110.0
    assert view.verdict_on("s-1.t1") == samples.verdict("s-1", 1, Outcome.PROMOTE).verdict
    assert view.best is not None
    assert view.best.subject == "s-1.t1.r1"
    assert view.base is not None
    assert view.benchmark is not None
    assert view.preflight is not None
    assert (len(view.incidents), len(view.notes), len(view.openings), len(view.queries)) == (1, 2, 1, 2)


def test_a_run_is_queued_then_running_then_ended(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record("s-1", samples.queued("s-1", 1), at=101.0)
    assert ledger.study_view("s-1").runs == (samples.queued("s-1", 1).run,)
    ledger.record("s-1", samples.started("s-1", 1), at=102.0)
    running = ledger.study_view("s-1").run("s-1.t1.r1")
    assert (running.state, running.started_at, running.attempt) == (RunState.RUNNING, 102.0, 1)
    ledger.record("s-1", samples.ended("s-1", 1, None, 130.0), at=131.0)
    done = ledger.study_view("s-1").run("s-1.t1.r1")
    assert (done.state, done.started_at, done.ended_at) == (RunState.SUCCEEDED, 102.0, 130.0)
    assert (done.reason, done.exit_code, done.boundary) == ("finished", 0, "enforced")


def test_a_run_can_be_queued_again_as_a_later_attempt_only(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record("s-1", samples.queued("s-1", 1))
    ledger.record("s-1", samples.started("s-1", 1))
    with pytest.raises(StorageError, match=r"contradicts what the ledger holds: (?i:unique|duplicate)"):
        ledger.record("s-1", samples.queued("s-1", 1))
    ledger.record("s-1", samples.queued("s-1", 1, attempt=2))
    again = ledger.study_view("s-1").run("s-1.t1.r1")
    assert (again.state, again.attempt, again.started_at) == (RunState.QUEUED, 2, None)


def test_wall_clock_counts_the_sessions_and_not_the_time_between_them(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record("s-1", NoteTaken("the last thing before a kill"), at=130.0)
    ledger.record("s-1", samples.session(), at=500.0)
    ledger.record("s-1", PhaseStarted("search"), at=520.0)
    assert ledger.study_view("s-1").wall_clock_s == 50.0
    assert ledger.study_view("s-1", now=530.0).wall_clock_s == 60.0
    assert ledger.status("s-1", now=530.0).budget.used_wall_clock_s == 60.0


def test_active_time_is_the_union_of_runs_and_evaluations_within_sessions(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record("s-1", samples.queued("s-1", 1), at=101.0)
    ledger.record("s-1", samples.started("s-1", 1), at=110.0)
    ledger.record("s-1", samples.evaluation("s-1", BASE, 0.1, duration_s=10.0), at=115.0)  # from 105
    assert ledger.study_view("s-1").active_s == 10.0
    assert ledger.study_view("s-1", now=120.0).active_s == 15.0
    ledger.record("s-1", samples.session(), at=200.0)  # killed at 115: the run goes on alone, uncounted
    ledger.record("s-1", samples.queued("s-1", 1, attempt=2), at=203.0)  # until here
    ledger.record("s-1", samples.started("s-1", 1, attempt=2), at=210.0)
    ledger.record("s-1", samples.ended("s-1", 1, 210.0, 230.0), at=240.0)
    assert ledger.study_view("s-1").active_s == 10.0 + 3.0 + 20.0


def test_the_end_of_a_study_settles_its_times_until_it_is_resumed(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record("s-1", StudyEnded(StudyState.STOPPED, "stopped by a person", 42.0, 7.0), at=150.0)
    ledger.record("s-1", NoteTaken("a remark days later"), at=99_999.0)
    stopped = ledger.study_view("s-1", now=200_000.0)
    assert (stopped.state, stopped.wall_clock_s, stopped.active_s) == (StudyState.STOPPED, 42.0, 7.0)
    ledger.record("s-1", samples.session(), at=200_000.0)
    resumed = ledger.study_view("s-1", now=200_010.0)
    assert (resumed.state, resumed.ended_at, resumed.reason) == (StudyState.RUNNING, None, "")
    assert resumed.wall_clock_s == 50.0 + 10.0


def test_the_budget_holds_what_is_reserved_and_counts_what_was_reconciled(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record("s-1", BudgetReserved("a", "run", 60.0, 1), at=100.0)
    ledger.record("s-1", BudgetReserved("b", "run", 30.0, 1), at=100.0)
    ledger.record("s-1", BudgetReserved("c", "evaluation", 5.0, 0), at=100.0)
    ledger.record("s-1", BudgetReconciled("a", 40.0, 1, gpu_hours=0.5, usd=1.25), at=100.0)
    ledger.record("s-1", BudgetReleased("c"), at=110.0)
    budget = ledger.study_view("s-1").budget
    assert (budget.wall_clock_s, budget.runs) == (900.0, 12)
    assert (budget.reserved_wall_clock_s, budget.reserved_runs) == (30.0, 1)
    assert (budget.used_wall_clock_s, budget.used_runs, budget.used_gpu_hours, budget.used_usd) == (10.0, 1, 0.5, 1.25)


def test_a_reservation_is_made_and_settled_once(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record("s-1", BudgetReserved("a", "run", 60.0, 1))
    with pytest.raises(StorageError, match="still open"):
        ledger.record("s-1", BudgetReserved("a", "run", 60.0, 1))
    ledger.record("s-1", BudgetReconciled("a", 40.0, 1))
    with pytest.raises(StorageError, match="already reconciled"):
        ledger.record("s-1", BudgetReconciled("a", 40.0, 1))


def test_spending_that_was_never_reserved_still_counts(ledger: Ledger) -> None:
    begin(ledger)
    ledger.record("s-1", BudgetReconciled("surprise", 40.0, 2))
    assert ledger.study_view("s-1").budget.used_runs == 2


def test_an_unknown_study_is_a_usage_error_that_names_those_there_are(ledger: Ledger) -> None:
    begin(ledger, "s-1")
    begin(ledger, "s-2")
    for ask in (ledger.study_view, ledger.status):
        with pytest.raises(UsageError) as caught:
            ask("s-3")
        assert caught.value.cure is not None
        assert "s-1" in caught.value.cure
        assert "s-2" in caught.value.cure


def test_status_counts_trials_by_their_newest_verdict_and_shows_the_newest_ten(ledger: Ledger) -> None:
    begin(ledger)
    for number in range(1, 13):
        ledger.record("s-1", samples.trial("s-1", number))
        ledger.record("s-1", samples.queued("s-1", number))
    ledger.record("s-1", samples.started("s-1", 12))
    ledger.record("s-1", samples.evaluation("s-1", "s-1.t12.r1", 0.3, number=1))
    ledger.record("s-1", samples.evaluation("s-1", "s-1.t12.r1", 0.6, number=2))
    ledger.record("s-1", samples.evaluation("s-1", "s-1.t12.r1", 0.9, split="test"))
    ledger.record("s-1", samples.verdict("s-1", 12, Outcome.KEEP))
    ledger.record("s-1", samples.verdict("s-1", 12, Outcome.PROMOTE))
    ledger.record("s-1", samples.verdict("s-1", 3, Outcome.DISCARD))
    status = ledger.status("s-1")
    assert (status.trials, status.undecided) == (12, 10)
    assert status.outcomes == {Outcome.PROMOTE: 1, Outcome.DISCARD: 1}
    assert status.runs == {RunState.QUEUED: 11, RunState.RUNNING: 1}
    assert [line.id for line in status.newest] == [f"s-1.t{n}" for n in range(12, 2, -1)]
    assert status.newest[0].dev_score == Interval(0.6, 0.6 - 0.05, 0.6 + 0.05)
    assert (status.newest[0].outcome, status.newest[1].outcome) == (Outcome.PROMOTE, None)
    assert (status.best, status.best_score) == (None, None)


def test_status_and_summaries_show_the_best_score(ledger: Ledger) -> None:
    ledger.record_many("s-1", samples.rich_history("s-1"))
    begin(ledger, "s-2")
    assert ledger.status("s-1").best_score == Interval(0.71, 0.71 - 0.05, 0.71 + 0.05)
    first, second = ledger.summaries()
    assert (first.id, first.trials, first.runs, first.best_score) == ("s-1", 2, 1, 0.71)
    assert (second.id, second.state, second.best_score) == ("s-2", StudyState.RUNNING, None)


def test_the_meter_and_the_openings_are_lab_wide(ledger: Ledger) -> None:
    begin(ledger, "s-1")
    begin(ledger, "s-2")
    metered = [
        ledger.record(study, QueryMetered("bench-1", "test", "gate", "d"), at=200.0) for study in ("s-1", "s-2", None)
    ]
    ledger.record("s-1", QueryMetered("bench-2", "dev", "evaluation", BASE))
    opened = ledger.record("s-2", TestOpened("bench-1", "s-2.opening", (BASE,)), at=300.0)
    assert ledger.queries("bench-1") == tuple(metered)
    assert ledger.openings("bench-1") == (opened,)
    assert len(ledger.study_view("s-1").queries) == 2
    with pytest.raises(StorageError):
        ledger.record("s-1", TestOpened("bench-1", "s-2.opening", (BASE,)))


def test_events_come_back_in_order_and_by_study(ledger: Ledger) -> None:
    begin(ledger, "s-1")
    begin(ledger, "s-2")
    remark = ledger.record(None, NoteTaken("about no study"), at=1.0)
    assert [r.seq for r in ledger.events()] == [1, 2, 3, 4, 5]
    assert ledger.events()[-1] == remark
    assert [r.study_id for r in ledger.events("s-2")] == ["s-2", "s-2"]
    assert [r.seq for r in ledger.events("s-2", after=3)] == [4]
    assert ledger.events(after=5) == ()
