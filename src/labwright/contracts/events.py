"""Everything that can happen in a lab, as typed, append-only events.

The ledger stores each event as it happened and folds it into the current state; a study's whole history, and its
current state, can be rebuilt from its events alone. An event's `kind` is its name in the database: never rename one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, JsonValue, TypeAdapter

from labwright.contracts.literature import Paper
from labwright.contracts.research import (
    Alert,
    Check,
    DatasetVersion,
    Evaluation,
    Finding,
    GateReport,
    Incident,
    Run,
    RunState,
    StudyState,
    Trial,
    Verdict,
)
from labwright.contracts.sessions import SessionEvent
from labwright.contracts.specs import Split


@dataclass(frozen=True, slots=True)
class StudyCreated:
    """A study entered the ledger. `spec` is study.yaml as it was read."""

    name: str
    source: str  # the directory that holds study.yaml
    directory: str  # the study's own directory in the lab
    spec: Mapping[str, JsonValue]
    kind: Literal["study_created"] = "study_created"


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A process took the study up. The time from here to the session's last event counts as wall-clock."""

    pid: int
    host: str
    researcher: str
    boot: str = ""  # the rest of a `ProcessMark`
    ticks: int = 0
    kind: Literal["session_started"] = "session_started"


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """The study entered a phase."""

    phase: Literal["prepare", "controls", "gate", "preflight", "search", "promotion", "test", "report"]
    kind: Literal["phase_started"] = "phase_started"


@dataclass(frozen=True, slots=True)
class BaseResolved:
    """The base model was found or built. `model_id` is a hash over its weights and tokenizer."""

    name: str
    path: str
    model_id: str
    parameters: int
    kind: Literal["base_resolved"] = "base_resolved"


@dataclass(frozen=True, slots=True)
class BenchmarkSealed:
    """The referee took its own copy of a benchmark; from here on only that copy counts."""

    benchmark_id: str
    name: str
    metric: str
    dev_items: int
    test_items: int
    few_shot: int
    source: str
    template_share: float  # share of the dev items' n-grams that are template
    direction: Literal["maximise", "minimise"] = "maximise"
    notes: tuple[str, ...] = ()
    kind: Literal["benchmark_sealed"] = "benchmark_sealed"


@dataclass(frozen=True, slots=True)
class DatasetRegistered:
    """A dataset version came to be."""

    dataset: DatasetVersion
    findings: tuple[Finding, ...] = ()
    kind: Literal["dataset_registered"] = "dataset_registered"


@dataclass(frozen=True, slots=True)
class GateChecked:
    """A dataset version was compared with a benchmark split."""

    benchmark_id: str
    report: GateReport
    kind: Literal["gate_checked"] = "gate_checked"


@dataclass(frozen=True, slots=True)
class PreflightDone:
    """What was checked before the first trial. Times in seconds."""

    checks: tuple[Check, ...]
    startup_s: float
    step_s: float
    smoke_run: str = ""  # the id of the run that it was concluded from
    judgements: int = 0  # how often scoring one item asks the judge
    judgement_usd: float | None = None  # what one of them may cost at most; None where nobody knows
    measured_usd: float | None = None  # what one took on the mean before this study, where any was made
    kind: Literal["preflight_done"] = "preflight_done"


@dataclass(frozen=True, slots=True)
class TrialProposed:
    """A researcher proposed a trial and the engine took it."""

    trial: Trial
    kind: Literal["trial_proposed"] = "trial_proposed"


@dataclass(frozen=True, slots=True)
class RunQueued:
    """A run was decided. In the ledger before it starts, so a crash never orphans one."""

    run: Run
    kind: Literal["run_queued"] = "run_queued"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A backend took a run."""

    run_id: str
    token: str
    attempt: int
    kind: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run reached a final state."""

    run_id: str
    state: RunState
    reason: str
    exit_code: int | None
    started_at: float | None
    ended_at: float | None
    peak_memory_bytes: int | None
    boundary: Literal["enforced", "not enforced"]
    last_step: int | None
    kind: Literal["run_ended"] = "run_ended"


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """The watchdog saw something."""

    alert: Alert
    kind: Literal["alert_raised"] = "alert_raised"


@dataclass(frozen=True, slots=True)
class IncidentFound:
    """Something touched the referee's boundary."""

    incident: Incident
    kind: Literal["incident_found"] = "incident_found"


@dataclass(frozen=True, slots=True)
class QueryMetered:
    """A benchmark split was consulted. The meter is lab-wide, by benchmark."""

    benchmark_id: str
    split: Split
    purpose: Literal["evaluation", "gate"]
    subject: str
    kind: Literal["query_metered"] = "query_metered"


@dataclass(frozen=True, slots=True)
class TestOpened:
    """The sealed test was opened. Evaluations after a crash belong to the same opening."""

    __test__ = False  # pytest: this is no test class

    benchmark_id: str
    opening_id: str
    subjects: tuple[str, ...]
    kind: Literal["test_opened"] = "test_opened"


