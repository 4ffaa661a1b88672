"""What the engine does where its referee gives no score: it goes on, it stops, or it fails, and it never goes round."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.study.simulated import STUDY, Learnt, SimulatedStudy

from labwright.compute.instant import InstantBackend
from labwright.contracts.compute import RunOrder, RunStatus
from labwright.contracts.errors import BoundaryError, BudgetError, LabwrightError, SessionBudgetError
from labwright.contracts.events import RunEnded, RunQueued, RunStarted, StudyEnded
from labwright.contracts.progress import SilentProgress
from labwright.contracts.research import BASE, Evaluation, GateReport, Outcome, Run, RunPurpose, RunState, StudyState
from labwright.contracts.specs import StudySpec
from labwright.models import BaseModel
from labwright.referee.client import OnProgress, RefereeClient
from labwright.referee.protocol import Evaluate, Gate, Opening
from labwright.study.autopilot import Autopilot
from labwright.study.engine import EngineParts, StudyEngine
from labwright.study.search import strategy_for

Played = Callable[[LabwrightError], StudyEngine]


class RefusingReferee(RefereeClient):
    """Passes every training set, and raises what it was given where it is to score a run's model."""

    def __init__(self, error: LabwrightError) -> None:
        super().__init__(Opening("", "", "off", "", {}))
        self._error = error

    def gate(self, request: Gate) -> GateReport:
        return GateReport(request.dataset.id, request.split, 10, 0, "pass")

    def evaluate(self, request: Evaluate, on_progress: OnProgress | None = None) -> Evaluation:
        raise self._error


def nothing_is_run(order: RunOrder) -> RunStatus:
    raise AssertionError(f"{order.run_id} was started")


@pytest.fixture
def unscored(tmp_path: Path) -> SimulatedStudy:
    """A study with one trial, whose run has ended well and waits for its score."""
    spec = StudySpec.model_validate(
        {
            "goal": "sort", "base_model": "tiny", "benchmark": "b/", "data": [{"name": "clean", "path": "c.jsonl"}],
            "search": {"trials": 1, "extra_trials": 0, "rungs": [24]}, "budget": {"wall_clock": "2h"},
        }
    )  # fmt: skip
    study = SimulatedStudy(tmp_path, spec, lambda trial, run: Learnt())
    study._evaluate(BASE, "zero_shot", 0.05)
    study._carry_out(study.view(), Autopilot(strategy_for(spec)).decide(study.view()))
    trial = study.view().trials[0].id
    run = Run(f"{trial}.r1", STUDY, trial, RunPurpose.SEARCH, 1, 24, None, str(tmp_path / "run"), "instant")
    for event in (RunQueued(run), RunStarted(run.id, "token", 1)):
        study._record(event)
    ended = RunEnded(run.id, RunState.SUCCEEDED, "finished", 0, study.now, study.now + 30, 1, "enforced", 24)
    study._record(ended)
    study._record(StudyEnded(StudyState.STOPPED, "stopped by a person", 60.0, 30.0))
    return study


@pytest.fixture
def refused(unscored: SimulatedStudy, tmp_path: Path) -> Played:
    def engine(error: LabwrightError) -> StudyEngine:
        parts = EngineParts(
            ledger=unscored.ledger, backend=InstantBackend(nothing_is_run), referee=RefusingReferee(error),
            progress=SilentProgress(), home=tmp_path / "home", environment={}, poll_s=0.01, parallel_runs=1,
            gpus_per_run=0, researcher_for=lambda spec: Autopilot(strategy_for(spec)),
            resolve_model=lambda name, folder, told: BaseModel("tiny", tmp_path, "b" * 64, 1000),
            find_recipe=lambda name, folder: tmp_path / "recipe.py",
        )  # fmt: skip
        return StudyEngine(parts, STUDY)

    return engine


def test_a_run_that_cannot_be_judged_any_more_costs_its_trial_and_not_the_study(refused: Played) -> None:
    view = refused(BudgetError("the ceiling on what the judge may cost is reached")).run()
    (verdict,) = view.verdicts
    assert (view.state, verdict.outcome) == (StudyState.FINISHED, Outcome.DISCARD)
    assert verdict.reason.startswith("its outputs could not be judged: the ceiling")
    assert [note.about for note in view.notes] == ["why the search ended", "test"]


def test_the_ceiling_of_the_session_that_created_the_study_stops_it_so_that_it_can_go_on(refused: Played) -> None:
    error = SessionBudgetError("a call may need $0.02 and $0.01 are left", where="intern-1", cure="raise it")
    view = refused(error).run()
    assert (view.state, view.reason, view.verdicts) == (StudyState.STOPPED, error.one_line(), ())


def test_a_referee_that_cannot_work_fails_the_study_and_is_not_asked_again_without_end(
    refused: Played, unscored: SimulatedStudy
) -> None:
    with pytest.raises(BoundaryError, match="not run without a sandbox"):
        refused(BoundaryError("programs that a model wrote are not run without a sandbox")).run()
    view = unscored.view()
    assert (view.state, view.verdicts, view.incidents) == (StudyState.FAILED, (), ())  # the model did nothing wrong
