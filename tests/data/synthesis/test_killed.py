"""A run that is killed at any moment is taken up by the same command, and pays for nothing twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue
from tests.data.synthesis.specs import ScriptedJudge, ScriptedWriter, llm_spec, rows, run

from labwright.contracts.errors import DataError, UsageError
from labwright.data.synthesis import Journal, Parts, Purse
from labwright.data.synthesis.spec import BudgetSpec

SPEC = llm_spec(count=40, checks="{judge: Is it good}", budget="{usd: 9, tokens: 1000000}")


def work(folder: Path, first: int, killed_at: str, call: int) -> None:
    """A process that kills itself while it writes or judges."""

    def says(number: int, count: int) -> list[Mapping[str, JsonValue]]:
        if killed_at == "writing" and number == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return [{"prompt": f"Question {first + 100 * number + n}?", "completion": "Rain."} for n in range(count)]

    judge = ScriptedJudge()

    def judged(row: Mapping[str, JsonValue]) -> float:
        if killed_at == "judging" and len(judge.judged) == 4 * call:
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0

    judge.says = judged
    writer = ScriptedWriter(says=says)
    run(folder, SPEC, Parts(writer=writer.keeping, judge=judge.of))
    (folder / "calls").write_text(str(len(writer.asked)))


@pytest.mark.parametrize("killed_at", ["writing", "judging"])
def test_it_goes_on_where_it_was_killed(tmp_path: Path, killed_at: str) -> None:
    for attempt, call in enumerate((3, 2)):
        process = multiprocessing.get_context("fork").Process(
            target=work, args=(tmp_path, 10**4 * attempt, killed_at, call)
        )
        process.start()
        process.join(600)
        assert process.exitcode == -signal.SIGKILL
        assert not (tmp_path / "out.jsonl").exists()
    work(tmp_path, 10**6, "never", 0)
    made = rows(tmp_path / "out.jsonl")
    assert len(made) == 40 == len({one["prompt"] for one in made})
    report = json.loads((tmp_path / "out.report.json").read_text())
    calls = int((tmp_path / "calls").read_text())
    assert report["complete"] and calls < 10  # of the ten, earlier processes made some
    entries = [json.loads(line) for line in (tmp_path / "out.jsonl.journal").read_text().splitlines()]
    reserved = sum(e["kind"] == "reserved" for e in entries)
    assert reserved == 10 + (2 if killed_at == "writing" else 0)  # only what was in flight is asked for again
    worst = 2 * 0.05 if killed_at == "writing" else 0.0  # and it counts at its most
    judged = sum(e["kind"] == "took" and e["call"] == "" for e in entries)
    assert report["spent"]["usd"] == pytest.approx(10 * 0.01 + worst + judged * 0.001)


def test_a_torn_last_line_is_as_good_as_never_written(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.add({"kind": "begun", "spec": "é\ud800"})
    (tmp_path / "j").open("ab").write(b'{"kind": "made", "sl')
    with Journal(tmp_path / "j") as journal:
        assert [e["kind"] for e in journal.entries()] == ["begun"]
        journal.add({"kind": "failed"})
        assert [e["kind"] for e in journal.entries()] == ["begun", "failed"]
    (tmp_path / "torn").write_bytes(b"x" * 200_000)
    with Journal(tmp_path / "torn") as journal:
        assert list(journal.entries()) == []


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b'{"kind": "begun"}\n{"ki\n{"kind": "made"}\n')
    with Journal(tmp_path / "j") as journal, pytest.raises(DataError, match="line 2"):
        list(journal.entries())


def test_two_processes_never_write_one_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"), pytest.raises(UsageError, match="another process"):
        Journal(tmp_path / "j")


def test_what_a_killed_process_had_reserved_counts_at_its_worst(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        purse = Purse(BudgetSpec(usd=1), journal)
        purse.reserve("a", "m", 10, 20, 0.5)
        purse.reserve("b", "m", 10, 20, 0.25)
        purse.reconcile("b", input_tokens=None, output_tokens=5, usd=0.1)
        purse.reserve("c", "m", 1, 1, 0.01)
        purse.release("c")
        again = Purse(BudgetSpec(usd=1), journal, journal.entries())
        assert (again.spent.usd, again.spent.tokens, again.spent.calls) == (0.6, 45, 2)


def test_the_time_of_earlier_processes_counts(tmp_path: Path) -> None:
    ticks = iter(range(0, 10**6, 5))
    spec = llm_spec(count=200, budget="{wall_clock: 100s}")
    parts = Parts(writer=ScriptedWriter().of, clock=lambda: float(next(ticks)))
    first = run(tmp_path, spec, parts)
    second = run(tmp_path, spec, parts)
    assert first.slices[0].ended == second.slices[0].ended == "time"
    assert second.rows <= first.rows + 4
