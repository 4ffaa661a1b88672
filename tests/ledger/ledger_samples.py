"""A study's events for the ledger's tests: short makers with plausible content, and one rich history."""

from __future__ import annotations

import math
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, select

from labwright.contracts.effects import Cost
from labwright.contracts.events import (
    AlertRaised,
    BaseResolved,
    BenchmarkSealed,
    BestChanged,
    BudgetRaised,
    BudgetReconciled,
    BudgetReleased,
    BudgetReserved,
    DatasetRegistered,
    EvaluationRecorded,
    Event,
    GateChecked,
    IncidentFound,
    NoteTaken,
    PaperKept,
    PaperNoted,
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
from labwright.contracts.literature import Paper, PaperIds
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
from labwright.contracts.sessions import (
    Approval,
    ApprovalAnswered,
    ApprovalAsked,
    LlmReconciled,
    LlmReleased,
    LlmReserved,
    SessionAdjusted,
    SessionAttached,
    SessionBudget,
    SessionEnded,
    SessionOpened,
    SessionSuspended,
    StudyLinked,
    ToolEnded,
    ToolStarted,
    UserSaid,
)
from labwright.contracts.specs import Split
from labwright.ledger import migrations
from labwright.ledger.library_tables import LIBRARY_STATE, paper_search
from labwright.ledger.session_tables import SESSION_STATE
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
        (244.0, BudgetRaised(1800.0, 2.5, "alice")),
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


def opened(session: str, budget: SessionBudget | None = None) -> SessionOpened:
    ceilings = SessionBudget(usd=5.0, wall_clock_s=3600.0) if budget is None else budget
    return SessionOpened(session, "sort three numbers", "autopilot", "/work", "ask", ceilings)


def asked(session: str, name: str, *, call: str = "c1") -> ApprovalAsked:
    args = {"script": "train.py", "hours": 2, "tags": ["a", None]}
    question = Approval(
        name, session, call, "run_study", ("execute", "spend"), args, "start a run", "--- a", Cost(None, 1.5), "$3", 1.0
    )
    return ApprovalAsked(session, question)


def session_history(session: str) -> list[tuple[float, Event]]:
    """Every kind of a session's events: suspended for an approval, killed, resumed on another model, ended."""
    return [
        (1000.0, opened(session)),
        (1000.0, SessionAttached(session, 11, "autopilot")),
        (1001.0, UserSaid(session, "in two hours, please")),
        (1002.0, LlmReserved(session, "l1", "m", 1000, 500, 0.02)),
        (1003.0, LlmReconciled(session, "l1", 900, 400, 100, 0.01)),
        (1003.0, LlmReserved(session, "l2", "m", 1000, 500, 0.02, agent="researcher")),
        (1004.0, LlmReleased(session, "l2", "the server was down")),
        (1004.0, StudyLinked(session, "s-1")),
        (1005.0, ToolStarted(session, "r1", "c0", "read_log", ("read",), {"run": "r"})),
        (1006.0, ToolEnded(session, "r1", "c0", "success", "loss 0.1")),
        (1007.0, asked(session, f"{session}-A1")),
        (1008.0, asked(session, f"{session}-A2", call="c2")),
        (1010.0, SessionSuspended(session, "an approval is open")),
        (5000.0, ApprovalAnswered(session, f"{session}-A1", "approved", "ann", "", {"hours": 1})),
        (5001.0, ApprovalAnswered(session, f"{session}-A2", "denied", "ann", "too dear")),
        (5002.0, SessionAdjusted(session, SessionBudget(usd=9.0), "auto", "ann")),
        (5010.0, SessionAttached(session, 12, "other")),
        (5011.0, ToolStarted(session, "r2", "c1", "run_study", ("execute", "spend"), {"hours": 1})),
        (5012.0, LlmReserved(session, "l3", "other", 10, 20, None)),
        (5020.0, SessionAttached(session, 13, "other", "gpu7", "b-1", 99)),  # killed at 5012
        (5021.0, ToolEnded(session, "r2", "c1", "unknown")),
        (5021.0, LlmReconciled(session, "l3", 10, 0, 20, None)),
        (5030.0, SessionEnded(session, "done", "it sorts")),
    ]


def kept(arxiv: str, title: str, why: str = "", *, also: tuple[str, ...] = (), doi: str | None = None) -> PaperKept:
    paper = Paper(PaperIds(arxiv=arxiv, doi=doi), title, ("Ann Author",), 2023, abstract=f"About {title}.", citations=7)
    return PaperKept(f"arxiv:{arxiv}", paper, why, also=also)


def library_history() -> list[tuple[float, Event]]:
    """Two papers that turn out to be one, and a third; each kept again and noted."""
    first, second = kept("2301.00001", "Sorting by loss", "for the base"), kept("2301.00002", "Sorting it by losses")
    return [
        (2000.0, first),
        (2001.0, PaperNoted(first.key, "table 2 has the learning rate")),
        (2002.0, second),
        (2003.0, PaperNoted(second.key, "the same as the other?")),
        (2004.0, kept("2301.00003", "Adapters", "for its ablation", doi="10.1000/adapters")),
        (2005.0, kept("2301.00002", "Sorting it by losses", "compared", also=(first.key,), doi="10.1000/sorting")),
        (2006.0, kept("2301.00003", "Adapters, revisited", "for its ablation")),
    ]


def migrated_to(version: str, url: str) -> None:
    """Make a ledger as an older Labwright left it."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()


def state_rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every state table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = {
            t.name: [tuple(row) for row in connection.execute(select(t).order_by(*t.primary_key))]
            for t in (*STATE, *SESSION_STATE, *LIBRARY_STATE)
        }
        index = connection.execute(select(paper_search).order_by(paper_search.c.rowid))
        rows[paper_search.name] = [tuple(row) for row in index]
    engine.dispose()
    return rows
