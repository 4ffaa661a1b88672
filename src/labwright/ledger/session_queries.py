"""Reads the intern's sessions: how one stands, what it may still spend, what it asked. Read-only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, select

from labwright.contracts import sessions as events
from labwright.contracts.errors import UsageError
from labwright.contracts.processes import LastSeen, ProcessMark
from labwright.contracts.sessions import (
    Approval,
    LlmCall,
    SessionAccount,
    SessionSummary,
    SessionView,
    ToolCall,
)
from labwright.ledger import session_tables, tables
from labwright.ledger.llm_usage import usage_with_studies
from labwright.ledger.queries import parse
from labwright.ledger.session_projection import BUDGET

_LISTED_IDS = 20

# These run around every model call, and building a statement costs more than running it: they are built once.
_SESSION = select(session_tables.agent_sessions).where(session_tables.agent_sessions.c.id == bindparam("session"))
_calls = session_tables.llm_calls
_LLM_CALL = select(_calls).where(_calls.c.session_id == bindparam("session"), _calls.c.call_id == bindparam("call"))


def session_row(connection: Connection, session_id: str) -> Row[Any]:
    """The session's row. Raises UsageError that names the newest sessions there are."""
    row = connection.execute(_SESSION, {"session": session_id}).one_or_none()
    if row is not None:
        return row
    sessions = session_tables.agent_sessions
    newest = select(sessions.c.id).order_by(sessions.c.seq.desc()).limit(_LISTED_IDS + 1)
    ids = list(connection.scalars(newest))
    listed = ", ".join(ids[:_LISTED_IDS]) + (", …" if len(ids) > _LISTED_IDS else "")
    cure = f"the sessions here are: {listed}" if ids else "there are no sessions here yet: `labwright run` opens one"
    raise UsageError(f"there is no session {session_id!r}", cure=cure)


def _process(session: Row[Any]) -> ProcessMark | None:
    if session.pid is None:
        return None
    return ProcessMark(session.pid, session.host or "", session.boot or "", session.ticks or 0)


def at_work(connection: Connection, session_id: str) -> LastSeen | None:
    """The process that works in a session, as far as the ledger knows; one that was killed told it nothing."""
    session = session_row(connection, session_id)
    process = _process(session)
    if process is None or session.state != "running":
        return None
    return LastSeen(process, session.last_at if session.ran_until is None else session.ran_until)


def _wall_clock_s(session: Row[Any], now: float | None) -> float:
    worked_s = float(session.worked_s)
    if session.attached_at is None:
        return worked_s
    until = session.ran_until if now is None else max(session.ran_until, now)
    return worked_s + max(0.0, float(until) - float(session.attached_at))


def account(connection: Connection, session_id: str, now: float | None) -> SessionAccount:
    """What a session may spend and what it spent, without reading its history. Raises UsageError."""
    session = session_row(connection, session_id)
    usage = usage_with_studies(connection, session_id)
    return SessionAccount(session_id, BUDGET.validate_json(session.budget), usage, _wall_clock_s(session, now))


def creators(connection: Connection, study_id: str) -> tuple[str, ...]:
    """The sessions that created a study, oldest first."""
    linked = session_tables.session_studies
    chosen = select(linked.c.session_id).where(linked.c.study_id == study_id).order_by(linked.c.seq)
    return tuple(connection.scalars(chosen))


def session_view(connection: Connection, session_id: str, now: float | None) -> SessionView:
    """A session as it stands. Raises UsageError for an unknown id."""
    session = session_row(connection, session_id)
    linked, log = session_tables.session_studies, tables.events
    studies = select(linked.c.study_id).where(linked.c.session_id == session_id).order_by(linked.c.seq)
    words = select(log.c.body).where(log.c.session_id == session_id, log.c.kind == "user_said").order_by(log.c.seq)
    return SessionView(
        id=session.id,
        goal=session.goal,
        model=session.model,
        workspace=session.workspace,
        approve=session.approve,
        budget=BUDGET.validate_json(session.budget),
        state=session.state,
        reason=session.reason,
        outcome=session.outcome,
        process=_process(session),
        opened_at=session.opened_at,
        last_at=session.last_at,
        ended_at=session.ended_at,
        wall_clock_s=_wall_clock_s(session, now),
        usage=usage_with_studies(connection, session_id),
        approvals=approvals(connection, session_id=session_id),
        studies=tuple(connection.scalars(studies)),
        said=tuple(event.text for event in parse(events.UserSaid, list(connection.scalars(words)))),
    )


def approvals(
    connection: Connection, *, session_id: str | None = None, open_only: bool = False
) -> tuple[Approval, ...]:
    """Approvals, oldest first: one session's, or everyone's."""
    asked = session_tables.approvals
    chosen = select(asked).order_by(asked.c.seq)
    if session_id is not None:
        chosen = chosen.where(asked.c.session_id == session_id)
    if open_only:
        chosen = chosen.where(asked.c.state == "open")
    return _as_approvals(list(connection.execute(chosen)))


