"""Carrying runs out: the run directory, the backend, the live metrics, the watchdog, and what is booked when it ends.

A run is in the ledger before it starts. So after a kill at any point there are four cases, and each has one answer:
queued and never started → start it; started and alive → reattach; started and ended → book what its status says;
started and gone without a status → lost, and start the next attempt from its last checkpoint.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from pydantic import JsonValue

from labwright.contracts.compute import Backend, MetricPoint, Resources, RunHandle, RunOrder, RunStatus
from labwright.contracts.errors import BackendError
from labwright.contracts.events import AlertRaised, IncidentFound, NoteTaken, RunEnded, RunQueued, RunStarted
from labwright.contracts.progress import Activity
from labwright.contracts.research import DatasetVersion, Incident, Run, RunState, Trial
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.study.naming import short
from labwright.watch import Tailer, Watchdog

OnActivity = Callable[[Activity], None]
_CHECKPOINT_STEP = re.compile(r"(\d+)$")
_LEAST_TASKS, _TASKS_A_CORE = 4096, 64


@dataclass(slots=True)
class _Live:
    """A run that is being followed by this process."""

    run: Run
    handle: RunHandle
    tailer: Tailer
    watchdog: Watchdog
    losses: list[float]
    step: int = 0
    cancelled: bool = False


class RunExecution:
    """Starts and follows the runs of one study."""

    def __init__(
        self,
        ledger: Ledger,
        backend: Backend,
        study_id: str,
        *,
        hidden: Sequence[Path],
        environment: Mapping[str, str],
        gpus_per_run: int,
        poll_s: float,
    ) -> None:
        self._ledger = ledger
        self._backend = backend
        self._study_id = study_id
        self._hidden = tuple(hidden)
        self._environment = environment
        self._gpus_per_run = gpus_per_run
        self._poll_s = poll_s
        self._live: dict[str, _Live] = {}

    @property
    def backend(self) -> str:
        """The name of the backend that runs go to."""
        return self._backend.name

    # -- starting ------------------------------------------------------------------------------------------------------

    def queue(self, run: Run) -> None:
        """Write the run to the ledger, before anything of it exists."""
        self._ledger.record(self._study_id, RunQueued(run))

    def start(self, view: StudyView, run: Run, recipe: Path, dataset: DatasetVersion, deadline: float) -> None:
        """Lay out the run directory and hand it to the backend."""
        directory = Path(run.directory)
        trial = view.trial(run.trial_id)
        inputs = self._inputs(view, run, dataset)
        _write_run_directory(directory, trial, run, recipe, dataset)
        order = RunOrder(
            run_id=run.id,
            directory=directory,
            command=(sys.executable, "recipe.py"),
            resources=Resources(memory_ceiling(view), gpus=self._gpus_per_run, tasks=_task_ceiling()),
            deadline=deadline,
            seed=run.seed,
            inputs=inputs,
            environment=self._environment,
            hidden=self._hidden,
            attempt=run.attempt,
        )
        handle = self._backend.submit(order)
        self._ledger.record(self._study_id, RunStarted(run.id, handle.token, run.attempt))
        self._follow_from_now(view, run, handle)

    def _inputs(self, view: StudyView, run: Run, dataset: DatasetVersion) -> dict[str, Path]:
        assert view.base is not None
        inputs = {"base_model": Path(view.base.path), "train.jsonl": Path(dataset.path)}
        if run.continues:
            inputs["checkpoint"] = newest_checkpoint(Path(view.run(run.continues).directory))
        return inputs

    # -- following -----------------------------------------------------------------------------------------------------

    def adopt(self, view: StudyView, run: Run) -> bool:
        """Take up a run that an earlier process started. False where `start` has to be called, again or at last."""
        if run.id in self._live:
            return True
        if run.state is RunState.QUEUED:  # what lies in its directory may be of an attempt before this one
            return False
        handle = self._backend.reattach(run.id, Path(run.directory))
        if handle is None:
            return False
        self._follow_from_now(view, run, handle)
        return True

    def look(self, view: StudyView, on_activity: OnActivity) -> bool:
        """Look at every live run once. True when at least one has ended and is booked."""
        ended = False
        for live in list(self._live.values()):
            self._read_metrics(view, live)
            status = self._backend.poll(live.handle)
            if status.state.is_final:
                self._read_metrics(view, live)
                self._book(view, live, status)
                del self._live[live.run.id]
                ended = True
            else:
                on_activity(_activity(self._study_id, live))
        return ended

    def wait(self) -> None:
        """Until the next look."""
        time.sleep(self._poll_s)

    def cancel_all(self) -> None:
        """End every live run; its files and checkpoints stay."""
        for live in self._live.values():
            self._backend.cancel(live.handle)

    def _follow_from_now(self, view: StudyView, run: Run, handle: RunHandle) -> None:
        watchdog = Watchdog(run.id, before=_points_before(view, run))
        self._live[run.id] = _Live(run, handle, Tailer(_metrics_of(run)), watchdog, [])

    def _read_metrics(self, view: StudyView, live: _Live) -> None:
        """New lines go to the curve index, the display and the watchdog, which may stop the run."""
        points, offset = live.tailer.read()
        if points:
            self._index(live, points, offset)
            live.step = max(live.step, points[-1].step)
            live.losses.extend(p.values["loss"] for p in points if "loss" in p.values)
        known = {(a.run_id, a.rule) for a in view.alerts}
        for alert in live.watchdog.look(points, now=time.time()):
            if (alert.run_id, alert.rule) not in known:
                self._ledger.record(self._study_id, AlertRaised(alert))
            if alert.stops_run and not live.cancelled:
                live.cancelled = True
                self._backend.cancel(live.handle, "alert")

    def _index(self, live: _Live, points: Sequence[MetricPoint], offset: int) -> None:
        """Fold what the index has not seen: the tailer of a resumed study reads from the start for the watchdog."""
        if offset > self._ledger.metrics_offset(live.run.id):
            seen = max((p.last for c in self._ledger.curves(live.run.id) for p in c.points), default=-1)
            self._ledger.fold_metrics(live.run.id, offset, [p for p in points if p.step > seen])

    # -- booking -------------------------------------------------------------------------------------------------------

    def _book(self, view: StudyView, live: _Live, status: RunStatus) -> None:
        run = live.run
        self._ledger.record(
            self._study_id,
            RunEnded(
                run_id=run.id,
                state=status.state,
                reason=status.reason,
                exit_code=status.exit_code,
                started_at=status.started_at,
                ended_at=status.ended_at or time.time(),
                peak_memory_bytes=status.peak_memory_bytes,
                boundary=status.boundary,
                last_step=live.step or None,
            ),
        )
        for incident in _incidents(run, status):
            if incident not in view.incidents:
                self._ledger.record(self._study_id, IncidentFound(incident))
        note = _note_on_metrics(live)
        if note is not None and note not in view.notes:
            self._ledger.record(self._study_id, note)

    def book_failure(self, run: Run, error: BackendError) -> None:
        """Book a run that could not even be started."""
        log = Path(run.directory) / "log.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        _write_anew(log, f"{error.one_line()}\n".encode())
        ended = RunEnded(run.id, RunState.FAILED, "error", None, None, time.time(), None, "not enforced", None)
        self._ledger.record(self._study_id, ended)


def _metrics_of(run: Run) -> Path:
    return Path(run.directory) / "metrics.jsonl"


def _points_before(view: StudyView, run: Run) -> list[MetricPoint]:
    """The metrics of the runs that a run continues, from the first step on."""
    points: list[MetricPoint] = []
    while run.continues:
        run = view.run(run.continues)
        points = Tailer(_metrics_of(run)).read()[0] + points
    return points


def _incidents(run: Run, status: RunStatus) -> list[Incident]:
    """What the way a run ended says about the rules."""
    found = []
    if status.left_behind:
        detail = f"left {len(status.left_behind)} processes behind, which were ended: {', '.join(status.left_behind)}"
        found.append(Incident(run.id, "left-daemon", detail))
    if status.reason == "deadline":
        found.append(Incident(run.id, "past-deadline", "did not end by its deadline and was ended"))
    if status.touched:
        found.append(Incident(run.id, "searched-vault", f"opened decoys of sealed files: {', '.join(status.touched)}"))
    return found


def _note_on_metrics(live: _Live) -> NoteTaken | None:
    """A remark where lines of the run's metrics were no metrics."""
    bad = live.tailer.bad_lines
    if not bad:
        return None
    lines, were = ("line", "was") if bad == 1 else ("lines", "were")
    return NoteTaken(f"{bad} {lines} of metrics.jsonl could not be read and {were} left out", about=live.run.id)


