"""The autopilot's rules, on studies that are simulated in no time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.study.simulated import STUDY, Learnt, SimulatedStudy

from labwright.contracts.research import Alert, Outcome, Run, RunPurpose, RunState, Trial, TrialKind
from labwright.contracts.researchers import AskForVerdict, DiscardTrial, ProposeTrial, StartRun, Wait
from labwright.contracts.specs import StudySpec
from labwright.study.autopilot import Autopilot


@dataclass(frozen=True)
class TwoByTwo:
    """A strategy of four candidates that keeps the better half."""

    keep: int = 2

    def candidates(self):
        from labwright.contracts.researchers import Candidate  # noqa: PLC0415 - kept beside its only use

        return [Candidate((("learning_rate", rate),), data) for data in ("sorted", "noisy") for rate in (0.0003, 0.001)]

    def survivors(self, rung, scores):
        return [trial for trial, _ in sorted(scores, key=lambda s: -s[1])[: self.keep]]


def spec(**changes: object) -> StudySpec:
    given = {
        "goal": "sort numbers",
        "base_model": "tiny",
        "benchmark": "benchmark",
        "data": [{"name": "sorted", "path": "a.jsonl"}, {"name": "noisy", "path": "b.jsonl"}],
        "recipe": {"name": "sft", "params": {"batch_size": 16}},
        "search": {"rungs": [12, 36], "trials": 4, "extra_trials": 2},
        "budget": {"wall_clock": "1h", "runs": 40},
    }
    return StudySpec.model_validate({**given, **changes})


def learns(trial: Trial, run: Run) -> Learnt:
    """More steps, a higher rate and clean data all help."""
    score = run.max_steps / 100 + trial.params["learning_rate"] * 100
    return Learnt(score - (0.1 if trial.dataset == "noisy" else 0.0))


def play(folder: Path, learner=learns, **changes: object) -> SimulatedStudy:
    study = SimulatedStudy(folder, spec(**changes.pop("spec", {})), learner, **changes)
    study.reason = study.play(Autopilot(TwoByTwo()))
    return study


def test_every_trial_changes_one_thing_and_says_why(tmp_path):
    drafts = [t for t in play(tmp_path).view().trials if t.kind is TrialKind.DRAFT]
    assert len(drafts) == 4
    assert [t.parent_id is None for t in drafts] == [True, False, False, False]
    for trial in drafts[1:]:
        assert trial.change.count("→") == 1
        assert trial.hypothesis.statement and trial.hypothesis.because


def test_the_better_half_goes_on_from_its_checkpoint_and_the_rest_is_discarded(tmp_path):
    view = play(tmp_path).view()
    second = [r for r in view.runs if r.max_steps == 36 and r.purpose is RunPurpose.SEARCH]
    assert [view.run(r.continues).trial_id for r in second] == [r.trial_id for r in second]
    assert {r.trial_id for r in second} == {f"{STUDY}.t1", f"{STUDY}.t2"} or len(second) == 2
    discarded = [v for v in view.verdicts if v.outcome is Outcome.DISCARD]
    assert sum("place" in v.reason for v in discarded) == 2


def test_a_finalist_is_retrained_with_a_fresh_seed_before_it_is_promoted(tmp_path):
    study = play(tmp_path)
    asked = [d for d in study.decisions if isinstance(d, AskForVerdict)]
    view = study.view()
    retrain = next(r for r in view.runs if r.purpose is RunPurpose.RETRAIN)
    first = next(r for r in view.runs_of(retrain.trial_id) if r.purpose is RunPurpose.SEARCH)
    assert retrain.seed != first.seed and retrain.continues is None
    assert asked[0].trial_id == asked[1].trial_id == retrain.trial_id
    assert view.best.subject != "base"


def test_time_that_is_left_goes_into_one_change_to_the_best_trial(tmp_path):
    view = play(tmp_path).view()
    improved = [t for t in view.trials if t.kind is TrialKind.IMPROVE]
    assert improved and improved[0].change == "max_steps: 36 → 72"
    run = view.runs_of(improved[0].id)[0]
    assert run.max_steps == 72 and view.run(run.continues).max_steps == 36


def test_the_last_extra_trial_is_trained_and_not_only_proposed(tmp_path):
    study = play(tmp_path, spec={"search": {"rungs": [12, 36], "trials": 4, "extra_trials": 1}})
    view = study.view()
    assert all(view.runs_of(trial.id) for trial in view.trials)
    assert "the extra trials are used up" in study.reason


def test_without_time_for_it_the_improvement_is_not_begun_and_the_reason_says_so(tmp_path):
    study = play(tmp_path, spec={"budget": {"wall_clock": "380s", "runs": 40}})
    assert not [t for t in study.view().trials if t.kind is TrialKind.IMPROVE]
    assert "max_steps: 36 → 72" in study.reason and "would need" in study.reason


def test_a_run_that_diverged_is_repaired_once_with_a_tenth_of_the_learning_rate(tmp_path):
    def diverges(trial: Trial, run: Run) -> Learnt:
        if trial.params["learning_rate"] < 0.0005 or trial.kind is not TrialKind.DRAFT:
            return learns(trial, run)
        alert = Alert(
            run.id, "divergence", "error", 5, "the loss rose", {"loss": 9.0}, "a tenth of the learning rate",
            {"learning_rate": {"times": 0.1}}, stops_run=True,
        )  # fmt: skip
        return Learnt(state=RunState.CANCELLED, reason="alert", alerts=(alert,))

    view = play(tmp_path, diverges).view()
    repairs = [t for t in view.trials if t.kind is TrialKind.DEBUG]
    assert [t.params["learning_rate"] for t in repairs] == [0.0001, 0.0001]
    assert all(view.trial(t.parent_id).params["learning_rate"] == 0.001 for t in repairs)
    assert all(t.change == "learning_rate: 0.001 → 0.0001" for t in repairs)


def test_a_run_that_passed_its_memory_is_tried_with_half_the_batch_and_twice_the_accumulation(tmp_path):
    def too_large(trial: Trial, run: Run) -> Learnt:
        if trial.params["batch_size"] == 16:
            return Learnt(state=RunState.FAILED, reason="memory")
        return learns(trial, run)

    view = play(tmp_path, too_large).view()
    repairs = [t for t in view.trials if t.kind is TrialKind.DEBUG]
    assert {(t.params["batch_size"], t.params["gradient_accumulation"]) for t in repairs} == {(8, 2)}


def test_a_plateau_makes_the_next_configuration_learn_faster(tmp_path):
    def levels_off(trial: Trial, run: Run) -> Learnt:
        change = {"learning_rate": {"times": 3.0}}
        alert = Alert(run.id, "plateau", "warning", 30, "the loss is flat", {}, "three times the rate", change)
        return Learnt(learns(trial, run).score, alerts=(alert,) if run.max_steps == 36 else ())

    view = play(tmp_path, levels_off).view()
    improved = [t for t in view.trials if t.kind is TrialKind.IMPROVE]
    assert improved[0].change == "learning_rate: 0.001 → 0.003"
    assert view.runs_of(improved[0].id)[0].continues is None, "another rate starts from the base, not from a checkpoint"


def test_data_that_the_gate_blocked_is_never_trained_on(tmp_path):
    view = play(tmp_path, blocked=("noisy",)).view()
    assert {t.dataset for t in view.trials} == {"sorted"}


def test_with_all_data_blocked_the_study_ends_and_says_why(tmp_path):
    study = play(tmp_path, blocked=("sorted", "noisy"))
    assert not study.view().trials
    assert "the gate let no training set through" in study.reason


def test_nothing_is_promoted_where_nothing_is_better(tmp_path):
    study = play(tmp_path, lambda trial, run: Learnt(0.08))
    assert study.view().best.subject == "base"
    assert not [d for d in study.decisions if isinstance(d, StartRun) and d.purpose is RunPurpose.RETRAIN]


def test_no_more_comparisons_are_asked_for_than_were_planned(tmp_path):
    search = {"rungs": [12], "trials": 4, "extra_trials": 2, "comparisons": 1}
    study = play(tmp_path, lambda trial, run: Learnt(0.08), spec={"search": search})
    assert len({d.trial_id for d in study.decisions if isinstance(d, AskForVerdict)}) == 1


def test_when_a_run_is_open_the_autopilot_waits(tmp_path):
    study = SimulatedStudy(tmp_path, spec(), learns)
    autopilot = Autopilot(TwoByTwo())
    while not isinstance(decision := autopilot.decide(study.view()), StartRun):
        study._carry_out(study.view(), decision)
    from labwright.contracts.events import RunQueued  # noqa: PLC0415

    for trial in study.view().trials:
        run = Run(f"{trial.id}.r1", STUDY, trial.id, RunPurpose.SEARCH, 1, 12, None, "/runs", "instant")
        study._record(RunQueued(run))
    assert isinstance(autopilot.decide(study.view()), Wait)


@pytest.mark.parametrize("score", [0.2, 0.9])
def test_the_same_ledger_always_leads_to_the_same_decision(tmp_path, score):
    study = SimulatedStudy(tmp_path, spec(), lambda trial, run: Learnt(score))
    first, second = Autopilot(TwoByTwo()), Autopilot(TwoByTwo())
    for _ in range(12):
        view = study.view()
        decision = first.decide(view)
        assert decision == second.decide(view)
        assert isinstance(decision, ProposeTrial | StartRun | DiscardTrial | AskForVerdict)
        study._carry_out(view, decision)
