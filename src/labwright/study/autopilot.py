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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labwright.contracts.research import Outcome, Run, RunPurpose, RunState, Trial, TrialKind
from labwright.contracts.researchers import (
    AskForVerdict,
    Decision,
    DiscardTrial,
    Finish,
    ProposeTrial,
    StartRun,
    Strategy,
    Wait,
)
from labwright.contracts.views import StudyView
from labwright.study import proposals, standing
from labwright.study.estimates import Estimates, measure
from labwright.study.naming import short


@dataclass(frozen=True, slots=True)
class _Situation:
    """What a decision is made from."""

    view: StudyView
    estimates: Estimates

    @property
    def left_s(self) -> float:
        """Seconds that may still go into trials, with the final evaluation kept back."""
        return self.view.budget.left_wall_clock_s - self.estimates.final_s()

    def fits(self, needed_s: float, runs: int = 1) -> bool:
        return needed_s <= self.left_s and runs <= self.view.budget.left_runs

    @property
    def extra_left(self) -> int:
        return self.view.spec.search.extra_trials - len(standing.extra(self.view))

    @property
    def comparisons_left(self) -> int:
        return self.view.spec.search.planned_comparisons - len(standing.judged_trials(self.view))


class Autopilot:
    """Decides by rules. It keeps nothing between two decisions: the ledger is its only memory."""

    name = "autopilot"

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def decide(self, view: StudyView) -> Decision:
        """The first decision that a rule comes to."""
        now = _Situation(view, measure(view))
        for rule in (self._draft, self._mend, self._climb, self._judge, self._improve):
            decision = rule(now)
            if decision is not None:
                return decision
        return Finish(self._why_done(now))

    # -- the rules ---------------------------------------------------------------------------------------------------

    def _draft(self, now: _Situation) -> Decision | None:
        usable = standing.usable_datasets(now.view)
        for candidate in self._strategy.candidates():
            if candidate.dataset in usable and not proposals.exists(now.view, candidate):
                return ProposeTrial(proposals.draft(now.view, candidate))
        return None

    def _mend(self, now: _Situation) -> Decision | None:
        for trial in now.view.trials:
            if standing.is_in_flight(now.view, trial):
                continue
            failed = _last_failure(now.view, trial)
            if failed is None:
                continue
            if not standing.is_given_up(now.view, trial):
                return DiscardTrial(trial.id, _failure_reason(now.view, failed))
            if now.extra_left > 0 and not proposals.has_child(now.view, trial, TrialKind.DEBUG):
                repair = proposals.repair(now.view, trial, failed)
                if repair is not None and now.fits(now.estimates.trial_s(now.view.spec.search.rungs[0])):
                    return ProposeTrial(repair)
        return None

    def _climb(self, now: _Situation) -> Decision | None:
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

    def _start(self, now: _Situation, trial: Trial, rung: int) -> StartRun | None:
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

    def _cull(self, now: _Situation, rung: int, members: Sequence[Trial]) -> DiscardTrial | None:
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

    def _judge(self, now: _Situation) -> Decision | None:
        for trial, run in _finalists(now.view):
            verdict = now.view.verdict_on(trial.id)
            if verdict is None:
                if now.comparisons_left <= 0:
                    return DiscardTrial(trial.id, "the comparisons planned at the start (K) are used up")
                return AskForVerdict(trial.id, run.id)
            if verdict.outcome is not Outcome.KEEP or verdict.retrains_wanted == 0:
                continue
            decision = self._confirm(now, trial, run, verdict.retrains_wanted)
            if decision is not None:
                return decision
        return None

    def _confirm(self, now: _Situation, trial: Trial, run: Run, wanted: int) -> Decision | None:
        """Fresh-seed retrains until the referee has what it asked for."""
        done = standing.retrains(now.view, trial)
        if any(not r.state.is_final or standing.may_start_again(r) for r in done):
            return Wait()
        scored = [r for r in done if standing.dev_evaluation(now.view, r) is not None]
        if len(scored) < len(done):
            return DiscardTrial(trial.id, "a fresh-seed retrain failed, so the gain could not be confirmed")
        if len(scored) >= wanted:
            return AskForVerdict(trial.id, run.id)
        if not now.fits(now.estimates.trial_s(run.max_steps)):
            return DiscardTrial(
                trial.id, f"no time left for a fresh-seed retrain ({now.left_s:.0f} s, or no runs left)"
            )
        return StartRun(trial.id, RunPurpose.RETRAIN, run.max_steps)

    def _improve(self, now: _Situation) -> Decision | None:
        if now.extra_left <= 0 or now.comparisons_left <= 0:
            return None
        for trial in now.view.trials:  # an improvement that was proposed and not yet trained
            idle = trial.kind is TrialKind.IMPROVE and not standing.is_in_flight(now.view, trial)
            if idle and not now.view.runs_of(trial.id) and not standing.is_given_up(now.view, trial):
                return self._start_improvement(now, trial)
        best = proposals.best_trial(now.view)
        if best is None:
            return None
        proposal = proposals.improvement(now.view, best)
        if proposal is None or not now.fits(self._improvement_s(now, proposal), runs=2):
            return None
        return ProposeTrial(proposal)

    def _start_improvement(self, now: _Situation, trial: Trial) -> Decision:
        steps, continues = proposals.improvement_steps(now.view, trial)
        return StartRun(trial.id, RunPurpose.SEARCH, steps, continues.id if continues else None)

    def _improvement_s(self, now: _Situation, trial: Trial) -> float:
        """Seconds for the run, its evaluation, and the retrain that a promotion would need."""
        steps, continues = proposals.improvement_steps(now.view, trial)
        new_steps = steps - (continues.max_steps if continues else 0)
        return now.estimates.trial_s(new_steps) + now.estimates.trial_s(steps)

    # -- why it is over ------------------------------------------------------------------------------------------------

    def _why_done(self, now: _Situation) -> str:
        view = now.view
        if not view.trials:
            return "the gate let no training set through, so there was nothing to train on"
        left = f"{max(now.left_s, 0):.0f} s of trial time and {view.budget.left_runs} runs were left"
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
            needed = self._improvement_s(now, proposal)
            return f"every trial is decided; one more change ({proposal.change}) would need {needed:.0f} s, but {left}"
        return f"every trial is decided and no rule knows another change that could alter the verdict; {left}"


