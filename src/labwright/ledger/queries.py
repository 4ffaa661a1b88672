"""Reads a whole study: what researchers decide from, and what reports render. Read-only."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Row, Table, func, select

from labwright.contracts import events
from labwright.contracts.errors import StorageError, UsageError
from labwright.contracts.events import EVENT, Recorded
from labwright.contracts.processes import LastSeen, ProcessMark
from labwright.contracts.research import DatasetVersion, Finding, Run, RunState, StudyState
from labwright.contracts.sessions import JUDGE_SESSION
from labwright.contracts.specs import StudySpec
from labwright.contracts.views import BudgetView, PhaseMark, StudyView
from labwright.ledger import tables
from labwright.ledger.clock import Span, covered_s, total_s
from labwright.ledger.llm_usage import usage_of

E = TypeVar("E", bound=events.Event)
_LISTED_IDS = 20


@cache
def _adapter(kind: Hashable) -> TypeAdapter[tuple[Any, ...]]:
    return TypeAdapter(tuple[kind, ...])  # type: ignore[valid-type]  # made at run time, one for each kind of event


def parse(kind: type[E], bodies: Sequence[str]) -> tuple[E, ...]:
    """Many events of one kind at once, which is several times faster than one by one. Raises StorageError."""
    try:
        adapter = _adapter(kind)  # type: ignore[arg-type]  # mypy does not see that a class hashes
        events_read: tuple[E, ...] = adapter.validate_json(f"[{','.join(bodies)}]")
    except ValidationError as error:
        raise _from_another_version(kind.__name__, error) from error
    return events_read


def parse_optional(kind: type[E], body: str | None) -> E | None:
    """One event, where there is one."""
    return None if body is None else parse(kind, (body,))[0]


def parse_any(row: Row[Any]) -> Recorded:
    """A row of `events`, or any row with its seq, study_id, at and body."""
    try:
        event = EVENT.validate_json(row.body)
    except ValidationError as error:
        raise _from_another_version(f"event {row.seq}", error) from error
    return Recorded(row.seq, row.study_id, row.at, event)


def _from_another_version(what: str, error: ValidationError) -> StorageError:
    return StorageError(
        f"{what} in the ledger cannot be read: {error.errors()[0]['msg']}",
        cure="it was written by another version of Labwright; use that one, or upgrade",
    )


def study_row(connection: Connection, study_id: str) -> Row[Any]:
    """The study's row. Raises UsageError that names the studies there are."""
    row = connection.execute(select(tables.studies).where(tables.studies.c.id == study_id)).one_or_none()
    if row is not None:
        return row
    newest = select(tables.studies.c.id).order_by(tables.studies.c.seq.desc()).limit(_LISTED_IDS + 1)
    ids = list(connection.scalars(newest))
    listed = ", ".join(ids[:_LISTED_IDS]) + (", …" if len(ids) > _LISTED_IDS else "")
    cure = f"the studies here are: {listed}" if ids else "there are no studies here yet: run one first"
    raise UsageError(f"there is no study {study_id!r}", cure=cure)


def session_spans(connection: Connection, study: Row[Any], now: float | None) -> tuple[Span, ...]:
    """The study's sessions; of a running study the last one lasts until `now`, where that is given."""
    sessions = tables.sessions
    chosen = select(sessions.c.started_at, sessions.c.last_at).where(sessions.c.study_id == study.id)
    spans = [Span(row.started_at, row.last_at) for row in connection.execute(chosen.order_by(sessions.c.seq))]
    if spans and now is not None and study.state == StudyState.RUNNING:
        spans[-1] = Span(spans[-1].start, max(spans[-1].end, now))
    return tuple(spans)


def last_seen(connection: Connection, study: Row[Any]) -> LastSeen | None:
    """The process that took the study up last."""
    sessions = tables.sessions
    chosen = select(sessions.c.body, sessions.c.last_at).where(sessions.c.seq == study.session_seq)
    row = connection.execute(chosen).one_or_none()
    if row is None:
        return None
    by = parse(events.SessionStarted, (row.body,))[0]
    return LastSeen(ProcessMark(by.pid, by.host, by.boot, by.ticks), row.last_at)


def wall_clock_s(study: Row[Any], sessions: Sequence[Span]) -> float:
    """The study's own number once it has ended, the sessions' length until then."""
    return total_s(sessions) if study.wall_clock_s is None else float(study.wall_clock_s)


def _active_s(connection: Connection, study: Row[Any], sessions: Sequence[Span]) -> float:
    if study.active_s is not None:
        return float(study.active_s)
    attempts, evaluations = tables.attempts, tables.evaluations
    runs = select(attempts.c.started_at, attempts.c.ended_at).where(attempts.c.study_id == study.id)
    scored = select(evaluations.c.recorded_at, evaluations.c.duration_s).where(evaluations.c.study_id == study.id)
    spans = [
        Span(row.started_at, float("inf") if row.ended_at is None else row.ended_at) for row in connection.execute(runs)
    ]
    spans += [Span(row.recorded_at - row.duration_s, row.recorded_at) for row in connection.execute(scored)]
    return covered_s(spans, sessions)


def read_spec(study: Row[Any]) -> StudySpec:
    """study.yaml as the study was created with it, but for ceilings that a person raised since."""
    created = parse(events.StudyCreated, (study.body,))[0]
    try:
        return StudySpec.model_validate(created.spec)
    except ValidationError as error:
        raise _from_another_version(f"the study.yaml of {study.id}", error) from error


