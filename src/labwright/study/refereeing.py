"""What a study asks of its referee: seal, gate, score, judge, open the test, write `best/`.

Each question may be asked again after a crash. What the referee has written to the ledger before is found there, and
is not asked for a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from labwright.contracts.events import BestChanged
from labwright.contracts.progress import Activity
from labwright.contracts.research import BASE, Evaluation, Run, RunState, Style, Verdict
from labwright.contracts.researchers import AskForVerdict
from labwright.contracts.specs import Split
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.models.directory import content_id
from labwright.referee.client import RefereeClient
from labwright.referee.protocol import Appraisal, Appraise, CheckSource, Evaluate, Export, Gate, Judge, OpenTest, Seal
from labwright.study import best as best_model
from labwright.study import estimates, standing
from labwright.study.datasets import gated_version
from labwright.study.naming import evaluation_id, short

_AFTER_THE_END_S = 20.0  # an evaluation that has begun may take this much longer than the study's wall-clock


class Refereeing:
    """One study's questions to the referee."""

    def __init__(
        self,
        referee: RefereeClient,
        ledger: Ledger,
        study_id: str,
        *,
        view: Callable[[], StudyView],
        show: Callable[[Activity], None],
    ) -> None:
        self._referee = referee
        self._ledger = ledger
        self._id = study_id
        self._view = view
        self._show = show
        self.ends_at = float("inf")  # when the study's wall-clock is used up

    def close(self) -> None:
        """End the referee's process."""
        self._referee.close()

    # -- the benchmark -------------------------------------------------------------------------------------------------

    def seal(self) -> None:
        """Have the benchmark taken into the vault, once."""
        view = self._view()
        if view.benchmark is None:
            self._doing("the referee seals the benchmark")
            self._referee.seal(Seal(self._id, str(pack_source(view))))

    def check_source(self) -> None:
        """Have edits to the benchmark's files named; the sealed copy alone counts."""
        view = self._view()
        assert view.benchmark is not None
        self._referee.check_source(CheckSource(self._id, view.benchmark.benchmark_id, str(pack_source(view))))

    def gate(self) -> None:
        """Have every training set compared with dev and with the sealed test: no run starts on one that was not."""
        for spec in self._view().spec.data:
            for split in ("dev", "test"):
                view = self._view()
                version = gated_version(view, spec.name)
                checked = {(g.report.dataset_id, g.report.split) for g in view.gates}
                blocked = spec.name not in standing.usable_datasets(view)
                done = (version.id, split) in checked or any(
                    g.report.kept_dataset_id == version.id and g.report.split == split for g in view.gates
                )
                if blocked or done:
                    continue
                assert view.benchmark is not None
                self._doing(f"data gate: {spec.name} against {split}")
                rules = view.spec.gate
                benchmark_id = view.benchmark.benchmark_id
                self._referee.gate(Gate(self._id, benchmark_id, version, split, rules.on_hit, rules.on_source))

    def open_test(self, run: Run) -> None:
        """Have the sealed test opened for the promoted model and the base."""
        benchmark = self._view().benchmark
        assert benchmark is not None
        self._referee.open_test(OpenTest(self._id, benchmark.benchmark_id, f"{self._id}.test", (BASE, run.id)))

    # -- scores and verdicts -------------------------------------------------------------------------------------------

    def evaluate(self, subject: str, style: Style, split: Split, run: Run | None) -> Evaluation:
        """A model's score on a split.

        Raises:
            BoundaryError: the referee refuses the model, which it has recorded, or the test is not open for it.
            BudgetError: the deadline passed, or what the judge may cost on this split is reached.
        """
        view = self._view()
        known = view.evaluation(subject, style, split)
        if known is not None:
            return known
        assert view.base is not None and view.benchmark is not None
        label = f"the referee scores {short(self._id, subject)} ({style.replace('_', '-')}) on {split}"
        items = view.benchmark.dev_items if split == "dev" else view.benchmark.test_items
        started_at = time.time()
        self._show(Activity(label=label, done=0, total=items, started_at=started_at))
        request = Evaluate(
            study_id=self._id,
            evaluation_id=evaluation_id(self._id, subject, style, split),
            benchmark_id=view.benchmark.benchmark_id,
            subject=subject,
            style=style,
            split=split,
            base=view.base.path,
            base_id=view.base.model_id,
            run=run,
            chain_recorded=_chain_recorded(view, run),
            deadline=self.ends_at + _AFTER_THE_END_S,
            kept_usd=estimates.measure(view).final_usd if split == "dev" else 0.0,
        )
        return self._referee.evaluate(
            request,
            lambda done, total: self._show(Activity(label=label, done=done, total=total, started_at=started_at)),
        )

    def appraise(self) -> Appraisal:
        """What the benchmark's judge may cost, where it has one."""
        benchmark = self._view().benchmark
        assert benchmark is not None
        return self._referee.appraise(Appraise(benchmark.benchmark_id))

    def judge(self, decision: AskForVerdict) -> Verdict:
        """The verdict on a trial against the incumbent, with all retrains of both there are so far."""
        view = self._view()
        assert view.best is not None
        trial = view.trial(decision.trial_id)
        incumbent_trial = view.trial(view.run(view.best.subject).trial_id) if view.best.subject != BASE else None
        few_shot = view.evaluation(BASE, "few_shot", "dev") or view.evaluation(BASE, "zero_shot", "dev")
        assert few_shot is not None
        return self._referee.judge(
            Judge(
                study_id=self._id,
                trial_id=trial.id,
                run_id=decision.run_id,
                candidate=evaluation_id(self._id, decision.run_id, "zero_shot", "dev"),
                incumbent=view.best.evaluation_id,
                few_shot=few_shot.id,
                comparisons_planned=view.spec.search.planned_comparisons,
                retrains=_scored(view, standing.retrains(view, trial)),
                incumbent_retrains=_scored(view, standing.retrains(view, incumbent_trial)) if incumbent_trial else (),
            )
        )

    # -- best/ ---------------------------------------------------------------------------------------------------------

    def place_best(self, evaluation: Evaluation, run: Run | None) -> None:
        """Make a scored model the incumbent: a complete model directory behind `best/`."""
        view = self._view()
        assert view.base is not None
        self._doing("writing best/")
        directory = Path(view.directory)
        folder = best_model.folder_for(directory, evaluation)
        exported = self._referee.export(Export(self._id, view.base.path, view.base.model_id, run, str(folder)))
        link = best_model.place(directory, exported, evaluation)
        placed = BestChanged(evaluation.subject, evaluation.style, evaluation.id, str(link), content_id(link))
        self._ledger.record(self._id, placed)

    def _doing(self, label: str) -> None:
        self._show(Activity(label=label, started_at=time.time()))


def pack_source(view: StudyView) -> Path:
    """Where the benchmark's files lie that the study names; after sealing they do not count any more."""
    return (Path(view.source) / view.spec.benchmark).resolve()


def _scored(view: StudyView, runs: tuple[Run, ...]) -> tuple[str, ...]:
    """The dev evaluations of the runs that have one."""
    return tuple(e.id for run in runs if (e := standing.dev_evaluation(view, run)) is not None)


def _chain_recorded(view: StudyView, run: Run | None) -> bool:
    """Whether a run and all it continues from are in the ledger, sandboxed, with hashed inputs."""
    while run is not None:
        known = view.run(run.id)
        if known.boundary != "enforced" or not known.input_hashes or known.state is not RunState.SUCCEEDED:
            return False
        run = view.run(run.continues) if run.continues else None
    return True
