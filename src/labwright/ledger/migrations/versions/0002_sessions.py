"""The intern's sessions: their events, the state folded from them, and the log of their messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add everything; nothing that was there changes."""
    op.add_column("events", sa.Column("session_id", sa.Text(), nullable=True))
    op.create_index("ix_events_session", "events", ["session_id", "seq"], unique=False)
    create_sessions()
    create_calls()
    create_messages()


def create_sessions() -> None:
    """Sessions, their studies and their approvals."""
    op.create_table(
        "agent_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("approve", sa.Text(), nullable=False),
        sa.Column("budget", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("pid", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("worked_s", sa.Double(), nullable=False),
        sa.Column("attached_at", sa.Double(), nullable=True),
        sa.Column("ran_until", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_sessions")),
        sa.UniqueConstraint("seq", name=op.f("uq_agent_sessions_seq")),
    )
    op.create_table(
        "session_studies",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["agent_sessions.id"], name=op.f("fk_session_studies_session_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_session_studies")),
        sa.UniqueConstraint("session_id", "study_id", name=op.f("uq_session_studies_session_id")),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("answered_at", sa.Double(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["agent_sessions.id"], name=op.f("fk_approvals_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("seq", name=op.f("uq_approvals_seq")),
    )
    op.create_index("ix_approvals_session", "approvals", ["session_id", "seq"], unique=False)
    op.create_index("ix_approvals_state", "approvals", ["state", "seq"], unique=False)


def create_calls() -> None:
    """Calls of models and of tools."""
    op.create_table(
        "llm_calls",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_read_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("usd", sa.Double(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["agent_sessions.id"], name=op.f("fk_llm_calls_session_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_llm_calls")),
        sa.UniqueConstraint("session_id", "call_id", name=op.f("uq_llm_calls_session_id")),
    )
    op.create_table(
        "tool_calls",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["agent_sessions.id"], name=op.f("fk_tool_calls_session_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_tool_calls")),
    )
    op.create_index("ix_tool_calls_call", "tool_calls", ["session_id", "run_id", "call_id", "seq"], unique=False)


def create_messages() -> None:
    """The log of messages, and where a conversation stands. Not folded from events, so without foreign keys."""
    op.create_table(
        "messages",
        sa.Column("seq", SEQ, autoincrement=True, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_messages")),
    )
    op.create_index("ix_messages_session", "messages", ["session_id", "live", "position"], unique=False)
    op.create_table(
        "heads",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_heads")),
    )
