"""The tools of studies and runs, called as a model calls them, over a toy lab."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.literature.canonical_papers import LORA
from tests.toys.toy_desk import ToyDesk, toy_desk
from tests.toys.toy_study import RECIPE, FinishedStudy, recipe_that_also

from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.research import RunState
from labwright.contracts.sessions import SessionBudget, SessionOpened, UserSaid
from labwright.desk import LabDesk
from labwright.study import detached
from labwright.study.lock import is_held
from labwright.tools.jobs import JobTools
from labwright.tools.study import StudyTools
from labwright.tools.studypreviews import StudyPreviews

pytestmark = pytest.mark.slow
SEARCH = {"rungs": [8, 24], "trials": 3, "extra_trials": 1}
PARAMS = {"learning_rate": 0.0002}


class Hands:
    """The tools, their answers parsed."""

    def __init__(self, desk: ToyDesk | LabDesk) -> None:
        self.desk = desk
        self._tools = (StudyTools(desk), JobTools(desk))

    def __call__(self, tool: str, *args: object, **named: object) -> Any:
        do = next(getattr(t, tool) for t in self._tools if hasattr(t, tool))
        if tool in ("study_wait", "job_wait"):
            named.setdefault("up_to_s", 1800)
        said = do(*args, **named)
        text = asyncio.run(said) if asyncio.iscoroutine(said) else said
        assert len(text) <= 2300, f"{tool} said {len(text)} characters"
        return json.loads(text) if text.startswith("{") else text

    def first_trial(self, study: str) -> None:
        self("study_propose", study, "A low rate learns something at all.", "the data holds right answers", {})


@pytest.fixture
def hands(tmp_path: Path, tiny_model: Path) -> Iterator[Hands]:
    lab, desk = toy_desk(tmp_path, tiny_model, search=SEARCH, params=PARAMS)
    yield Hands(desk)
    for study in lab.ledger.summaries():
        directory = Path(lab.ledger.study_view(study.id).directory)
        until = time.monotonic() + 600
        while detached.is_running(directory) and time.monotonic() < until:
            (directory / "stop").touch()
            time.sleep(0.1)
    lab.ledger.close()


@pytest.fixture
def done(finished: FinishedStudy, tmp_path: Path) -> Hands:
    return Hands(LabDesk(finished.lab, tmp_path))


def test_an_agent_goes_from_fields_to_a_finished_study(hands: Hands) -> None:
    created = hands(
        "study_create",
        goal="Teach the toy to sort",
        base_model="tiny",
        benchmark="study/benchmark",
        data=["study/clean.jsonl", "study/noisy.jsonl"],
        wall_clock="2h",
        params=PARAMS,
        search=SEARCH,
    )
    study = created["study"]
    assert (created["data"], created["comparisons"]) == (["clean", "noisy"], 4)
    assert Path(created["source"]).is_relative_to(hands.desk.workspace)

    assert hands("study_run", study)["running"]
    controls = hands("study_wait", study)
    assert controls["state"] == "stopped" and "study_propose" in controls["hint"]
    assert set(controls["dev"]) == {"zero_shot_base", "few_shot_base"}

    hands.first_trial(study)
    hands("study_propose", study, "A rate ten times as high learns more.", "few steps", {"learning_rate": 0.003}, "t1")
    hands("study_run", study)
    judged = hands("study_wait", study)
    assert [t["verdict"] for t in judged["trials"]][1] == "promote"
    assert "test" not in judged

    verdicts = hands("study_verdicts", study)["verdicts"]
    assert verdicts[0]["outcome"] and verdicts[0]["p_needed"] == pytest.approx(0.05 / 4)
    compared = hands("study_compare", study, "t2", "base")
    assert compared["split"] == "dev" and compared["difference"] > 0

    hands("study_finish", study)
    ended = hands("study_wait", study)
    assert ended["state"] == "finished" and ended["verdict"].startswith("Promoted")
    assert ended["test"]["best"][0] > ended["test"]["few_shot_base"][0]
    report = hands("study_report", study)
    assert Path(report["report"]).is_file() and report["verdict"]["outcome"] == "promoted"


def test_a_hypothesis_cites_only_papers_that_were_read(hands: Hands) -> None:
    study = hands("study_import", "study")["study"]
    idea = (study, "Low rank is enough to learn it.", "a paper says so", {}, "", ["arXiv:2106.09685v2", "t1"])
    with pytest.raises(UsageError, match="was not read in this lab") as refused:
        hands("study_propose", *idea)
    assert "paper_read" in str(refused.value.cure)
    hands.desk.library.keep(LORA, None, "for its rank")
    hands("study_propose", *idea)
    (trial,) = hands.desk.ledger.study_view(study).trials
    assert trial.hypothesis.sources == (f"arxiv:2106.09685 {LORA.title}", "t1")


def test_a_study_outlives_the_process_that_started_it(hands: Hands) -> None:
    study = hands("study_import", "study")["study"]
    hands("study_run", study, decide_by="autopilot")
    directory = Path(hands.desk.ledger.study_view(study).directory)
    until = time.monotonic() + 600
    while hands("study_status", study)["state"] != "running" and time.monotonic() < until:
        time.sleep(0.05)  # it takes its lock, and then says so in the ledger
    assert is_held(directory)
    pid = int((directory / "lock").read_text().split()[0])
    assert os.getsid(pid) != os.getsid(0)
    assert hands("study_run", study)["was_running"], "a second call starts nothing"

    os.kill(pid, signal.SIGKILL)
    gone = hands("study_wait", study)
    assert not gone.get("running") and "its process is gone" in gone["hint"]
    hands("study_run", study)
    assert hands("study_status", study)["running"]


def test_a_run_that_nobody_wants_is_ended_and_its_trial_given_up(hands: Hands) -> None:
    study = hands("study_import", "study")["study"]
    slow = recipe_that_also("import time; time.sleep(600)", before=True)
    (hands.desk.workspace / "slow.py").write_text(
        slow.replace("time.sleep(600)", 'RUN.name.endswith("r1") or time.sleep(600)')
    )
    hands("study_propose_script", study, "A slow script learns no more.", "it only sleeps", "slow.py")
    hands("study_run", study)
    until = time.monotonic() + 300
    while not (live := [r for r in hands("job_list", study)["runs"] if r["run"].endswith("t1.r2")]):
        assert time.monotonic() < until
        time.sleep(0.1)
    while hands.desk.ledger.study_view(study).run(live[0]["run"]).state is not RunState.RUNNING:
        time.sleep(0.05)
    assert hands("job_cancel", live[0]["run"], "it is slow")["asked_to_end"]
    assert hands("job_wait", live[0]["run"])["state"] == "cancelled"
    hands("study_wait", study)
    assert "cancelled on request" in hands("study_verdicts", study)["verdicts"][0]["reason"]


def test_the_approval_of_a_script_shows_it_and_means_it(hands: Hands) -> None:
    shows = StudyPreviews(hands.desk)
    study = hands("study_import", "study")["study"]
    script = hands.desk.workspace / "mine.py"
    script.write_text(RECIPE)
    args = {"study": study, "hypothesis": "A script of mine learns more.", "because": "it is mine", "script": "mine.py"}
    assert RECIPE in shows.preview_of_script(args)
    approved = shows.pin_script(args)
    script.write_text("import os")
    with pytest.raises(UsageError, match="changed after it was approved"):
        hands("study_propose_script", **approved)
    script.write_text(RECIPE)
    assert hands("study_propose_script", **approved)["recipe"].startswith("recipes/mine-")
    assert "--- mine-" in shows.preview_of_running({"study": study})  # whoever agrees to the run sees it too


@pytest.mark.parametrize(
    ("tool", "args", "said"),
    [
        ("study_create", {"benchmark": "/etc"}, "outside the workspace"),
        ("study_create", {"benchmark": "study/missing"}, "no such file"),
        ("study_create", {"data": ["study/recipe.py", "../x.jsonl"]}, "outside the workspace"),
        ("study_create", {"recipe": "./study/recipe.py"}, "no bundled recipe"),
        ("study_create", {"wall_clock": "soon"}, "is no duration"),
        ("study_create", {"search": {"rungz": [1]}}, "unknown key 'rungz'"),
        ("study_status", {"study": "nope"}, "there is no study 'nope'"),
        ("job_logs", {"run": "nope.t1.r1"}, "there is no study 'nope'"),
    ],
)
def test_what_cannot_work_is_refused_with_its_cure(hands: Hands, tool: str, args: dict[str, Any], said: str) -> None:
    whole = {"goal": "Teach it", "base_model": "tiny", "benchmark": "study/benchmark", "wall_clock": "10m",
             "data": ["study/clean.jsonl"]}  # fmt: skip
    with pytest.raises(LabwrightError, match=said) as refused:
        hands(tool, **({**whole, **args} if tool == "study_create" else args))
    assert refused.value.cure or "write 90s" in refused.value.what
    assert "study.yaml:" not in refused.value.one_line()
    assert not list((hands.desk.workspace / "studies").glob("*/*"))


def test_a_path_that_the_person_named_in_any_message_may_lie_outside(hands: Hands, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (hands.desk.workspace / "study" / "benchmark").rename(outside)
    lab, workspace = hands.desk._lab, hands.desk.workspace
    opened = SessionOpened("s", "Teach it to sort", "autopilot", str(workspace), "ask", SessionBudget())
    lab.ledger.record(None, opened)
    desk = Hands(ToyDesk(lab, workspace, session_id="s"))
    create = {"goal": "Teach it to sort", "base_model": "tiny", "benchmark": str(outside), "wall_clock": "10m",
              "data": ["study/clean.jsonl"]}  # fmt: skip
    with pytest.raises(UsageError, match="outside the workspace"):
        desk("study_create", **create)
    lab.ledger.record(None, UserSaid("s", f"take the benchmark in {outside}, please"))
    assert desk("study_create", **create)["study"]


def test_no_answer_holds_an_item_of_the_benchmark(done: Hands, finished: FinishedStudy) -> None:
    study = finished.view.id
    run = finished.view.runs[-1].id
    answers = [
        done(tool, *args)
        for tool, args in (
            ("study_status", (study,)), ("study_verdicts", (study,)), ("study_alerts", (study,)),
            ("study_report", (study,)), ("job_list", (study,)), ("job_logs", (run,)), ("job_curve", (run,)),
            ("study_status", ()), ("job_wait", (run,)),
        )
    ]  # fmt: skip
    folder = Path(finished.view.source) / "benchmark"
    items = [json.loads(line) for name in ("dev", "test") for line in (folder / f"{name}.jsonl").open()]
    said = json.dumps(answers, ensure_ascii=False)
    assert not [item["id"] for item in items if item["prompt"] in said or item["answer"] in said]


def test_long_answers_come_in_pages_that_join(done: Hands, finished: FinishedStudy) -> None:
    seen, skip = [], 0
    while True:
        page = done("job_list", finished.view.id, skip=skip)
        seen += [line["run"] for line in page["runs"]]
        if "next" not in page:
            break
        assert page["of"] == len(finished.view.runs)
        skip = page["next"]
    assert seen == [run.id for run in reversed(finished.view.runs)]


def test_a_log_is_read_from_its_end_or_from_a_line(done: Hands, finished: FinishedStudy) -> None:
    run = finished.view.runs[-1]
    log = Path(run.directory) / "log.txt"
    log.write_text("".join(f"line {n} {'x' * 500}\n" for n in range(100)))
    assert "line 99" in done("job_logs", run.id)
    assert done("job_logs", run.id, skip=50).splitlines()[1].startswith("line 50 ")
