"""The log of a session's messages, as the agent encoded them, and where its conversation stands.

A message is written once. When a compaction or an undo rewrites the history from some position on, what stood there is
marked as replaced and kept, so that an export still shows what was really said.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, bindparam, func, select

from labwright.contracts.errors import StorageError
from labwright.ledger.session_tables import heads, messages

_MINE = and_(messages.c.session_id == bindparam("session"), messages.c.live)
_COUNT = select(func.coalesce(func.max(messages.c.position) + 1, 0)).where(_MINE)
_REPLACE = messages.update().where(_MINE, messages.c.position >= bindparam("start")).values(live=False)
_READ = select(messages.c.body).where(_MINE).order_by(messages.c.position)
_READ_ALL = select(messages.c.body).where(messages.c.session_id == bindparam("session")).order_by(messages.c.seq)


def append(to: Connection, session_id: str, start: int, encoded: Sequence[bytes]) -> None:
    """Make these the messages from position `start` on. Raises StorageError where that would leave a gap."""
    count: int = to.execute(_COUNT, {"session": session_id}).scalar_one()
    if not 0 <= start <= count:
        raise StorageError(
            f"messages were given for position {start} and the session has {count}",
            where=session_id,
            cure="give all messages from the first one that is new; this is a defect of the caller",
        )
    if start < count:
        to.execute(_REPLACE, {"session": session_id, "start": start})
    if encoded:
        rows = [
            {"session_id": session_id, "position": position, "live": True, "body": body}
            for position, body in enumerate(encoded, start)
        ]
        to.execute(messages.insert(), rows)


def read(connection: Connection, session_id: str, *, replaced: bool) -> list[bytes]:
    """The messages as they stand; or everything ever written, once each, in the order it was."""
    if not replaced:
        return list(connection.scalars(_READ, {"session": session_id}))
    return list(dict.fromkeys(connection.scalars(_READ_ALL, {"session": session_id})))


def save_head(to: Connection, session_id: str, body: bytes) -> None:
    """Keep where the conversation stands, in place of what was kept before."""
    this = heads.c.session_id == session_id
    if to.execute(heads.update().where(this).values(body=body)).rowcount == 0:
        to.execute(heads.insert(), {"session_id": session_id, "body": body})


def head(connection: Connection, session_id: str) -> bytes | None:
    """What `save_head` kept, if it ever did."""
    return connection.scalar(select(heads.c.body).where(heads.c.session_id == session_id))
