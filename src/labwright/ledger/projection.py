"""Folds one event into the state tables: the only code that writes them.

The state is a function of the events alone. So nothing here may look at the clock, at a file, or at anything but the
event, its place in the order and the rows that earlier events made; then replaying gives what recording gave.
"""

from __future__ import annotations

from functools import singledispatch

from sqlalchemy import Connection, Table, and_, bindparam, func, select

from labwright.contracts import events
from labwright.contracts.errors import StorageError
from labwright.contracts.research import Run, RunState, StudyState
from labwright.contracts.sessions import SessionEvent
from labwright.ledger import tables
from labwright.ledger.ceilings import fold_raise
from labwright.ledger.library_projection import fold_library
from labwright.ledger.place import Place
from labwright.ledger.session_projection import fold_session

# These two run for every event, and building a statement costs more than running it: they are built once.
_SESSION_OF = select(tables.studies.c.session_seq).where(tables.studies.c.id == bindparam("study"))
_EXTEND_SESSION = (
    tables.sessions.update()
    .where(
        tables.sessions.c.seq == bindparam("session"),
        ~tables.sessions.c.closed,
        tables.sessions.c.last_at < bindparam("moment"),
    )
    .values(last_at=bindparam("moment"))
)


def apply(event: events.Event, to: Connection, place: Place) -> None:
    """Fold an event and let it count for its session's time. Raises StorageError where it contradicts the state."""
    if place.study_id is not None and not isinstance(event, events.StudyCreated | SessionEvent):
        session_seq = _session_of(to, place.study_id, place)
        if not isinstance(event, events.SessionStarted | events.BudgetRaised):  # the time between sessions is nobody's
            _extend_session(to, session_seq, place.at)
    fold(event, to, place)


def _session_of(to: Connection, study_id: str, place: Place) -> int | None:
    """The study's newest session, if it has one."""
    study = to.execute(_SESSION_OF, {"study": study_id}).one_or_none()
    if study is None:
        raise StorageError(
            f"there is no study {study_id!r} to record this in",
            where=f"event {place.seq}",
            cure="record study_created first; this is a defect of the caller",
        )
    session_seq: int | None = study.session_seq
    return session_seq


def _extend_session(to: Connection, session_seq: int | None, at: float) -> None:
    if session_seq is not None:
        to.execute(_EXTEND_SESSION, {"session": session_seq, "moment": at})


def _insert(to: Connection, table: Table, place: Place, **columns: object) -> None:
    to.execute(table.insert(), {"seq": place.seq, "study_id": place.study_id, "body": place.body, **columns})


def _set_on_study(to: Connection, place: Place, **columns: object) -> None:
    to.execute(tables.studies.update().where(tables.studies.c.id == place.study_id).values(**columns))


@singledispatch
def fold(event: object, _to: Connection, _place: Place) -> None:
    """Write what one kind of event means. Each kind has its function below."""
    raise TypeError(f"no rule folds {type(event).__name__} into the state")


@fold.register
def _(event: SessionEvent, to: Connection, place: Place) -> None:
    fold_session(event, to, place)


@fold.register
def _(event: events.LibraryEvent, to: Connection, place: Place) -> None:
    fold_library(event, to, place)


@fold.register
def _(event: events.StudyCreated, to: Connection, place: Place) -> None:
    row = {
        "id": place.study_id,
        "seq": place.seq,
        "name": event.name,
        "state": StudyState.CREATED.value,
        "phase": "",
        "reason": "",
        "created_at": place.at,
        "body": place.body,
    }
    to.execute(tables.studies.insert(), row)


@fold.register
def _(_event: events.SessionStarted, to: Connection, place: Place) -> None:
    _insert(to, tables.sessions, place, started_at=place.at, last_at=place.at, closed=False)
    _set_on_study(
        to,
        place,
        state=StudyState.RUNNING.value,
        reason="",
        session_seq=place.seq,
        ended_at=None,
        wall_clock_s=None,
        active_s=None,
    )


@fold.register
def _(event: events.StudyEnded, to: Connection, place: Place) -> None:
    _set_on_study(
        to,
        place,
        state=event.state.value,
        reason=event.reason,
        ended_at=place.at,
        wall_clock_s=event.wall_clock_s,
        active_s=event.active_s,
    )
    sessions = tables.sessions  # a report written a day later is no wall-clock of this session
    to.execute(sessions.update().where(sessions.c.study_id == place.study_id).values(closed=True))


@fold.register
def _(event: events.PhaseStarted, to: Connection, place: Place) -> None:
    _insert(to, tables.phases, place, at=place.at)
    _set_on_study(to, place, phase=event.phase)


