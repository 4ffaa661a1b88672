"""The autopilot: a researcher that decides by rules from what the ledger shows, with no LLM.

The rules, in the order they are asked:

1. draft    propose the strategy's configurations; each differs in one thing from an earlier trial
2. mend     give up a trial whose run failed; what the watchdog advised becomes one repaired child
3. climb    train the racing trials rung by rung; at the end of a rung the strategy says who goes on
4. judge    ask the referee about the finalists, best first; where it wants fresh-seed retrains, run them
5. improve  spend what time is left on one change to the best trial, where that could still change the verdict

The first rule with something to decide wins. When none has, the study is done, and the reason says why.
"""

from __future__ import annotations

from collections.abc import Sequence

from labwright.contracts.research import RunPurpose, Trial, TrialKind
from labwright.contracts.researchers import (
    Decision,
    DiscardTrial,
    Finish,
    ProposeTrial,
    StartRun,
    Strategy,
    Wait,
)
from labwright.contracts.views import StudyView
from labwright.study import proposals, rules, standing
from labwright.study.naming import short
from labwright.study.rules import Situation

_ADDED = (TrialKind.IMPROVE, TrialKind.ABLATE)


class Autopilot:
    """Decides by rules. It keeps nothing between two decisions: the ledger is its only memory."""

    name = "autopilot"

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def decide(self, view: StudyView) -> Decision:
        """The first decision that a rule comes to."""
        now = Situation.of(view)
        for rule in (self._draft, self._mend, self._climb, rules.judge, self._improve):
            decision = rule(now)
            if decision is not None:
                return decision
        return Finish(self._why_done(now))

    # -- the rules ---------------------------------------------------------------------------------------------------

    def _draft(self, now: Situation) -> Decision | None:
        usable = standing.usable_datasets(now.view)
        for candidate in self._strategy.candidates():
            if candidate.dataset in usable and not proposals.exists(now.view, candidate):
                return ProposeTrial(proposals.draft(now.view, candidate))
        return None

    def _mend(self, now: Situation) -> Decision | None:
        for trial, failed in rules.failed_trials(now.view):
            if not standing.is_given_up(now.view, trial):
                return DiscardTrial(trial.id, rules.failure_reason(now.view, failed))
            if now.extra_left > 0 and not proposals.has_child(now.view, trial, TrialKind.DEBUG):
                repair = proposals.repair(now.view, trial, failed)
                if repair is not None and now.fits(now.estimates.trial_s(now.view.spec.search.rungs[0])):
                    return ProposeTrial(repair)
        return None

    def _climb(self, now: Situation) -> Decision | None:
        rungs = now.view.spec.search.rungs
        for rung, steps in enumerate(rungs):
            members = [t for t in standing.racing(now.view) if rung == 0 or _score_at(now.view, t, rungs[rung - 1])]
            alive = [t for t in members if not standing.is_given_up(now.view, t)]
            if rung > 0:
                alive.sort(key=lambda t: -_oriented(now.view, t, rungs[rung - 1]))
            waiting = False
            for trial in alive:
                if _score_at(now.view, trial, steps) is not None:
                    continue
                if standing.is_in_flight(now.view, trial):
                    waiting = True
                elif (start := self._start(now, trial, rung)) is not None:
                    return start
            if waiting:
                return Wait()
            if rung + 1 < len(rungs) and (discard := self._cull(now, rung, members)) is not None:
                return discard
        return None

    def _start(self, now: Situation, trial: Trial, rung: int) -> StartRun | None:
        """The trial's run at this rung, where time allows it and a retrain after it."""
        rungs = now.view.spec.search.rungs
        before = standing.search_runs(now.view, trial)
        continues = before[-1] if before else None
        steps = rungs[rung] - (continues.max_steps if continues else 0)
        # With the time for a retrain of what it reaches: a model that cannot be confirmed cannot be promoted.
        needed_s = now.estimates.trial_s(steps) + now.estimates.trial_s(rungs[rung])
        nothing_scored = not any(True for t in now.view.trials for _ in standing.scored_runs(now.view, t))
        if not now.fits(needed_s, runs=2) and not (nothing_scored and now.fits(0.0)):
            return None
        return StartRun(trial.id, RunPurpose.SEARCH, rungs[rung], continues.id if continues else None)

    def _cull(self, now: Situation, rung: int, members: Sequence[Trial]) -> DiscardTrial | None:
        """Discard one trial that the strategy does not let on; asked again until none is left."""
        steps = now.view.spec.search.rungs[rung]
        scores = [(t.id, _oriented(now.view, t, steps)) for t in members if _score_at(now.view, t, steps) is not None]
        if not scores:
            return None
        survivors = set(self._strategy.survivors(rung, scores))
        place = {trial_id: n for n, (trial_id, _) in enumerate(sorted(scores, key=lambda s: -s[1]), start=1)}
        for trial in members:
            if trial.id in place and trial.id not in survivors and not standing.is_given_up(now.view, trial):
                score = _score_at(now.view, trial, steps)
                return DiscardTrial(
                    trial.id,
                    f"place {place[trial.id]} of {len(scores)} after {steps} steps with {score:.1%} on dev; "
                    f"the best {len(survivors)} went on",
                )
        return None

    def _improve(self, now: Situation) -> Decision | None:
        for trial in now.view.trials:  # one that was proposed and not yet trained
            idle = trial.kind in _ADDED and not standing.is_in_flight(now.view, trial)
            if idle and not now.view.runs_of(trial.id) and not standing.is_given_up(now.view, trial):
                if now.fits(rules.improvement_s(now, trial), runs=2):
                    return rules.start_improvement(now, trial)
                return DiscardTrial(trial.id, "no time left for it and for a retrain")
        if now.extra_left <= 0 or now.comparisons_left <= 0:
            return None
        best = proposals.best_trial(now.view)
        if best is None:
            return None
        proposal = proposals.improvement(now.view, best)
        if proposal is None or not now.fits(rules.improvement_s(now, proposal), runs=2):
            return None
        return ProposeTrial(proposal)

    # -- why it is over ------------------------------------------------------------------------------------------------

    def _why_done(self, now: Situation) -> str:
        view = now.view
        if not view.trials:
            return "the gate let no training set through, so there was nothing to train on"
        left = now.left
        untrained = [t for t in view.trials if not view.runs_of(t.id) and not standing.is_given_up(view, t)]
        if untrained:
            named = ", ".join(short(view.id, t.id) for t in untrained)
            needed = 2 * now.estimates.trial_s(view.spec.search.rungs[0])
            return f"{named} could not be trained: a trial and its retrain need {needed:.0f} s and 2 runs; {left}"
        if now.extra_left <= 0:
            return f"every trial is decided and the extra trials are used up; {left}"
        if now.comparisons_left <= 0:
            return f"the {view.spec.search.planned_comparisons} comparisons planned at the start are used up; {left}"
        best = proposals.best_trial(view)
        proposal = proposals.improvement(view, best) if best else None
        if proposal is not None:
            needed = rules.improvement_s(now, proposal)
            return f"every trial is decided; one more change ({proposal.change}) would need {needed:.0f} s, but {left}"
        return f"every trial is decided and no rule knows another change that could alter the verdict; {left}"


def _score_at(view: StudyView, trial: Trial, steps: int) -> float | None:
    """A trial's dev score at a rung."""
    return next((e.score.estimate for run, e in standing.scored_runs(view, trial) if run.max_steps == steps), None)


def _oriented(view: StudyView, trial: Trial, steps: int) -> float:
    """The score with the sign that makes larger better."""
    score = _score_at(view, trial, steps)
    return float("-inf") if score is None else standing.oriented(view, score)
