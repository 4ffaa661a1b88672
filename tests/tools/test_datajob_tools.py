"""Long work on data as tools: jobs of their own, which keep what they have done, under the session's ceilings."""

from __future__ import annotations

import asyncio
import inspect
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from tests.agent.scripted import lab_in
from tests.servers.openai_server import OpenAIServer, Reply, call

from labwright.assemble import Lab
from labwright.assemble.data import workbench
from labwright.assemble.difficulty import score_rows
from labwright.assemble.reading import ReadingRoom
from labwright.compute.whereabouts import marked
from labwright.contracts.datajobs import SynthesisAsked
from labwright.contracts.errors import BudgetError, UsageError
from labwright.contracts.sessions import SessionAdjusted, SessionBudget
from labwright.data.difficulty import Method
from labwright.datajobs import process
from labwright.datajobs.jobs import ORDER, JobEnd, JobOrder
from labwright.desk import LabDesk
from labwright.intern import open_session
from labwright.tools.datajobs import DataJobTools

WORKER = Path(__file__).parents[1] / "toys" / "scoring_worker.py"
KEY = "sk-a-key-that-no-scoring-needs"
SUMS = """
name: sums
generator: {kind: template, row: {prompt: "Add {{ a }} and {{ b }}.", completion: "{{ a + b }}"}}
slices: [{name: small, count: 6, let: {a: "integer(1, 99)", b: "integer(1, 99)"}}]
"""
ASKED = """
generator: {kind: llm, rows_a_call: 2, max_tokens: 200}
checks: {judge: {rubric: Is it about rain, max_tokens: 100}}
budget: {tokens: 1000000}
parallel: 1
slices: [{name: rain, count: 6, instructions: Write about rain.}]
"""


def hands(
    folder: Path, *, session: bool = False, base_url: str | None = None, tokens: int | None = None, **more: str
) -> Any:
    """The tools at a desk; `lab` and `workspace` are attributes."""
    workspace = folder / "workspace"
    workspace.mkdir(exist_ok=True)
    settings = {"generation_worker": str(WORKER), **more}
    lab = lab_in(folder, environment={"OPENAI_API_KEY": KEY}, base_url=base_url, settings=settings)
    budget = SessionBudget(tokens=tokens)
    name = open_session(lab, "rain", model="local:stub", workspace=workspace, approve="auto", budget=budget)
    tools: Any = DataJobTools(LabDesk(lab, workspace, session_id=name if session else None))
    tools.lab, tools.workspace, tools.session_id = lab, workspace, name
    return tools


def did(said: Any) -> dict[str, Any]:
    text = asyncio.run(said) if inspect.isawaitable(said) else said
    document = json.loads(str(text))
    assert isinstance(document, dict)
    return document


def questions(count: int) -> list[dict[str, str]]:
    return [{"prompt": f"{'why ' * n}does it rain?", "completion": "yes"} for n in range(1, count + 1)]


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_scoring_outlives_its_call_can_be_stopped_and_goes_on_where_it_was(tmp_path: Path, tiny_model: Path) -> None:
    do, hold = hands(tmp_path), tmp_path / "hold"
    write_rows(do.workspace / "rows.jsonl", [*questions(40), {"prompt": f"wait for {hold}", "completion": "yes"}])
    (do.workspace / "link").symlink_to(tiny_model)
    shutil.copytree(tiny_model, do.workspace / "model")
    asked = {"src": "rows.jsonl", "out": "scored.jsonl", "model": "model", "by": "loss"}
    for model in (str(tiny_model), "link"):
        with pytest.raises(UsageError, match="outside the workspace"):
            did(do.data_difficulty(**{**asked, "model": model}))
    job = did(do.data_difficulty(**asked))["job"]
    wait_until(lambda: did(do.data_job_wait(job, 0)).get("done", 0) >= 32)
    assert did(do.data_difficulty(**asked))["job"] == job  # the same request is the same job
    with pytest.raises(UsageError, match="scoring rows already"):
        did(do.data_difficulty(**{**asked, "out": "another.jsonl"}))
    pid = json.loads((do.lab.home / "datajobs" / job / "process.json").read_text())["pid"]
    assert KEY.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    stopped = did(do.data_job_stop(job))
    assert (stopped["state"], stopped["next"]) == ("incomplete", "the same call goes on")
    assert not (do.workspace / "scored.jsonl").exists()
    hold.touch()
    room = ReadingRoom(do.lab, offline=True)
    src, out, model = (str(do.workspace / name) for name in ("rows.jsonl", "scored.jsonl", "model"))
    scored = score_rows(do.lab, workbench(do.lab, room), src, out, model, Method("loss"))
    room.close()
    assert (scored.result.scores.known, scored.result.scores.asked) == (32, 9)