@fold.register
def _(_event: events.BaseResolved, to: Connection, place: Place) -> None:
    _set_on_study(to, place, base=place.body)


@fold.register
def _(_event: events.BenchmarkSealed, to: Connection, place: Place) -> None:
    _set_on_study(to, place, benchmark=place.body)


@fold.register
def _(_event: events.PreflightDone, to: Connection, place: Place) -> None:
    _set_on_study(to, place, preflight=place.body)


@fold.register
def _(event: events.BestChanged, to: Connection, place: Place) -> None:
    _set_on_study(to, place, best=place.body, best_evaluation_id=event.evaluation_id)


@fold.register
def _(event: events.DatasetRegistered, to: Connection, place: Place) -> None:
    _insert(to, tables.datasets, place, dataset_id=event.dataset.id, name=event.dataset.name)


@fold.register
def _(event: events.GateChecked, to: Connection, place: Place) -> None:
    report = event.report
    _insert(
        to,
        tables.gates,
        place,
        benchmark_id=event.benchmark_id,
        dataset_id=report.dataset_id,
        split=report.split,
        action=report.action,
    )


@fold.register
def _(event: events.TrialProposed, to: Connection, place: Place) -> None:
    _insert(to, tables.trials, place, id=event.trial.id, parent_id=event.trial.parent_id)


@fold.register
def _(event: events.VerdictGiven, to: Connection, place: Place) -> None:
    verdict = event.verdict
    trials = tables.trials
    _insert(
        to,
        tables.verdicts,
        place,
        trial_id=verdict.trial_id,
        run_id=verdict.run_id,
        outcome=verdict.outcome.value,
    )
    to.execute(trials.update().where(trials.c.id == verdict.trial_id).values(outcome=verdict.outcome.value))


def _run_columns(run: Run) -> dict[str, object]:
    return {
        "trial_id": run.trial_id,
        "purpose": run.purpose.value,
        "state": run.state.value,
        "attempt": run.attempt,
        "token": "",
        "reason": run.reason,
        "exit_code": run.exit_code,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "peak_memory_bytes": run.peak_memory_bytes,
        "boundary": run.boundary,
        "last_step": None,
    }


@fold.register
def _(event: events.RunQueued, to: Connection, place: Place) -> None:
    run, runs, attempts = event.run, tables.runs, tables.attempts
    earlier = to.scalar(select(runs.c.attempt).where(runs.c.id == run.id))
    if earlier is None or run.attempt <= earlier:  # the second is a defect, and the key refuses it
        _insert(to, runs, place, id=run.id, **_run_columns(run))
        return
    to.execute(runs.update().where(runs.c.id == run.id).values(body=place.body, **_run_columns(run)))
    unended = and_(attempts.c.run_id == run.id, attempts.c.ended_at.is_(None))
    to.execute(attempts.update().where(unended).values(ended_at=place.at))


def _current_attempt(to: Connection, run_id: str, place: Place) -> int:
    attempt: int | None = to.scalar(select(tables.runs.c.attempt).where(tables.runs.c.id == run_id))
    if attempt is None:
        raise StorageError(
            f"there is no run {run_id!r}",
            where=f"event {place.seq}",
            cure="record run_queued before the run starts; this is a defect of the caller",
        )
    return attempt


@fold.register
def _(event: events.RunStarted, to: Connection, place: Place) -> None:
    runs, attempts = tables.runs, tables.attempts
    _current_attempt(to, event.run_id, place)
    to.execute(
        runs.update()
        .where(runs.c.id == event.run_id)
        .values(
            state=RunState.RUNNING.value, attempt=event.attempt, token=event.token, started_at=place.at, ended_at=None
        )
    )
    this = and_(attempts.c.run_id == event.run_id, attempts.c.attempt == event.attempt)
    if to.scalar(select(attempts.c.run_id).where(this)) is None:  # a reattached attempt has started before
        row = {"run_id": event.run_id, "attempt": event.attempt, "study_id": place.study_id, "started_at": place.at}
        to.execute(attempts.insert(), row)


@fold.register
def _(event: events.RunEnded, to: Connection, place: Place) -> None:
    runs, attempts = tables.runs, tables.attempts
    attempt = _current_attempt(to, event.run_id, place)
    ended_at = place.at if event.ended_at is None else event.ended_at
    started = {} if event.started_at is None else {"started_at": event.started_at}
    final = {
        "state": event.state.value,
        "reason": event.reason,
        "exit_code": event.exit_code,
        "ended_at": ended_at,
        "peak_memory_bytes": event.peak_memory_bytes,
        "boundary": event.boundary,
        "last_step": event.last_step,
    }
    to.execute(runs.update().where(runs.c.id == event.run_id).values(**final, **started))
    this = and_(attempts.c.run_id == event.run_id, attempts.c.attempt == attempt)
    known = to.execute(attempts.update().where(this).values(ended_at=ended_at, **started)).rowcount
    if not known and started:  # it started and ended between two looks
        row = {"run_id": event.run_id, "attempt": attempt, "study_id": place.study_id, "ended_at": ended_at}
        to.execute(attempts.insert(), {**row, **started})


