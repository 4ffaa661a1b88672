"""A study without an engine: decisions are carried out on a ledger by arithmetic, in no time.

So a researcher's rules can be tested on what the ledger shows, for learners of every kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.toys.empty_ledger import place_ledger

from labwright.contracts.events import (
    AlertRaised,
    BaseResolved,
    BenchmarkSealed,
    BestChanged,
    DatasetRegistered,
    EvaluationRecorded,
    GateChecked,
    PreflightDone,
    RunEnded,
    RunQueued,
    RunStarted,
    SessionStarted,
    StudyCreated,
    TrialProposed,
    VerdictGiven,
)
from labwright.contracts.research import (
    BASE,
    Alert,
    Comparison,
    DatasetVersion,
    Evaluation,
    GateReport,
    Interval,
    Outcome,
    Run,
    RunPurpose,
    RunState,
    Trial,
    Verdict,
)
from labwright.contracts.researchers import (
    AskForVerdict,
    Decision,
    DiscardTrial,
    Finish,
    ProposeTrial,
    Researcher,
    StartRun,
)
from labwright.contracts.specs import StudySpec
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.study.naming import evaluation_id, next_run_id, training_seed

STUDY = "demo-1"


@dataclass(frozen=True)
class Learnt:
    """How a simulated run ends: a score, or a state with a reason; and what the watchdog says."""

    score: float = 0.5
    state: RunState = RunState.SUCCEEDED
    reason: str = "finished"
    alerts: tuple[Alert, ...] = ()


Learner = Callable[[Trial, Run], Learnt]


@dataclass
class SimulatedStudy:
    """Carries a researcher's decisions out."""

    folder: Path
    spec: StudySpec
    learner: Learner
    blocked: tuple[str, ...] = ()
    few_shot: float = 0.08
    decisions: list[Decision] = field(default_factory=list)
    now: float = 1_000.0

    def __post_init__(self) -> None:
        self.ledger = Ledger.open(f"sqlite:///{place_ledger(self.folder) / 'lab.db'}")
        self._record(StudyCreated("demo", "/source", str(self.folder), self.spec.model_dump(mode="json")))
        self._record(BaseResolved("tiny", "/base", "b" * 64, 1000))
        self._record(SessionStarted(1, "here", "autopilot"))
        self._record(BenchmarkSealed("bench", "sorting", "accuracy", 200, 200, 4, "/source/benchmark", 0.5))
        for data in self.spec.data:
            self._record(DatasetRegistered(DatasetVersion(f"v-{data.name}", data.name, "/d", data.format, 10, "/d")))
            action = "block" if data.name in self.blocked else "pass"
            self._record(GateChecked("bench", GateReport(f"v-{data.name}", "dev", 10, int(action == "block"), action)))
        self._evaluate(BASE, "few_shot", self.few_shot)
        self._record(BestChanged(BASE, "few_shot", evaluation_id(STUDY, BASE, "few_shot", "dev"), "/best"))
        self._record(PreflightDone((), startup_s=10.0, step_s=1.0))

    def view(self) -> StudyView:
        return self.ledger.study_view(STUDY, now=self.now)

    def play(self, researcher: Researcher, most: int = 200) -> str:
        """Carry decisions out until the researcher has nothing more to try; its reason."""
        for _ in range(most):
            view = self.view()
            decision = researcher.decide(view)
            self.decisions.append(decision)
            if isinstance(decision, Finish):
                return decision.reason
            self._carry_out(view, decision)
        raise AssertionError(f"no end after {most} decisions; the last was {self.decisions[-1]}")

    def _carry_out(self, view: StudyView, decision: Decision) -> None:
        match decision:
            case ProposeTrial(trial):
                self._record(TrialProposed(trial))
            case StartRun():
                self._train(view, decision)
            case DiscardTrial(trial_id, reason):
                self._record(VerdictGiven(Verdict(STUDY, trial_id, None, Outcome.DISCARD, reason)))
            case AskForVerdict():
                self._judge(view, decision)
            case _:
                raise AssertionError(f"a single-run study has nothing to wait for: {decision}")

    def _train(self, view: StudyView, decision: StartRun) -> None:
        number = [t.id for t in view.trials].index(decision.trial_id) + 1
        seed = training_seed(view.spec.seed, number, decision.purpose, len(view.runs_of(decision.trial_id)))
        run = Run(
            next_run_id(view, decision.trial_id),
            STUDY,
            decision.trial_id,
            decision.purpose,
            seed,
            decision.max_steps,
            decision.continues,
            "/runs",
            "instant",
        )
        learnt = self.learner(view.trial(decision.trial_id), run)
        self._record(RunQueued(run))
        self._record(RunStarted(run.id, "token", 1))
        started = self.now
        steps = run.max_steps - (view.run(run.continues).max_steps if run.continues else 0)
        self.now += 10.0 + steps
        for alert in learnt.alerts:
            self._record(AlertRaised(alert))
        self._record(RunEnded(run.id, learnt.state, learnt.reason, 0, started, self.now, 1, "enforced", run.max_steps))
        if learnt.state is RunState.SUCCEEDED:
            self.now += 5.0
            self._evaluate(run.id, "zero_shot", learnt.score)

    def _judge(self, view: StudyView, decision: AskForVerdict) -> None:
        """Promote what is ten points better than the incumbent, and again in one fresh-seed retrain."""
        assert view.best is not None
        scores = {e.id: e.score.estimate for e in view.evaluations}
        incumbent = scores[view.best.evaluation_id]
        gain = scores[evaluation_id(STUDY, decision.run_id, "zero_shot", "dev")] - incumbent
        again = [
            scores[evaluation_id(STUDY, r.id, "zero_shot", "dev")] - incumbent
            for r in view.runs_of(decision.trial_id)
            if r.purpose is RunPurpose.RETRAIN
        ]
        wanted = 1 if gain > 0.1 and not again else 0
        promoted = gain > 0.1 and bool(again) and min(again) > 0.1
        outcome = Outcome.PROMOTE if promoted else Outcome.KEEP
        comparison = Comparison(200, 1, 0, Interval(gain, gain, gain), 0.01)
        verdict = Verdict(
            STUDY, decision.trial_id, decision.run_id, outcome, "", "", comparison, 0.01, retrains_wanted=wanted
        )
        self._record(VerdictGiven(verdict))
        if promoted:
            evaluation = evaluation_id(STUDY, decision.run_id, "zero_shot", "dev")
            self._record(BestChanged(decision.run_id, "zero_shot", evaluation, "/best"))

    def _evaluate(self, subject: str, style: str, score: float) -> None:
        self._record(
            EvaluationRecorded(
                Evaluation(
                    evaluation_id(STUDY, subject, style, "dev"),  # type: ignore[arg-type]
                    STUDY,
                    subject,
                    style,  # type: ignore[arg-type]
                    "dev",
                    "bench",
                    "accuracy",
                    200,
                    Interval(score, score, score),
                    "r",
                    "m",
                    "attested",
                    "enforced",
                    5.0,
                )
            )
        )

    def _record(self, event: object) -> None:
        self.ledger.record(STUDY, event, at=self.now)  # type: ignore[arg-type]
