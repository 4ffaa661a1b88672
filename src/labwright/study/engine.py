"""The research engine: one study from its first control to its report.

The engine keeps nothing in memory that matters. It reads the study from the ledger, does the first thing that is
missing, writes what happened to the ledger, and reads again. So a study that was killed at any moment is resumed by
running the same code: `run()` knows no difference between a first start and a tenth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labwright.compute.whereabouts import marked
from labwright.contracts.compute import Backend
from labwright.contracts.errors import (
    BoundaryError,
    BudgetError,
    LabwrightError,
    SessionBudgetError,
)
from labwright.contracts.events import (
    BaseResolved,
    Event,
    NoteTaken,
    PhaseStarted,
    SessionStarted,
    StudyEnded,
    TrialProposed,
    VerdictGiven,
)
from labwright.contracts.progress import Activity, ProgressSink
from labwright.contracts.research import (
    BASE,
    Evaluation,
    Outcome,
    Run,
    StudyState,
    Style,
    Verdict,
)
from labwright.contracts.researchers import (
    AskForVerdict,
    DiscardTrial,
    Finish,
    Pause,
    ProposeTrial,
    Researcher,
    StartRun,
    Wait,
)
from labwright.contracts.specs import Split, StudySpec
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.models import BaseModel
from labwright.referee.client import RefereeClient
from labwright.study import disk, selfreport, standing
from labwright.study.datasets import register_missing
from labwright.study.elsewhere import must_be_runnable
from labwright.study.execution import RunExecution, again
from labwright.study.launching import Launching
from labwright.study.lock import study_lock
from labwright.study.refereeing import Refereeing, pack_source

STOP_FILE = "stop"


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What an engine is put together from; `labwright.assemble` does that."""

    ledger: Ledger
    backend: Backend
    referee: RefereeClient
    progress: ProgressSink
    home: Path
    environment: Mapping[str, str]
    poll_s: float
    parallel_runs: int  # how many runs the backend carries out at a time
    gpus_per_run: int
    researcher_for: Callable[[StudySpec], Researcher]
    resolve_model: Callable[[str, Path, Callable[[str, float], None]], BaseModel]
    find_recipe: Callable[[str, Path], Path]


class StudyStopped(Exception):  # noqa: N818 - a signal to the loop, not an error
    """A person asked the study to stop, or its researcher pauses it; the text says why."""


