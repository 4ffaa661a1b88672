"""What is checked before the first trial is trained, so that an hour is not spent to find a typo.

A smoke run of two steps goes through the very recipe, data and sandbox of the study. It gives the first figures for
a run's start-up and a step, from which the plan is compared with the budget.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import psutil

from labwright.contracts.events import PreflightDone
from labwright.contracts.research import Check, Run, RunState
from labwright.contracts.views import StudyView
from labwright.study.execution import memory_ceiling

SMOKE_STEPS = 2
_CHECKPOINTS_OF_A_STUDY = (
    4  # base-sized directories that a study may hold at one time: staged, best, old best, one more
)


def conclude(view: StudyView, smoke: Run, study_directory: Path) -> PreflightDone:
    """Turn an ended smoke run, and a look at the machine, into checks and first figures."""
    startup_s, step_s = _pace(smoke)
    checks = (
        _columns(view),
        _smoke(smoke),
        _memory(view, smoke),
        _disk(view, study_directory),
        _time(view, startup_s, step_s),
    )
    return PreflightDone(checks, startup_s=startup_s, step_s=step_s)


def _columns(view: StudyView) -> Check:
    """The rows were read in their formats when they were registered; here it is only said."""
    said = ", ".join(f"{d.name}: {d.rows} rows of {d.format}" for d in view.datasets)
    return Check("columns", True, said)


def _smoke(smoke: Run) -> Check:
    if smoke.state is RunState.SUCCEEDED:
        return Check("smoke run", True, f"{SMOKE_STEPS} steps went through")
    return Check(
        "smoke run",
        False,
        f"{SMOKE_STEPS} steps did not go through ({smoke.reason or smoke.state}, exit code {smoke.exit_code}): "
        f"{last_line(Path(smoke.directory))}",
        f"read {Path(smoke.directory) / 'log.txt'}",
    )


def _memory(view: StudyView, smoke: Run) -> Check:
    ceiling = memory_ceiling(view)
    used = smoke.peak_memory_bytes or 0
    free = psutil.virtual_memory().available
    said = (
        f"the smoke run used {used / 1e9:.1f} GB of a ceiling of {ceiling / 1e9:.1f} GB; {free / 1e9:.1f} GB are free"
    )
    return Check("memory", used <= ceiling, said, "lower batch_size, or raise budget.memory_gb")


def _disk(view: StudyView, study_directory: Path) -> Check:
    weights = (view.base.parameters if view.base else 0) * 4
    needed = weights * _CHECKPOINTS_OF_A_STUDY + 500_000_000
    free = shutil.disk_usage(study_directory).free
    said = f"{free / 1e9:.1f} GB are free and the study may need {needed / 1e9:.1f} GB"
    return Check("disk", free >= needed, said, f"free space under {study_directory}, or set LABWRIGHT_HOME elsewhere")


def _time(view: StudyView, startup_s: float, step_s: float) -> Check:
    """Whether at least one trial can be trained, scored, confirmed and tested in the time given."""
    evaluations = [e.duration_s for e in view.evaluations]
    one = startup_s + view.spec.search.rungs[-1] * step_s + max(evaluations, default=0.0)
    needed_s = 2 * one + 3 * max(evaluations, default=0.0)
    left_s = view.budget.left_wall_clock_s
    said = f"a step takes {step_s:.2f} s; a trial, its retrain and the test need {needed_s:.0f} s of {left_s:.0f} s"
    return Check("time", needed_s <= left_s, said, "raise budget.wall_clock, or lower search.rungs")


def _pace(smoke: Run) -> tuple[float, float]:
    """Start-up and seconds a step, from the times in the smoke run's metrics.jsonl."""
    took_s = (smoke.ended_at or 0.0) - (smoke.started_at or 0.0)
    times = []
    metrics = Path(smoke.directory) / "metrics.jsonl"
    for line in metrics.read_text().splitlines() if metrics.is_file() else []:
        point = json.loads(line)
        if isinstance(point.get("time"), int | float) and "loss" in point:
            times.append(float(point["time"]))
    if len(times) < 2 or smoke.started_at is None:
        return max(took_s * 0.8, 0.0), max(took_s * 0.2 / SMOKE_STEPS, 0.0)
    step_s = (times[-1] - times[0]) / (len(times) - 1)
    return max(took_s - SMOKE_STEPS * step_s, 0.0), step_s


def last_line(directory: Path) -> str:
    """The last words of a run's log."""
    log = directory / "log.txt"
    if not log.is_file():
        return "(no log)"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "(an empty log)"
