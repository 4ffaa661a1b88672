"""The ledger's tables: the append-only events, the state folded from them, and the index over metric curves.

A state table has a typed column for each thing that is searched, counted or changed later, and the event that made the
row as `body`. Rows keep the `seq` of that event, which is the order in which things happened. Nothing here is
specific to SQLite, so PostgreSQL can follow by URL; the triggers that keep `events` append-only are in the migration.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION: Final = "0004"  # the newest migration; known here so that opening a current ledger imports no Alembic

# SQLite counts rows by itself only for a column of the type INTEGER, which has 64 bits there.
SEQ: Final = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


def _place() -> Column[int]:
    """The event that made a row, as the row's key."""
    return Column("seq", SEQ, primary_key=True, autoincrement=False)


def _study(*, nullable: bool = False) -> Column[str]:
    return Column("study_id", Text, ForeignKey("studies.id"), nullable=nullable)


def _session() -> Column[str]:
    return Column("session_id", Text, ForeignKey("agent_sessions.id"), nullable=False)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


def _seconds(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


events = Table(
    "events",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=True),
    Column("study_id", Text),
    _seconds("at"),
    _text("kind"),
    _text("body"),
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
    _text("name"),
    _text("state"),
    _text("phase"),
    _text("reason"),
    _seconds("created_at"),
    _seconds("ended_at", nullable=True),
    _seconds("wall_clock_s", nullable=True),  # these two only once the study has ended
    _seconds("active_s", nullable=True),
    Column("session_seq", SEQ),  # the newest session
    Column("best_evaluation_id", Text),
    _text("body"),
    Column("base", Text),
    Column("benchmark", Text),
    Column("preflight", Text),
    Column("best", Text),
)

sessions = Table(
    "sessions",
    metadata,
    _place(),
    _study(),
    _seconds("started_at"),
    _seconds("last_at"),
    Column("closed", Boolean, nullable=False),
    _text("body"),
    Index("ix_sessions_study", "study_id", "seq"),
)

phases = Table(
    "phases",
    metadata,
    _place(),
    _study(),
    _seconds("at"),
    _text("body"),
    Index("ix_phases_study", "study_id", "seq"),
)

datasets = Table(
    "datasets",
    metadata,
    _place(),
    _study(nullable=True),
    _text("dataset_id"),
    _text("name"),
    _text("body"),
    Index("ix_datasets_study", "study_id", "seq"),
)

gates = Table(
    "gates",
    metadata,
    _place(),
    _study(nullable=True),
    _text("benchmark_id"),
    _text("dataset_id"),
    _text("split"),
    _text("action"),
    _text("body"),
    Index("ix_gates_study", "study_id", "seq"),
)

