"""`kill -9` at random moments: `resume` finishes, nothing is lost or done twice, and the result is the same."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml
from tests.compute.small_runs import wait_for
from tests.toys.toy_study import TOYS, FinishedStudy, toy_lab, write_study

from labwright.assemble import Lab, open_lab
from labwright.config import Settings
from labwright.contracts.events import EvaluationRecorded, RunQueued, StudyCreated, TrialProposed
from labwright.contracts.research import StudyState
from labwright.contracts.views import StudyView
from labwright.study.spec import read_study

KILLS = 10  # a study; there are two
_DRIVER = """
import sys
from pathlib import Path
from tests.study.test_kills import lab_of
lab_of(Path(sys.argv[1]), real=sys.argv[3] == "real").engine(sys.argv[2]).run()
"""


def lab_of(home: Path, *, real: bool) -> Lab:
    """A lab of toys, or one with the generation worker that Labwright ships."""
    return open_lab(Settings.model_validate({"home": home, "poll_s": 0.05})) if real else toy_lab(home)


@dataclass
class KilledStudy:
    """A study whose processes are killed while it runs."""

    home: Path
    study_id: str
    real: bool = False

    def start(self) -> subprocess.Popen[bytes]:
        root = TOYS.parent.parent
        env = {**os.environ, "PYTHONPATH": str(root)}
        command = [sys.executable, "-c", _DRIVER, str(self.home), self.study_id, "real" if self.real else "toy"]
        return subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def victim(self, engine: subprocess.Popen[bytes], which: str) -> psutil.Process | None:
        """The process to kill: the engine itself, its referee, or something of the run that is going on."""
        if which == "study":
            return psutil.Process(engine.pid)
        mark = {"referee": "labwright.referee.process", "run": "recipe.py"}[which]
        for process in psutil.process_iter(["cmdline", "pid"]):
            words = " ".join(process.info["cmdline"] or ())
            if mark in words and self._is_ours(process):
                return process
        return None

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return str(self.home) in process.cwd() + " ".join(process.cmdline()) or any(
                str(self.home) in " ".join(p.cmdline()) for p in process.parents()
            )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def living(self) -> list[psutil.Process]:
        """What of the study runs still. A zombie that nobody has collected has no command line."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def view(self) -> StudyView:
        with toy_lab(self.home).ledger as ledger:
            return ledger.study_view(self.study_id)


def outcome(view: StudyView) -> dict[str, object]:
    """What a study came to, without times, attempts and paths; how long a step of the toy takes changes nothing."""
    return {
        "trials": [(t.id, t.change, {**t.params, "step_s": None}, t.dataset) for t in view.trials],
        "runs": [(r.id, r.seed, r.max_steps, r.state) for r in view.runs],
        "scores": sorted(
            (e.subject, e.style, e.split, e.score.estimate, e.results_id, e.model_id)
            for e in view.evaluations
            if e.split == "dev"
        ),
        "verdicts": [(v.trial_id, v.outcome, v.comparison, v.threshold) for v in view.verdicts],
        "best": view.best.subject,
        "state": view.state,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_model) -> Path:
    return write_study(tmp_path_factory.mktemp("kills") / "study", tiny_model, params={"step_s": 0.25})


@pytest.mark.parametrize("seed", [7, 8])
def test_kills_of_study_run_and_referee_at_random_moments_change_nothing(
    tmp_path: Path, folder: Path, finished: FinishedStudy, seed: int
) -> None:
    study = killed_study(tmp_path / "home", folder)
    killed = kill(study, random.Random(seed), KILLS, pause_s=(0.2, 1.5))
    view = study.view()
    assert view.state is StudyState.FINISHED
    assert sum(killed.values()) == KILLS and all(killed.values()), killed
    assert outcome(view) == outcome(finished.view)  # the same study, which nothing disturbed
    _nothing_was_done_twice(study)