def approval(connection: Connection, approval_id: str) -> Approval:
    """One approval. Raises UsageError that names the open ones."""
    asked = session_tables.approvals
    rows = list(connection.execute(select(asked).where(asked.c.id == approval_id)))
    if rows:
        return _as_approvals(rows)[0]
    ids = list(connection.scalars(select(asked.c.id).where(asked.c.state == "open").order_by(asked.c.seq)))
    cure = f"those that wait for an answer are: {', '.join(ids)}" if ids else "no approval waits for an answer"
    raise UsageError(f"there is no approval {approval_id!r}", cure=cure)


def approval_count(connection: Connection) -> int:
    """How many were ever asked; the next one's number is the one after."""
    return connection.scalar(select(func.count()).select_from(session_tables.approvals)) or 0


def _as_approvals(rows: list[Row[Any]]) -> tuple[Approval, ...]:
    questions = parse(events.ApprovalAsked, [row.body for row in rows])
    answers = iter(parse(events.ApprovalAnswered, [row.answer for row in rows if row.answer is not None]))
    return tuple(
        question.approval if row.answer is None else _answered(question.approval, next(answers), row.answered_at)
        for question, row in zip(questions, rows, strict=True)
    )


def _answered(asked: Approval, answer: events.ApprovalAnswered, at: float) -> Approval:
    return replace(asked, state=answer.decision, answered_at=at, by=answer.by, why=answer.why, edited_args=answer.args)


def llm_calls(connection: Connection, session_id: str, *, open_only: bool = False) -> tuple[LlmCall, ...]:
    """A session's model calls, oldest first; `open_only` for those that are reserved."""
    calls = session_tables.llm_calls
    chosen = select(calls).where(calls.c.session_id == session_id).order_by(calls.c.seq)
    if open_only:
        chosen = chosen.where(calls.c.state == "reserved")
    return tuple(_as_llm_call(row) for row in connection.execute(chosen))


def llm_call(connection: Connection, session_id: str, call_id: str) -> LlmCall | None:
    """One model call, if it was ever reserved."""
    row = connection.execute(_LLM_CALL, {"session": session_id, "call": call_id}).one_or_none()
    return None if row is None else _as_llm_call(row)


def _as_llm_call(row: Row[Any]) -> LlmCall:
    return LlmCall(
        row.call_id,
        row.model,
        row.agent,
        row.state,
        row.input_tokens,
        row.cache_read_tokens,
        row.output_tokens,
        row.usd,
        row.at,
    )


def tool_calls(connection: Connection, session_id: str, *, open_only: bool = False) -> tuple[ToolCall, ...]:
    """A session's tool calls, oldest first; `open_only` for those whose end nobody recorded."""
    calls = session_tables.tool_calls
    chosen = select(calls).where(calls.c.session_id == session_id).order_by(calls.c.seq)
    if open_only:
        chosen = chosen.where(calls.c.outcome.is_(None))
    rows = connection.execute(chosen).all()
    started = parse(events.ToolStarted, [row.body for row in rows])
    return tuple(
        ToolCall(
            event.run_id,
            event.call_id,
            event.tool,
            event.effects,
            event.args,
            row.started_at,
            row.ended_at,
            row.outcome,
            row.result,
        )
        for event, row in zip(started, rows, strict=True)
    )


def summaries(connection: Connection) -> tuple[SessionSummary, ...]:
    """All sessions, oldest first."""
    sessions, calls, asked = session_tables.agent_sessions, session_tables.llm_calls, session_tables.approvals
    spent = (
        select(
            calls.c.session_id,
            func.sum(calls.c.input_tokens + calls.c.output_tokens).label("tokens"),
            func.coalesce(func.sum(calls.c.usd), 0.0).label("usd"),
            func.sum(case((calls.c.usd.is_(None), 1), else_=0)).label("unpriced"),
        )
        .where(calls.c.state == "reconciled")
        .group_by(calls.c.session_id)
        .subquery()
    )
    waiting = (
        select(asked.c.session_id, func.count().label("open"))
        .where(asked.c.state == "open")
        .group_by(asked.c.session_id)
        .subquery()
    )
    chosen = (
        select(sessions, spent.c.tokens, spent.c.usd, spent.c.unpriced, waiting.c.open)
        .select_from(
            sessions.outerjoin(spent, spent.c.session_id == sessions.c.id).outerjoin(
                waiting, waiting.c.session_id == sessions.c.id
            )
        )
        .order_by(sessions.c.seq)
    )
    return tuple(
        SessionSummary(
            row.id,
            row.goal,
            row.model,
            row.workspace,
            row.state,
            row.outcome,
            row.opened_at,
            row.last_at,
            int(row.tokens or 0),
            float(row.usd or 0.0),
            int(row.unpriced or 0),
            int(row.open or 0),
            _process(row),
        )
        for row in connection.execute(chosen)
    )
