"""What a session's studies are doing right now, as far as the ledger knows: they run in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from labwright.contracts.progress import Activity
from labwright.contracts.research import Run, RunState
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.study import detached
from labwright.study.naming import short

_POINTS = 120


def running(ledger: Ledger, session_id: str) -> tuple[StudyView, Activity] | None:
    """The session's newest study that a process runs, and its activity."""
    for study_id in reversed(ledger.session_view(session_id).studies):
        view = ledger.study_view(study_id, now=time.time())
        if detached.is_running(Path(view.directory)):
            return view, activity(ledger, view)
    return None


def activity(ledger: Ledger, view: StudyView) -> Activity:
    """The run that executes and how far it is, else the phase; how it ended, where it has."""
    if view.ended_at is not None:
        return Activity(label=f"{view.state.value}: {view.reason}" if view.reason else view.state.value)
    run = next((r for r in reversed(view.runs) if r.state is RunState.RUNNING), None)
    if run is None:
        begun = view.phases[-1].at if view.phases else None
        return Activity(label=view.phase or view.state.value, started_at=begun)
    points = [p for p in ledger.curve(run.id, "loss").points if p.mean == p.mean]
    losses = tuple(p.mean for p in points[-_POINTS:])
    return Activity(
        label=f"{run.purpose} run {short(view.id, run.id)}",
        run_id=run.id,
        step=points[-1].last if points else 0,
        max_steps=run.max_steps,
        loss=losses[-1] if losses else None,
        losses=losses,
        started_at=run.started_at,
    )


def runs_of(ledger: Ledger, study_ids: Sequence[str]) -> Iterator[tuple[StudyView, Run]]:
    """The runs of these studies, newest first."""
    for study_id in reversed(study_ids):
        view = ledger.study_view(study_id, now=time.time())
        for run in reversed(view.runs):
            yield view, run