def test_a_scoring_ends_with_its_time_and_one_long_row_does_not_end_it(tmp_path: Path, tiny_model: Path) -> None:
    do, hold = hands(tmp_path), tmp_path / "hold"
    rows = [*questions(31), {"prompt": "too long", "completion": "yes"}]
    write_rows(do.workspace / "rows.jsonl", [*rows, {"prompt": f"wait for {hold}", "completion": "yes"}])
    src, out = str(do.workspace / "rows.jsonl"), str(do.workspace / "scored.jsonl")
    room = ReadingRoom(do.lab, offline=True)
    bench = workbench(do.lab, room)
    with pytest.raises(BudgetError, match="the time is over") as ended:
        score_rows(do.lab, bench, src, out, str(tiny_model), Method("loss"), most_s=2.0)
    assert "goes on from there" in str(ended.value)
    hold.touch()
    scored = score_rows(do.lab, bench, src, out, str(tiny_model), Method("loss"))
    room.close()
    assert scored.result.counts["not scored"] == 1
    assert any("1 row not scored" in remark and "longer than" in remark for remark in scored.made.remarks)


def test_rows_are_written_to_a_spec_by_a_process_of_their_own(tmp_path: Path) -> None:
    do = hands(tmp_path)
    (do.workspace / "sums.yaml").write_text(SUMS)
    job = did(do.data_synth("sums.yaml", "sums.jsonl"))["job"]
    done = did(do.data_job_wait(job, 1800))
    assert (done["state"], done["rows"], done["slices"][0]["acceptance"]) == ("done", 6, 1.0)
    assert do.lab.ledger.dataset(done["version"]) is not None
    assert len((do.workspace / "sums.jsonl").read_text().splitlines()) == 6
    with pytest.raises(UsageError, match="the file exists"):
        did(do.data_synth("sums.yaml", "sums.rejected.jsonl"))


@pytest.fixture
def rain() -> Iterator[OpenAIServer]:
    """A server that writes rows about rain and judges them well; each answer takes 500 tokens."""
    written: list[int] = []

    def says(request: dict[str, Any]) -> Reply:
        usage = {"prompt_tokens": 300, "completion_tokens": 200, "total_tokens": 500}
        if "score" in str(request["tools"]):
            return replace(call("hand_in", {"reason": "It is.", "score": 1.0}), usage=usage)
        written.append(1)
        rows = [{"prompt": f"Town {10 * len(written) + n}?", "completion": f"Rain {n}."} for n in range(2)]
        return replace(call("hand_in", {"rows": rows}), usage=usage)

    with OpenAIServer(says) as server:
        yield server


def job_of(do: Any, lab: Lab, out: str) -> JobEnd:
    """What the process of a job does, in this one."""
    asked = do._synthesis("rain.yaml", out, "local:stub", ())
    folder = lab.home / "job"
    folder.mkdir(exist_ok=True)
    return process.synthesise(lab, asked, do.session_id, process.Told(folder))


def test_writer_and_judge_are_on_the_sessions_account_and_its_ceiling_ends_them(
    tmp_path: Path, rain: OpenAIServer
) -> None:
    do = hands(tmp_path, session=True, base_url=rain.url, tokens=2600)
    (do.workspace / "rain.yaml").write_text(ASKED)
    first = job_of(do, do.lab, "rain.jsonl")
    assert first.state == "incomplete" and "--budget-tokens" in first.error
    calls = do.lab.ledger.llm_calls(do.session_id)
    assert {c.state for c in calls} == {"reconciled"} and {c.agent for c in calls} == {"synthesis"}
    assert sum(c.input_tokens + c.output_tokens for c in calls) == 500 * len(rain.requests) <= 2600
    assert first.result is not None and 0 < int(str(first.result["rows"])) < 6
    do.lab.ledger.record(None, SessionAdjusted(do.session_id, budget=SessionBudget(tokens=100_000)))
    second = job_of(do, do.lab, "rain.jsonl")
    assert second.state == "done" and second.result is not None and second.result["rows"] == 6
    usage = do.lab.ledger.session_view(do.session_id).usage
    assert usage.tokens == 500 * len(rain.requests) and usage.reserved_tokens == 0
    assert usage.steps == 0  # they are nobody's turns


def test_a_job_waits_for_a_person_at_the_tokens_at_which_the_session_asks(tmp_path: Path, rain: OpenAIServer) -> None:
    do = hands(tmp_path, session=True, base_url=rain.url, check_in_tokens="1000")
    (do.workspace / "rain.yaml").write_text(ASKED)
    end = job_of(do, do.lab, "rain.jsonl")
    assert end.state == "incomplete" and "tokens of no known price are spent" in end.error
    assert len(rain.requests) <= 2


