"""Reads a study at a glance, by counting in the database: it costs the same for ten trials and for ten thousand."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from labwright.contracts import events
from labwright.contracts.research import Interval, Outcome, RunState, StudyState
from labwright.contracts.views import StudyStatus, StudySummary, TrialLine
from labwright.ledger import queries, tables

_NEWEST = 10


def summaries(connection: Connection) -> tuple[StudySummary, ...]:
    """All studies, oldest first."""
    studies, evaluations, trials, runs = tables.studies, tables.evaluations, tables.trials, tables.runs
    trial_count = select(func.count()).where(trials.c.study_id == studies.c.id).scalar_subquery()
    run_count = select(func.count()).where(runs.c.study_id == studies.c.id).scalar_subquery()
    chosen = (
        select(studies, trial_count.label("trials"), run_count.label("runs"), evaluations.c.score)
        .outerjoin(evaluations, evaluations.c.id == studies.c.best_evaluation_id)
        .order_by(studies.c.seq)
    )
    return tuple(
        StudySummary(
            id=row.id,
            name=row.name,
            state=StudyState(row.state),
            phase=row.phase,
            created_at=row.created_at,
            trials=row.trials,
            runs=row.runs,
            best_score=row.score,
        )
        for row in connection.execute(chosen)
    )


def study_status(connection: Connection, study_id: str, now: float | None) -> StudyStatus:
    """Counts, the best score and the newest trials. Raises UsageError for an unknown id."""
    study = queries.study_row(connection, study_id)
    used_s = queries.wall_clock_s(study, queries.session_spans(connection, study, now))
    trials, runs = tables.trials, tables.runs
    by_outcome = select(trials.c.outcome, func.count()).where(trials.c.study_id == study_id).group_by(trials.c.outcome)
    outcomes = {row[0]: row[1] for row in connection.execute(by_outcome)}
    by_state = select(runs.c.state, func.count()).where(runs.c.study_id == study_id).group_by(runs.c.state)
    return StudyStatus(
        id=study.id,
        name=study.name,
        state=StudyState(study.state),
        phase=study.phase,
        reason=study.reason,
        created_at=study.created_at,
        ended_at=study.ended_at,
        wall_clock_s=used_s,
        budget=queries.budget(connection, study_id, queries.read_spec(study), used_s),
        trials=sum(outcomes.values()),
        outcomes={outcome: outcomes[outcome.value] for outcome in Outcome if outcome.value in outcomes},
        undecided=outcomes.get(None, 0),
        runs={RunState(row[0]): row[1] for row in connection.execute(by_state)},
        best=queries.parse_optional(events.BestChanged, study.best),
        best_score=_score(connection, study.best_evaluation_id),
        newest=_newest(connection, study_id),
        last_seen=queries.last_seen(connection, study),
    )


def _score(connection: Connection, evaluation_id: str | None) -> Interval | None:
    body = connection.scalar(select(tables.evaluations.c.body).where(tables.evaluations.c.id == evaluation_id))
    recorded = queries.parse_optional(events.EvaluationRecorded, body)
    return None if recorded is None else recorded.evaluation.score


def _newest(connection: Connection, study_id: str) -> tuple[TrialLine, ...]:
    trials = tables.trials
    chosen = select(trials.c.outcome, trials.c.body).where(trials.c.study_id == study_id)
    rows = connection.execute(chosen.order_by(trials.c.seq.desc()).limit(_NEWEST)).all()
    proposed = [e.trial for e in queries.parse(events.TrialProposed, [row.body for row in rows])]
    scores = _dev_scores(connection, study_id, [trial.id for trial in proposed])
    return tuple(
        TrialLine(
            id=trial.id,
            kind=trial.kind,
            change=trial.change,
            outcome=None if row.outcome is None else Outcome(row.outcome),
            dev_score=scores.get(trial.id),
        )
        for trial, row in zip(proposed, rows, strict=True)
    )


def _dev_scores(connection: Connection, study_id: str, trial_ids: Sequence[str]) -> dict[str, Interval]:
    """The newest score on dev of each trial, over all of its runs."""
    runs, evaluations = tables.runs, tables.evaluations
    chosen = (
        select(runs.c.trial_id, evaluations.c.body)
        .join(evaluations, evaluations.c.subject == runs.c.id)
        .where(runs.c.study_id == study_id, runs.c.trial_id.in_(trial_ids))
        .where(evaluations.c.study_id == study_id, evaluations.c.split == "dev")
        .order_by(evaluations.c.seq)
    )
    rows = connection.execute(chosen).all()
    recorded = queries.parse(events.EvaluationRecorded, [row.body for row in rows])
    return {row.trial_id: event.evaluation.score for row, event in zip(rows, recorded, strict=True)}
