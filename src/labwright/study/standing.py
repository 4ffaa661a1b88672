"""Where each trial of a study stands: questions that researchers and the engine ask of a `StudyView`."""

from __future__ import annotations

from collections.abc import Iterator

from labwright.contracts.research import (
    Alert,
    Evaluation,
    Outcome,
    Run,
    RunPurpose,
    RunState,
    Trial,
    TrialKind,
)
from labwright.contracts.views import StudyView

MAX_ATTEMPTS = 5  # a run that was killed from outside is started again this often in all


def is_given_up(view: StudyView, trial: Trial) -> bool:
    """Whether a trial was discarded or rejected."""
    verdict = view.verdict_on(trial.id)
    return verdict is not None and verdict.outcome in (Outcome.DISCARD, Outcome.REJECT)


def racing(view: StudyView) -> tuple[Trial, ...]:
    """The trials that climb the rungs: drafts, and the repairs of drafts."""
    return tuple(t for t in view.trials if t.kind in (TrialKind.DRAFT, TrialKind.DEBUG))


def extra(view: StudyView) -> tuple[Trial, ...]:
    """The trials that alerts and spare time added to the drafts."""
    return tuple(t for t in view.trials if t.kind is not TrialKind.DRAFT)


def open_runs(view: StudyView) -> tuple[Run, ...]:
    """Runs that have not reached a final state."""
    return tuple(r for r in view.runs if not r.state.is_final)


def is_in_flight(view: StudyView, trial: Trial) -> bool:
    """Whether a run of the trial is queued, running, or about to be started again."""
    return any(not r.state.is_final or may_start_again(r) for r in view.runs_of(trial.id))


def may_start_again(run: Run) -> bool:
    """Whether a run was ended by something outside the study, and may have another attempt."""
    if run.state is RunState.CANCELLED and run.reason == "cancelled":  # the person stopped the study, and resumed it
        return True
    from_outside = run.state is RunState.LOST or (run.state is RunState.FAILED and run.reason in ("killed", "disk"))
    return from_outside and run.attempt < MAX_ATTEMPTS


def search_runs(view: StudyView, trial: Trial) -> tuple[Run, ...]:
    """A trial's successful search runs, fewest steps first."""
    runs = (r for r in view.runs_of(trial.id) if r.purpose is RunPurpose.SEARCH and r.state is RunState.SUCCEEDED)
    return tuple(sorted(runs, key=lambda r: r.max_steps))


def scored_runs(view: StudyView, trial: Trial) -> Iterator[tuple[Run, Evaluation]]:
    """A trial's search runs whose model the referee has scored on dev, fewest steps first."""
    for run in search_runs(view, trial):
        evaluation = dev_evaluation(view, run)
        if evaluation is not None:
            yield run, evaluation


def dev_evaluation(view: StudyView, run: Run) -> Evaluation | None:
    """The dev evaluation of a run's model: trained models answer the bare prompt."""
    return view.evaluation(run.id, "zero_shot", "dev")


def awaits_evaluation(view: StudyView) -> Run | None:
    """The oldest run that has ended well and whose model nobody has scored, rejected or given up yet."""
    for run in view.runs:
        if run.purpose is RunPurpose.SMOKE or run.state is not RunState.SUCCEEDED:
            continue
        given_up = any(v.run_id == run.id and v.outcome in (Outcome.REJECT, Outcome.DISCARD) for v in view.verdicts)
        if not given_up and dev_evaluation(view, run) is None:
            return run
    return None


def retrains(view: StudyView, trial: Trial) -> tuple[Run, ...]:
    """A trial's fresh-seed retrains, oldest first."""
    return tuple(r for r in view.runs_of(trial.id) if r.purpose is RunPurpose.RETRAIN)


def alerts_of(view: StudyView, trial: Trial) -> tuple[Alert, ...]:
    """What the watchdog saw in a trial's runs."""
    runs = {r.id for r in view.runs_of(trial.id)}
    return tuple(a for a in view.alerts if a.run_id in runs)


def usable_datasets(view: StudyView) -> tuple[str, ...]:
    """The names of the training sets that the gate let through, in study.yaml's order."""
    blocked = {g.report.dataset_id for g in view.gates if g.report.action == "block"}
    bad = {d.name for d in view.datasets if d.id in blocked}
    known = {d.name for d in view.datasets}
    return tuple(d.name for d in view.spec.data if d.name in known and d.name not in bad)


def judged_trials(view: StudyView) -> set[str]:
    """Trials that were compared with an incumbent; there may be K of them."""
    return {v.trial_id for v in view.verdicts if v.comparison is not None}


def oriented(view: StudyView, score: float) -> float:
    """The score with the sign that makes larger better."""
    minimise = view.benchmark is not None and view.benchmark.direction == "minimise"
    return -score if minimise else score
