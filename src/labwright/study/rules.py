"""The rules that every rule-based researcher shares: what fits, what is given up, what the referee is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labwright.contracts.research import Outcome, Run, RunPurpose, RunState, Trial
from labwright.contracts.researchers import AskForVerdict, Decision, DiscardTrial, StartRun, Wait
from labwright.contracts.views import StudyView
from labwright.study import proposals, standing
from labwright.study.estimates import Estimates, measure


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision is made from."""

    view: StudyView
    estimates: Estimates

    @classmethod
    def of(cls, view: StudyView) -> Situation:
        """The situation that the ledger shows."""
        return cls(view, measure(view))

    @property
    def left_s(self) -> float:
        """Seconds that may still go into trials, with the final evaluation kept back."""
        return self.view.budget.left_wall_clock_s - self.estimates.final_s()

    @property
    def left_usd(self) -> float:
        """Dollars that the judge may still take for new runs, without those of open runs and of the sealed test."""
        unscored = [run for run in standing.open_runs(self.view) if run.purpose is not RunPurpose.SMOKE]
        return self.view.budget.left_usd - len(unscored) * self.estimates.dev_usd - self.estimates.final_usd

    def fits(self, needed_s: float, runs: int = 1) -> bool:
        """Whether trial time, runs and, where a judge scores, the dollars for judging them are left for this."""
        paid = not self.estimates.dev_usd or runs * self.estimates.dev_usd <= self.left_usd
        return paid and needed_s <= self.left_s and runs <= self.view.budget.left_runs

    @property
    def extra_left(self) -> int:
        """How many trials may still be added to the drafts."""
        return self.view.spec.search.extra_trials - len(standing.extra(self.view))

    @property
    def comparisons_left(self) -> int:
        """How many of the K comparisons are left."""
        return self.view.spec.search.planned_comparisons - len(standing.judged_trials(self.view))

    @property
    def left(self) -> str:
        """What is left, for people."""
        time_and_runs = f"{max(self.left_s, 0):.0f} s of trial time and {self.view.budget.left_runs} runs were left"
        if not self.estimates.dev_usd:
            return time_and_runs
        return (
            f"{time_and_runs}, and ${max(self.left_usd, 0):.2f} for the judge, who needs ${self.estimates.dev_usd:.2f} "
            f"a run; ${self.estimates.final_usd:.2f} were kept for the sealed test"
        )


def failed_trials(view: StudyView) -> list[tuple[Trial, Run]]:
    """Trials whose newest search run did not end well and will not be started again, with that run."""
    found = ((t, last_failure(view, t)) for t in view.trials if not standing.is_in_flight(view, t))
    return [(trial, run) for trial, run in found if run is not None]


def give_up(now: Situation) -> Decision | None:
    """Discard a trial whose run failed."""
    for trial, failed in failed_trials(now.view):
        if not standing.is_given_up(now.view, trial):
            return DiscardTrial(trial.id, failure_reason(now.view, failed))
    return None


def start_improvement(now: Situation, trial: Trial) -> StartRun:
    """The run of a trial that is trained at once to where its parent was, or further."""
    steps, continues = proposals.improvement_steps(now.view, trial)
    return StartRun(trial.id, RunPurpose.SEARCH, steps, continues.id if continues else None)


def improvement_s(now: Situation, trial: Trial) -> float:
    """Seconds for that run, its evaluation, and the retrain that a promotion would need."""
    steps, continues = proposals.improvement_steps(now.view, trial)
    new_steps = steps - (continues.max_steps if continues else 0)
    return now.estimates.trial_s(new_steps) + now.estimates.trial_s(steps)


def judge(now: Situation) -> Decision | None:
    """Ask the referee about the finalists, best first; run the fresh-seed retrains that it wants."""
    for trial, run in finalists(now.view):
        verdict = now.view.verdict_on(trial.id)
        if verdict is None:
            if now.comparisons_left <= 0:
                return DiscardTrial(trial.id, "the comparisons planned at the start (K) are used up")
            return AskForVerdict(trial.id, run.id)
        if verdict.outcome is not Outcome.KEEP or verdict.retrains_wanted == 0:
            continue
        decision = _confirm(now, trial, run, verdict.retrains_wanted)
        if decision is not None:
            return decision
    return None


def _confirm(now: Situation, trial: Trial, run: Run, wanted: int) -> Decision | None:
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
        return DiscardTrial(trial.id, f"nothing left for a fresh-seed retrain: {now.left}")
    return StartRun(trial.id, RunPurpose.RETRAIN, run.max_steps)


def finalists(view: StudyView) -> list[tuple[Trial, Run]]:
    """Trials that were not given up, with their longest scored run; best on dev first."""
    found = []
    for trial in view.trials:
        scored = list(standing.scored_runs(view, trial))
        if scored and not standing.is_given_up(view, trial):
            run, evaluation = scored[-1]
            found.append((standing.oriented(view, evaluation.score.estimate), trial, run))
    found.sort(key=lambda entry: -entry[0])
    return [(trial, run) for _, trial, run in found]


def last_failure(view: StudyView, trial: Trial) -> Run | None:
    """The trial's newest search run, if it did not end well."""
    runs = [r for r in view.runs_of(trial.id) if r.purpose is RunPurpose.SEARCH]
    return runs[-1] if runs and runs[-1].state.is_final and runs[-1].state is not RunState.SUCCEEDED else None


def failure_reason(view: StudyView, run: Run) -> str:
    """Why a run did not end well, for people."""
    stopping = next((a for a in view.alerts if a.run_id == run.id and a.stops_run), None)
    if stopping is not None:
        return f"the watchdog stopped its run: {stopping.message}"
    causes: Mapping[str, str] = {
        "memory": "its run passed the memory ceiling",
        "processes": "its run wanted more processes and threads than a run may have",
        "deadline": "its run did not end by its deadline",
        "killed": f"its run was killed from outside {run.attempt} times",
        "lost": f"its run was lost {run.attempt} times",
        "disk": "the disk was full",
        "unwanted": "its run was cancelled on request",
    }
    return causes.get(run.reason, f"its run failed with exit code {run.exit_code}: see its log.txt")