def again(run: Run) -> Run:
    """The next attempt of a run that something outside the study ended."""
    return replace(run, attempt=run.attempt + 1, state=RunState.QUEUED, reason="", exit_code=None)


def memory_ceiling(view: StudyView) -> int:
    """Bytes a run may use: study.yaml's ceiling, else 85 % of the machine."""
    given_gb = view.spec.budget.memory_gb
    return int(given_gb * 1e9) if given_gb else int(psutil.virtual_memory().total * 0.85)


def _task_ceiling() -> int:
    """Processes and threads a run may have: libraries start threads by the core, in each worker of a loader too."""
    return max(_LEAST_TASKS, _TASKS_A_CORE * (psutil.cpu_count() or 1))


def newest_checkpoint(run_directory: Path) -> Path:
    """The checkpoint with the most steps, or `checkpoints/` itself for recipes that keep only one state there.

    Links are passed over: only what lies in the run's own directory was made by it.

    Raises:
        BackendError: the run left no checkpoint.
    """
    folder = run_directory / "checkpoints"
    entries = list(folder.iterdir()) if _lies_in(run_directory, folder) else []
    numbered = [(int(m.group(1)), p) for p in entries if (m := _CHECKPOINT_STEP.search(p.name)) and _lies_in(folder, p)]
    if numbered:
        return max(numbered)[1]
    if any(not p.is_symlink() for p in entries):
        return folder
    raise BackendError(
        "the run left no checkpoint to continue from",
        where=str(folder),
        cure="let the recipe write resumable state to checkpoints/, or use one rung",
    )


