"""A researcher that proposes nothing: it trains and judges what others proposed, and then pauses or finishes the study.

Trials come into the ledger from outside (an agent's tool, or a person), one change each. The rules, in order:

1. give up  a trial whose run failed, or whose smoke run the preflight could not get through
2. train    each proposed trial in one run, to the steps its parent reached or to those it asks for
3. judge    ask the referee about what was trained; where it wants fresh-seed retrains, run them

When none has anything to decide, the study pauses until the next proposal; with `finish` it ends, which opens the
sealed test where a model was promoted. Rungs do not cull here: whoever proposes decides what is worth training.
"""

from __future__ import annotations

from labwright.contracts.research import Trial
from labwright.contracts.researchers import Decision, DiscardTrial, Finish, Pause, StartRun, Wait
from labwright.contracts.views import StudyView
from labwright.study import proposals, rules, standing
from labwright.study.naming import short
from labwright.study.rules import Situation


class Proposed:
    """Carries out what is in the ledger; with `finish`, trains nothing new and ends the study."""

    def __init__(self, *, finish: bool = False) -> None:
        self._finish = finish

    @property
    def name(self) -> str:
        """The name in the ledger."""
        return "finish" if self._finish else "proposed"

    def decide(self, view: StudyView) -> Decision:
        """The first decision that a rule comes to."""
        now = Situation.of(view)
        return (
            rules.give_up(now)
            or _give_up_after_smoke(now)
            or (None if self._finish else _train(now))
            or (Wait() if standing.open_runs(view) else None)
            or rules.judge(now)
            or (
                Finish(_why(now, finishing=True))
                if self._finish
                else Pause(f"waiting for the next proposal: {_why(now)}")
            )
        )


def _give_up_after_smoke(now: Situation) -> Decision | None:
    """Discard the trial whose smoke run failed, so that a repaired one is tried in its place."""
    preflight = now.view.preflight
    failed = next((c for c in preflight.checks if c.name == "smoke run" and not c.ok), None) if preflight else None
    if preflight is None or failed is None:
        return None
    trial = now.view.trial(now.view.run(preflight.smoke_run).trial_id)
    return None if standing.is_given_up(now.view, trial) else DiscardTrial(trial.id, f"its smoke run: {failed.detail}")


def _train(now: Situation) -> Decision | None:
    """The next run of a trial that has not come as far as it should, where time allows it and a retrain after it."""
    for trial in untrained(now.view):
        if standing.is_in_flight(now.view, trial) or _waits_for_parent(now.view, trial):
            continue
        nothing_scored = not any(True for t in now.view.trials for _ in standing.scored_runs(now.view, t))
        if now.fits(rules.improvement_s(now, trial), runs=2) or (nothing_scored and now.fits(0.0)):
            return _start(now, trial)
    return None


def _start(now: Situation, trial: Trial) -> StartRun:
    """On from the trial's own checkpoint where an earlier session left one, else as an improvement of its parent."""
    start = rules.start_improvement(now, trial)
    before = standing.search_runs(now.view, trial)
    return StartRun(trial.id, start.purpose, start.max_steps, before[-1].id) if before else start


def untrained(view: StudyView) -> list[Trial]:
    """Trials that were proposed, not given up, and not trained to their steps yet."""
    waiting = []
    for trial in view.trials:
        reached = standing.search_runs(view, trial)
        steps, _ = proposals.improvement_steps(view, trial)
        if not standing.is_given_up(view, trial) and (not reached or reached[-1].max_steps < steps):
            waiting.append(trial)
    return waiting


def _waits_for_parent(view: StudyView, trial: Trial) -> bool:
    return trial.parent_id is not None and standing.is_in_flight(view, view.trial(trial.parent_id))


def _why(now: Situation, *, finishing: bool = False) -> str:
    view = now.view
    if not standing.usable_datasets(view):
        return "the gate let no training set through, so there was nothing to train on"
    left = untrained(view)
    if left:
        named = ", ".join(short(view.id, t.id) for t in left)
        if finishing:
            return f"{named} was not trained before the study was finished; {now.left}"
        needed = rules.improvement_s(now, left[0])
        return f"{named} could not be trained: a trial and its retrain need {needed:.0f} s and 2 runs; {now.left}"
    return f"{len(view.trials)} proposed trials are decided; {now.left}"
