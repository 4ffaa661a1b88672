"""The commands as a person types them: in a process of their own, with the toy worker through the environment."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.compute.small_runs import wait_for
from tests.toys.empty_ledger import place_ledger
from tests.toys.toy_study import RECIPE, TOYS, FinishedStudy, write_study

PROMISED = {
    "study", "state", "verdict", "dev", "test", "difference", "trials", "runs", "wall_clock_s", "utilisation",
    "report", "best_model",
}  # fmt: skip


class Shell:
    """A lab's home and a working directory in which commands are typed."""

    def __init__(self, home: Path, cwd: Path) -> None:
        self.home = home
        self._cwd = cwd
        given = {k: v for k, v in os.environ.items() if not k.startswith("LABWRIGHT_")}
        self._env = {
            **given,
            "LABWRIGHT_HOME": str(place_ledger(home)),
            "LABWRIGHT_GENERATION_WORKER": str(TOYS / "toy_worker.py"),
            "LABWRIGHT_POLL_S": "0.05",
        }

    def start(self, *words: object, **env: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "labwright", *map(str, words)]
        return subprocess.Popen(
            command, cwd=self._cwd, env={**self._env, **env}, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def __call__(self, *words: object, code: int = 0, **env: str) -> tuple[str, str]:
        """Type a command that ends with this code; its stdout and stderr. Nothing ever ends in a traceback."""
        with self.start(*words, **env) as process:
            out, err = process.communicate(timeout=300)
        assert process.returncode == code, out + err
        assert "Traceback" not in err
        return out, err

    def json(self, *words: object, code: int = 0, **env: str) -> Any:
        """The one document that a command prints with --json."""
        return json.loads(self(*words, "--json", code=code, **env)[0])


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home", tmp_path)


@pytest.fixture
def beside(finished: FinishedStudy, tmp_path: Path) -> Iterator[Shell]:
    """A shell in the lab of the finished study."""
    assert finished.view.best is not None and finished.view.best.subject != "base"
    yield Shell(finished.lab.home, tmp_path)


def test_the_study_that_init_writes_runs(shell: Shell, tmp_path: Path, tiny_model: Path) -> None:
    said, _ = shell("study", "init", "mine")
    assert "labwright study run mine" in said
    spec = tmp_path / "mine" / "study.yaml"
    toy = spec.read_text().replace("base_model: smollm2-135m-instruct", f"base_model: {tiny_model}")
    toy = toy.replace("  name: sft\n", "  name: ./toy.py\n")
    assert toy.count("toy.py") == toy.count(str(tiny_model)) == 1
    spec.write_text(toy)
    (tmp_path / "mine" / "toy.py").write_text(RECIPE)

    out, progress = shell("study", "run", "mine", "--json", "--budget-hours", "5")
    document = json.loads(out)
    assert document.keys() >= PROMISED
    assert (document["study"], document["state"]) == ("mine-1", "finished")
    assert document["budget"]["wall_clock_s"] == 18_000
    assert "phase: search" in progress
    assert Path(document["report"]).is_file()
    assert (Path(document["best_model"]) / "config.json").is_file()


def test_init_refuses_a_directory_that_holds_something(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.txt").write_text("years of work")
    _, said = shell("study", "init", "there", code=2)
    assert "the directory is not empty (it holds thesis.txt)" in said
    assert [p.name for p in (tmp_path / "there").iterdir()] == ["thesis.txt"]
    shell("study", "init", "new")
    _, said = shell("study", "init", "new", code=2)
    assert "labwright study run new" in said


def test_a_finished_study_is_listed_shown_and_reported(beside: Shell, finished: FinishedStudy) -> None:
    study_id = finished.view.id
    assert f"{study_id}  finished" in beside("study", "list")[0]
    report = beside.json("study", "report", study_id)
    assert report.keys() >= PROMISED
    for split, styles in (("dev", report["dev"]), ("test", report["test"])):
        for style in ("zero_shot", "few_shot", "best"):
            assert styles[style]["low"] <= styles[style]["estimate"] <= styles[style]["high"], split
    assert report["difference"].keys() >= {"estimate", "low", "high", "p_value"}
    assert report["difference"]["low"] > 0
    status = beside.json("study", "status")
    assert status.keys() >= PROMISED
    assert {k: status[k] for k in PROMISED - {"wall_clock_s"}} == {k: report[k] for k in PROMISED - {"wall_clock_s"}}
    out, err = beside("study", "resume", study_id)
    assert "finished already" in err
    assert "Promoted" in out


def test_a_bundle_is_exported_and_verified_and_a_tampered_one_is_named(
    beside: Shell, finished: FinishedStudy, tmp_path: Path
) -> None:
    said, _ = beside("study", "export", finished.view.id, "out")
    assert "labwright verify out" in said
    said, _ = beside("verify", "out")
    assert "0 differ, 0 could not be checked" in said
    (tmp_path / "out" / "report.md").write_text("We improved by 100 points")
    said, _ = beside("verify", "out", code=1)
    assert re.search(r"^!!  report\.md +its content is not what was hashed$", said, re.MULTILINE)
    document = beside.json("verify", "out", code=1)
    assert document["agrees"] is False
    assert [f["what"] for f in document["findings"] if f["outcome"] == "differs"] == ["report.md"]


def test_eval_scores_a_model_on_dev_and_leaves_the_sealed_test_to_a_person(
    beside: Shell, finished: FinishedStudy, tiny_model: Path
) -> None:
    benchmark = Path(finished.view.source) / "benchmark"
    said = beside.json("eval", tiny_model, benchmark, "--limit", 20)
    assert said["items"] == 20
    assert said["score"]["low"] <= said["score"]["estimate"] <= said["score"]["high"]
    _, refused = beside("eval", tiny_model, benchmark, "--split", "test", code=2)
    assert "a person at a terminal" in refused


def test_doctor_says_what_is_there_and_where_the_home_cannot_be_written(shell: Shell, tmp_path: Path) -> None:
    names = {check["name"] for check in shell.json("doctor")["checks"]}
    expected = {
        "python",
        "cores",
        "memory",
        "gpu",
        "boundary",
        "programs",
        "ceilings",
        "training libraries",
        "lab home",
    }
    assert expected <= names
    (tmp_path / "file").write_text("")
    out, _ = shell("doctor", code=1, LABWRIGHT_HOME=str(tmp_path / "file" / "home"), LABWRIGHT_CGROUPS="off")
    assert re.search(r"^--  ceilings .*counted four times a second", out, re.MULTILINE)
    assert "cure: unset LABWRIGHT_CGROUPS" in out
    assert re.search(r"^--  lab home .*cannot be written", out, re.MULTILINE)
    assert "cure: set LABWRIGHT_HOME" in out


def halted_a_run_in(runs: Path) -> bool:
    """Halt a recipe that runs below this directory; whether one was found and stands still."""
    mark = f"LABWRIGHT_RUN_DIR={runs}/".encode()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            is_ours = entry.name.isdigit() and mark in (entry / "environ").read_bytes()
            if is_ours and (entry / "comm").read_text().startswith("python"):
                os.kill(int(entry.name), signal.SIGSTOP)
                return (entry / "stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


def test_a_study_stopped_by_another_process_and_resumed_comes_to_the_same_result(
    shell: Shell, finished: FinishedStudy, tmp_path: Path, tiny_model: Path
) -> None:
    write_study(tmp_path / "study", tiny_model, params={"step_s": 0.15})
    with shell.start("study", "run", "study", "--json") as running:
        runs = shell.home / "studies" / "study-1" / "runs"
        wait_for(lambda: (runs / "t2.r1").exists(), at_most_s=240)
        wait_for(lambda: halted_a_run_in(runs), at_most_s=240)  # the study waits for it, however slow the commands are
        status = shell.json("study", "status")
        assert (status["state"], status["process_alive"]) == ("running", True)
        _, said = shell("study", "resume", "study-1", code=2)
        assert f"being run by process {running.pid}" in said
        shell("study", "stop", "study-1")
        out, _ = running.communicate(timeout=300)
    assert running.returncode == 1
    stopped = json.loads(out)
    assert stopped["state"] == "stopped"
    assert (Path(stopped["best_model"]) / "config.json").is_file()

    resumed = shell.json("study", "resume", "study-1")
    undisturbed = Shell(finished.lab.home, tmp_path).json("study", "report", finished.view.id)
    same = ("study", "state", "verdict", "dev", "test", "difference", "trials", "runs", "incidents")
    assert {key: resumed[key] for key in same} == {key: undisturbed[key] for key in same}


MISTAKES = [
    (("study", "run", "nowhere"), 2, "there is no such directory"),
    (("study", "run", "bad"), 2, "bad/study.yaml:2 (gaol)"),
    (("study", "run", "good", "--model", "oracle"), 2, "there is no researcher 'oracle'"),
    (("study", "status", "nope"), 2, "there is no study 'nope'"),
    (("verify", "nowhere"), 2, "there is no such bundle"),
    (("eval", "nothing", "good/benchmark"), 2, "there is no base model 'nothing'"),
    (("eval", "nothing", "nowhere"), 2, "there is no such directory"),
    (("eval", "nothing", "good"), 2, "it is a study, whose benchmark is good/benchmark"),
]


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("mistakes")
    write_study(folder / "good", folder / "no-model")
    write_study(folder / "bad", folder / "no-model")
    spec = folder / "bad" / "study.yaml"
    spec.write_text("# mine\ngaol: typo\n" + spec.read_text())
    return Shell(folder / "home", folder)


@pytest.mark.parametrize(("words", "code", "said"), MISTAKES, ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_a_mistake_is_named_with_its_cure_on_stderr_and_as_one_json_document(
    mistaken: Shell, words: tuple[str, ...], code: int, said: str
) -> None:
    out, err = mistaken(*words, "--json", code=code)
    error = json.loads(out)["error"]
    assert error["cure"]
    assert said in err
    assert said in f"{error['where']} {error['what']}"
    assert f"  cure:  {error['cure']}" in err
    assert not (mistaken.home / "studies").exists()  # and no study was begun


def test_a_mistyped_option_is_a_usage_error_and_a_json_document_too(shell: Shell) -> None:
    out, err = shell("study", "list", "--jsno", code=2)
    assert not out
    assert "No such option: --jsno" in err
    error = shell.json("study", "list", "--frmat", code=2)["error"]
    assert "No such option: --frmat" in error["what"]
    assert error["cure"] == "labwright study list --help"


def test_a_home_that_cannot_be_written_and_a_setting_that_does_not_fit_are_named(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _, said = shell("study", "list", code=1, LABWRIGHT_HOME=str(tmp_path / "file" / "home"))
    assert "the lab's home cannot be created" in said
    _, said = shell("study", "list", code=2, LABWRIGHT_SANDBOX="maybe")
    assert "'maybe' does not fit" in said
    assert "where: LABWRIGHT_SANDBOX" in said
    _, said = shell("study", "list", code=2, LABWRIGHT_GENERATION_WORKER=str(tmp_path / "none.py"))
    assert "does not point to a file" in said
    assert "where: LABWRIGHT_GENERATION_WORKER" in said
