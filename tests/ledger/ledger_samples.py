"""A study's events for the ledger's tests: short makers with plausible content, and one rich history."""

from __future__ import annotations

import math
from pathlib import Path

from sqlalchemy import create_engine, select

from labwright.contracts.events import (
    AlertRaised,
    BaseResolved,
    BenchmarkSealed,
    BestChanged,
    BudgetReconciled,
    BudgetReleased,
    BudgetReserved,
    DatasetRegistered,
    EvaluationRecorded,
    Event,
    GateChecked,
    IncidentFound,
    NoteTaken,
    PhaseStarted,
    PreflightDone,
    QueryMetered,
    ReportWritten,
    RunEnded,
    RunQueued,
    RunStarted,
    SessionStarted,
    StudyCreated,
    StudyEnded,
    TestOpened,
    TrialProposed,
    VerdictGiven,
)
from labwright.contracts.research import (
    BASE,
    Alert,
    Check,
    Comparison,
    DatasetVersion,
    Evaluation,
    Finding,
    GateReport,
    Hit,
    Hypothesis,
    Incident,
    Interval,
    Lineage,
    Outcome,
    Run,
    RunPurpose,
    RunState,
    StudyState,
    Trial,
    TrialKind,
    Verdict,
)
from labwright.contracts.specs import Split
from labwright.ledger.tables import STATE

SPEC = {
    "goal": "Sort three numbers",
    "base_model": "tiny",
    "benchmark": "benchmark/",
    "data": [{"name": "sorted", "path": "data/train.jsonl"}],
    "budget": {"wall_clock": 900.0, "runs": 12},
}


def created(name: str = "sorting") -> StudyCreated:
    return StudyCreated(name, "/somewhere/sorting", "/lab/studies/sorting-1", SPEC)


def session() -> SessionStarted:
    return SessionStarted(4711, "host", "autopilot")


def trial(study: str, number: int) -> TrialProposed:
    parent = f"{study}.t{number - 1}" if number > 1 else None
    hypothesis = Hypothesis("A higher rate learns faster", "the loss falls slowly", (f"{study}.t1",))
    params = {"learning_rate": 1e-3, "lora": True, "layers": [1, 2]}
    node = Trial(f"{study}.t{number}", study, parent, TrialKind.DRAFT, f"rate {number}", hypothesis, "sft", params, "d")
    return TrialProposed(node)


def queued(study: str, number: int, *, attempt: int = 1, name: str = "r1") -> RunQueued:
    made_of = {"inputs/train.jsonl": "ab" * 32}
    trial_id = f"{study}.t{number}"
    run = Run(f"{trial_id}.{name}", study, trial_id, RunPurpose.SEARCH, 17, 36, None, f"/runs/{number}", "process")
    return RunQueued(
        Run(
            run.id, study, trial_id, run.purpose, 17, 36, None, run.directory, "process",
            attempt=attempt, input_hashes=made_of,
        )
    )  # fmt: skip


def started(study: str, number: int, *, attempt: int = 1) -> RunStarted:
    return RunStarted(f"{study}.t{number}.r1", f"pid-{number}", attempt)


def ended(study: str, number: int, begin: float | None, end: float | None) -> RunEnded:
    run_id = f"{study}.t{number}.r1"
    return RunEnded(run_id, RunState.SUCCEEDED, "finished", 0, begin, end, 3_000_000_000, "enforced", 36)


def evaluation(
    study: str | None, subject: str, score: float, *, number: int = 1, split: Split = "dev", duration_s: float = 5.0
) -> EvaluationRecorded:
    interval = Interval(score, score - 0.05, score + 0.05)
    return EvaluationRecorded(
        Evaluation(
            f"{study}.{subject}.{split}.{number}", study, subject, "few_shot", split, "bench-1", "accuracy", 300,
            interval, "cd" * 32, "ef" * 32, "attested", "enforced", duration_s, ("a note",),
        )
    )  # fmt: skip


def verdict(study: str, number: int, outcome: Outcome) -> VerdictGiven:
    against = Comparison(300, 60, 10, Interval(0.16, 0.1, 0.2), 1e-9)
    trial_id = f"{study}.t{number}"
    return VerdictGiven(
        Verdict(study, trial_id, f"{trial_id}.r1", outcome, "better", "e0", against, 0.05 / 6, (against,), 0.01)
    )


