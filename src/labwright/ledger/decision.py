"""One write transaction of the ledger, in which to look first and record then; and how an event is appended."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import Connection

from labwright.contracts.events import EVENT, Event, LibraryEvent, Recorded
from labwright.contracts.literature import PaperIds
from labwright.contracts.processes import LastSeen
from labwright.contracts.sessions import Approval, LlmCall, SessionAccount, SessionEvent
from labwright.ledger import library_projection, library_queries, session_queries, tables
from labwright.ledger.library_queries import KeptPaper
from labwright.ledger.place import Place
from labwright.ledger.projection import apply


class Decision:
    """An open write transaction: see `Ledger.deciding`. Of no use once that is left."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def account(self, session_id: str, now: float | None = None) -> SessionAccount:
        """As `Ledger.session_account`."""
        return session_queries.account(self._connection, session_id, now)

    def at_work(self, session_id: str) -> LastSeen | None:
        """The process that works in a session, as far as the ledger knows."""
        return session_queries.at_work(self._connection, session_id)

    def creators(self, study_id: str) -> tuple[str, ...]:
        """The sessions that created a study, and so pay for it."""
        return session_queries.creators(self._connection, study_id)

    def llm_call(self, session_id: str, call_id: str) -> LlmCall | None:
        """One model call, if it was ever reserved."""
        return session_queries.llm_call(self._connection, session_id, call_id)

    def llm_calls(self, session_id: str, *, open_only: bool = False) -> tuple[LlmCall, ...]:
        """As `Ledger.llm_calls`."""
        return session_queries.llm_calls(self._connection, session_id, open_only=open_only)

    def approvals(self, session_id: str | None = None, *, open_only: bool = False) -> tuple[Approval, ...]:
        """As `Ledger.approvals`."""
        return session_queries.approvals(self._connection, session_id=session_id, open_only=open_only)

    def approval(self, approval_id: str) -> Approval:
        """As `Ledger.approval`."""
        return session_queries.approval(self._connection, approval_id)

    def approval_count(self) -> int:
        """How many approvals were ever asked."""
        return session_queries.approval_count(self._connection)

    def papers_named(self, ids: Iterable[PaperIds]) -> tuple[KeptPaper, ...]:
        """As `Ledger.papers_named`."""
        return library_queries.named(self._connection, ids)

    def papers_titled(self, title: str) -> tuple[KeptPaper, ...]:
        """The papers that are kept under this title, whatever its signs and capitals, oldest first."""
        return library_queries.titled(self._connection, title)

    def index_text(self, key: str, text_hash: str, text: str) -> None:
        """Make the text of a kept paper searchable, in place of the one it had."""
        library_projection.index_text(self._connection, key, text_hash, text)

    def unindexed_papers(self) -> tuple[KeptPaper, ...]:
        """The papers whose kept text is not the one that is searched; their metadata is indexed by this call."""
        missing = library_queries.unindexed(self._connection)
        for seq, kept in missing:
            library_projection.index_metadata(self._connection, seq, kept.entry.paper)
        return tuple(kept for _, kept in missing)

    def record(self, event: SessionEvent | LibraryEvent, at: float | None = None) -> Recorded:
        """Append a session's or the library's event; it is in once the transaction is left."""
        return append(self._connection, None, event, time.time() if at is None else at)


def append(connection: Connection, study_id: str | None, event: Event, at: float) -> Recorded:
    """Write an event and fold it into the state, in the caller's transaction."""
    body = EVENT.dump_json(event).decode()
    session_id = event.session_id if isinstance(event, SessionEvent) else None
    row = {"study_id": study_id, "at": at, "kind": event.kind, "body": body, "session_id": session_id}
    inserted = connection.execute(tables.events.insert(), row).inserted_primary_key
    assert inserted is not None  # every insert of one row has it
    seq = int(inserted[0])
    apply(event, connection, Place(seq, study_id, at, body))
    return Recorded(seq, study_id, at, event)
