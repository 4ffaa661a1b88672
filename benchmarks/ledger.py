"""How fast the ledger answers in a lab of 10,000 trials, and with a run of a million metric points.

    python benchmarks/ledger.py [--quick]

Everything is built through the public API in a temporary directory. Each figure stands beside its target and beside
what it would cost to answer the same question naively, in the same process: by reading the whole study, or by parsing
metrics.jsonl. `--quick` uses a tenth of the trials and of the points. Times are medians.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.compute import MetricPoint
from labwright.contracts.events import (
    BestChanged,
    BudgetReconciled,
    BudgetReserved,
    EvaluationRecorded,
    Event,
    PhaseStarted,
    QueryMetered,
    RunEnded,
    RunQueued,
    RunStarted,
    SessionStarted,
    StudyCreated,
    TrialProposed,
    VerdictGiven,
)
from labwright.contracts.research import (
    Evaluation,
    Hypothesis,
    Interval,
    Outcome,
    Run,
    RunPurpose,
    RunState,
    Trial,
    TrialKind,
    Verdict,
)
from labwright.ledger import Ledger

STUDY = "bench-1"
STATUS_TARGET_S = 0.100
CURVE_TARGET_S = 0.050
READ_CHUNK = 20_000  # points between two looks at a run
TOTAL = """
import sys, time
begun = time.perf_counter()
from labwright.ledger import Ledger
Ledger.open(sys.argv[1]).status("bench-1")
print(time.perf_counter() - begun)
"""


def study_events(trials: int) -> Iterator[tuple[float, Event]]:
    """A long study: each trial with its run, evaluation, metering, budget and, mostly, a verdict."""
    spec: dict[str, JsonValue] = {
        "goal": "Measure the ledger",
        "base_model": "tiny",
        "benchmark": "b",
        "data": [{"name": "d", "path": "d.jsonl"}],
        "budget": {"wall_clock": 1e7, "runs": trials},
    }
    yield 0.0, StudyCreated("bench", "/src", "/lab/studies/bench-1", spec)
    yield 0.0, SessionStarted(1, "host", "autopilot")
    yield 1.0, PhaseStarted("search")
    for number in range(1, trials + 1):
        yield from trial_events(number)


def trial_events(number: int) -> Iterator[tuple[float, Event]]:
    """What one trial leaves in the ledger."""
    at = 10.0 * number
    trial_id, run_id = f"{STUDY}.t{number}", f"{STUDY}.t{number}.r1"
    hypothesis = Hypothesis("A higher learning rate learns faster", "the loss was still falling", (f"{STUDY}.t1",))
    params = {"learning_rate": 1e-3 * (1 + number % 7), "lora": True, "batch_size": 16}
    parent = f"{STUDY}.t{number // 2}" if number > 1 else None
    score = 0.5 + 0.4 * math.sin(number)
    yield at, TrialProposed(Trial(trial_id, STUDY, parent, TrialKind.DRAFT, "rate", hypothesis, "sft", params, "d"))
    yield at, BudgetReserved(run_id, "run", 9.0, 1)
    yield (
        at,
        RunQueued(Run(run_id, STUDY, trial_id, RunPurpose.SEARCH, 17, 36, None, f"/runs/{number}", "process")),
    )
    yield at + 1, RunStarted(run_id, "4711", 1)
    yield at + 8, RunEnded(run_id, RunState.SUCCEEDED, "finished", 0, at + 1, at + 8, 10**9, "enforced", 36)
    yield at + 8, BudgetReconciled(run_id, 7.0, 1)
    yield at + 8, QueryMetered("b", "dev", "evaluation", run_id)
    interval = Interval(score, score - 0.05, score + 0.05)
    evaluation_id = f"{run_id}.dev"
    yield (
        at + 9,
        EvaluationRecorded(
            Evaluation(
                evaluation_id, STUDY, run_id, "few_shot", "dev", "b", "accuracy", 300, interval, "ab" * 32, "cd" * 32,
                "attested", "enforced", 1.0,
            )
        ),
    )  # fmt: skip
    if number % 3:
        outcome = Outcome.PROMOTE if number == 1 else Outcome.DISCARD
        yield at + 9, VerdictGiven(Verdict(STUDY, trial_id, run_id, outcome, "p-value against 0.05/K", evaluation_id))
    if number == 1:
        yield at + 9, BestChanged(run_id, "few_shot", evaluation_id, "/best")


def metric_points(count: int) -> Iterator[MetricPoint]:
    """A loss and a learning rate at each step."""
    for step in range(count):
        yield MetricPoint(step, 1e9 + step, {"loss": 3.0 / (1 + step / 1e4) + 0.1 * math.sin(step), "lr": 1e-3})


def ingest(ledger: Ledger, run_id: str, file: Path, count: int) -> float:
    """Write metrics.jsonl and fold it as a tailer would, portion by portion; the seconds spent folding."""
    spent, offset, portion = 0.0, 0, list[MetricPoint]()
    with file.open("w", encoding="utf-8") as lines:
        for point in metric_points(count):
            offset += lines.write(json.dumps({"step": point.step, "time": point.at, **point.values}) + "\n")
            portion.append(point)
            if len(portion) == READ_CHUNK or point.step == count - 1:
                begun = time.perf_counter()
                ledger.fold_metrics(run_id, offset, portion)
                spent += time.perf_counter() - begun
                portion = []
    return spent


def parse_all(file: Path) -> float:
    """The naive curve: the mean loss from every line of metrics.jsonl."""
    with file.open(encoding="utf-8") as lines:
        return statistics.fmean(json.loads(line)["loss"] for line in lines)


def median_s(action: Callable[[], object], times: int) -> float:
    """The median duration of several calls, after one to warm up."""
    action()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result."""

    what: str
    taken_s: float
    target_s: float | None = None
    naive_s: float | None = None

    def line(self) -> str:
        """The figure with its ratios: over 1 is better than the target, or faster than the naive way."""
        text = f"{self.what:<58}{self.taken_s * 1000:>10.1f} ms"
        if self.target_s is not None:
            text += f"   target {self.target_s * 1000:.0f} ms: {self.target_s / self.taken_s:.1f}×"
        if self.naive_s is not None:
            text += f"   naive {self.naive_s * 1000:.0f} ms: {self.naive_s / self.taken_s:.0f}×"
        return text