class StudyEngine:
    """Runs one study that is in the ledger."""

    def __init__(self, parts: EngineParts, study_id: str) -> None:
        self._parts = parts
        self._ledger = parts.ledger
        self._id = study_id
        self._stop_asked = False
        view = self._view()
        self._directory = Path(view.directory)
        self._source = Path(view.source)
        self._researcher = parts.researcher_for(view.spec)
        self._refereeing = Refereeing(parts.referee, parts.ledger, study_id, view=self._view, show=self._show)
        self._execution = RunExecution(
            parts.ledger,
            parts.backend,
            study_id,
            hidden=_outermost(parts.home / "vault", self._source, pack_source(view)),
            environment=parts.environment,
            gpus_per_run=parts.gpus_per_run,
            poll_s=parts.poll_s,
        )
        self._launching = Launching(
            parts.ledger,
            study_id,
            self._execution,
            self._refereeing,
            view=self._view,
            find_recipe=parts.find_recipe,
        )

    def request_stop(self) -> None:
        """Ask the engine to end its runs and stop at the next look; safe in a signal handler."""
        self._stop_asked = True

    def run(self) -> StudyView:
        """Run the study to its end, or on from where it was.

        Raises:
            LabwrightError: the study failed; it is recorded as failed, and `best/` still holds a valid model.
        """
        must_be_runnable(self._view())
        with study_lock(self._directory):
            (self._directory / STOP_FILE).unlink(missing_ok=True)
            try:
                with disk.reserved(self._directory):
                    self._resolve_base()
                    me = marked()
                    self._record(SessionStarted(me.pid, me.host, self._researcher.name, me.boot, me.ticks))
                    self._refereeing.ends_at = time.time() + self._view().budget.left_wall_clock_s
                    reason = self._phases()
                self._end(StudyState.FINISHED, reason)
            except StudyStopped as stop:
                self._execution.cancel_all()
                self._drain()
                self._end(StudyState.STOPPED, str(stop))
            except SessionBudgetError as error:  # a person can raise that ceiling, and go on
                self._execution.cancel_all()
                self._drain()
                self._end(StudyState.STOPPED, error.one_line())
            except BudgetError as error:
                self._execution.cancel_all()
                self._drain()
                self._end(StudyState.FINISHED, f"the budget ended it: {error.what}")
            except LabwrightError as error:
                self._execution.cancel_all()
                self._end(StudyState.FAILED, error.one_line())
                raise
            finally:
                self._refereeing.close()
            return self._view()

    def _phases(self) -> str:
        with self._phase("prepare"):
            self._prepare()
        with self._phase("controls"):
            self._controls()
        with self._phase("gate"):
            self._refereeing.gate()
        with self._phase("search"):
            reason = self._search()
        with self._phase("test"):
            self._test()
        return reason

    # -- before the clock ----------------------------------------------------------------------------------------------

    def _resolve_base(self) -> None:
        """Find or build the base model; building one is the lab's work, once, and not on the study's clock."""
        view = self._view()
        if view.base is not None and Path(view.base.path).is_dir():
            return

        def on_progress(what: str, fraction: float) -> None:
            self._show(Activity(label=what, done=round(fraction * 100), total=100))

        base = self._parts.resolve_model(view.spec.base_model, self._source, on_progress)
        if view.base is not None and view.base.model_id != base.model_id:
            raise BoundaryError(
                f"the base model is not the one this study began with ({base.model_id[:12]}, not "
                f"{view.base.model_id[:12]})",
                where=str(base.path),
                cure="restore the model, or start a new study",
            )
        if view.base is None:
            self._record(BaseResolved(base.name, str(base.path), base.model_id, base.parameters))

    # -- the phases ----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._refereeing.seal()
        register_missing(self._ledger, self._view(), self._parts.home)

    def _controls(self) -> None:
        """Zero-shot and few-shot scores of the untrained base; the better prompt is the first incumbent."""
        view = self._view()
        assert view.benchmark is not None
        styles: tuple[Style, ...] = ("zero_shot", "few_shot") if view.benchmark.few_shot else ("zero_shot",)
        controls = [self._evaluate(BASE, style, "dev", None) for style in styles]
        if self._view().best is None:
            better = max(controls, key=lambda e: standing.oriented(view, e.score.estimate))
            self._refereeing.place_best(better, None)

    def _search(self) -> str:
        """Ask the researcher until it has nothing more to try."""
        while True:
            self._heed_stop()
            view = self._view()
            if self._settle(view):
                continue
            decision = self._researcher.decide(view)
            match decision:
                case ProposeTrial(trial):
                    self._record(TrialProposed(trial))
                case StartRun():
                    self._launching.start(view, decision)
                case DiscardTrial(trial_id, why):
                    runs = view.runs_of(trial_id)
                    run_id = runs[-1].id if runs else None
                    self._record(VerdictGiven(Verdict(self._id, trial_id, run_id, Outcome.DISCARD, why)))
                case AskForVerdict():
                    if self._refereeing.judge(decision).retrains_wanted:
                        self._record(PhaseStarted("promotion"))
                case Finish(reason):
                    self._record(NoteTaken(reason, about="why the search ended"))
                    return reason
                case Pause(reason):
                    raise StudyStopped(reason)
                case Wait():
                    self._follow()

    def _test(self) -> None:
        """Open the sealed test once, for the promoted model and the base; with nothing promoted it stays sealed."""
        view = self._view()
        assert view.benchmark is not None and view.best is not None
        if view.best.subject == BASE:
            self._note("no model was promoted, so the sealed test was not opened", "test")
            return
        run = view.run(view.best.subject)
        self._refereeing.open_test(run)
        self._evaluate(run.id, view.best.style, "test", run)
        if view.benchmark.few_shot:
            self._evaluate(BASE, "few_shot", "test", None)
        self._evaluate(BASE, "zero_shot", "test", None)

    # -- what the search is made of ------------------------------------------------------------------------------------

    def _settle(self, view: StudyView) -> bool:
        """Do the first thing that earlier decisions left to be done. False when nothing is."""
        for run in standing.open_runs(view):
            if not self._execution.adopt(view, run):  # it was written down, and then this process or its machine died
                self._launching.launch(view, run)
                return True
        interrupted = next((r for r in view.runs if standing.may_start_again(r)), None)
        if interrupted is not None:
            if interrupted.reason == "disk" and disk.is_full(self._directory):
                raise disk.full(self._directory)
            self._note(
                f"started again after it was {interrupted.reason} (attempt {interrupted.attempt})", interrupted.id
            )
            self._execution.queue(again(interrupted))
            return True
        unscored = standing.awaits_evaluation(view)
        if unscored is not None:
            self._evaluate_run(unscored)
            return True
        promoted = next((v for v in reversed(view.verdicts) if v.outcome is Outcome.PROMOTE), None)
        if promoted is not None and promoted.run_id and view.best and view.best.subject != promoted.run_id:
            evaluation = view.evaluation(promoted.run_id, "zero_shot", "dev")
            assert evaluation is not None
            self._refereeing.place_best(evaluation, view.run(promoted.run_id))
            return True
        if len(standing.open_runs(view)) >= self._parts.parallel_runs:
            self._follow()
            return True
        return False

    def _follow(self) -> None:
        """Watch the live runs until one has ended."""
        ended = False
        while not ended:
            self._heed_stop()
            view = self._view()
            ended = self._execution.look(view, self._show)
            if not ended:
                self._execution.wait()
        self._launching.reconcile()
        self._refereeing.check_source()

    def _evaluate_run(self, run: Run) -> None:
        try:
            evaluation = self._evaluate(run.id, "zero_shot", "dev", run)
        except SessionBudgetError:
            raise
        except BudgetError as error:
            if time.time() >= self._refereeing.ends_at:
                raise
            # The judge may take no more before the sealed test, which what was promoted so far can still be held to.
            why = f"its outputs could not be judged: {error.what}"
            self._record(VerdictGiven(Verdict(self._id, run.trial_id, run.id, Outcome.DISCARD, why)))
            return
        except BoundaryError as error:  # the referee has recorded the rejection and why
            if standing.awaits_evaluation(self._view()) == run:
                raise  # or it has not: then this machine is at fault and not the model
            self._note(f"the referee refused the model: {error.what}", run.id)
            return
        incident = selfreport.compare(run, evaluation)
        if incident is not None and incident.incident not in self._view().incidents:
            self._record(incident)

    def _evaluate(self, subject: str, style: Style, split: Split, run: Run | None) -> Evaluation:
        self._heed_stop()
        return self._refereeing.evaluate(subject, style, split, run)

    # -- bookkeeping ---------------------------------------------------------------------------------------------------

    def _end(self, state: StudyState, reason: str) -> None:
        self._launching.reconcile()
        view = self._view()
        self._record(StudyEnded(state, reason, view.wall_clock_s, view.active_s))

    def _drain(self) -> None:
        """Book the runs that were just cancelled."""
        until = time.time() + 60.0
        while standing.open_runs(self._view()) and time.time() < until:
            self._execution.look(self._view(), self._show)
            self._execution.wait()

    @contextmanager
    def _phase(self, phase: str) -> Iterator[None]:
        self._heed_stop()
        if self._view().phase != phase:
            self._record(PhaseStarted(phase))  # type: ignore[arg-type]
        yield

    def _heed_stop(self) -> None:
        if self._stop_asked or (self._directory / STOP_FILE).exists():
            raise StudyStopped("stopped by a person; `labwright study resume` goes on")

    def _view(self) -> StudyView:
        return self._ledger.study_view(self._id, now=time.time())

    def _record(self, event: Event) -> None:
        self._ledger.record(self._id, event)

    def _note(self, text: str, about: str) -> None:
        note = NoteTaken(text, about)
        if note not in self._view().notes:
            self._record(note)

    def _show(self, activity: Activity) -> None:
        self._parts.progress.update(self._view(), activity)


def _outermost(*paths: Path) -> tuple[Path, ...]:
    """The paths that lie in none of the others: hiding a directory hides what is in it."""
    return tuple(p for p in paths if not any(p != other and p.is_relative_to(other) for other in paths))
