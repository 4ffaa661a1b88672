"""The append-only events, the state of studies that is folded from them, and the index over metric curves."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from labwright.ledger.schema import SEQ, metadata, place, seconds, study, text

events = Table(
    "events",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=True),
    Column("study_id", Text),
    seconds("at"),
    text("kind"),
    text("body"),
    Column("session_id", Text),  # of the intern's session that it belongs to
    Index("ix_events_study", "study_id", "seq"),
    Index("ix_events_session", "session_id", "seq"),
    sqlite_autoincrement=True,  # a number is never given twice
)

studies = Table(
    "studies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    text("name"),
    text("state"),
    text("phase"),
    text("reason"),
    seconds("created_at"),
    seconds("ended_at", nullable=True),
    seconds("wall_clock_s", nullable=True),  # these two only once the study has ended
    seconds("active_s", nullable=True),
    Column("session_seq", SEQ),  # the newest session
    Column("best_evaluation_id", Text),
    text("body"),
    Column("base", Text),
    Column("benchmark", Text),
    Column("preflight", Text),
    Column("best", Text),
)

sessions = Table(
    "sessions",
    metadata,
    place(),
    study(),
    seconds("started_at"),
    seconds("last_at"),
    Column("closed", Boolean, nullable=False),
    text("body"),
    Index("ix_sessions_study", "study_id", "seq"),
)

phases = Table(
    "phases",
    metadata,
    place(),
    study(),
    seconds("at"),
    text("body"),
    Index("ix_phases_study", "study_id", "seq"),
)

datasets = Table(
    "datasets",
    metadata,
    place(),
    study(nullable=True),
    text("dataset_id"),
    text("name"),
    text("body"),
    Index("ix_datasets_study", "study_id", "seq"),
)

gates = Table(
    "gates",
    metadata,
    place(),
    study(nullable=True),
    text("benchmark_id"),
    text("dataset_id"),
    text("split"),
    text("action"),
    text("body"),
    Index("ix_gates_study", "study_id", "seq"),
)

trials = Table(
    "trials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    study(),
    Column("parent_id", Text),
    Column("outcome", Text),  # of the newest verdict
    text("body"),
    Index("ix_trials_study", "study_id", "seq"),
    Index("ix_trials_outcome", "study_id", "outcome"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    study(),
    text("trial_id"),
    text("purpose"),
    text("state"),
    Column("attempt", Integer, nullable=False),
    text("token"),
    text("reason"),
    Column("exit_code", Integer),
    seconds("started_at", nullable=True),
    seconds("ended_at", nullable=True),
    Column("peak_memory_bytes", BigInteger),
    text("boundary"),
    Column("last_step", BigInteger),
    text("body"),
    Index("ix_runs_study", "study_id", "seq"),
    Index("ix_runs_trial", "study_id", "trial_id"),
    Index("ix_runs_state", "study_id", "state"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    study(),
    seconds("started_at"),
    seconds("ended_at", nullable=True),
    Index("ix_attempts_study", "study_id"),
)

alerts = Table(
    "alerts",
    metadata,
    place(),
    study(),
    text("run_id"),
    text("rule"),
    text("severity"),
    text("body"),
    Index("ix_alerts_study", "study_id", "seq"),
)

incidents = Table(
    "incidents",
    metadata,
    place(),
    study(nullable=True),
    text("incident"),
    text("body"),
    Index("ix_incidents_study", "study_id", "seq"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    study(nullable=True),
    text("subject"),
    text("style"),
    text("split"),
    text("benchmark_id"),
    Column("score", Double, nullable=False),
    seconds("recorded_at"),
    seconds("duration_s"),
    text("body"),
    Index("ix_evaluations_study", "study_id", "seq"),
    Index("ix_evaluations_subject", "study_id", "subject", "split"),
)

verdicts = Table(
    "verdicts",
    metadata,
    place(),
    study(),
    text("trial_id"),
    Column("run_id", Text),
    text("outcome"),
    text("body"),
    Index("ix_verdicts_study", "study_id", "seq"),
)

reservations = Table(
    "reservations",
    metadata,
    place(),
    study(),
    text("reservation_id"),
    text("state"),  # reserved, reconciled, released
    text("purpose"),
    seconds("wall_clock_s"),
    Column("runs", Integer, nullable=False),
    Column("gpu_hours", Double, nullable=False),
    Column("usd", Double, nullable=False),
    Index("ix_reservations_study", "study_id", "reservation_id", "seq"),
)

queries = Table(
    "queries",
    metadata,
    place(),
    study(nullable=True),
    seconds("at"),
    text("benchmark_id"),
    text("split"),
    text("purpose"),
    text("subject"),
    text("body"),
    Index("ix_queries_study", "study_id", "seq"),
    Index("ix_queries_benchmark", "benchmark_id", "seq"),
)

openings = Table(
    "openings",
    metadata,
    place(),
    study(nullable=True),
    seconds("at"),
    text("benchmark_id"),
    text("opening_id"),
    text("body"),
    UniqueConstraint("benchmark_id", "opening_id"),  # an opening that is resumed is not recorded again
    Index("ix_openings_study", "study_id", "seq"),
)

notes = Table(
    "notes",
    metadata,
    place(),
    study(nullable=True),
    text("about"),
    text("body"),
    Index("ix_notes_study", "study_id", "seq"),
)

curves = Table(
    "curves",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("width", BigInteger, nullable=False),  # points in a full bucket
    Column("points", BigInteger, nullable=False),  # in all buckets
    Column("buckets", LargeBinary, nullable=False),  # see curves.py
)

metric_files = Table(
    "metric_files",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("read_to", BigInteger, nullable=False),  # bytes of metrics.jsonl that the curves hold
)

# What `rebuild` empties and fills again, parents last. Curves are an index over files.
STATE: Final = (
    sessions,
    phases,
    datasets,
    gates,
    trials,
    runs,
    attempts,
    alerts,
    incidents,
    evaluations,
    verdicts,
    reservations,
    queries,
    openings,
    notes,
    studies,
)
