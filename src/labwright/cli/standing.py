"""How a session stands, in a word: the ledger says `running` of one whose process was killed, until it is taken up."""

from __future__ import annotations

import time

from labwright.compute.whereabouts import whereabouts
from labwright.contracts.processes import Whereabouts
from labwright.contracts.sessions import SessionSummary, SessionView
from labwright.study.report import numbers

CUT_OFF = "cut off"


def at_work(session: SessionSummary | SessionView) -> Whereabouts | None:
    """Where the process of a running session is; None for one that is not running."""
    if session.state != "running" or session.process is None:
        return None
    return whereabouts(session.process)


def state_word(session: SessionSummary | SessionView) -> str:
    """Its state; of one that runs on another machine, when that machine was heard last."""
    match at_work(session):
        case "gone":
            return CUT_OFF
        case "elsewhere" if session.process is not None:
            ago = numbers.duration(time.time() - session.last_at)
            return f"on {session.process.host}, {ago} ago"
        case _:
            return (session.outcome or session.state) if session.state == "ended" else session.state