def measure(home: Path, trials: int, points: int) -> Iterator[Figure]:
    """Build the lab, then ask it."""
    url = f"sqlite:///{home}/lab.db"
    with Ledger.open(url) as ledger:
        begun = time.perf_counter()
        count = ledger.record_many(STUDY, study_events(trials))
        taken_s = time.perf_counter() - begun
        yield Figure(f"record_many, {count:,} events ({taken_s / count * 1e6:.0f} µs each)", taken_s)
        view_s = median_s(lambda: ledger.study_view(STUDY), 3)
        status_s = median_s(lambda: ledger.status(STUDY), 15)
        yield Figure(f"study status, {trials:,} trials", status_s, STATUS_TARGET_S, view_s)
        yield Figure("study list", median_s(ledger.summaries, 15), STATUS_TARGET_S)
        child = [sys.executable, "-c", TOTAL, url]
        totals = [float(subprocess.run(child, capture_output=True, text=True, check=True).stdout) for _ in range(5)]
        yield Figure("the same in a new process: import, open, status", statistics.median(totals))
        file = home / "metrics.jsonl"
        run_id = f"{STUDY}.t1.r1"
        fold_s = ingest(ledger, run_id, file, points)
        naive_s = median_s(lambda: parse_all(file), 1)
        yield Figure(f"fold_metrics, {points:,} points of 2 metrics", fold_s, naive_s=naive_s)
        curve_s = median_s(lambda: ledger.curve(run_id, "loss"), 15)
        yield Figure(f"one curve of {points:,} points", curve_s, CURVE_TARGET_S, naive_s)
        begun = time.perf_counter()
        ledger.rebuild(STUDY)
        yield Figure(f"rebuild from {count:,} events", time.perf_counter() - begun)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials and of the points")
    scale = 10 if parser.parse_args().quick else 1
    with tempfile.TemporaryDirectory() as home:
        for figure in measure(Path(home), 10_000 // scale, 1_000_000 // scale):
            print(figure.line(), flush=True)


if __name__ == "__main__":
    main()
