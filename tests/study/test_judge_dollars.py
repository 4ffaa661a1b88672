"""The judge's dollars: what the sealed test needs is kept back, nothing is trained that could not be judged then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.study.simulated import STUDY, Learnt, SimulatedStudy

from labwright.contracts.events import PreflightDone
from labwright.contracts.research import Check, Outcome, Run, RunPurpose, RunState
from labwright.contracts.sessions import JUDGE_SESSION, LlmReconciled, LlmReserved, SessionBudget, SessionOpened
from labwright.contracts.specs import StudySpec
from labwright.referee.protocol import Appraisal
from labwright.study import estimates, preflight
from labwright.study.autopilot import Autopilot
from labwright.study.search import strategy_for

# 200 items on dev and on the test; the sealed test is scored three times
Judged = Callable[..., SimulatedStudy]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    def make(usd: float, *, calls: int = 0, price: float | None = 0.01) -> SimulatedStudy:
        spec = StudySpec.model_validate(
            {
                "goal": "be polite", "base_model": "tiny", "benchmark": "b/",
                "data": [{"name": "clean", "path": "c.jsonl"}],
                "search": {"trials": 2, "extra_trials": 0, "rungs": [24], "vary": {"learning_rate": [0.001, 0.0003]}},
                "budget": {"wall_clock": "2h", "usd": usd},
            }
        )  # fmt: skip
        study = SimulatedStudy(tmp_path, spec, lambda trial, run: Learnt(0.9 if trial.id.endswith("t1") else 0.2))
        session = f"{JUDGE_SESSION}{STUDY}"
        study.ledger.record(None, SessionOpened(session, "g", "m", "/w", "never", SessionBudget(usd=usd)), at=study.now)
        for n in range(calls):
            study.ledger.record(None, LlmReserved(session, f"c{n}", "m", 9, 9, 0.02, agent="judge"), at=study.now)
            study.ledger.record(None, LlmReconciled(session, f"c{n}", 5, 0, 1, price), at=study.now)
        study.ledger.record(STUDY, PreflightDone((), 10.0, 1.0, "", judgements=1, judgement_usd=0.02), at=study.now)
        return study

    return make


def dollars(study: SimulatedStudy, folder: Path, judging: Appraisal) -> Check | None:
    smoke = Run("r", STUDY, "t", RunPurpose.SMOKE, 1, 2, None, str(folder), "instant", state=RunState.SUCCEEDED)
    done = preflight.conclude(study.view(), smoke, folder, judging)
    assert Appraisal(done.judgements, done.judgement_usd, done.measured_usd) == judging
    return next((check for check in done.checks if check.name == "dollars"), None)


def test_dollars_are_estimated_from_what_was_measured_and_before_that_at_the_worst(judged: Judged) -> None:
    measured = estimates.measure(judged(50.0, calls=4).view())
    assert measured.dev_usd == pytest.approx(1.15 * 0.01 * 200)
    assert measured.final_usd == pytest.approx(3 * 1.15 * 0.01 * 200 + 0.02)  # with room for its last judgement


def test_before_anything_is_measured_a_judgement_counts_at_its_worst(judged: Judged) -> None:
    assert estimates.measure(judged(50.0).view()).dev_usd == pytest.approx(0.02 * 200)


def test_a_study_whose_outputs_were_all_judged_before_counts_what_that_took(judged: Judged) -> None:
    study = judged(50.0)
    study.ledger.record(STUDY, PreflightDone((), 10.0, 1.0, "", 1, 0.02, 0.01), at=study.now)
    assert estimates.measure(study.view()).dev_usd == pytest.approx(1.15 * 0.01 * 200)


def test_the_preflight_says_where_the_budget_cannot_hold_the_sealed_test(judged: Judged, tmp_path: Path) -> None:
    check = dollars(judged(5.0, calls=4), tmp_path, Appraisal(1, 0.02))
    assert check is not None and not check.ok
    assert check.detail == (
        "a judgement costs $0.0115 as measured; judging a trial and its retrain takes $4.60, and $6.92 are kept for "
        "the sealed test, of $4.96"
    )
    assert check.cure.startswith(f"labwright study resume {STUDY} --budget-usd 11.56, or more")


def test_with_enough_dollars_the_preflight_agrees(judged: Judged, tmp_path: Path) -> None:
    check = dollars(judged(11.57, calls=4), tmp_path, Appraisal(1, 0.02))
    assert check is not None and check.ok


def test_a_price_that_nobody_knows_keeps_nothing_back_and_says_so(judged: Judged, tmp_path: Path) -> None:
    check = dollars(judged(0.0, calls=4, price=None), tmp_path, Appraisal(1, None))
    assert check is not None and check.ok and "nobody knows" in check.detail


def test_without_a_judge_dollars_are_not_spoken_of(judged: Judged, tmp_path: Path) -> None:
    study = judged(0.0)
    assert dollars(study, tmp_path, Appraisal()) is None
    study.ledger.record(STUDY, PreflightDone((), 10.0, 1.0), at=study.now)
    assert estimates.measure(study.view()).final_usd == 0.0


@pytest.mark.parametrize(("usd", "promoted", "trained"), [(9.0, 0, 0), (50.0, 1, 2)])
def test_nothing_is_trained_that_could_not_be_judged_beside_the_sealed_test(
    usd: float, promoted: int, trained: int, judged: Judged
) -> None:
    study = judged(usd, calls=4)
    reason = study.play(Autopilot(strategy_for(study.spec)))
    view = study.view()
    assert sum(v.outcome is Outcome.PROMOTE for v in view.verdicts) == promoted
    assert len({run.trial_id for run in view.runs}) == trained
    if not trained:
        assert "could not be trained" in reason and "$6.92 were kept for the sealed test" in reason
    study.ledger.close()
