"""A study as it stands, read from the ledger: what researchers decide from, and what reports and screens render."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labwright.contracts.events import (
    BaseResolved,
    BenchmarkSealed,
    BestChanged,
    GateChecked,
    NoteTaken,
    PreflightDone,
    QueryMetered,
    TestOpened,
)
from labwright.contracts.processes import LastSeen
from labwright.contracts.research import (
    Alert,
    DatasetVersion,
    Evaluation,
    Finding,
    Incident,
    Interval,
    Outcome,
    Run,
    RunState,
    StudyState,
    Style,
    Trial,
    TrialKind,
    Verdict,
)
from labwright.contracts.sessions import TokenUsage
from labwright.contracts.specs import Split, StudySpec

_NO_CALLS = TokenUsage()


@dataclass(frozen=True, slots=True)
class BudgetView:
    """What was given, what is spent, and what is set aside. Seconds, counts, hours, dollars."""

    wall_clock_s: float
    used_wall_clock_s: float
    reserved_wall_clock_s: float
    runs: int
    used_runs: int
    reserved_runs: int
    used_gpu_hours: float = 0.0
    usd: float = 0.0
    used_usd: float = 0.0
    reserved_usd: float = 0.0
    judge: TokenUsage = _NO_CALLS  # of the model that judged outputs by a rubric; its dollars are in `used_usd`

    @property
    def left_wall_clock_s(self) -> float:
        """Seconds that nobody has used or reserved."""
        return self.wall_clock_s - self.used_wall_clock_s - self.reserved_wall_clock_s

    @property
    def left_runs(self) -> int:
        """Runs that nobody has used or reserved."""
        return self.runs - self.used_runs - self.reserved_runs

    @property
    def left_usd(self) -> float:
        """Dollars that nobody has used or reserved."""
        return self.usd - self.used_usd - self.reserved_usd


@dataclass(frozen=True, slots=True)
class PhaseMark:
    """When a study entered a phase."""

    phase: str
    at: float


@dataclass(frozen=True, slots=True)
class StudyView:
    """Everything the ledger knows of one study, in the order it happened."""

    id: str
    name: str
    state: StudyState
    reason: str
    phase: str
    spec: StudySpec
    source: str
    directory: str
    created_at: float
    ended_at: float | None
    wall_clock_s: float  # so far, or in all
    active_s: float  # of it, the time a run or an evaluation was active
    budget: BudgetView
    base: BaseResolved | None
    benchmark: BenchmarkSealed | None
    datasets: tuple[DatasetVersion, ...]
    findings: Mapping[str, tuple[Finding, ...]]  # by dataset version id
    gates: tuple[GateChecked, ...]
    preflight: PreflightDone | None
    trials: tuple[Trial, ...]
    runs: tuple[Run, ...]
    alerts: tuple[Alert, ...]
    incidents: tuple[Incident, ...]
    evaluations: tuple[Evaluation, ...]
    verdicts: tuple[Verdict, ...]
    best: BestChanged | None
    openings: tuple[TestOpened, ...]
    queries: tuple[QueryMetered, ...]
    notes: tuple[NoteTaken, ...]
    phases: tuple[PhaseMark, ...] = ()  # in the order they were entered
    evaluated_at: Mapping[str, float] = field(default_factory=dict)  # by evaluation id: when it was recorded
    last_seen: LastSeen | None = None

    @property
    def utilisation(self) -> float:
        """The share of the wall-clock in which a run or an evaluation was active."""
        return self.active_s / self.wall_clock_s if self.wall_clock_s > 0 else 0.0

    def trial(self, trial_id: str) -> Trial:
        """The trial with this id. Raises KeyError."""
        return {t.id: t for t in self.trials}[trial_id]

    def run(self, run_id: str) -> Run:
        """The run with this id. Raises KeyError."""
        return {r.id: r for r in self.runs}[run_id]

    def runs_of(self, trial_id: str) -> tuple[Run, ...]:
        """A trial's runs, oldest first."""
        return tuple(r for r in self.runs if r.trial_id == trial_id)

    def verdict_on(self, trial_id: str) -> Verdict | None:
        """The newest verdict on a trial."""
        return next((v for v in reversed(self.verdicts) if v.trial_id == trial_id), None)

    def evaluation(self, subject: str, style: Style, split: Split) -> Evaluation | None:
        """The evaluation of a subject (BASE or a run id), if the referee has written it."""
        wanted = (subject, style, split)
        return next((e for e in self.evaluations if (e.subject, e.style, e.split) == wanted), None)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A bucket of a metric's curve: `count` points from step `first` to `last`."""

    first: int
    last: int
    count: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curve:
    """A run's metric, downsampled to at most about a thousand buckets."""

    run_id: str
    metric: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class StudySummary:
    """A line of `study list`."""

    id: str
    name: str
    state: StudyState
    phase: str
    created_at: float
    trials: int
    runs: int
    best_score: float | None


@dataclass(frozen=True, slots=True)
class TrialLine:
    """A trial as one line of `study status`."""

    id: str
    kind: TrialKind
    change: str
    outcome: Outcome | None  # of the newest verdict
    dev_score: Interval | None  # of the newest evaluation on dev of any of its runs


@dataclass(frozen=True, slots=True)
class StudyStatus:
    """What `study status` shows: counts and the newest, so that it costs the same for ten trials and ten thousand."""

    id: str
    name: str
    state: StudyState
    phase: str
    reason: str
    created_at: float
    ended_at: float | None
    wall_clock_s: float
    budget: BudgetView
    trials: int
    outcomes: Mapping[Outcome, int]  # trials by their newest verdict
    undecided: int
    runs: Mapping[RunState, int]
    best: BestChanged | None
    best_score: Interval | None
    newest: tuple[TrialLine, ...]  # at most ten, newest first
    last_seen: LastSeen | None = None
