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
from uuid import uuid4

from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.errors import BoundaryError, LabwrightError, ModelError, RefereeError, UsageError
from labwright.contracts.events import (
    BenchmarkSealed,
    DatasetRegistered,
    EvaluationRecorded,
    Event,
    GateChecked,
    IncidentFound,
    NoteTaken,
    QueryMetered,
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
    Outcome,
    Run,
    Verdict,
)
from labwright.contracts.specs import Split
from labwright.contracts.views import StudyView
from labwright.data.ancestry import shared
from labwright.data.lineage import declared
from labwright.ledger import Ledger
from labwright.referee import contamination, scoring
from labwright.referee.account import JudgeAccount
from labwright.referee.generation import GenerationWorker
from labwright.referee.identity import Staged, attest, stage
from labwright.referee.judging import JudgeProcess, PaidJudge, RememberingJudge
from labwright.referee.protocol import (
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
from labwright.referee.vault import Sealed, Vault, read_results, write_results

OnProgress = Callable[[int, int], None]
_JUDGED_BY = "judged by "  # the beginning of an evaluation's note


class Bench:
    """Carries requests out. Methods are named after the requests and take (request, on_progress)."""

    def __init__(self, opening: Opening, ledger: Ledger, sandbox: Sandbox) -> None:
        home = Path(opening.home)
        self._opening = opening
        self._ledger = ledger
        self._sandbox = sandbox
        self._vault = Vault(home / "vault", sandbox)
        self._objects = home / "objects"
        self._home = home
        self._stage = home / "referee" / "stage"
        self._out = home / "referee" / "out"
        for folder in (self._stage, self._out):
            shutil.rmtree(folder, ignore_errors=True)  # what a referee that was killed left behind
            folder.mkdir(parents=True)
        self._worker: GenerationWorker | None = None
        self._worker_base = ""
        self._judge = JudgeProcess(opening.judge_model, opening.judge, opening.judge_environment)

    @property
    def home(self) -> str:
        """The lab's home, for errors that have to say where."""
        return str(self._home)

    def close(self) -> None:
        """End the generation worker and the judge."""
        self._judge.close()
        self._end_worker()

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
        if request.study_id and self._view(request.study_id).benchmark is None:
            self._record(request.study_id, event)
        return event

    def check_source(self, request: CheckSource, _: OnProgress) -> tuple[str, ...]:
        """Name the files of the pack's source that were edited after sealing; the sealed copy alone counts."""
        self._vault.open(request.benchmark_id)
        edited = self._vault.edited_since(request.benchmark_id, Path(request.source))
        for name in edited:
            detail = f"{name} was edited after the benchmark was sealed; the referee's own copy is what counts"
            self._incident(request.study_id, Incident(request.source, "tampered-benchmark", detail))
        return edited

    def gate(self, request: Gate, _: OnProgress) -> GateReport:
        """Compare a dataset version with a split; drop or block by itself. Of the test only a count comes back."""
        known_gates = self._view(request.study_id).gates if request.study_id is not None else ()
        for known in known_gates:
            if (known.report.dataset_id, known.report.split) == (request.dataset.id, request.split):
                return known.report
        sealed = self._vault.open(request.benchmark_id)
        self._meter(request.study_id, request.benchmark_id, request.split, "gate", request.dataset.id)
        sources = shared(declared(request.dataset), sealed.spec.sources) if request.on_source == "block" else ()
        items = sealed.items(request.split)
        report, kept = contamination.check(request.dataset, items, request.split, request.on_hit, sources)
        if kept is not None:
            self._record(request.study_id, DatasetRegistered(kept))
        self._record(request.study_id, GateChecked(request.benchmark_id, report))
        if report.action != "pass" and request.study_id is not None:
            detail = f"{report.rows_hit} of {report.rows_checked} rows hold {request.split} items: {report.action}"
            if report.shared_sources:
                detail = f"made of what the benchmark was made of, {', '.join(report.shared_sources)}; {detail}"
            self._incident(request.study_id, Incident(request.dataset.name, "contaminated-data", detail))
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
        self._record(request.study_id, event)
        return event

    # -- scores --------------------------------------------------------------------------------------------------------

    def evaluate(self, request: Evaluate, on_progress: OnProgress) -> Evaluation:
        """Score a model on a split.

        Raises:
            BoundaryError: the model is refused (the rejection is recorded), or the test is not open for it.
            BudgetError: what the judge may cost is reached; its words so far are kept, and nothing is scored.
        """
        known = self._known(request)
        if known is not None:
            return known
        sealed = self._vault.open(request.benchmark_id)
        if request.split == "test":
            self._must_be_open(request)
        self._must_be_the_same_judge(request, sealed)
        subject = f"{request.subject} {request.style}"
        self._meter(request.study_id, request.benchmark_id, request.split, "evaluation", subject)
        started_at = time.time()
        with tempfile.TemporaryDirectory(dir=self._stage) as folder, self._account(request) as account:
            staged = self._staged(request, Path(folder))
            results = self._answers_or_rejection(request, sealed, staged, self._means(sealed, account), on_progress)
        evaluation = self._evaluation(request, sealed, staged, results, time.time() - started_at)
        self._record(request.study_id, EvaluationRecorded(evaluation))
        return evaluation

    def judge(self, request: Judge, _: OnProgress) -> Verdict:
        """Decide on a trial from per-item results; the rule is in verdict.py."""
        view = self._view(request.study_id)
        evaluations = {e.id: e for e in view.evaluations}
        verdict = scoring.judge(request, evaluations, lambda e: self._scores(e), view)
        if view.verdict_on(request.trial_id) != verdict:
            self._record(request.study_id, VerdictGiven(verdict))
        return verdict

    def compare(self, request: Compare, _: OnProgress) -> Comparison:
        """Two evaluations on the same items."""
        evaluations = {e.id: e for e in self._view(request.study_id).evaluations}
        return scoring.compare(self._scores(evaluations[request.first]), self._scores(evaluations[request.second]))

    def rescore(self, request: Rescore, _: OnProgress) -> Rescored:
        """Score outputs again with the keys of the vault."""
        sealed = self._vault.open(request.benchmark_id)
        with self._account_of_its_own("rescore") as account:
            means = self._means(sealed, account)
            return scoring.rescore(sealed.spec, sealed.items(request.split), request.outputs, means)

    def score_rows(self, request: ScoreRows, on_progress: OnProgress) -> list[float]:
        """How well the base does on training rows, by the benchmark's scorer and decoding."""
        sealed = self._vault.open(request.benchmark_id)
        worker = self._worker_for(request.base)
        worker.load(Path(request.base), Path(request.base), None)
        with self._account_of_its_own("rows") as account:
            return scoring.score_rows(worker, sealed.spec, request.rows, on_progress, self._means(sealed, account))

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
        for evaluation in self._view(request.study_id).evaluations:
            results = self._results(evaluation)
            public = evaluation.split == "dev" or request.with_test
            written.append(scoring.write_outputs(out / "results" / f"{evaluation.id}.jsonl", results, whole=public))
        if request.with_test:
            self._vault.mark_exposed(request.benchmark_id, request.study_id)
            text = "the test items were exported with this study's bundle: the benchmark is exposed from now on"
            self._record(request.study_id, NoteTaken(text, about="test"))
        return tuple(str(p) for p in written)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _staged(self, request: Evaluate, folder: Path) -> Staged:
        """The model as the worker may see it; a refused one is rejected in the ledger first."""
        try:
            staged = stage(request.run, Path(request.base), folder)
        except BoundaryError as error:
            if request.run is not None and request.study_id is not None:
                self._reject(request.study_id, request.run, error, "foreign-weights")
            raise
        for incident in staged.incidents:
            self._incident(request.study_id, incident)
        return staged

    def _reject(self, study_id: str, run: Run, error: LabwrightError, kind: str) -> None:
        self._incident(study_id, Incident(run.id, kind, error.what))
        verdict = Verdict(
            study_id, run.trial_id, run.id, Outcome.REJECT, f"the referee refused its model: {error.what}"
        )
        if self._view(study_id).verdict_on(run.trial_id) != verdict:
            self._record(study_id, VerdictGiven(verdict))

    def _answers_or_rejection(
        self, request: Evaluate, sealed: Sealed, staged: Staged, means: Means, on_progress: OnProgress
    ) -> tuple[ItemResult, ...]:
        """The answers; a run's model that cannot give any, or kills its worker twice, is rejected."""
        for attempt in (1, 2):
            try:
                return self._answers(request, sealed, staged, means, on_progress)
            except (ModelError, RefereeError) as error:
                died = isinstance(error, RefereeError)
                if request.run is None or request.study_id is None:
                    raise
                if died and attempt == 1:
                    continue
                refusal = BoundaryError(f"its model cannot be scored: {error.what}", where=request.run.id)
                self._reject(request.study_id, request.run, refusal, "unusable-model")
                raise refusal from error
        raise AssertionError("unreachable")

    def _answers(
        self, request: Evaluate, sealed: Sealed, staged: Staged, means: Means, on_progress: OnProgress
    ) -> tuple[ItemResult, ...]:
        worker = self._worker_for(request.base)
        worker.load(Path(request.base), staged.weights_dir, staged.adapter_dir)
        items = sealed.items(request.split)[: request.limit]
        shots = sealed.shots if request.style == "few_shot" else ()
        seed = scoring.decoding_seed(sealed.benchmark_id, request.split) if sealed.spec.generation.temperature else 0
        return scoring.answer(worker, sealed.spec, items, shots, request.deadline, on_progress, means=means, seed=seed)

    def _means(self, sealed: Sealed, account: JudgeAccount) -> Means:
        """What scoring needs beside keys. What a judge said of this benchmark's outputs is kept with its secrets."""
        judge = None
        if self._opening.judge:
            paid = PaidJudge(self._judge, account)
            judge = RememberingJudge(paid, self._home / "vault" / "judgements" / sealed.benchmark_id)
        return Means(self._sandbox, self._opening.sandbox == "off", judge)

    def _account(self, request: Evaluate) -> JudgeAccount:
        """What the judge takes counts on the study's dollars; outside any study, on those that were named."""
        if request.study_id is not None:
            usd = self._view(request.study_id).spec.budget.usd
            cure = "raise budget.usd in study.yaml and start a new study: what was judged is kept, and not paid twice"
            return self._opened_for(request.study_id, usd, cure)
        cure = "give it again with a higher --judge-usd: what was judged is kept, and not paid twice"
        return self._opened_for(request.evaluation_id, request.judge_usd, cure)

    def _account_of_its_own(self, purpose: str) -> JudgeAccount:
        return self._opened_for(f"{purpose}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:6]}", None, "")

    def _opened_for(self, owner: str, usd: float | None, cure: str) -> JudgeAccount:
        model = self._opening.judge_model
        return JudgeAccount(self._ledger, owner, model=model, workspace=str(self._home), usd=usd, cure=cure)

    def _must_be_the_same_judge(self, request: Evaluate, sealed: Sealed) -> None:
        """Scores of two judges are not comparable, so a study keeps the one that it began with."""
        if sealed.spec.scorer.kind != "rubric" or request.study_id is None:
            return
        notes = (note for e in self._view(request.study_id).evaluations for note in e.notes)
        before = next((note for note in notes if note.startswith(_JUDGED_BY)), None)
        if before is not None and before != _JUDGED_BY + self._opening.judge_model:
            first = before.removeprefix(_JUDGED_BY)
            raise UsageError(
                f"this study was judged by {first} so far, and its scores would not compare",
                where="LABWRIGHT_JUDGE_MODEL",
                cure=f"set LABWRIGHT_JUDGE_MODEL={first}, or start a new study",
            )

    def _evaluation(
        self, request: Evaluate, sealed: Sealed, staged: Staged, results: Sequence[ItemResult], took_s: float
    ) -> Evaluation:
        keep = self._vault.keep_results if request.split == "test" else self._keep_dev_results
        attestation, notes = self._attestation(request, staged)
        if sealed.spec.scorer.kind == "rubric":
            notes = (*notes, _JUDGED_BY + self._opening.judge_model)
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
            notes=notes,
            beside=scoring.beside(sealed.spec, results),
        )

    def _attestation(self, request: Evaluate, staged: Staged) -> tuple[Attestation, tuple[str, ...]]:
        if request.run is None:
            return "base", ()
        return attest(staged, chain_recorded=request.chain_recorded)

    def _known(self, request: Evaluate) -> Evaluation | None:
        if request.study_id is None:
            return None
        return next((e for e in self._view(request.study_id).evaluations if e.id == request.evaluation_id), None)

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

    def _meter(self, study_id: str | None, benchmark_id: str, split: Split, purpose: str, subject: str) -> None:
        """Count a look at a split, before it happens; one that crashed and is repeated counts once."""
        event = QueryMetered(benchmark_id, split, "gate" if purpose == "gate" else "evaluation", subject)
        if study_id is None or event not in self._view(study_id).queries:
            self._record(study_id, event)

    def _incident(self, study_id: str | None, incident: Incident) -> None:
        if study_id is not None and incident not in self._view(study_id).incidents:
            self._record(study_id, IncidentFound(incident))

    def _view(self, study_id: str) -> StudyView:
        return self._ledger.study_view(study_id)

    def _record(self, study_id: str | None, event: Event) -> None:
        self._ledger.record(study_id, event)
