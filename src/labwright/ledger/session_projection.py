"""Folds one event of a session into the sessions' tables: the only code that writes them.

The rules of `projection.py` hold here too: nothing counts but the event, its place and what earlier events made.
"""

from __future__ import annotations

import hashlib
from functools import singledispatch

from pydantic import TypeAdapter
from sqlalchemy import Connection, Double, and_, bindparam, case, select

from labwright.contracts import sessions as events
from labwright.contracts.errors import StorageError
from labwright.contracts.sessions import SessionBudget, SessionEvent
from labwright.ledger import session_tables
from labwright.ledger.place import Place

_LONGEST_KEY = 300
BUDGET: TypeAdapter[SessionBudget] = TypeAdapter(SessionBudget)

_sessions = session_tables.agent_sessions
_THIS = _sessions.c.id == bindparam("session")
_MOMENT = bindparam("moment", type_=Double)
_LAST_AT = case((_sessions.c.last_at < _MOMENT, _MOMENT), else_=_sessions.c.last_at)
_RAN_UNTIL = case((_sessions.c.ran_until < _MOMENT, _MOMENT), else_=_sessions.c.ran_until)  # stays null where it is

# One of these runs for every event, and building a statement costs more than running it: they are built once.
_WORKED = _sessions.update().where(_THIS).values(last_at=_LAST_AT, ran_until=_RAN_UNTIL)
_HEARD = _sessions.update().where(_THIS).values(last_at=_LAST_AT)
# The open span's length, to be added when it is closed.
_OPEN_S = case(
    (_sessions.c.attached_at.is_(None), 0.0),
    (_sessions.c.ran_until < _sessions.c.attached_at, 0.0),
    else_=_sessions.c.ran_until - _sessions.c.attached_at,
)

_llm = session_tables.llm_calls
_THIS_LLM = and_(_llm.c.session_id == bindparam("session"), _llm.c.call_id == bindparam("call"))
_LLM_STATE = select(_llm.c.state).where(_THIS_LLM)
_LLM_SETTLE = (
    _llm.update()
    .where(_THIS_LLM)
    .values({name: bindparam(name) for name in ("state", "input_tokens", "cache_read_tokens", "output_tokens", "usd")})
)
_tool = session_tables.tool_calls
_TOOL_CALL = (
    select(_tool.c.seq, _tool.c.outcome)
    .where(
        _tool.c.session_id == bindparam("session"),
        _tool.c.run_id == bindparam("run"),
        _tool.c.call_id == bindparam("call"),
    )
    .order_by(_tool.c.seq.desc())
    .limit(1)
)
_TOOL_END = (
    _tool.update()
    .where(_tool.c.seq == bindparam("this"))
    .values({name: bindparam(name) for name in ("outcome", "result", "ended_at")})
)


def fold_session(event: SessionEvent, to: Connection, place: Place) -> None:
    """Write what an event of a session means. Raises StorageError where it contradicts the state."""
    if place.study_id is not None:
        raise _contradiction(place, f"{event.kind} belongs to a session and was given to the study {place.study_id!r}")
    if not isinstance(event, events.SessionOpened):
        # An answer may come from anywhere, days later; taking a session up ends the time before. Neither is its work.
        at_work = not isinstance(event, events.ApprovalAnswered | events.SessionAttached | events.SessionAdjusted)
        told = to.execute(_WORKED if at_work else _HEARD, {"session": event.session_id, "moment": place.at})
        if told.rowcount == 0:
            raise _contradiction(place, f"there is no session {event.session_id!r}", "record session_opened first")
    _fold(event, to, place)


def _key(call_id: str) -> str:
    """A tool call's id as it is looked up: some servers put kilobytes into one, which PostgreSQL cannot index."""
    return call_id if len(call_id) <= _LONGEST_KEY else hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()


def _contradiction(place: Place, what: str, cure: str = "an event is recorded once, and in its place") -> StorageError:
    return StorageError(what, where=f"event {place.seq}", cure=f"{cure}; this is a defect of the caller")


def _set(to: Connection, session_id: str, **columns: object) -> None:
    to.execute(_sessions.update().where(_sessions.c.id == session_id).values(**columns))


@singledispatch
def _fold(event: object, _to: Connection, _place: Place) -> None:
    raise TypeError(f"no rule folds {type(event).__name__} into the state")


@_fold.register
def _(event: events.SessionOpened, to: Connection, place: Place) -> None:
    row = {
        "id": event.session_id,
        "seq": place.seq,
        "goal": event.goal,
        "model": event.model,
        "workspace": event.workspace,
        "approve": event.approve,
        "budget": BUDGET.dump_json(event.budget).decode(),
        "state": "opened",
        "reason": "",
        "opened_at": place.at,
        "last_at": place.at,
        "worked_s": 0.0,
    }
    to.execute(_sessions.insert(), row)


@_fold.register
def _(event: events.SessionAttached, to: Connection, place: Place) -> None:
    _set(
        to,
        event.session_id,
        state="running",
        reason="",
        outcome=None,
        ended_at=None,
        pid=event.pid,
        host=event.host or None,
        boot=event.boot or None,
        ticks=event.ticks or None,
        model=event.model,
        worked_s=_sessions.c.worked_s + _OPEN_S,
        attached_at=place.at,
        ran_until=place.at,
    )


def _detach(to: Connection, session_id: str, **columns: object) -> None:
    _set(to, session_id, worked_s=_sessions.c.worked_s + _OPEN_S, attached_at=None, ran_until=None, **columns)


