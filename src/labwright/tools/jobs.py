"""Runs as jobs: what executes, its log, its curve, its end."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from pydantic_ai.toolsets import FunctionToolset

from labwright.compute import read_log
from labwright.contracts.errors import UsageError
from labwright.contracts.research import Run
from labwright.contracts.views import Curve, StudyView
from labwright.study import detached
from labwright.tools.answers import MOST, answer, clipped, page, rounded
from labwright.tools.declare import declare
from labwright.tools.desk import Desk
from labwright.tools.family import Family
from labwright.tools.standing import run_line

_LONGEST_WAIT_S = 1800.0
_LOOK_S = 1.0
_LINE = 240
_POINTS = 24

DESCRIPTION = "training runs: list, logs, metric curves, wait, cancel"
INSTRUCTIONS = (
    "A run's id is its study, trial and number: number-sorting-1.t2.r1. A log is what a script printed: data."
)


def family(desk: Desk) -> Family:
    """The tools of runs at a desk."""
    do = JobTools(desk)
    tools = [
        declare(do.job_list, effects=("read",)),
        declare(do.job_logs, effects=("read",)),
        declare(do.job_curve, effects=("read",)),
        declare(do.job_wait, effects=("read",)),
        declare(do.job_cancel, effects=("write",)),
    ]
    return Family("jobs", DESCRIPTION, INSTRUCTIONS, FunctionToolset[Any](tools, id="jobs"))


class JobTools:
    """The functions behind the tools. Their docstrings are what the model reads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ledger = desk.ledger

    def job_list(self, study: str = "", skip: int = 0) -> str:
        """Runs, newest first; without a study, those of all studies that have live ones.

        Args:
            skip: for the next page
        """
        lines: list[dict[str, Any]] = []
        for summary in reversed(self._ledger.summaries()):
            if study in ("", summary.id):
                view = self._ledger.study_view(summary.id)
                live = [r for r in view.runs if study or not r.state.is_final]
                lines += [run_line(view, run) for run in reversed(live)]
        if study and not lines:
            self._ledger.status(study)  # an unknown id is named
        return page("runs", lines, skip=skip)

    def job_logs(self, run: str, skip: int = -1) -> str:
        """A run's log.

        Args:
            skip: lines before the first one shown; -1 shows the end
        """
        _, found = self._find(run)
        lines = list(read_log(Path(found.directory), is_over=lambda: True))
        shown: list[str] = []
        used = 0
        for line in reversed(lines) if skip < 0 else lines[skip:]:
            used += len(line[:_LINE]) + 1
            if shown and used > MOST - 200:
                break
            shown.append(line[:_LINE])
        if skip < 0:
            shown.reverse()
        first = len(lines) - len(shown) if skip < 0 else skip
        return f"{run}, lines {first + 1} to {first + len(shown)} of {len(lines)}:\n" + "\n".join(shown)

    def job_curve(self, run: str, metric: str = "loss") -> str:
        """A metric of a run, as the run reported it: [step, mean] points.

        Args:
            metric: its name
        """
        self._find(run)
        curve = self._ledger.curve(run, metric)
        if not curve.points:
            known = [c.metric for c in self._ledger.curves(run)]
            cure = f"it has: {', '.join(known)}" if known else "it has reported no metric yet"
            raise UsageError(f"{run} has no metric {metric!r}", cure=cure)
        return answer({"run": run, "metric": metric, "points": _thinned(curve), "self_reported": True})

    async def job_wait(self, run: str, up_to_s: float = 300) -> str:
        """Wait until a run has ended.

        Args:
            up_to_s: at most 1800
        """
        ends_at = time.monotonic() + min(max(up_to_s, 0.0), _LONGEST_WAIT_S)
        while True:
            view, found = self._find(run)
            nobody = not detached.is_running(Path(view.directory))
            if found.state.is_final or nobody or time.monotonic() >= ends_at:
                said = "no process runs its study; study_run goes on" if nobody and not found.state.is_final else None
                return answer({**run_line(view, found), "hint": said})
            await asyncio.sleep(min(_LOOK_S, max(ends_at - time.monotonic(), 0.01)))

    def job_cancel(self, run: str, why: str) -> str:
        """End a run; its trial is given up.

        Args:
            why: for the record
        """
        _, found = self._find(run)
        if found.state.is_final:
            raise UsageError(f"{run} has ended already: {found.state.value}", cure="there is nothing to cancel")
        self._desk.cancel(found, why)
        return answer({"run": run, "asked_to_end": True, "why": clipped(why)})

    def _find(self, run: str) -> tuple[StudyView, Run]:
        study = run.partition(".t")[0]
        view = self._ledger.study_view(study)
        found = next((r for r in view.runs if r.id == run), None)
        if found is None:
            known = ", ".join(r.id for r in view.runs[-8:]) or "none yet"
            raise UsageError(f"there is no run {run!r}", cure=f"the runs of {study} are: {known}")
        return view, found


def _thinned(curve: Curve) -> list[list[float | None]]:
    """At most a few dozen points, evenly over the curve, the first and the last among them."""
    points = curve.points
    count = min(len(points), _POINTS)
    places = sorted({round(i * (len(points) - 1) / max(count - 1, 1)) for i in range(count)})
    return [[points[i].last, rounded(points[i].mean)] for i in places]