def _score_at(view: StudyView, trial: Trial, steps: int) -> float | None:
    """A trial's dev score at a rung."""
    return next((e.score.estimate for run, e in standing.scored_runs(view, trial) if run.max_steps == steps), None)


def _oriented(view: StudyView, trial: Trial, steps: int) -> float:
    """The score with the sign that makes larger better."""
    score = _score_at(view, trial, steps)
    return float("-inf") if score is None else standing.oriented(view, score)


def _finalists(view: StudyView) -> list[tuple[Trial, Run]]:
    """Trials that were not given up, with their longest scored run; best on dev first."""
    found = []
    for trial in view.trials:
        scored = list(standing.scored_runs(view, trial))
        if scored and not standing.is_given_up(view, trial):
            run, evaluation = scored[-1]
            found.append((standing.oriented(view, evaluation.score.estimate), trial, run))
    found.sort(key=lambda entry: -entry[0])
    return [(trial, run) for _, trial, run in found]


def _last_failure(view: StudyView, trial: Trial) -> Run | None:
    """The trial's newest search run, if it did not end well."""
    runs = [r for r in view.runs_of(trial.id) if r.purpose is RunPurpose.SEARCH]
    return runs[-1] if runs and runs[-1].state.is_final and runs[-1].state is not RunState.SUCCEEDED else None


def _failure_reason(view: StudyView, run: Run) -> str:
    stopping = next((a for a in view.alerts if a.run_id == run.id and a.stops_run), None)
    if stopping is not None:
        return f"the watchdog stopped its run: {stopping.message}"
    causes: Mapping[str, str] = {
        "memory": "its run passed the memory ceiling",
        "deadline": "its run did not end by its deadline",
        "killed": f"its run was killed from outside {run.attempt} times",
        "lost": f"its run was lost {run.attempt} times",
        "disk": "the disk was full",
    }
    return causes.get(run.reason, f"its run failed with exit code {run.exit_code}: see its log.txt")
