"""The referee at work: what each request of protocol.py does.

The bench holds a sealed benchmark's keys, a generation worker for one base model at a time, and the ledger. Every
decision is written to the ledger here. A request that was carried out before is answered from the ledger, so the
engine may ask again after any crash.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.errors import BoundaryError, MachineError, ModelError, RefereeError
from labwright.contracts.events import (
    BenchmarkSealed,
    DatasetRegistered,
    EvaluationRecorded,
    GateChecked,
    NoteTaken,
    TestOpened,
    VerdictGiven,
)
from labwright.contracts.research import (
    Attestation,
    Comparison,
    Evaluation,
    GateReport,
    Incident,
    ItemResult,
    Verdict,
)
from labwright.data.ancestry import shared
from labwright.data.lineage import declared
from labwright.ledger import Ledger
from labwright.referee import contamination, scoring
from labwright.referee.generation import GenerationWorker
from labwright.referee.identity import Staged, attest, stage
from labwright.referee.judging.jury import Jury
from labwright.referee.minutes import Minutes
from labwright.referee.protocol import (
    Appraisal,
    Appraise,
    CheckSource,
    Compare,
    Disclose,
    Evaluate,
    Export,
    Gate,
    Judge,
    Opening,
    OpenTest,
    Rescore,
    Rescored,
    ScoreRows,
    Seal,
)
from labwright.referee.scorers import Means
from labwright.referee.scratch import Scratch
from labwright.referee.vault import Sealed, Vault, read_results, write_results

OnProgress = Callable[[int, int], None]


class Bench:
    """Carries requests out. Methods are named after the requests and take (request, on_progress)."""

    def __init__(self, opening: Opening, ledger: Ledger, sandbox: Sandbox) -> None:
        home = Path(opening.home)
        self._opening = opening
        self._ledger = ledger
        self._minutes = Minutes(ledger)
        self._sandbox = sandbox
        self._vault = Vault(home / "vault", sandbox)
        self._objects = home / "objects"
        self._home = home
        self._scratch = Scratch(home / "referee")
        self._stage, self._out = self._scratch.stage, self._scratch.out
        self._worker: GenerationWorker | None = None
        self._worker_base = ""
        self._jury = Jury(opening, ledger, sandbox, home)

    @property
    def home(self) -> str:
        """The lab's home, for errors that have to say where."""
        return str(self._home)

    def close(self) -> None:
        """End the generation worker and the judge."""
        self._jury.close()
        self._end_worker()
        self._scratch.close()

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()

    # -- benchmarks ----------------------------------------------------------------------------------------------------

    def seal(self, request: Seal, _: OnProgress) -> BenchmarkSealed:
        """Take the pack into the vault; with a study, write that down there once."""
        sealed = self._vault.seal(Path(request.source))
        event = BenchmarkSealed(
            benchmark_id=sealed.benchmark_id,
            name=sealed.spec.name,
            metric=sealed.spec.metric.name,
            dev_items=len(sealed.dev),
            test_items=len(sealed.test),
            few_shot=len(sealed.shots),
            source=request.source,
            template_share=contamination.template_share(sealed.dev),
            direction=sealed.spec.metric.direction,
            notes=sealed.notes,
        )
        if request.study_id and self._minutes.view(request.study_id).benchmark is None:
            self._minutes.record(request.study_id, event)
        return event

    def check_source(self, request: CheckSource, _: OnProgress) -> tuple[str, ...]:
        """Name the files of the pack's source that were edited after sealing; the sealed copy alone counts."""
        self._vault.open(request.benchmark_id)
        edited = self._vault.edited_since(request.benchmark_id, Path(request.source))
        for name in edited:
            detail = f"{name} was edited after the benchmark was sealed; the referee's own copy is what counts"
            self._minutes.incident(request.study_id, Incident(request.source, "tampered-benchmark", detail))
        return edited

    def gate(self, request: Gate, _: OnProgress) -> GateReport:
        """Compare a dataset version with a split; drop or block by itself. Of the test only a count comes back."""
        known_gates = self._minutes.view(request.study_id).gates if request.study_id is not None else ()
        for known in known_gates:
            if (known.report.dataset_id, known.report.split) == (request.dataset.id, request.split):
                return known.report
        sealed = self._vault.open(request.benchmark_id)
        self._minutes.meter(request.study_id, request.benchmark_id, request.split, "gate", request.dataset.id)
        sources = shared(declared(request.dataset), sealed.spec.sources) if request.on_source == "block" else ()
        items = sealed.items(request.split)
        report, kept = contamination.check(request.dataset, items, request.split, request.on_hit, sources)
        if kept is not None:
            self._minutes.record(request.study_id, DatasetRegistered(kept))
        self._minutes.record(request.study_id, GateChecked(request.benchmark_id, report))
        if report.action != "pass" and request.study_id is not None:
            detail = f"{report.rows_hit} of {report.rows_checked} rows hold {request.split} items: {report.action}"
            if report.shared_sources:
                detail = f"made of what the benchmark was made of, {', '.join(report.shared_sources)}; {detail}"
            self._minutes.incident(request.study_id, Incident(request.dataset.name, "contaminated-data", detail))
        return report

    def open_test(self, request: OpenTest, _: OnProgress) -> TestOpened:
        """Open the sealed test for these subjects. A study opens it once; asking again finds the same opening."""
        event = TestOpened(request.benchmark_id, request.opening_id, request.subjects)
        for recorded in self._ledger.openings(request.benchmark_id):
            opened = recorded.event
            if isinstance(opened, TestOpened) and recorded.study_id == request.study_id and request.study_id:
                if opened == event:
                    return event
                raise BoundaryError(
                    f"study {request.study_id} has opened this test for {', '.join(opened.subjects)} already",
                    cure="a new study on the same benchmark may open it again, and says how often that has happened",
                )
        self._vault.open(request.benchmark_id)
        self._minutes.record(request.study_id, event)
        return event

    # -- scores --------------------------------------------------------------------------------------------------------

    def evaluate(self, request: Evaluate, on_progress: OnProgress) -> Evaluation:
        """Score a model on a split.

        Raises:
            BoundaryError: the model is refused (the rejection is recorded), or the test is not open for it.
            BudgetError: what the judge may cost is reached; its words so far are kept, and nothing is scored.
        """
        known = self._minutes.known(request.study_id, request.evaluation_id)
        if known is not None:
            return known
        sealed = self._vault.open(request.benchmark_id)
        if request.split == "test":
            self._must_be_open(request)
        view = self._minutes.view(request.study_id) if request.study_id is not None else None
        self._jury.must_be_the_same(sealed, view)
        subject = f"{request.subject} {request.style}"
        self._minutes.meter(request.study_id, request.benchmark_id, request.split, "evaluation", subject)
        started_at = time.time()
        with tempfile.TemporaryDirectory(dir=self._stage) as folder, self._jury.account(request, view) as account:
            staged = self._staged(request, Path(folder))
            means = self._jury.means(sealed, account)
            results = self._answers_or_rejection(request, sealed, staged, means, on_progress)
        evaluation = self._evaluation(request, sealed, staged, results, time.time() - started_at)
        self._minutes.record(request.study_id, EvaluationRecorded(evaluation))
        return evaluation

    def appraise(self, request: Appraise, _: OnProgress) -> Appraisal:
        """Say what the judge of this benchmark may cost, without asking it anything about an output."""
        return self._jury.appraise(self._vault.open(request.benchmark_id))

    def judge(self, request: Judge, _: OnProgress) -> Verdict:
        """Decide on a trial from per-item results; the rule is in verdict.py."""
        view = self._minutes.view(request.study_id)
        evaluations = {e.id: e for e in view.evaluations}
        verdict = scoring.judge(request, evaluations, lambda e: self._scores(e), view)
        if view.verdict_on(request.trial_id) != verdict:
            self._minutes.record(request.study_id, VerdictGiven(verdict))
        return verdict

    def compare(self, request: Compare, _: OnProgress) -> Comparison:
        """Two evaluations on the same items."""
        evaluations = {e.id: e for e in self._minutes.view(request.study_id).evaluations}
        return scoring.compare(self._scores(evaluations[request.first]), self._scores(evaluations[request.second]))

    def rescore(self, request: Rescore, _: OnProgress) -> Rescored:
        """Score outputs again with the keys of the vault."""
        sealed = self._vault.open(request.benchmark_id)
        with self._jury.account_of_its_own("rescore") as account:
            means = self._jury.means(sealed, account)
            return scoring.rescore(sealed.spec, sealed.items(request.split), request.outputs, means)

    def score_rows(self, request: ScoreRows, on_progress: OnProgress) -> list[float]:
        """How well the base does on training rows, by the benchmark's scorer and decoding."""
        sealed = self._vault.open(request.benchmark_id)
        worker = self._worker_for(request.base)
        worker.load(Path(request.base), Path(request.base), None)
        with self._jury.account_of_its_own("rows") as account:
            return scoring.score_rows(worker, sealed.spec, request.rows, on_progress, self._jury.means(sealed, account))

    # -- models and files ----------------------------------------------------------------------------------------------

    def export(self, request: Export, _: OnProgress) -> str:
        """Write the base, or a run's model merged into it, as a complete model directory."""
        out = Path(request.out)
        if (out / "config.json").exists():
            return str(out)
        base = Path(request.base)
        with tempfile.TemporaryDirectory(dir=self._stage) as folder:
            if request.run is None:
                fresh = Path(tempfile.mkdtemp(dir=self._out)) / "model"
                shutil.copytree(base, fresh, ignore=shutil.ignore_patterns("labwright.json", ".*"))
            else:
                staged = stage(request.run, base, Path(folder))
                fresh = Path(tempfile.mkdtemp(dir=self._out)) / "model"
                worker = self._worker_for(request.base)
                worker.load(base, staged.weights_dir, staged.adapter_dir)
                worker.export(fresh)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(fresh, out)
        return str(out)

    def disclose(self, request: Disclose, _: OnProgress) -> tuple[str, ...]:
        """Write what a bundle may hold of the benchmark and of the per-item results."""
        sealed = self._vault.open(request.benchmark_id)
        out = Path(request.out)
        splits = {"dev": sealed.dev, "shots": sealed.shots, **({"test": sealed.test} if request.with_test else {})}
        written = scoring.write_public_part(out / "benchmark", sealed.spec, splits)
        for evaluation in self._minutes.view(request.study_id).evaluations:
            results = self._results(evaluation)
            public = evaluation.split == "dev" or request.with_test
            written.append(scoring.write_outputs(out / "results" / f"{evaluation.id}.jsonl", results, whole=public))
        if request.with_test:
            self._vault.mark_exposed(request.benchmark_id, request.study_id)
            text = "the test items were exported with this study's bundle: the benchmark is exposed from now on"
            self._minutes.record(request.study_id, NoteTaken(text, about="test"))
        return tuple(str(p) for p in written)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _staged(self, request: Evaluate, folder: Path) -> Staged:
        """The model as the worker may see it; a refused one is rejected in the ledger first."""
        try:
            staged = stage(request.run, Path(request.base), folder)
        except BoundaryError as error:
            if request.run is not None and request.study_id is not None:
                self._minutes.reject(request.study_id, request.run, error, "foreign-weights")
            raise
        for incident in staged.incidents:
            self._minutes.incident(request.study_id, incident)
        return staged

    def _answers_or_rejection(
        self, request: Evaluate, sealed: Sealed, staged: Staged, means: Means, on_progress: OnProgress
    ) -> tuple[ItemResult, ...]:
        """The answers; a run's model that cannot give any is rejected, but not where the machine is at fault."""
        for attempt in (1, 2):
            try:
                return self._answers(request, sealed, staged, means, on_progress)
            except (ModelError, RefereeError) as error:
                if isinstance(error, RefereeError) and attempt == 1:
                    self._end_worker()  # and again with a fresh one
                    continue
                if request.run is None or request.study_id is None or not self._blames_the_model(request, error):
                    raise
                refusal = BoundaryError(f"its model cannot be scored: {error.what}", where=request.run.id)
                self._minutes.reject(request.study_id, request.run, refusal, "unusable-model")
                raise refusal from error
        raise AssertionError("unreachable")

    def _blames_the_model(self, request: Evaluate, error: ModelError | RefereeError) -> bool:
        """Whether a failure is the model's: of a worker that died, only where it can load the base on this machine."""
        if not isinstance(error, RefereeError):
            return True
        if isinstance(error, MachineError):
            return False
        base = Path(request.base)
        try:
            self._worker_for(request.base).load(base, base, deadline=request.deadline)
        except (ModelError, RefereeError):
            return False
        return True

    def _answers(
        self, request: Evaluate, sealed: Sealed, staged: Staged, means: Means, on_progress: OnProgress
    ) -> tuple[ItemResult, ...]:
        worker = self._worker_for(request.base)
        worker.load(Path(request.base), staged.weights_dir, staged.adapter_dir)
        items = sealed.items(request.split)[: request.limit]
        shots = sealed.shots if request.style == "few_shot" else ()
        seed = scoring.decoding_seed(sealed.benchmark_id, request.split) if sealed.spec.generation.temperature else 0
        return scoring.answer(worker, sealed.spec, items, shots, request.deadline, on_progress, means=means, seed=seed)

    def _evaluation(
        self, request: Evaluate, sealed: Sealed, staged: Staged, results: Sequence[ItemResult], took_s: float
    ) -> Evaluation:
        keep = self._vault.keep_results if request.split == "test" else self._keep_dev_results
        attestation, notes = self._attestation(request, staged)
        return Evaluation(
            id=request.evaluation_id,
            study_id=request.study_id,
            subject=request.subject,
            style=request.style,
            split=request.split,
            benchmark_id=request.benchmark_id,
            metric=sealed.spec.metric.name,
            items=len(results),
            score=scoring.interval([r.score for r in results]),
            results_id=keep(results),
            model_id=staged.model_id if request.run else request.base_id,
            attestation=attestation,
            boundary=self._sandbox.boundary,
            duration_s=took_s,
            notes=(*notes, *self._jury.note(sealed)),
            beside=scoring.beside(sealed.spec, results),
        )

    def _attestation(self, request: Evaluate, staged: Staged) -> tuple[Attestation, tuple[str, ...]]:
        if request.run is None:
            return "base", ()
        return attest(staged, chain_recorded=request.chain_recorded)

    def _must_be_open(self, request: Evaluate) -> None:
        for recorded in self._ledger.openings(request.benchmark_id):
            opened = recorded.event
            assert isinstance(opened, TestOpened)
            ours = recorded.study_id == request.study_id if request.study_id else True
            same = request.study_id is not None or opened.opening_id == request.evaluation_id
            if ours and same and request.subject in opened.subjects:
                return
        raise BoundaryError(
            f"the sealed test is not open for {request.subject}",
            cure="it is opened once, at the end, for the promoted model and the base",
        )

    def _worker_for(self, base: str) -> GenerationWorker:
        """The warm worker; another base model needs another sandbox, so another worker."""
        if self._worker is not None and self._worker_base == base:
            return self._worker
        self._end_worker()
        self._worker = GenerationWorker(
            Path(sys.executable),
            Path(self._opening.worker),
            self._sandbox,
            Mounts(read_only=(Path(base), self._stage), writable=(self._out,), hidden=(self._home / "vault",)),
            environment=self._opening.environment,
        )
        self._worker_base = base
        return self._worker

    def _scores(self, evaluation: Evaluation) -> list[float]:
        return [r.score for r in self._results(evaluation)]

    def _results(self, evaluation: Evaluation) -> tuple[ItemResult, ...]:
        if evaluation.split == "test":
            return self._vault.results(evaluation.results_id)
        return read_results(self._objects, evaluation.results_id)

    def _keep_dev_results(self, results: Sequence[ItemResult]) -> str:
        return write_results(self._objects, results)
