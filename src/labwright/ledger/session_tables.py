"""The tables of the intern's sessions: their state, folded from events alone, and the log of their messages.

`sessions` in `tables.py` are something else: the times in which a process worked on a study.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, LargeBinary, Table, Text, UniqueConstraint

from labwright.ledger.schema import SEQ, metadata, place, seconds, session, text

agent_sessions = Table(
    "agent_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    text("goal"),
    text("model"),
    text("workspace"),
    text("approve"),
    text("budget"),  # JSON
    text("state"),
    text("reason"),
    Column("outcome", Text),
    Column("pid", BigInteger),
    seconds("opened_at"),
    seconds("last_at"),
    seconds("ended_at", nullable=True),
    seconds("worked_s"),  # wall-clock of the spans that are closed
    seconds("attached_at", nullable=True),  # the open span: from here
    seconds("ran_until", nullable=True),  # to here
    Column("host", Text),  # with `pid` a ProcessMark; null: of an older version
    Column("boot", Text),
    Column("ticks", BigInteger),
)

session_studies = Table(
    "session_studies",
    metadata,
    place(),
    session(),
    text("study_id"),
    UniqueConstraint("session_id", "study_id"),
)

llm_calls = Table(
    "llm_calls",
    metadata,
    place(),
    session(),
    text("call_id"),
    text("state"),  # reserved, reconciled, released
    text("model"),
    text("agent"),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cache_read_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("usd", Double),  # null: nobody knows the price
    seconds("at"),
    UniqueConstraint("session_id", "call_id"),
)

tool_calls = Table(
    "tool_calls",
    metadata,
    place(),
    session(),
    text("run_id"),
    text("call_id"),
    Column("outcome", Text),  # null: started, and nothing is known of its end
    text("result"),
    seconds("started_at"),
    seconds("ended_at", nullable=True),
    text("body"),
    Index("ix_tool_calls_call", "session_id", "run_id", "call_id", "seq"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", SEQ, nullable=False, unique=True),
    session(),
    text("state"),
    seconds("expires_at", nullable=True),
    seconds("answered_at", nullable=True),
    text("body"),
    Column("answer", Text),  # the event that answered it
    Index("ix_approvals_session", "session_id", "seq"),
    Index("ix_approvals_state", "state", "seq"),
)

messages = Table(
    "messages",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=True),
    text("session_id"),
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

# What `rebuild` empties and fills again, parents last. Messages are a log of their own.
SESSION_STATE: Final = (session_studies, llm_calls, tool_calls, approvals, agent_sessions)