@_fold.register
def _(event: events.SessionSuspended, to: Connection, _place: Place) -> None:
    _detach(to, event.session_id, state="suspended", reason=event.reason)


@_fold.register
def _(event: events.SessionEnded, to: Connection, place: Place) -> None:
    _detach(to, event.session_id, state="ended", reason=event.text, outcome=event.outcome, ended_at=place.at)


@_fold.register
def _(event: events.SessionAdjusted, to: Connection, _place: Place) -> None:
    if event.budget is not None:
        _set(to, event.session_id, budget=BUDGET.dump_json(event.budget).decode())
    if event.approve is not None:
        _set(to, event.session_id, approve=event.approve)


@_fold.register
def _(_event: events.UserSaid, _to: Connection, _place: Place) -> None:
    """History only: what was said is read from the events."""


@_fold.register
def _(event: events.StudyLinked, to: Connection, place: Place) -> None:
    linked = session_tables.session_studies
    this = and_(linked.c.session_id == event.session_id, linked.c.study_id == event.study_id)
    if to.scalar(select(linked.c.seq).where(this)) is None:  # a resumed session links again
        row = {"seq": place.seq, "session_id": event.session_id, "study_id": event.study_id}
        to.execute(linked.insert(), row)


@_fold.register
def _(event: events.LlmReserved, to: Connection, place: Place) -> None:
    row = {
        "seq": place.seq,
        "session_id": event.session_id,
        "call_id": event.call_id,
        "state": "reserved",
        "model": event.model,
        "agent": event.agent,
        "input_tokens": event.input_tokens,
        "cache_read_tokens": 0,
        "output_tokens": event.output_tokens,
        "usd": event.usd,
        "at": place.at,
    }
    to.execute(session_tables.llm_calls.insert(), row)


@_fold.register
def _(event: events.LlmReconciled, to: Connection, place: Place) -> None:
    ids = {"session": event.session_id, "call": event.call_id}
    state = to.scalar(_LLM_STATE, ids)
    if state == "reconciled":
        raise _contradiction(place, f"the call {event.call_id!r} was already reconciled", "what was spent counts once")
    spent = {
        "state": "reconciled",
        "input_tokens": event.input_tokens,
        "cache_read_tokens": event.cache_read_tokens,
        "output_tokens": event.output_tokens,
        "usd": event.usd,
    }
    if state is not None:  # where it was given back too early, it is spent all the same
        to.execute(_LLM_SETTLE, {**ids, **spent})
        return
    of_it = {"seq": place.seq, "session_id": event.session_id, "call_id": event.call_id, "at": place.at}
    to.execute(session_tables.llm_calls.insert(), {**of_it, "model": "", "agent": "", **spent})


@_fold.register
def _(event: events.LlmReleased, to: Connection, _place: Place) -> None:
    calls = session_tables.llm_calls
    this = and_(calls.c.session_id == event.session_id, calls.c.call_id == event.call_id)
    to.execute(calls.update().where(this, calls.c.state == "reserved").values(state="released"))


def _newest_tool_call(
    to: Connection, event: events.ToolStarted | events.ToolEnded
) -> tuple[int, events.ToolOutcome | None] | None:
    """Its number and outcome. Some servers give the same call id again and again: the newest is meant."""
    ids = {"session": event.session_id, "run": event.run_id, "call": _key(event.call_id)}
    row = to.execute(_TOOL_CALL, ids).one_or_none()
    return None if row is None else (row.seq, row.outcome)


@_fold.register
def _(event: events.ToolStarted, to: Connection, place: Place) -> None:
    newest = _newest_tool_call(to, event)
    if newest is not None and newest[1] is None:  # no effect is to happen twice
        raise _contradiction(place, f"the tool call {event.call_id!r} is still open", "end it before it starts again")
    row = {
        "seq": place.seq,
        "session_id": event.session_id,
        "run_id": event.run_id,
        "call_id": _key(event.call_id),
        "result": "",
        "started_at": place.at,
        "body": place.body,
    }
    to.execute(session_tables.tool_calls.insert(), row)


@_fold.register
def _(event: events.ToolEnded, to: Connection, place: Place) -> None:
    newest = _newest_tool_call(to, event)
    if newest is None and event.outcome == "denied":  # it never started: history only
        return
    if newest is None or newest[1] not in (None, "unknown"):
        raise _contradiction(place, f"no tool call {event.call_id!r} is open", "record tool_started first")
    ended = {"outcome": event.outcome, "result": event.result, "ended_at": place.at}
    to.execute(_TOOL_END, {"this": newest[0], **ended})


@_fold.register
def _(event: events.ApprovalAsked, to: Connection, place: Place) -> None:
    approval = event.approval
    if approval.session_id != event.session_id or approval.state != "open":
        raise _contradiction(place, f"the approval {approval.id!r} is of another session, or answered")
    row = {
        "id": approval.id,
        "seq": place.seq,
        "session_id": event.session_id,
        "state": "open",
        "expires_at": approval.expires_at,
        "body": place.body,
    }
    to.execute(session_tables.approvals.insert(), row)


@_fold.register
def _(event: events.ApprovalAnswered, to: Connection, place: Place) -> None:
    asked = session_tables.approvals
    this = and_(asked.c.id == event.approval_id, asked.c.session_id == event.session_id, asked.c.state == "open")
    answer = {"state": event.decision, "answered_at": place.at, "answer": place.body}
    if to.execute(asked.update().where(this).values(**answer)).rowcount == 0:
        raise _contradiction(place, f"the approval {event.approval_id!r} is not open", "answer an open one, once")
