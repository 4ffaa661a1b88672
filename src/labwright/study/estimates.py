"""How long things take in this study, and what its judge costs, from what the ledger has already measured there.

Nothing here is a guess once one run and one evaluation have been seen: the preflight's smoke run gives the first
figures, and every run after it sharpens them.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from labwright.contracts.research import Run, RunPurpose, RunState
from labwright.contracts.views import StudyView

_REPORT_S = 8.0  # writing the report and ending the study
_MARGIN = 1.15  # machines are noisy: plan with 15 % more than was measured


@dataclass(frozen=True, slots=True)
class Estimates:
    """Seconds and dollars, measured in this study."""

    startup_s: float  # a run's start: imports and loading the model
    step_s: float
    dev_evaluation_s: float
    test_evaluation_s: float
    export_s: float
    dev_usd: float = 0.0  # for the judge of one evaluation on dev
    final_usd: float = 0.0  # the same of the sealed test, for all of what is scored on it

    def run_s(self, steps: int) -> float:
        """A run of this many steps, its start included."""
        return _MARGIN * (self.startup_s + steps * self.step_s)

    def trial_s(self, steps: int) -> float:
        """A run and the evaluation of its model on dev."""
        return self.run_s(steps) + _MARGIN * self.dev_evaluation_s

    def final_s(self) -> float:
        """What must stay in reserve: the sealed test for best, few-shot and zero-shot, `best/`, and the report."""
        return _MARGIN * (3 * self.test_evaluation_s + self.export_s) + _REPORT_S


def measure(view: StudyView) -> Estimates:
    """Estimates from a study's own runs and evaluations so far."""
    startup_s = view.preflight.startup_s if view.preflight else 15.0
    smoke_pace = [view.preflight.step_s] if view.preflight and view.preflight.step_s > 0 else []
    paces = [pace for run in view.runs if (pace := _pace(view, run, startup_s)) is not None]
    dev = [e.duration_s for e in view.evaluations if e.split == "dev"]
    dev_s = max(dev) if dev else 30.0
    ratio = view.benchmark.test_items / view.benchmark.dev_items if view.benchmark and view.benchmark.dev_items else 1.0
    parameters = view.base.parameters if view.base else 0
    dev_usd, final_usd = _judging(view)
    return Estimates(
        startup_s=startup_s,
        step_s=median(paces or smoke_pace or [3.0]),
        dev_evaluation_s=dev_s,
        test_evaluation_s=dev_s * ratio,
        export_s=2.0 + parameters * 4 / 100e6,  # fp32 weights at 100 MB/s
        dev_usd=dev_usd,
        final_usd=final_usd,
    )


def judgement_usd(view: StudyView) -> float:
    """Dollars of one judgement to plan with: as measured, else at the worst; 0 where nobody knows the price."""
    most, measured = view.preflight.judgement_usd if view.preflight else None, measured_usd(view)
    if measured is None:
        return most or 0.0
    return _MARGIN * measured if most is None else min(_MARGIN * measured, most)


def measured_usd(view: StudyView) -> float | None:
    """What a judgement took on the mean: here, or in earlier studies where all was judged then; None: unknown."""
    judge = view.budget.judge
    priced = judge.calls - judge.unpriced_calls
    if priced > 0:
        return judge.usd / priced
    return view.preflight.measured_usd if view.preflight else None


def _judging(view: StudyView) -> tuple[float, float]:
    """What the judge takes for one evaluation on dev, and for the sealed test with room for its last judgement."""
    if view.preflight is None or view.benchmark is None or not view.preflight.judgements:
        return 0.0, 0.0
    item_usd = view.preflight.judgements * judgement_usd(view)
    subjects = 3 if view.benchmark.few_shot else 2  # the promoted model, and the base with each of its prompts
    room_usd = (view.preflight.judgement_usd or 0.0) if item_usd else 0.0
    return view.benchmark.dev_items * item_usd, subjects * view.benchmark.test_items * item_usd + room_usd


def _pace(view: StudyView, run: Run, startup_s: float) -> float | None:
    """Seconds a step of a finished search or retrain run."""
    steps = run.max_steps - (view.run(run.continues).max_steps if run.continues else 0)
    counts = run.state is RunState.SUCCEEDED and run.purpose is not RunPurpose.SMOKE and run.reason == "finished"
    if not counts or run.started_at is None or run.ended_at is None or steps <= 0:
        return None
    return max(run.ended_at - run.started_at - startup_s, 0.001) / steps
