"""A study whose trials are proposed from outside: trained and judged as they come, and paused in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.toys.toy_study import RECIPE, recipe_that_also, toy_lab, write_study

from labwright.assemble import Lab
from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.research import Hypothesis, Outcome, RunPurpose, RunState, StudyState, Trial, TrialKind
from labwright.contracts.views import StudyView
from labwright.study.proposing import Idea, Script, ablate, propose
from labwright.study.spec import read_study


@dataclass
class Bench:
    """A study in a lab, and the two things that are done to it here."""

    lab: Lab
    study: str

    def run(self, researcher: str = "proposed") -> StudyView:
        return self.lab.engine(self.study, researcher=researcher).run()

    def propose(self, parent: str = "", script: Script | None = None, **change: object) -> Trial:
        why = Hypothesis("A higher rate learns more in these steps.", "few steps leave a low rate little way to go")
        return propose(self.lab.ledger, self.study, Idea(why, change, parent, script))

    @property
    def view(self) -> StudyView:
        return self.lab.ledger.study_view(self.study)


@pytest.fixture
def bench(tmp_path: Path, tiny_model: Path) -> Iterator[Bench]:
    search = {"rungs": [8, 24], "trials": 3, "extra_trials": 1}
    folder = write_study(tmp_path / "study", tiny_model, search=search, params={"learning_rate": 0.0002})
    lab = toy_lab(tmp_path / "home")
    yield Bench(lab, lab.create_study(read_study(folder)))
    lab.ledger.close()


def test_a_study_goes_from_controls_over_proposals_to_its_sealed_test(bench: Bench) -> None:
    waiting = bench.run()
    assert waiting.state is StudyState.STOPPED and "waiting for the next proposal" in waiting.reason
    assert {e.style for e in waiting.evaluations} == {"zero_shot", "few_shot"} and not waiting.runs

    first = bench.propose()
    again = bench.run()
    assert again.state is StudyState.STOPPED and again.verdict_on(first.id) is not None
    assert [r.max_steps for r in again.runs_of(first.id) if r.purpose is RunPurpose.SEARCH] == [24]

    second = bench.propose("t1", learning_rate=0.003)
    assert (second.kind, second.parent_id) == (TrialKind.IMPROVE, first.id)
    better = bench.run()
    assert better.verdict_on(second.id).outcome is Outcome.PROMOTE
    assert not better.openings, "nothing opens the test before the study is finished"

    done = bench.run("finish")
    assert done.state is StudyState.FINISHED
    assert done.evaluation(done.best.subject, done.best.style, "test") is not None
    with pytest.raises(UsageError, match="is finished"):
        bench.propose("t2", learning_rate=0.004)


def test_nothing_is_trained_that_nobody_proposed(bench: Bench) -> None:
    bench.propose(learning_rate=0.0002)
    view = bench.run()
    assert len(view.trials) == 1
    assert {r.trial_id for r in view.runs} == {view.trials[0].id}


def test_more_steps_go_on_from_the_parents_checkpoint(bench: Bench) -> None:
    bench.propose()
    bench.run()
    longer = bench.propose("t1", max_steps=40)
    assert longer.change == "max_steps: 24 → 40"
    view = bench.run()
    searched = [r for r in view.runs if r.purpose is RunPurpose.SEARCH]
    assert [(r.max_steps, r.continues) for r in searched] == [(24, None), (40, searched[0].id)]


@pytest.mark.parametrize(
    ("parent", "change", "said"),
    [
        ("t1", {"learning_rate": 0.003, "batch_size": 4}, "changes 2 things"),
        ("t1", {"learning_rate": 0.0002}, "very configuration"),
        ("t1", {"seed": 5}, "not a researcher's to choose"),
        ("t1", {"data": "stolen"}, "no training set is named"),
        ("t1", {"recipe": "../../evil.py"}, "there is no recipe"),
        ("t1", {"max_steps": 2}, "max_steps is 2"),
        ("t9", {"learning_rate": 0.003}, "has no trial 't9'"),
        ("", {"learning_rate": 0.003}, "only the first trial"),
    ],
)
def test_what_is_no_single_change_is_refused(bench: Bench, parent: str, change: dict[str, object], said: str) -> None:
    bench.propose()
    with pytest.raises(LabwrightError, match=said):
        bench.propose(parent, **change)
    assert len(bench.view.trials) == 1


def test_a_hypothesis_has_to_say_something(bench: Bench) -> None:
    for statement, because in (("better", "because"), ("A rate of 1e-3 learns more than 1e-4.", " ")):
        with pytest.raises(UsageError, match="needs a hypothesis"):
            propose(bench.lab.ledger, bench.study, Idea(Hypothesis(statement, because), {}))


def test_no_more_trials_are_taken_than_comparisons_were_planned(bench: Bench) -> None:
    bench.propose()
    for rate in (0.001, 0.002, 0.003):
        bench.propose("t1", learning_rate=rate)
    with pytest.raises(UsageError, match="are used up"):
        bench.propose("t1", learning_rate=0.004)


def test_a_batch_in_other_pieces_is_one_change(bench: Bench) -> None:
    bench.propose(batch_size=8, gradient_accumulation=1)
    assert bench.propose("t1", batch_size=4, gradient_accumulation=2).kind is TrialKind.IMPROVE


def test_an_ablation_takes_one_change_back(bench: Bench) -> None:
    bench.propose()
    bench.propose("t1", data="noisy")
    bench.propose("t2", learning_rate=0.003)
    taken = ablate(bench.lab.ledger, bench.study, "t2", "t3", "")
    assert (taken.kind, taken.dataset, taken.params["learning_rate"]) == (TrialKind.ABLATE, "clean", 0.003)
    assert taken.change == "data: noisy → clean"
    with pytest.raises(UsageError, match="first draft"):
        ablate(bench.lab.ledger, bench.study, "t1", "t3", "")


def test_a_script_is_copied_and_runs_as_it_was_proposed(bench: Bench) -> None:
    bench.propose()
    script = recipe_that_also('print("from the workspace")')
    trial = bench.propose("t1", Script("mine.py", script.encode()))
    assert trial.recipe.startswith("recipes/mine-") and trial.change.startswith("recipe: ./recipe.py → recipes/mine-")
    view = bench.run()
    run = view.runs_of(trial.id)[0]
    assert (Path(run.directory) / "recipe.py").read_text() == script
    assert "from the workspace" in (Path(run.directory) / "log.txt").read_text()


def test_a_script_that_was_changed_afterwards_does_not_run(bench: Bench) -> None:
    bench.propose()
    trial = bench.propose("t1", Script("mine.py", RECIPE.encode()))
    (Path(bench.view.directory) / trial.recipe).write_text("raise SystemExit")
    view = bench.run()
    run = view.runs_of(trial.id)[0]
    assert run.state is RunState.FAILED
    assert "not the one that was proposed" in (Path(run.directory) / "log.txt").read_text()
    assert view.verdict_on(trial.id).outcome is Outcome.DISCARD


def test_a_first_trial_whose_smoke_run_fails_makes_room_for_a_repaired_one(bench: Bench) -> None:
    bench.propose("", Script("broken.py", b"raise SystemExit(3)"))
    with pytest.raises(LabwrightError, match="preflight failed"):
        bench.run()
    repaired = bench.propose("t1", Script("mended.py", RECIPE.encode()))
    assert repaired.kind is TrialKind.DEBUG
    view = bench.run()
    assert view.state is StudyState.STOPPED
    assert view.verdict_on(f"{view.id}.t1").outcome is Outcome.DISCARD
    assert view.verdict_on(repaired.id) is not None


def test_finishing_trains_nothing_new(bench: Bench) -> None:
    bench.run()
    bench.propose()
    view = bench.run("finish")
    assert view.state is StudyState.FINISHED and not view.runs
    assert "t1 was not trained" in view.reason
