"""A study or a session that another machine's process works in: nobody here can see whether it still lives.

Machines that share a ledger see each other's work in it, but not each other's processes. What was taken up there and
never ended may be at work this moment; so it is left alone until somebody who knows says that it is over.
"""

from __future__ import annotations

import time
from pathlib import Path

from labwright.compute.whereabouts import whereabouts
from labwright.contracts.errors import UsageError
from labwright.contracts.events import StudyEnded
from labwright.contracts.processes import LastSeen, ProcessMark
from labwright.contracts.research import StudyState
from labwright.contracts.sessions import SessionSuspended, SessionView
from labwright.contracts.views import StudyStatus, StudyView
from labwright.ledger import Ledger
from labwright.study.lock import is_held
from labwright.study.report import numbers


def of_session(view: SessionView) -> LastSeen | None:
    """Who works in a session on another machine, as far as anybody here knows."""
    return _elsewhere(view.process, view.last_at) if view.state == "running" else None


def of_study(view: StudyView | StudyStatus) -> LastSeen | None:
    """Who runs a study on another machine, as far as anybody here knows. Its lock is looked at before."""
    seen = view.last_seen if view.state is StudyState.RUNNING else None
    return _elsewhere(seen.process, seen.at) if seen is not None else None


def told(seen: LastSeen) -> str:
    """`on gpu7, which recorded something 12 min 05 s ago`."""
    return f"on {seen.process.host}, which recorded something {numbers.duration(time.time() - seen.at)} ago"


def must_be_free(what: str, seen: LastSeen | None, release: str) -> None:
    """Raise UsageError where another machine's process has something; `release` is the command that says it is over."""
    if seen is None or whereabouts(seen.process) != "elsewhere":
        return
    raise UsageError(
        f"{what} is being run {told(seen)}; whether it still lives is not to be seen from here",
        where=f"process {seen.process.pid} on {seen.process.host}",
        cure=f"end it there; where it or its machine is gone, say so first: {release}",
    )


def release_session(ledger: Ledger, session_id: str) -> LastSeen:
    """Note that the process of another machine is gone, so that the session can be taken up here.

    Raises:
        UsageError: no other machine has it.
    """
    with ledger.deciding() as decision:
        seen = decision.at_work(session_id)
        if seen is None or whereabouts(seen.process) != "elsewhere":
            cure = f"labwright sessions resume {session_id}"
            raise UsageError(f"no other machine works in session {session_id}", cure=cure)
        gone = SessionSuspended(session_id, f"its process on {seen.process.host} is gone")
        decision.record(gone, at=seen.at)  # nobody worked since, so the time since is not the session's
    return seen


def release_study(ledger: Ledger, study_id: str) -> LastSeen:
    """Note that the process of another machine is gone: the study is stopped, and can be resumed here.

    Raises:
        UsageError: no other machine has it.
    """
    view = ledger.study_view(study_id)
    seen = of_study(view)
    if seen is None or is_held(Path(view.directory)):
        cure = f"see where it stands: labwright study status {study_id}"
        raise UsageError(f"no other machine runs study {study_id}", cure=cure)
    reason = f"its process on {seen.process.host} is gone"
    ended = StudyEnded(StudyState.STOPPED, reason, view.wall_clock_s, view.active_s)
    ledger.record(study_id, ended, at=seen.at)  # nor is the time since the study's
    return seen


def must_be_runnable(view: StudyView) -> None:
    """Raise UsageError where a study cannot be run from this machine: another one runs it, or has its files."""
    must_be_free(f"study {view.id}", of_study(view), f"labwright study release {view.id}")
    if view.last_seen is None or Path(view.directory).is_dir():
        return
    process = view.last_seen.process
    if whereabouts(process) == "elsewhere":
        what = f"the files of study {view.id} are not on this machine; it ran on {process.host}"
        cure = "resume it there, or give both machines the same LABWRIGHT_HOME at the same path"
    else:
        what = f"the files of study {view.id} are gone"
        cure = f"restore them, or run it anew: labwright study run {view.source}"
    raise UsageError(what, where=view.directory, cure=cure)


def _elsewhere(process: ProcessMark | None, at: float) -> LastSeen | None:
    return LastSeen(process, at) if process is not None and whereabouts(process) == "elsewhere" else None
