"""A study as tools show it: short, with the referee's numbers and nobody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labwright.contracts.research import BASE, Comparison, Evaluation, Run, RunState, StudyState, Trial
from labwright.contracts.specs import Split
from labwright.contracts.views import StudyView
from labwright.study import detached, elsewhere, standing
from labwright.study.conclusion import kept_document
from labwright.study.naming import short
from labwright.tools.answers import clipped, rounded

_NEWEST = 6


def study_document(view: StudyView) -> dict[str, Any]:
    """Where a study stands: its scores, its newest trials, its budget, and what to do next."""
    alive = detached.is_running(Path(view.directory))
    counts: dict[str, int] = {}
    for run in view.runs:
        counts[run.state.value] = counts.get(run.state.value, 0) + 1
    budget = view.budget
    return {
        "study": view.id,
        "state": view.state.value,
        "phase": view.phase,
        "running": alive,
        "reason": clipped(view.reason, 400),
        "hint": _hint(view, alive),
        "verdict": _headline(view),
        "dev": _scores(view, "dev"),
        "test": _scores(view, "test"),
        "best": short(view.id, view.best.subject) if view.best else None,
        "data": list(standing.usable_datasets(view)) if view.gates else [d.name for d in view.spec.data],
        "trials": [trial_line(view, t) for t in view.trials[-_NEWEST:]],
        "trials_in_all": len(view.trials),
        "runs": counts,
        "alerts": len(view.alerts),
        "incidents": len(view.incidents),
        "used_s": round(budget.used_wall_clock_s),
        "left_s": round(budget.left_wall_clock_s),
        "left_runs": budget.left_runs,
    }


def trial_line(view: StudyView, trial: Trial) -> dict[str, Any]:
    """A trial with its newest score on dev and its verdict."""
    scored = list(standing.scored_runs(view, trial))
    verdict = view.verdict_on(trial.id)
    flying = next((r for r in view.runs_of(trial.id) if not r.state.is_final), None)
    return {
        "id": short(view.id, trial.id),
        "parent": short(view.id, trial.parent_id) if trial.parent_id else None,
        "change": clipped(trial.change, 120),
        "dev": rounded(scored[-1][1].score.estimate) if scored else None,
        "steps": scored[-1][0].max_steps if scored else None,
        "verdict": verdict.outcome.value if verdict else None,
        "run": flying.state.value if flying else None,
    }


def run_line(view: StudyView, run: Run) -> dict[str, Any]:
    """A run, with the referee's score where it has one."""
    evaluation = standing.dev_evaluation(view, run)
    took_s = (run.ended_at - run.started_at) if run.started_at and run.ended_at else None
    return {
        "run": run.id,
        "purpose": run.purpose.value,
        "state": run.state.value,
        "reason": run.reason if run.state is not RunState.SUCCEEDED else None,
        "exit_code": run.exit_code or None,
        "steps": run.max_steps,
        "took_s": round(took_s, 1) if took_s is not None else None,
        "dev": rounded(evaluation.score.estimate) if evaluation else None,
    }


def compared(comparison: Comparison) -> dict[str, Any]:
    """A comparison as numbers: a difference with its interval, and p."""
    d = comparison.difference
    return {
        "difference": rounded(d.estimate),
        "interval95": [rounded(d.low), rounded(d.high)],
        "p": rounded(comparison.p_value),
        "won": comparison.wins,
        "lost": comparison.losses,
        "items": comparison.items,
    }


def _scores(view: StudyView, split: Split) -> dict[str, Any]:
    best = view.best if view.best and view.best.subject != BASE else None
    found = {
        "zero_shot_base": view.evaluation(BASE, "zero_shot", split),
        "few_shot_base": view.evaluation(BASE, "few_shot", split),
        "best": view.evaluation(best.subject, best.style, split) if best else None,
    }
    return {name: _score(evaluation) for name, evaluation in found.items() if evaluation is not None}


def _score(evaluation: Evaluation) -> list[float | None]:
    score = evaluation.score
    return [rounded(score.estimate), rounded(score.low), rounded(score.high)]


def _headline(view: StudyView) -> str | None:
    if view.state is not StudyState.FINISHED:
        return None
    verdict = kept_document(Path(view.directory)).get("verdict")
    return str(verdict["headline"]) if isinstance(verdict, dict) else None


def _hint(view: StudyView, alive: bool) -> str | None:
    """The next step, where the state alone does not say it."""
    if alive:
        return None
    seen = elsewhere.of_study(view)
    if seen is not None:
        return f"it runs {elsewhere.told(seen)}, as far as anybody here knows: leave it, or ask a person"
    if view.state is StudyState.RUNNING:
        return f"its process is gone; study_run goes on. It said last: {detached.last_words(Path(view.directory))}"
    if view.state is StudyState.CREATED:
        said = detached.last_words(Path(view.directory))
        if not said:
            return "study_run starts it: controls come first"
        return f"its process is gone, before its controls began; study_run starts it again. It said last: {said}"
    if view.state is StudyState.STOPPED:
        return "study_propose, then study_run; or study_finish"
    return None