def budget(connection: Connection, study_id: str, spec: StudySpec, used_wall_clock_s: float) -> BudgetView:
    """The ceilings from study.yaml against what is spent and set aside."""
    held = tables.reservations
    sums = select(
        held.c.state,
        func.sum(held.c.wall_clock_s).label("wall_clock_s"),
        func.sum(held.c.runs).label("runs"),
        func.sum(held.c.gpu_hours).label("gpu_hours"),
        func.sum(held.c.usd).label("usd"),
    )
    rows = connection.execute(sums.where(held.c.study_id == study_id).group_by(held.c.state))
    by_state = {row.state: row for row in rows}
    reserved, spent = by_state.get("reserved"), by_state.get("reconciled")
    judge = usage_of(connection, f"{JUDGE_SESSION}{study_id}")
    return BudgetView(
        wall_clock_s=spec.budget.wall_clock,
        used_wall_clock_s=used_wall_clock_s,
        reserved_wall_clock_s=float(reserved.wall_clock_s) if reserved else 0.0,
        runs=spec.budget.runs,
        used_runs=int(spent.runs) if spent else 0,
        reserved_runs=int(reserved.runs) if reserved else 0,
        used_gpu_hours=float(spent.gpu_hours) if spent else 0.0,
        usd=spec.budget.usd,
        used_usd=(float(spent.usd) if spent else 0.0) + judge.usd,
        reserved_usd=judge.reserved_usd,
        judge=judge,
    )


def _all(connection: Connection, table: Table, kind: type[E], study_id: str) -> tuple[E, ...]:
    bodies = select(table.c.body).where(table.c.study_id == study_id).order_by(table.c.seq)
    return parse(kind, list(connection.scalars(bodies)))


def _runs(connection: Connection, study_id: str) -> tuple[Run, ...]:
    runs = tables.runs
    rows = connection.execute(select(runs).where(runs.c.study_id == study_id).order_by(runs.c.seq)).all()
    queued = parse(events.RunQueued, [row.body for row in rows])
    return tuple(
        replace(
            event.run,
            state=RunState(row.state),
            attempt=row.attempt,
            reason=row.reason,
            exit_code=row.exit_code,
            started_at=row.started_at,
            ended_at=row.ended_at,
            peak_memory_bytes=row.peak_memory_bytes,
            boundary=row.boundary,
        )
        for event, row in zip(queued, rows, strict=True)
    )


def _phases(connection: Connection, study_id: str) -> tuple[PhaseMark, ...]:
    phases = tables.phases
    chosen = select(phases.c.at, phases.c.body).where(phases.c.study_id == study_id).order_by(phases.c.seq)
    rows = connection.execute(chosen).all()
    started = parse(events.PhaseStarted, [row.body for row in rows])
    return tuple(PhaseMark(event.phase, row.at) for event, row in zip(started, rows, strict=True))


def _evaluated_at(connection: Connection, study_id: str) -> dict[str, float]:
    evaluations = tables.evaluations
    chosen = select(evaluations.c.id, evaluations.c.recorded_at).where(evaluations.c.study_id == study_id)
    return {row.id: row.recorded_at for row in connection.execute(chosen.order_by(evaluations.c.seq))}


def study_view(connection: Connection, study_id: str, now: float | None) -> StudyView:
    """Everything the ledger knows of one study. Raises UsageError for an unknown id."""
    study = study_row(connection, study_id)
    created = parse(events.StudyCreated, (study.body,))[0]
    spec = read_spec(study)
    sessions = session_spans(connection, study, now)
    used_s = wall_clock_s(study, sessions)
    datasets: dict[tuple[str, str], DatasetVersion] = {}  # a resumed study registers again: the newest counts
    findings: dict[str, tuple[Finding, ...]] = {}
    for registered in _all(connection, tables.datasets, events.DatasetRegistered, study_id):
        datasets[registered.dataset.id, registered.dataset.name] = registered.dataset
        findings[registered.dataset.id] = registered.findings
    return StudyView(
        id=study.id,
        name=study.name,
        state=StudyState(study.state),
        reason=study.reason,
        phase=study.phase,
        spec=spec,
        source=created.source,
        directory=created.directory,
        created_at=study.created_at,
        ended_at=study.ended_at,
        wall_clock_s=used_s,
        active_s=_active_s(connection, study, sessions),
        budget=budget(connection, study_id, spec, used_s),
        base=parse_optional(events.BaseResolved, study.base),
        benchmark=parse_optional(events.BenchmarkSealed, study.benchmark),
        datasets=tuple(datasets.values()),
        findings=findings,
        gates=_all(connection, tables.gates, events.GateChecked, study_id),
        preflight=parse_optional(events.PreflightDone, study.preflight),
        trials=tuple(e.trial for e in _all(connection, tables.trials, events.TrialProposed, study_id)),
        runs=_runs(connection, study_id),
        alerts=tuple(e.alert for e in _all(connection, tables.alerts, events.AlertRaised, study_id)),
        incidents=tuple(e.incident for e in _all(connection, tables.incidents, events.IncidentFound, study_id)),
        evaluations=tuple(
            e.evaluation for e in _all(connection, tables.evaluations, events.EvaluationRecorded, study_id)
        ),
        verdicts=tuple(e.verdict for e in _all(connection, tables.verdicts, events.VerdictGiven, study_id)),
        best=parse_optional(events.BestChanged, study.best),
        openings=_all(connection, tables.openings, events.TestOpened, study_id),
        queries=_all(connection, tables.queries, events.QueryMetered, study_id),
        notes=_all(connection, tables.notes, events.NoteTaken, study_id),
        phases=_phases(connection, study_id),
        evaluated_at=_evaluated_at(connection, study_id),
        last_seen=last_seen(connection, study),
    )
