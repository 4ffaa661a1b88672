"""Carrying runs out: what an earlier attempt or run left behind leads nowhere, and what was unreadable is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labwright.compute.instant import InstantBackend
from labwright.contracts.compute import RunOrder, RunStatus
from labwright.contracts.errors import BackendError
from labwright.contracts.events import BaseResolved, StudyCreated, TrialProposed
from labwright.contracts.research import DatasetVersion, Hypothesis, Run, RunPurpose, RunState, Trial, TrialKind
from labwright.ledger import Ledger
from labwright.study.execution import RunExecution, newest_checkpoint

STUDY = "sorting-1"
SPEC = {
    "goal": "Sort three numbers",
    "base_model": "tiny",
    "benchmark": "benchmark/",
    "data": [{"name": "sorted", "path": "data/train.jsonl"}],
    "budget": {"wall_clock": 900.0, "runs": 12},
}


def checkpoint(folder: Path, number: int) -> Path:
    path = folder / "checkpoints" / f"checkpoint-{number}"
    path.mkdir(parents=True)
    (path / "state.json").write_text("{}")
    return path


# -- where the next run starts from ------------------------------------------------------------------------------------


def test_the_checkpoint_with_the_most_steps_is_the_newest(tmp_path: Path) -> None:
    made = [checkpoint(tmp_path, number) for number in (9, 10, 2)]
    (tmp_path / "checkpoints" / "checkpoint-99").touch()
    assert newest_checkpoint(tmp_path) == made[1]


def test_a_recipe_may_keep_one_state_in_checkpoints_itself(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "state.json").write_text("{}")
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoints"


def test_a_run_directory_behind_a_link_of_the_labs_own_is_fine(tmp_path: Path) -> None:
    checkpoint(tmp_path / "real", 3)
    (tmp_path / "home").symlink_to(tmp_path / "real")
    assert newest_checkpoint(tmp_path / "home") == tmp_path / "home" / "checkpoints" / "checkpoint-3"


def test_a_planted_link_is_passed_over_for_the_newest_real_checkpoint(tmp_path: Path) -> None:
    elsewhere = checkpoint(tmp_path / "other", 9)
    own = checkpoint(tmp_path / "run", 4)
    (own.parent / "checkpoint-9").symlink_to(elsewhere)
    (own.parent / "checkpoint-8").symlink_to(own.name)
    assert newest_checkpoint(tmp_path / "run") == own


@pytest.mark.parametrize("planted", ["checkpoints", "checkpoints/checkpoint-9"])
def test_where_there_are_only_planted_links_there_is_no_checkpoint(tmp_path: Path, planted: str) -> None:
    elsewhere = checkpoint(tmp_path / "other", 9)
    link = tmp_path / "run" / planted
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere.parent if planted == "checkpoints" else elsewhere)
    with pytest.raises(BackendError, match="left no checkpoint"):
        newest_checkpoint(tmp_path / "run")


# -- a run from its start to its end -----------------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A study with a base and a trial."""
    trial = Trial("t1", STUDY, None, TrialKind.DRAFT, "first", Hypothesis("it learns", ""), "sft", {"lora": True}, "d")
    (tmp_path / "base").mkdir()
    with Ledger.open(f"sqlite:///{tmp_path}/lab.db") as opened:
        opened.record(STUDY, StudyCreated("sorting", str(tmp_path), str(tmp_path), SPEC))
        opened.record(STUDY, BaseResolved("tiny", str(tmp_path / "base"), "base-id", 100_000))
        opened.record(STUDY, TrialProposed(trial))
        yield opened


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("r1", STUDY, "t1", RunPurpose.SEARCH, 1, 9, None, str(tmp_path / "runs" / "r1"), "instant")


def carry_out(ledger: Ledger, run: Run, tmp_path: Path, metrics: str = "") -> None:
    """Queue, start and book a run that writes these metrics."""

    def script(order: RunOrder) -> RunStatus:
        (order.directory / "metrics.jsonl").write_text(metrics)
        return RunStatus(state=RunState.SUCCEEDED, reason="finished", exit_code=0, started_at=1.0, ended_at=2.0)

    execution = RunExecution(
        ledger, InstantBackend(script), STUDY, hidden=(), environment={}, gpus_per_run=0, poll_s=0.0
    )
    recipe, rows = tmp_path / "recipe.py", tmp_path / "train.jsonl"
    recipe.write_text("print('train')\n")
    rows.touch()
    dataset = DatasetVersion("d" * 16, "d", str(rows), "text", 1, "file", ())
    execution.queue(run)
    execution.start(ledger.study_view(STUDY), run, recipe, dataset, deadline=1e12)
    assert execution.look(ledger.study_view(STUDY), lambda _: None)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (0, []),
        (1, ["1 line of metrics.jsonl could not be read and was left out"]),
        (3, ["3 lines of metrics.jsonl could not be read and were left out"]),
    ],
)
def test_unreadable_lines_of_metrics_are_counted_in_a_note(
    ledger: Ledger, run: Run, tmp_path: Path, bad: int, said: list[str]
) -> None:
    carry_out(ledger, run, tmp_path, '{"step": 1, "loss": 1.0}\n' + "nonsense\n" * bad + '{"step": 2, "loss": 0.5}\n')
    view = ledger.study_view(STUDY)
    assert [(n.text, n.about) for n in view.notes] == [(text, "r1") for text in said]
    assert view.run("r1").state is RunState.SUCCEEDED


def test_a_link_that_an_earlier_attempt_left_is_not_written_through(ledger: Ledger, run: Run, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    directory = Path(run.directory)
    directory.mkdir(parents=True)
    (directory / "params.json").symlink_to(precious)
    (directory / "recipe.py").mkdir()
    carry_out(ledger, run, tmp_path)
    assert precious.read_text() == "mine"
    assert json.loads((directory / "params.json").read_text())["max_steps"] == 9
    assert (directory / "recipe.py").read_text() == "print('train')\n"


def test_a_failure_is_not_logged_through_a_link(ledger: Ledger, run: Run, tmp_path: Path) -> None:
    carry_out(ledger, run, tmp_path)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    log = Path(run.directory) / "log.txt"
    log.unlink()
    log.symlink_to(precious)
    execution = RunExecution(
        ledger, InstantBackend(_never), STUDY, hidden=(), environment={}, gpus_per_run=0, poll_s=0.0
    )
    execution.book_failure(run, BackendError("no more room"))
    assert (precious.read_text(), log.read_text()) == ("mine", "no more room\n")


def _never(order: RunOrder) -> RunStatus:
    raise AssertionError(order)
