"""Ceilings that a person raises: on what, when, and what stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.study.simulated import STUDY, Learnt, SimulatedStudy

from labwright.contracts.errors import UsageError
from labwright.contracts.events import BudgetRaised, StudyEnded
from labwright.contracts.research import StudyState
from labwright.contracts.specs import StudySpec
from labwright.study.ceilings import raise_ceilings
from labwright.study.lock import study_lock


@pytest.fixture
def study(tmp_path: Path) -> SimulatedStudy:
    spec = StudySpec.model_validate(
        {
            "goal": "sort", "base_model": "tiny", "benchmark": "b/", "data": [{"name": "clean", "path": "c.jsonl"}],
            "search": {"trials": 2, "extra_trials": 0, "rungs": [24]}, "budget": {"wall_clock": "2h", "usd": 1.0},
        }
    )  # fmt: skip
    return SimulatedStudy(tmp_path, spec, lambda trial, run: Learnt())


def ended(study: SimulatedStudy, state: StudyState) -> SimulatedStudy:
    study.ledger.record(STUDY, StudyEnded(state, "why", 60.0, 30.0), at=study.now)
    return study


def test_higher_ceilings_are_in_force_and_noted_and_nothing_else_changes(study: SimulatedStudy) -> None:
    before = ended(study, StudyState.FAILED).view()
    raise_ceilings(study.ledger, before, "alice", wall_clock_s=3 * 3600.0)
    raise_ceilings(study.ledger, study.view(), "bob", wall_clock_s=3 * 3600.0, usd=2.5)
    view = study.view()
    assert (view.budget.wall_clock_s, view.budget.usd) == (3 * 3600.0, 2.5)
    assert view.spec == before.spec.model_copy(update={"budget": view.spec.budget})
    assert view.spec.budget.runs == before.spec.budget.runs
    assert view.spec.search.planned_comparisons == before.spec.search.planned_comparisons
    assert [(note.about, note.text) for note in view.notes] == [
        ("budget", "alice raised the budget: wall-clock from 2 h to 3 h"),
        ("budget", "bob raised the budget: dollars from $1.00 to $2.50"),
    ]
    created = next(iter(study.ledger.events(STUDY))).event
    assert created.spec["budget"]["wall_clock"] == 2 * 3600.0  # the history keeps what study.yaml had


def test_the_time_until_a_killed_studys_ceiling_is_raised_is_nobodys(study: SimulatedStudy) -> None:
    before = study.view()
    study.ledger.record(STUDY, BudgetRaised(4 * 3600.0, None, "alice"), at=study.now + 3600)
    assert study.ledger.study_view(STUDY).budget.used_wall_clock_s == study.ledger.study_view(STUDY).wall_clock_s
    assert study.ledger.study_view(STUDY).wall_clock_s <= before.wall_clock_s


def test_ceilings_that_stay_what_they_are_write_nothing(study: SimulatedStudy) -> None:
    view = ended(study, StudyState.FINISHED).view()
    raise_ceilings(study.ledger, view, "alice", wall_clock_s=2 * 3600.0, usd=1.0)
    raise_ceilings(study.ledger, view, "alice")
    assert not study.view().notes


@pytest.mark.parametrize(("given", "option"), [({"wall_clock_s": 3600.0}, "hours"), ({"usd": 0.5}, "usd")])
def test_a_ceiling_is_not_lowered(study: SimulatedStudy, given: dict[str, float], option: str) -> None:
    with pytest.raises(UsageError, match="is less than the") as refused:
        raise_ceilings(study.ledger, ended(study, StudyState.STOPPED).view(), "alice", **given)
    assert refused.value.where == f"--budget-{option}"


def test_a_finished_study_keeps_its_ceilings(study: SimulatedStudy) -> None:
    with pytest.raises(UsageError, match="is finished"):
        raise_ceilings(study.ledger, ended(study, StudyState.FINISHED).view(), "alice", usd=2.0)


def test_a_study_that_runs_keeps_its_ceilings(study: SimulatedStudy) -> None:
    directory = Path(study.view().directory)
    directory.mkdir(parents=True, exist_ok=True)
    with study_lock(directory), pytest.raises(UsageError, match="a process is running") as refused:
        raise_ceilings(study.ledger, study.view(), "alice", usd=2.0)
    assert refused.value.cure == f"stop it first: labwright study stop {STUDY}"
