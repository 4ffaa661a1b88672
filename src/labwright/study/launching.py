"""How a run of a study begins: its part of the budget, the preflight before the first, its deadline.

What is decided here is in the ledger before anything starts, so a process that is killed in between leaves a run that
is queued, and the next one hands it over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from labwright.contracts.errors import BackendError, SpecError
from labwright.contracts.events import Event, IncidentFound, PhaseStarted, PreflightDone
from labwright.contracts.research import DatasetVersion, Run, RunPurpose
from labwright.contracts.researchers import StartRun
from labwright.contracts.views import StudyView
from labwright.guard import BudgetKeeper
from labwright.ledger import Ledger
from labwright.study import estimates, preflight, scriptaudit, scripts, standing
from labwright.study.datasets import gated_version
from labwright.study.execution import RunExecution
from labwright.study.naming import next_run_id, short, training_seed
from labwright.study.refereeing import Refereeing


class Launching:
    """Begins one study's runs, and books what they took of its budget."""

    def __init__(
        self,
        ledger: Ledger,
        study_id: str,
        execution: RunExecution,
        refereeing: Refereeing,
        *,
        view: Callable[[], StudyView],
        find_recipe: Callable[[str, Path], Path],
    ) -> None:
        self._ledger, self._id = ledger, study_id
        self._execution, self._refereeing = execution, refereeing
        self._view, self._find_recipe = view, find_recipe
        self._directory, self._source = Path(view().directory), Path(view().source)
        self._budget = BudgetKeeper(ledger, study_id)

    def start(self, view: StudyView, decision: StartRun) -> None:
        """Write a run down, with its part of the budget set aside; before the first there is the preflight.

        Raises:
            BudgetError: it does not fit what is left.
            SpecError: the preflight failed.
        """
        if view.preflight is None or not all(c.ok for c in view.preflight.checks):  # a failed one is made again
            self._preflight(view, decision.trial_id)
            return
        number = [t.id for t in view.trials].index(decision.trial_id) + 1
        ordinal = len(standing.retrains(view, view.trial(decision.trial_id))) + 1
        run = self._new_run(
            view,
            decision.trial_id,
            decision.purpose,
            training_seed(view.spec.seed, number, decision.purpose, ordinal),
            decision.max_steps,
            decision.continues,
        )
        steps = run.max_steps - (view.run(run.continues).max_steps if run.continues else 0)
        # A study's very first run may start with less than it needs: the recipe saves what it has at the deadline.
        needed_s = min(estimates.measure(view).trial_s(steps), max(view.budget.left_wall_clock_s, 0.0))
        self._budget.reserve(run.id, f"{run.purpose} run", needed_s, runs=1)
        self._execution.queue(run)

    def _new_run(
        self, view: StudyView, trial_id: str, purpose: RunPurpose, seed: int, max_steps: int, continues: str | None
    ) -> Run:
        run_id = next_run_id(view, trial_id)
        version = gated_version(view, view.trial(trial_id).dataset)
        assert view.base is not None
        hashes = {"base_model": view.base.model_id, "train.jsonl": version.id}
        return Run(
            id=run_id,
            study_id=self._id,
            trial_id=trial_id,
            purpose=purpose,
            seed=seed,
            max_steps=max_steps,
            continues=continues,
            directory=str(self._directory / "runs" / short(self._id, run_id)),
            backend=self._execution.backend,
            input_hashes=hashes,
        )

    def launch(self, view: StudyView, run: Run) -> None:
        """Hand a queued run to the backend, with a deadline that leaves time to score its model and to finish."""
        estimate = estimates.measure(view)
        reserved = view.budget.reserved_wall_clock_s
        left_s = view.budget.left_wall_clock_s + reserved - estimate.final_s() - estimate.dev_evaluation_s
        trial = view.trial(run.trial_id)
        try:
            recipe = scripts.kept(trial.recipe, self._directory) or self._find_recipe(trial.recipe, self._source)
            dataset: DatasetVersion = gated_version(view, trial.dataset)
            self._look_at_script(view, recipe)
            self._execution.start(view, run, recipe, dataset, time.time() + max(left_s, 15.0))
        except BackendError as error:
            self._execution.book_failure(run, error)
            self._close_reservation(run.id)

    def _look_at_script(self, view: StudyView, recipe: Path) -> None:
        """Name what a script reaches for that is none of a recipe's business; it runs all the same."""
        for incident in scriptaudit.audit(recipe):
            if incident not in view.incidents:
                self._record(IncidentFound(incident))

    def _preflight(self, view: StudyView, trial_id: str) -> None:
        """A smoke run of two steps and a look at memory, disk and time, before the first trial is trained."""
        smoke = preflight.smoke_run(view, trial_id)
        if smoke is None:
            self._record(PhaseStarted("preflight"))
            run = self._new_run(view, trial_id, RunPurpose.SMOKE, 1, preflight.SMOKE_STEPS, None)
            self._budget.reserve(run.id, "smoke run", 0.0, runs=1)
            self._execution.queue(run)
            return
        done: PreflightDone = preflight.conclude(view, smoke, self._directory, self._refereeing.appraise())
        self._record(done)
        self._record(PhaseStarted("search"))
        failed = [c for c in done.checks if not c.ok]
        if failed:
            raise SpecError(
                "the preflight failed: " + "; ".join(f"{c.name}: {c.detail}" for c in failed),
                where=str(self._source / "study.yaml"),
                cure="; ".join(c.cure for c in failed if c.cure),
            )

    def reconcile(self) -> None:
        """Replace the reservations of ended runs by what they took."""
        for run in self._view().runs:
            if run.state.is_final:
                self._close_reservation(run.id)

    def _close_reservation(self, run_id: str) -> None:
        run = self._view().run(run_id)
        took_s = (run.ended_at - run.started_at) if run.started_at and run.ended_at else 0.0
        self._budget.reconcile(run_id, wall_clock_s=took_s, runs=1)

    def _record(self, event: Event) -> None:
        self._ledger.record(self._id, event)