trials = Table(
    "trials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    _study(),
    Column("parent_id", Text),
    Column("outcome", Text),  # of the newest verdict
    _text("body"),
    Index("ix_trials_study", "study_id", "seq"),
    Index("ix_trials_outcome", "study_id", "outcome"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    _study(),
    _text("trial_id"),
    _text("purpose"),
    _text("state"),
    Column("attempt", Integer, nullable=False),
    _text("token"),
    _text("reason"),
    Column("exit_code", Integer),
    _seconds("started_at", nullable=True),
    _seconds("ended_at", nullable=True),
    Column("peak_memory_bytes", BigInteger),
    _text("boundary"),
    Column("last_step", BigInteger),
    _text("body"),
    Index("ix_runs_study", "study_id", "seq"),
    Index("ix_runs_trial", "study_id", "trial_id"),
    Index("ix_runs_state", "study_id", "state"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    _study(),
    _seconds("started_at"),
    _seconds("ended_at", nullable=True),
    Index("ix_attempts_study", "study_id"),
)

alerts = Table(
    "alerts",
    metadata,
    _place(),
    _study(),
    _text("run_id"),
    _text("rule"),
    _text("severity"),
    _text("body"),
    Index("ix_alerts_study", "study_id", "seq"),
)

incidents = Table(
    "incidents",
    metadata,
    _place(),
    _study(nullable=True),
    _text("incident"),
    _text("body"),
    Index("ix_incidents_study", "study_id", "seq"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    _study(nullable=True),
    _text("subject"),
    _text("style"),
    _text("split"),
    _text("benchmark_id"),
    Column("score", Double, nullable=False),
    _seconds("recorded_at"),
    _seconds("duration_s"),
    _text("body"),
    Index("ix_evaluations_study", "study_id", "seq"),
    Index("ix_evaluations_subject", "study_id", "subject", "split"),
)

verdicts = Table(
    "verdicts",
    metadata,
    _place(),
    _study(),
    _text("trial_id"),
    Column("run_id", Text),
    _text("outcome"),
    _text("body"),
    Index("ix_verdicts_study", "study_id", "seq"),
)

reservations = Table(
    "reservations",
    metadata,
    _place(),
    _study(),
    _text("reservation_id"),
    _text("state"),  # reserved, reconciled, released
    _text("purpose"),
    _seconds("wall_clock_s"),
    Column("runs", Integer, nullable=False),
    Column("gpu_hours", Double, nullable=False),
    Column("usd", Double, nullable=False),
    Index("ix_reservations_study", "study_id", "reservation_id", "seq"),
)

queries = Table(
    "queries",
    metadata,
    _place(),
    _study(nullable=True),
    _seconds("at"),
    _text("benchmark_id"),
    _text("split"),
    _text("purpose"),
    _text("subject"),
    _text("body"),
    Index("ix_queries_study", "study_id", "seq"),
    Index("ix_queries_benchmark", "benchmark_id", "seq"),
)

openings = Table(
    "openings",
    metadata,
    _place(),
    _study(nullable=True),
    _seconds("at"),
    _text("benchmark_id"),
    _text("opening_id"),
    _text("body"),
    UniqueConstraint("benchmark_id", "opening_id"),  # an opening that is resumed is not recorded again
    Index("ix_openings_study", "study_id", "seq"),
)

notes = Table(
    "notes",
    metadata,
    _place(),
    _study(nullable=True),
    _text("about"),
    _text("body"),
    Index("ix_notes_study", "study_id", "seq"),
)

agent_sessions = Table(
    "agent_sessions",  # the intern's; `sessions` are a study's
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    _text("goal"),
    _text("model"),
    _text("workspace"),
    _text("approve"),
    _text("budget"),  # JSON
    _text("state"),
    _text("reason"),
    Column("outcome", Text),
    Column("pid", BigInteger),
    _seconds("opened_at"),
    _seconds("last_at"),
    _seconds("ended_at", nullable=True),
    _seconds("worked_s"),  # wall-clock of the spans that are closed
    _seconds("attached_at", nullable=True),  # the open span: from here
    _seconds("ran_until", nullable=True),  # to here
)

session_studies = Table(
    "session_studies",
    metadata,
    _place(),
    _session(),
    _text("study_id"),
    UniqueConstraint("session_id", "study_id"),
)

llm_calls = Table(
    "llm_calls",
    metadata,
    _place(),
    _session(),
    _text("call_id"),
    _text("state"),  # reserved, reconciled, released
    _text("model"),
    _text("agent"),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cache_read_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("usd", Double),  # null: nobody knows the price
    _seconds("at"),
    UniqueConstraint("session_id", "call_id"),
)

tool_calls = Table(
    "tool_calls",
    metadata,
    _place(),
    _session(),
    _text("run_id"),
    _text("call_id"),
    Column("outcome", Text),  # null: started, and nothing is known of its end
    _text("result"),
    _seconds("started_at"),
    _seconds("ended_at", nullable=True),
    _text("body"),
    Index("ix_tool_calls_call", "session_id", "run_id", "call_id", "seq"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    _session(),
    _text("state"),
    _seconds("expires_at", nullable=True),
    _seconds("answered_at", nullable=True),
    _text("body"),
    Column("answer", Text),  # the event that answered it
    Index("ix_approvals_session", "session_id", "seq"),
    Index("ix_approvals_state", "state", "seq"),
)

messages = Table(
    "messages",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=True),
    _text("session_id"),
    Column("position", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),  # else another message has taken its position
    Column("body", LargeBinary, nullable=False),
    Index("ix_messages_session", "session_id", "live", "position"),
)

heads = Table(
    "heads",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
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

# What `rebuild` empties and fills again, parents last. Curves are an index over files and messages a log of their own.
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

# The same for sessions, which belong to no study.
SESSION_STATE: Final = (session_studies, llm_calls, tool_calls, approvals, agent_sessions)