def test_what_a_call_costs_and_shows_is_known_before_it_is_made(tmp_path: Path, rain: OpenAIServer) -> None:
    do = hands(tmp_path, session=True, base_url=rain.url)
    (do.workspace / "sums.yaml").write_text(SUMS)
    (do.workspace / "rain.yaml").write_text(ASKED)
    assert do.cost_of_synth({"spec": "sums.yaml", "out": "a.jsonl"}).usd == 0.0
    assert do.cost_of_synth({"spec": "rain.yaml", "out": "a.jsonl"}).usd is None  # nobody knows a local model's price
    known = {"spec": "rain.yaml", "out": "a.jsonl", "model": "openai:gpt-4o"}
    assert do.cost_of_synth(known).usd > 0.01
    (do.workspace / "rain.yaml").write_text(ASKED.replace("budget: {", "budget: {usd: 0.01, "))
    assert do.cost_of_synth(known).usd == 0.01
    unusable = {**known, "model": "anthropic:without-a-key"}
    assert do.cost_of_synth(unusable).usd is None
    assert do.cost_of_difficulty({"most_minutes": 2}).wall_clock_s == 120.0
    shown = do.preview_of_synth({"spec": "rain.yaml", "out": "a.jsonl"})
    assert "Write about rain." in shown and "a.jsonl" in shown
    pinned = do.pin_synth({"spec": "rain.yaml", "out": "a.jsonl", "model": ""})
    (do.workspace / "rain.yaml").write_text(ASKED.replace("1000000", "2000000"))
    with pytest.raises(UsageError, match="changed after it was approved"):
        did(do.data_synth(**pinned))


@pytest.mark.parametrize(
    ("spec", "out", "said"),
    [
        ("/etc/hostname", "x.jsonl", "outside the workspace"),
        ("sums.yaml", "/tmp/x.jsonl", "outside the workspace"),
        ("links.yaml", "x.jsonl", "leads out of the spec's folder"),
        ("others.yaml", "x.jsonl", "outside the workspace"),
        ("none.yaml", "x.jsonl", "no such file"),
        ("sums.yaml", "x.txt", "cannot be written to x.txt"),
    ],
)
def test_a_spec_reads_and_writes_nothing_outside_the_workspace(tmp_path: Path, spec: str, out: str, said: str) -> None:
    do = hands(tmp_path)
    (do.workspace / "secret.py").symlink_to("/etc/hostname")
    (do.workspace / "sums.yaml").write_text(SUMS)
    (do.workspace / "links.yaml").write_text(
        SUMS.replace("generator", "checks: {verifier: {script: secret.py}}\ngenerator", 1)
    )
    (do.workspace / "others.yaml").write_text(f"checks: {{dedup: {{files: ['{do.lab.home}/lab.db']}}}}\n{SUMS}")
    with pytest.raises(UsageError, match=said):
        did(do.data_synth(spec, out))
    assert not (do.lab.home / "datajobs").exists()


def test_an_unknown_job_is_named_and_one_whose_process_was_killed_says_so(tmp_path: Path) -> None:
    do = hands(tmp_path)
    with pytest.raises(UsageError, match="no data job 'synthesis-7'"):
        did(do.data_job_wait("synthesis-7", 0))
    with pytest.raises(UsageError, match="no data job"):
        did(do.data_job_stop("../../home"))
    folder = do.lab.home / "datajobs" / "synthesis-1"
    folder.mkdir(parents=True)
    asked = SynthesisAsked("sums.yaml", "sums.jsonl", "0" * 64)
    (folder / "job.json").write_bytes(ORDER.dump_json(JobOrder(asked, None)))
    (folder / "log.txt").write_text("killed by somebody\n")
    found = did(do.data_job_wait("synthesis-1", 0))
    assert found["state"] == "failed" and "killed by somebody" in found["why"]


def test_a_job_of_another_machine_is_not_taken_for_dead_and_is_not_ended_from_here(tmp_path: Path) -> None:
    do = hands(tmp_path)
    folder = do.lab.home / "datajobs" / "synthesis-1"
    folder.mkdir(parents=True)
    asked = SynthesisAsked("sums.yaml", "sums.jsonl", "0" * 64)
    (folder / "job.json").write_bytes(ORDER.dump_json(JobOrder(asked, None)))
    other = {"at": time.time(), **asdict(marked()), "host": "gpu7"}
    (folder / "process.json").write_text(json.dumps(other))
    found = did(do.data_job_wait("synthesis-1", 0))
    assert found["state"] == "running" and found["doing"].startswith("on gpu7")
    with pytest.raises(UsageError, match="runs on gpu7"):
        did(do.data_job_stop("synthesis-1"))
