"""What is checked before the first trial is trained, so that an hour is not spent to find a typo.

A smoke run of two steps goes through the very recipe, data and sandbox of the study. It gives the first figures for
a run's start-up and a step, from which the plan is compared with the budget. Where a judge scores, so are its dollars.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import psutil

from labwright.compute import read_log
from labwright.contracts.errors import BackendError
from labwright.contracts.events import PreflightDone
from labwright.contracts.research import Check, Run, RunPurpose, RunState
from labwright.contracts.views import StudyView
from labwright.referee.protocol import Appraisal
from labwright.study import estimates
from labwright.study.execution import memory_ceiling
from labwright.watch import Tailer

SMOKE_STEPS = 2
_CHECKPOINTS_OF_A_STUDY = (
    4  # base-sized directories that a study may hold at one time: staged, best, old best, one more
)
_ROOM = 1.5  # of a higher wall-clock: the preflight is made again, and a step may take longer than the smoke run's


def conclude(view: StudyView, smoke: Run, study_directory: Path, judging: Appraisal) -> PreflightDone:
    """Turn an ended smoke run, and a look at the machine and at the judge's price, into checks and first figures."""
    startup_s, step_s = _pace(smoke)
    judge = (judging.judgements, judging.judgement_usd, judging.measured_usd)
    figures = PreflightDone((), startup_s, step_s, smoke.id, *judge)
    checks = (
        _columns(view),
        _smoke(smoke),
        _memory(view, smoke),
        _disk(view, study_directory),
        _time(view, startup_s, step_s),
        *([_dollars(replace(view, preflight=figures))] if judging.judgements else []),
    )
    return replace(figures, checks=checks)


def smoke_run(view: StudyView, trial_id: str) -> Run | None:
    """The smoke run to conclude from; one that a failed preflight was concluded from is not looked at again."""
    looked_at = view.preflight.smoke_run if view.preflight else ""
    smokes = [r for r in view.runs_of(trial_id) if r.purpose is RunPurpose.SMOKE]
    return smokes[-1] if smokes and smokes[-1].id != looked_at else None


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
        f"{_last_words(Path(smoke.directory))}",
        f"read {Path(smoke.directory) / 'log.txt'}",
    )


def _memory(view: StudyView, smoke: Run) -> Check:
    ceiling = memory_ceiling(view)
    used = smoke.peak_memory_bytes or 0
    free = psutil.virtual_memory().available
    said = (
        f"the smoke run used {used / 1e9:.1f} GB of a ceiling of {ceiling / 1e9:.1f} GB; {free / 1e9:.1f} GB are free"
    )
    return Check("memory", used <= ceiling, said, "lower batch_size, or raise budget.memory_gb, and start a new study")


def _disk(view: StudyView, study_directory: Path) -> Check:
    weights = (view.base.parameters if view.base else 0) * 4
    needed = weights * _CHECKPOINTS_OF_A_STUDY + 500_000_000
    free = shutil.disk_usage(study_directory).free
    said = f"{free / 1e9:.1f} GB are free and the study may need {needed / 1e9:.1f} GB"
    return Check("disk", free >= needed, said, f"free space under {study_directory}, or set LABWRIGHT_HOME elsewhere")


def _time(view: StudyView, startup_s: float, step_s: float) -> Check:
    """Whether at least one trial can be trained to the first rung, scored, confirmed and tested in the time given."""
    evaluation_s = max((e.duration_s for e in view.evaluations), default=0.0)
    left_s = view.budget.left_wall_clock_s
    first, last = (
        2 * (startup_s + steps * step_s + evaluation_s) + 3 * evaluation_s
        for steps in (view.spec.search.rungs[0], view.spec.search.rungs[-1])
    )
    said = (
        f"a step takes {step_s:.2f} s; a trial, its retrain and the test need {last:.0f} s of the {left_s:.0f} s left"
    )
    if first <= left_s < last:
        said += f", more than there is; at the first rung they need {first:.0f} s"
    hours = math.ceil((view.budget.wall_clock_s - left_s + first) * _ROOM / 360) / 10
    cure = f"labwright study resume {view.id} --budget-hours {hours:g}, or lower search.rungs and start a new study"
    return Check("time", first <= left_s, said, cure)


def _dollars(view: StudyView) -> Check:
    """Whether the judge of one trial, of its retrain and of the sealed test can be paid."""
    estimate, budget = estimates.measure(view), view.budget
    price = estimates.judgement_usd(view)
    if not price:
        free = view.preflight is not None and view.preflight.judgement_usd == 0
        unknown = "nobody knows what the judge's calls cost, so no dollars are kept for the sealed test"
        return Check("dollars", True, "the judge costs nothing" if free else unknown)
    how = "at most" if estimates.measured_usd(view) is None else "as measured"
    needed = 2 * estimate.dev_usd + estimate.final_usd
    said = (
        f"a judgement costs ${price:.4f} {how}; judging a trial and its retrain takes ${2 * estimate.dev_usd:.2f}, and "
        f"${estimate.final_usd:.2f} are kept for the sealed test, of ${max(budget.left_usd, 0.0):.2f}"
    )
    least = math.ceil(100 * (budget.used_usd + budget.reserved_usd + needed)) / 100
    cure = (
        f"labwright study resume {view.id} --budget-usd {least:.2f}, or more, "
        "or make the benchmark smaller and start a new study"
    )
    return Check("dollars", needed <= budget.left_usd, said, cure)


def _pace(smoke: Run) -> tuple[float, float]:
    """Start-up and seconds a step, from the times in the smoke run's metrics.jsonl."""
    took_s = (smoke.ended_at or 0.0) - (smoke.started_at or 0.0)
    points, _ = Tailer(Path(smoke.directory) / "metrics.jsonl").read()
    times = [p.at for p in points if p.at > 0 and "loss" in p.values]
    if len(times) < 2 or smoke.started_at is None:
        return max(took_s * 0.8, 0.0), max(took_s * 0.2 / SMOKE_STEPS, 0.0)
    step_s = (times[-1] - times[0]) / (len(times) - 1)
    return max(took_s - SMOKE_STEPS * step_s, 0.0), step_s


def _last_words(directory: Path) -> str:
    """The last line of a run's log that says something."""
    try:
        lines = [line for line in read_log(directory, is_over=lambda: True) if line.strip()]
    except BackendError as error:
        return f"({error.what})"
    return lines[-1][:300] if lines else "(an empty log)"
