"""A process takes a session up, and leaves it, unless another machine's is at work in it: two would act twice.

On one machine the session's lock decides. Another machine's process holds no lock that is seen from here, so the ledger
decides, in the transaction that records who has the session now.
"""

from __future__ import annotations

from labwright.compute.whereabouts import marked, whereabouts
from labwright.contracts.sessions import SessionAttached, SessionEnded, SessionSuspended
from labwright.ledger import Ledger
from labwright.study.elsewhere import must_be_free


def attach(ledger: Ledger, session_id: str, model_id: str) -> None:
    """Record that this process has the session.

    Raises:
        UsageError: a process of another machine has it, as far as anybody knows.
    """
    me = marked()
    with ledger.deciding() as decision:
        must_be_free(f"session {session_id}", decision.at_work(session_id), f"labwright sessions release {session_id}")
        decision.record(SessionAttached(session_id, me.pid, model_id, me.host, me.boot, me.ticks))


def leave(ledger: Ledger, left: SessionEnded | SessionSuspended) -> None:
    """Record how this process leaves a session, unless another machine took it up while a person here thought."""
    with ledger.deciding() as decision:
        seen = decision.at_work(left.session_id)
        if seen is None or whereabouts(seen.process) != "elsewhere":
            decision.record(left)
