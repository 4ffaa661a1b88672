"""Sums model calls: those of one session, and those that judged the studies a session created. Read-only."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, and_, bindparam, case, func, literal, select

from labwright.contracts.sessions import JUDGE_SESSION, MAIN_AGENT, TokenUsage
from labwright.ledger import session_tables, tables

# These run around every model call, and building a statement costs more than running it: they are built once.
_calls = session_tables.llm_calls
_tokens = _calls.c.input_tokens + _calls.c.output_tokens
_SUMS = (
    func.count().label("calls"),
    func.sum(_calls.c.input_tokens).label("input_tokens"),
    func.sum(_calls.c.cache_read_tokens).label("cache_read_tokens"),
    func.sum(_calls.c.output_tokens).label("output_tokens"),
    func.coalesce(func.sum(_calls.c.usd), 0.0).label("usd"),
    func.sum(case((_calls.c.usd.is_(None), 1), else_=0)).label("unpriced"),
    func.sum(case((_calls.c.usd.is_(None), _tokens), else_=0)).label("unpriced_tokens"),
    func.sum(case((_calls.c.agent == MAIN_AGENT, 1), else_=0)).label("steps"),
)
_USAGE = select(_calls.c.state, *_SUMS).where(_calls.c.session_id == bindparam("session")).group_by(_calls.c.state)
_linked, _spent = session_tables.session_studies, tables.reservations
_STUDIES_USD = (
    select(func.sum(_spent.c.usd))
    .select_from(
        _spent.join(
            _linked, and_(_linked.c.study_id == _spent.c.study_id, _linked.c.session_id == bindparam("session"))
        )
    )
    .where(_spent.c.state == "reconciled")
)
_STUDIES_JUDGED = (
    select(*_SUMS)
    .select_from(_calls.join(_linked, _calls.c.session_id == literal(JUDGE_SESSION).concat(_linked.c.study_id)))
    .where(_linked.c.session_id == bindparam("session"), _calls.c.state.in_(("reserved", "reconciled")))
)


def usage_of(connection: Connection, session_id: str) -> TokenUsage:
    """What a session's own calls took and hold; all zero where there is no such session."""
    by_state = {row.state: row for row in connection.execute(_USAGE, {"session": session_id})}
    spent, held = by_state.get("reconciled"), by_state.get("reserved")
    return TokenUsage(
        input_tokens=int(spent.input_tokens) if spent else 0,
        cache_read_tokens=int(spent.cache_read_tokens) if spent else 0,
        output_tokens=int(spent.output_tokens) if spent else 0,
        usd=float(spent.usd) if spent else 0.0,
        unpriced_calls=int(spent.unpriced) if spent else 0,
        calls=int(spent.calls) if spent else 0,
        steps=int(spent.steps) if spent else 0,
        reserved_tokens=int(held.input_tokens + held.output_tokens) if held else 0,
        reserved_usd=float(held.usd) if held else 0.0,
        reserved_steps=int(held.steps) if held else 0,
        reserved_unpriced_calls=int(held.unpriced) if held else 0,
        unpriced_tokens=sum(int(row.unpriced_tokens) for row in (spent, held) if row),
    )


def usage_with_studies(connection: Connection, session_id: str) -> TokenUsage:
    """The same with what the studies spent and hold that the session created."""
    own = usage_of(connection, session_id)
    named = {"session": session_id}
    judged = connection.execute(_STUDIES_JUDGED, named).one()
    if not judged.calls:
        return replace(own, studies_usd=float(connection.scalar(_STUDIES_USD, named) or 0.0))
    return replace(
        own,
        studies_usd=float(connection.scalar(_STUDIES_USD, named) or 0.0) + float(judged.usd),
        studies_tokens=int(judged.input_tokens + judged.output_tokens),
        studies_unpriced_calls=int(judged.unpriced),
        unpriced_tokens=own.unpriced_tokens + int(judged.unpriced_tokens),
    )