@fold.register
def _(event: events.AlertRaised, to: Connection, place: Place) -> None:
    alert = event.alert
    _insert(to, tables.alerts, place, run_id=alert.run_id, rule=alert.rule, severity=alert.severity)


@fold.register
def _(event: events.IncidentFound, to: Connection, place: Place) -> None:
    _insert(to, tables.incidents, place, incident=event.incident.kind)


@fold.register
def _(event: events.QueryMetered, to: Connection, place: Place) -> None:
    _insert(
        to,
        tables.queries,
        place,
        at=place.at,
        benchmark_id=event.benchmark_id,
        split=event.split,
        purpose=event.purpose,
        subject=event.subject,
    )


@fold.register
def _(event: events.TestOpened, to: Connection, place: Place) -> None:
    names = {"benchmark_id": event.benchmark_id, "opening_id": event.opening_id}
    _insert(to, tables.openings, place, at=place.at, **names)


@fold.register
def _(event: events.EvaluationRecorded, to: Connection, place: Place) -> None:
    evaluation = event.evaluation
    _insert(
        to,
        tables.evaluations,
        place,
        id=evaluation.id,
        subject=evaluation.subject,
        style=evaluation.style,
        split=evaluation.split,
        benchmark_id=evaluation.benchmark_id,
        score=evaluation.score.estimate,
        recorded_at=place.at,
        duration_s=evaluation.duration_s,
    )


fold.register(events.BudgetRaised, fold_raise)


@fold.register
def _(event: events.NoteTaken, to: Connection, place: Place) -> None:
    _insert(to, tables.notes, place, about=event.about)


@fold.register
def _(_event: events.ReportWritten, _to: Connection, _place: Place) -> None:
    """History only: the files' paths are in the event."""


def _newest_reservation(to: Connection, reservation_id: str, place: Place) -> tuple[int, str] | None:
    held = tables.reservations
    mine = and_(held.c.study_id == place.study_id, held.c.reservation_id == reservation_id)
    newest = select(func.max(held.c.seq)).where(mine).scalar_subquery()
    row = to.execute(select(held.c.seq, held.c.state).where(held.c.seq == newest)).one_or_none()
    return None if row is None else (row.seq, row.state)


@fold.register
def _(event: events.BudgetReserved, to: Connection, place: Place) -> None:
    newest = _newest_reservation(to, event.reservation_id, place)
    if newest is not None and newest[1] == "reserved":
        raise StorageError(
            f"the reservation {event.reservation_id!r} is still open",
            where=f"event {place.seq}",
            cure="reconcile or release it before it is made again; this is a defect of the caller",
        )
    row = {
        "seq": place.seq,
        "study_id": place.study_id,
        "reservation_id": event.reservation_id,
        "state": "reserved",
        "purpose": event.purpose,
        "wall_clock_s": event.wall_clock_s,
        "runs": event.runs,
        "gpu_hours": 0.0,
        "usd": 0.0,
    }
    to.execute(tables.reservations.insert(), row)


@fold.register
def _(event: events.BudgetReconciled, to: Connection, place: Place) -> None:
    held = tables.reservations
    newest = _newest_reservation(to, event.reservation_id, place)
    if newest is not None and newest[1] == "reconciled":
        raise StorageError(
            f"the reservation {event.reservation_id!r} was already reconciled",
            where=f"event {place.seq}",
            cure="what was spent counts once; this is a defect of the caller",
        )
    spent = {
        "state": "reconciled",
        "wall_clock_s": event.wall_clock_s,
        "runs": event.runs,
        "gpu_hours": event.gpu_hours,
        "usd": event.usd,
    }
    if newest is not None and newest[1] == "reserved":
        to.execute(held.update().where(held.c.seq == newest[0]).values(**spent))
        return
    # Nothing was set aside, or it was given back too early: it is spent all the same.
    place_of_it = {"seq": place.seq, "study_id": place.study_id, "reservation_id": event.reservation_id}
    to.execute(held.insert(), {**place_of_it, "purpose": "", **spent})


@fold.register
def _(event: events.BudgetReleased, to: Connection, place: Place) -> None:
    held = tables.reservations
    newest = _newest_reservation(to, event.reservation_id, place)
    if newest is not None and newest[1] == "reserved":
        to.execute(held.update().where(held.c.seq == newest[0]).values(state="released"))