@pytest.mark.slow
def test_a_kill_of_each_with_a_model_that_really_trains_changes_nothing(tmp_path, tiny_model):
    search = {"rungs": [6], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.001]}}
    recipe = {"name": "sft", "params": {"batch_size": 4, "save_steps": 2}}
    folder = write_study(tmp_path / "study", tiny_model, search=search)
    spec = yaml.safe_load((folder / "study.yaml").read_text())
    (folder / "study.yaml").write_text(yaml.safe_dump({**spec, "recipe": recipe}))
    calm = lab_of(tmp_path / "calm", real=True)
    with calm.ledger:
        undisturbed = calm.engine(calm.create_study(read_study(folder))).run()
    study = killed_study(tmp_path / "home", folder, real=True)
    killed = kill(study, random.Random(9), 3, pause_s=(3.0, 6.0))
    view = study.view()
    assert view.state is StudyState.FINISHED
    assert killed == {"study": 1, "run": 1, "referee": 1}
    assert outcome(view) == outcome(undisturbed)
    _nothing_was_done_twice(study)


def killed_study(home: Path, folder: Path, *, real: bool = False) -> KilledStudy:
    lab = lab_of(home, real=real)
    study = KilledStudy(home, lab.create_study(read_study(folder)), real)
    lab.ledger.close()
    return study


def kill(study: KilledStudy, dice: random.Random, count: int, *, pause_s: tuple[float, float]) -> dict[str, int]:
    """Run the study to its end, and kill the least killed of its processes this often on the way."""
    killed = {"study": 0, "run": 0, "referee": 0}
    engine = study.start()
    until = time.monotonic() + 900
    while sum(killed.values()) < count and time.monotonic() < until and engine.poll() is None:
        time.sleep(dice.uniform(*pause_s))
        which = min(killed, key=lambda name: (killed[name], dice.random()))
        victim = study.victim(engine, which)
        if victim is None or engine.poll() is not None:
            continue
        try:
            victim.kill()
        except psutil.NoSuchProcess:  # it ended by itself in the meantime
            continue
        killed[which] += 1
        if which == "study":
            engine.wait()
            engine = study.start()
    _, said = engine.communicate(timeout=900)
    assert engine.returncode == 0, said.decode()[-2000:]
    return killed


def _nothing_was_done_twice(study: KilledStudy) -> None:
    with toy_lab(study.home).ledger as ledger:
        events = [r.event for r in ledger.events(study.study_id)]
    assert sum(isinstance(e, StudyCreated) for e in events) == 1
    for kind, key in (
        (TrialProposed, lambda e: e.trial.id),
        (EvaluationRecorded, lambda e: e.evaluation.id),
        (RunQueued, lambda e: (e.run.id, e.run.attempt)),
    ):
        keys = [key(e) for e in events if isinstance(e, kind)]
        assert len(keys) == len(set(keys)), kind
    metrics = [Path(r.directory) / "metrics.jsonl" for r in study.view().runs]
    for path in metrics:
        steps = [line.split('"step": ')[1].split(",")[0] for line in path.read_text().splitlines()]
        assert len(steps) == len(set(steps)), path


@pytest.mark.parametrize("which", ["study", "referee", "run"])
def test_nothing_of_a_study_is_left_running_after_its_processes_were_killed(tmp_path, tiny_model, which):
    search = {"rungs": [8], "trials": 1, "extra_trials": 0, "vary": {"learning_rate": [0.001]}}
    folder = write_study(tmp_path / "study", tiny_model, search=search, params={"step_s": 0.25})
    study = killed_study(tmp_path / "home", folder)
    engine = study.start()
    while (running := study.victim(engine, "run")) is None:  # by then the other two are there as well
        assert engine.poll() is None
        time.sleep(0.05)
    victim = running if which == "run" else study.victim(engine, which)
    assert victim is not None
    victim.kill()
    engine.wait(timeout=900)
    if which == "study":
        study.start().wait(timeout=900)
    assert study.view().state is StudyState.FINISHED
    wait_for(lambda: not study.living())