def _lies_in(parent: Path, folder: Path) -> bool:
    """Whether a folder is really there: a link could start the next run from foreign weights."""
    return folder.is_dir() and folder.resolve() == parent.resolve() / folder.name


def _write_run_directory(directory: Path, trial: Trial, run: Run, recipe: Path, dataset: DatasetVersion) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    params: dict[str, JsonValue] = {**trial.params, "format": dataset.format, "max_steps": run.max_steps}
    _write_anew(directory / "params.json", f"{json.dumps(params, indent=2, sort_keys=True)}\n".encode())
    _write_anew(directory / "recipe.py", recipe.read_bytes())


def _write_anew(path: Path, content: bytes) -> None:
    """Write a file of ours; never through a link that an earlier attempt of the run left under its name."""
    if path.is_dir() and not path.is_symlink():
        path.rename(Path(tempfile.mkdtemp(dir=path.parent, prefix=".put-aside-")) / path.name)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)


def _activity(study_id: str, live: _Live) -> Activity:
    return Activity(
        label=f"{live.run.purpose} run {short(study_id, live.run.id)}",
        run_id=live.run.id,
        step=live.step,
        max_steps=live.run.max_steps,
        loss=live.losses[-1] if live.losses else None,
        losses=tuple(live.losses[-120:]),
        started_at=live.run.started_at,
    )
