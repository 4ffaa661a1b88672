"""The first schema: append-only events, the state folded from them, and the index over metric curves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER events_keep_update BEFORE UPDATE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
        "CREATE TRIGGER events_keep_delete BEFORE DELETE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$",
        "CREATE TRIGGER events_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only()",
    ),
}


def upgrade() -> None:
    """Create everything."""
    create_tables()
    for statement in APPEND_ONLY.get(op.get_context().dialect.name, ()):
        op.execute(statement)


def create_tables() -> None:
    """Every table with its indexes."""
    op.create_table(
        "curves",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("buckets", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "metric", name=op.f("pk_curves")),
    )
    op.create_table(
        "events",
        sa.Column("seq", SEQ, autoincrement=True, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_study", "events", ["study_id", "seq"], unique=False)
    op.create_table(
        "metric_files",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("read_to", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_metric_files")),
    )
    op.create_table(
        "studies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("wall_clock_s", sa.Double(), nullable=True),
        sa.Column("active_s", sa.Double(), nullable=True),
        sa.Column("session_seq", SEQ, nullable=True),
        sa.Column("best_evaluation_id", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=True),
        sa.Column("benchmark", sa.Text(), nullable=True),
        sa.Column("preflight", sa.Text(), nullable=True),
        sa.Column("best", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("seq", name=op.f("uq_studies_seq")),
    )
    op.create_table(
        "alerts",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_alerts_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_alerts")),
    )
    op.create_index("ix_alerts_study", "alerts", ["study_id", "seq"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_attempts_study_id")),
        sa.PrimaryKeyConstraint("run_id", "attempt", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_study", "attempts", ["study_id"], unique=False)
    op.create_table(
        "datasets",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=True),
        sa.Column("dataset_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_datasets_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_datasets")),
    )
    op.create_index("ix_datasets_study", "datasets", ["study_id", "seq"], unique=False)
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("style", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("benchmark_id", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("recorded_at", sa.Double(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_evaluations_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
        sa.UniqueConstraint("seq", name=op.f("uq_evaluations_seq")),
    )
    op.create_index("ix_evaluations_study", "evaluations", ["study_id", "seq"], unique=False)
    op.create_index("ix_evaluations_subject", "evaluations", ["study_id", "subject", "split"], unique=False)
    op.create_table(
        "gates",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=True),
        sa.Column("benchmark_id", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_gates_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_gates")),
    )
    op.create_index("ix_gates_study", "gates", ["study_id", "seq"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=True),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_incidents_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_incidents")),
    )
    op.create_index("ix_incidents_study", "incidents", ["study_id", "seq"], unique=False)
    op.create_table(
        "notes",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=True),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_notes_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_notes")),
    )
    op.create_index("ix_notes_study", "notes", ["study_id", "seq"], unique=False)
    op.create_table(
        "openings",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("benchmark_id", sa.Text(), nullable=False),
        sa.Column("opening_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_openings_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_openings")),
        sa.UniqueConstraint("benchmark_id", "opening_id", name=op.f("uq_openings_benchmark_id")),
    )
    op.create_index("ix_openings_study", "openings", ["study_id", "seq"], unique=False)
    op.create_table(
        "phases",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_phases_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_phases")),
    )
    op.create_index("ix_phases_study", "phases", ["study_id", "seq"], unique=False)
    op.create_table(
        "queries",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("benchmark_id", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_queries_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_queries")),
    )
    op.create_index("ix_queries_benchmark", "queries", ["benchmark_id", "seq"], unique=False)
    op.create_index("ix_queries_study", "queries", ["study_id", "seq"], unique=False)
    op.create_table(
        "reservations",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("wall_clock_s", sa.Double(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("gpu_hours", sa.Double(), nullable=False),
        sa.Column("usd", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_reservations_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_reservations")),
    )
    op.create_index("ix_reservations_study", "reservations", ["study_id", "reservation_id", "seq"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("boundary", sa.Text(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_runs_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("seq", name=op.f("uq_runs_seq")),
    )
    op.create_index("ix_runs_state", "runs", ["study_id", "state"], unique=False)
    op.create_index("ix_runs_study", "runs", ["study_id", "seq"], unique=False)
    op.create_index("ix_runs_trial", "runs", ["study_id", "trial_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_sessions_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_study", "sessions", ["study_id", "seq"], unique=False)
    op.create_table(
        "trials",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_trials_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
        sa.UniqueConstraint("seq", name=op.f("uq_trials_seq")),
    )
    op.create_index("ix_trials_outcome", "trials", ["study_id", "outcome"], unique=False)
    op.create_index("ix_trials_study", "trials", ["study_id", "seq"], unique=False)
    op.create_table(
        "verdicts",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_verdicts_study_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_verdicts")),
    )
    op.create_index("ix_verdicts_study", "verdicts", ["study_id", "seq"], unique=False)