@dataclass(frozen=True, slots=True)
class EvaluationRecorded:
    """The referee scored a model."""

    evaluation: Evaluation
    kind: Literal["evaluation_recorded"] = "evaluation_recorded"


@dataclass(frozen=True, slots=True)
class VerdictGiven:
    """The referee decided on a trial."""

    verdict: Verdict
    kind: Literal["verdict_given"] = "verdict_given"


@dataclass(frozen=True, slots=True)
class BestChanged:
    """`best/` now holds this model. `subject` is BASE or a run id."""

    subject: str
    style: Literal["zero_shot", "few_shot"]
    evaluation_id: str
    path: str
    content_id: str = ""  # SHA-256 over the config, tokenizer and weights that were put there
    kind: Literal["best_changed"] = "best_changed"


@dataclass(frozen=True, slots=True)
class BudgetReserved:
    """Part of the budget was set aside before the work it pays for."""

    reservation_id: str
    purpose: str
    wall_clock_s: float
    runs: int
    kind: Literal["budget_reserved"] = "budget_reserved"


@dataclass(frozen=True, slots=True)
class BudgetReconciled:
    """A reservation was replaced by what the work really took."""

    reservation_id: str
    wall_clock_s: float
    runs: int
    gpu_hours: float = 0.0
    usd: float = 0.0
    kind: Literal["budget_reconciled"] = "budget_reconciled"


@dataclass(frozen=True, slots=True)
class BudgetReleased:
    """A reservation was given back unused."""

    reservation_id: str
    kind: Literal["budget_released"] = "budget_released"


@dataclass(frozen=True, slots=True)
class BudgetRaised:
    """A person raised ceilings of a study that did not run; None leaves one as it was. On all that the study takes."""

    wall_clock_s: float | None
    usd: float | None
    by: str
    kind: Literal["budget_raised"] = "budget_raised"


@dataclass(frozen=True, slots=True)
class NoteTaken:
    """A remark of the engine or the researcher that belongs in the history: why something was, or was not, done."""

    text: str
    about: str = ""
    kind: Literal["note_taken"] = "note_taken"


@dataclass(frozen=True, slots=True)
class StudyEnded:
    """The study finished, was stopped or failed. `active_s` is the time in which a run or an evaluation was active."""

    state: StudyState
    reason: str
    wall_clock_s: float
    active_s: float
    kind: Literal["study_ended"] = "study_ended"


@dataclass(frozen=True, slots=True)
class ReportWritten:
    """Report files were written."""

    paths: tuple[str, ...] = field(default_factory=tuple)
    kind: Literal["report_written"] = "report_written"


@dataclass(frozen=True, slots=True)
class PaperKept:
    """A paper was kept in the lab's library, or kept again. It belongs to no study: every study may cite it.

    Which entry it belongs to, and what its metadata are together with what was known, was decided when it was kept.
    """

    key: str  # of the entry: the best id that the paper had when it was first kept
    paper: Paper  # as the entry has it from now on
    why: str  # one line; empty where nobody said
    text_hash: str | None = None  # of the Document, as JSON, in the lab's objects; None: what was kept stays
    also: tuple[str, ...] = ()  # other entries that turned out to be the same paper; this one takes them over
    kind: Literal["paper_kept"] = "paper_kept"


@dataclass(frozen=True, slots=True)
class PaperNoted:
    """A remark on a paper of the library, by its entry's key."""

    key: str
    note: str
    kind: Literal["paper_noted"] = "paper_noted"


LibraryEvent = PaperKept | PaperNoted
"""Any event of the library; also what `isinstance` takes."""

Event = (
    StudyCreated
    | SessionStarted
    | PhaseStarted
    | BaseResolved
    | BenchmarkSealed
    | DatasetRegistered
    | GateChecked
    | PreflightDone
    | TrialProposed
    | RunQueued
    | RunStarted
    | RunEnded
    | AlertRaised
    | IncidentFound
    | QueryMetered
    | TestOpened
    | EvaluationRecorded
    | VerdictGiven
    | BestChanged
    | BudgetReserved
    | BudgetReconciled
    | BudgetReleased
    | BudgetRaised
    | NoteTaken
    | StudyEnded
    | ReportWritten
    | LibraryEvent
    | SessionEvent
)
"""Any event."""

# An alert's numbers may be NaN or infinite; pydantic's default writes those as null, which no float reads back.
EVENT: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Discriminator("kind")], config=ConfigDict(ser_json_inf_nan="strings")
)
"""Turns an event into JSON and back: `EVENT.dump_json(event)`, `EVENT.validate_json(text)`."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the ledger keeps it: its place in the one global order, its study and its time."""

    seq: int
    study_id: str | None
    at: float
    event: Event