def alert(study: str, number: int) -> AlertRaised:
    numbers = {"loss": math.inf, "step": 4.0}
    return AlertRaised(
        Alert(f"{study}.t{number}.r1", "not-finite", "error", 4, "the loss is infinite", numbers, "lower the rate")
    )


def dataset(name: str = "sorted", *, digest: str = "d" * 16) -> DatasetRegistered:
    version = DatasetVersion(
        digest, name, f"/objects/{digest}.jsonl", "prompt-completion", 500, "file", (Lineage("read", {"x": 1}),)
    )
    return DatasetRegistered(version, (Finding("warning", "3 rows twice", (4, 5, 6), "deduplicate"),))


def gate(split: Split = "dev") -> GateChecked:
    hits = (Hit(4, "i7", "ngram", 0.9, "Sort 4 5 6"),) if split == "dev" else ()
    return GateChecked("bench-1", GateReport("d" * 16, split, 500, 1, "drop", hits, "e" * 16))


def rich_history(study: str) -> list[tuple[float, Event]]:
    """Every kind of event at least once: a study that was killed, resumed, ended and given a report."""
    run = f"{study}.t1.r1"
    return [
        (100.0, created()),
        (100.0, session()),
        (101.0, PhaseStarted("prepare")),
        (102.0, BaseResolved("tiny", "/models/tiny", "ab" * 32, 135_000_000)),
        (103.0, BenchmarkSealed("bench-1", "number-sorting", "accuracy", 300, 300, 4, "/pack", 0.4)),
        (104.0, dataset()),
        (104.0, dataset("noisy", digest="n" * 16)),
        (105.0, dataset()),
        (106.0, gate("dev")),
        (107.0, gate("test")),
        (107.0, QueryMetered("bench-1", "test", "gate", "d" * 16)),
        (108.0, PreflightDone((Check("memory", ok=True, detail="4 of 24 GB"),), 6.0, 1.5)),
        (109.0, PhaseStarted("search")),
        (110.0, evaluation(study, BASE, 0.08)),
        (110.0, QueryMetered("bench-1", "dev", "evaluation", BASE)),
        (111.0, BestChanged(BASE, "few_shot", f"{study}.base.dev.1", "/best")),
        (112.0, trial(study, 1)),
        (112.0, BudgetReserved("b1", run, 60.0, 1)),
        (112.0, queued(study, 1)),
        (113.0, started(study, 1)),
        (120.0, alert(study, 1)),
        (200.0, session()),
        (201.0, queued(study, 1, attempt=2)),
        (202.0, started(study, 1, attempt=2)),
        (240.0, ended(study, 1, 202.5, 239.5)),
        (240.0, BudgetReconciled("b1", 37.0, 1, 0.5, 0.25)),
        (241.0, BudgetReserved("b2", "another run", 60.0, 1)),
        (242.0, BudgetReserved("b3", "never run", 60.0, 1)),
        (243.0, BudgetReleased("b3")),
        (250.0, evaluation(study, run, 0.71)),
        (251.0, verdict(study, 1, Outcome.KEEP)),
        (252.0, verdict(study, 1, Outcome.PROMOTE)),
        (253.0, BestChanged(run, "few_shot", f"{study}.{run}.dev.1", "/best")),
        (254.0, trial(study, 2)),
        (255.0, IncidentFound(Incident(run, "forged-result", "result.json says 1.0"))),
        (256.0, NoteTaken("the second trial was not started: no time", f"{study}.t2")),
        (260.0, TestOpened("bench-1", f"{study}.opening", (BASE, run))),
        (261.0, evaluation(study, run, 0.7, split="test")),
        (270.0, StudyEnded(StudyState.FINISHED, "done", 161.0, 60.0)),
        (999.0, ReportWritten(("report.md", "report.html"))),
    ]


def state_rows(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every state table."""
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        rows = {t.name: [tuple(row) for row in connection.execute(select(t).order_by(*t.primary_key))] for t in STATE}
    engine.dispose()
    return rows
