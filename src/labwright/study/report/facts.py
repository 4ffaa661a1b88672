"""What both renderings of a report say, computed once from the study's view.

The renderings only lay out; every judgement (what the headline is, what a trial's outcome is, what failed) is made
here, so the Markdown, the HTML and the `--json` document cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labwright.contracts.research import (
    BASE,
    Alert,
    Comparison,
    DatasetVersion,
    Evaluation,
    Finding,
    GateReport,
    Interval,
    Run,
    RunPurpose,
    RunState,
    Style,
    Trial,
    Verdict,
)
from labwright.contracts.specs import Split
from labwright.contracts.views import Curve, StudyView
from labwright.study.report import numbers
from labwright.study.report.headline import Headline, headline_of, trial_label

SPLITS: tuple[Split, ...] = ("dev", "test")


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One line of the forest plot."""

    split: Split
    role: str  # zero-shot, few-shot, incumbent, best
    label: str
    evaluation: Evaluation

    @property
    def score(self) -> Interval:
        """The estimate with its interval."""
        return self.evaluation.score


@dataclass(frozen=True, slots=True)
class RungScore:
    """A trial's run in the search, or a finalist's retrain, with the dev score it reached."""

    run: Run
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A node of the tree, with everything that came of it."""

    trial: Trial
    short: str
    label: str
    depth: int
    last_child: bool
    outcome: str  # promote, keep, discard, reject, failed, cancelled, running, open
    reason: str
    is_best: bool
    rungs: tuple[RungScore, ...]
    retrains: tuple[RungScore, ...]
    alerts: tuple[Alert, ...]
    verdict: Verdict | None
    curves: tuple[Curve, ...]

    @property
    def last_score(self) -> Interval | None:
        """The dev score at the highest rung it reached."""
        scores = [r.evaluation.score for r in self.rungs if r.evaluation is not None]
        return scores[-1] if scores else None


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset version with its audit and what the gate said of it."""

    dataset: DatasetVersion
    findings: tuple[Finding, ...]
    gates: tuple[GateReport, ...]

    @property
    def shared_sources(self) -> tuple[str, ...]:
        """What it was made of, and the benchmark too."""
        return tuple(dict.fromkeys(source for gate in self.gates for source in gate.shared_sources))

    @property
    def action(self) -> str:
        """The gate's strictest action, or `unchecked`."""
        actions = {g.action for g in self.gates}
        return next((a for a in ("block", "drop", "pass") if a in actions), "unchecked")


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that did not work, why, and what was made of it."""

    where: str
    what: str
    why: str
    then: str = ""


@dataclass(frozen=True, slots=True)
class Meter:
    """How often the benchmark has been consulted."""

    opened: int
    split_purpose: tuple[tuple[str, int], ...]

    @property
    def sentence(self) -> str:
        """What a reader must know before believing a test score."""
        if self.opened == 0:
            return "This benchmark's test has never been opened."
        times = {1: "once", 2: "twice"}.get(self.opened, f"{self.opened} times")
        more = "" if self.opened == 1 else " Every opening makes its scores a little more optimistic."
        return f"This benchmark's test has been opened {times}.{more}"


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a rendering needs."""

    view: StudyView
    headline: Headline
    scores: tuple[ScoreRow, ...]
    difference: Comparison | None
    trials: tuple[TrialRow, ...]  # in tree order
    datasets: tuple[DatasetRow, ...]
    failures: tuple[Failure, ...]
    meter: Meter
    boundary: str
    attestation: str
    peak_memory_bytes: int
    input_hashes: Mapping[str, str]  # of the run that made the best model
    reproduce: tuple[str, ...]
    environment: Mapping[str, str]

    def score(self, split: Split, role: str) -> ScoreRow | None:
        """The row of one role on one split."""
        return next((s for s in self.scores if (s.split, s.role) == (split, role)), None)


def gather(
    view: StudyView,
    curves: Mapping[str, tuple[Curve, ...]],
    *,
    difference: Comparison | None = None,
    openings: int | None = None,
    reproduce: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Facts:
    """Everything a report says. `openings` counts the whole lab's openings of this test; default: the view's."""
    trials = _trials(view, curves)
    return Facts(
        view=view,
        headline=headline_of(view, difference),
        scores=_scores(view),
        difference=difference,
        trials=trials,
        datasets=tuple(
            DatasetRow(
                d,
                tuple(view.findings.get(d.id, ())),
                tuple(g.report for g in view.gates if g.report.dataset_id == d.id),
            )
            for d in view.datasets
        ),
        failures=_failures(view, trials),
        meter=_meter(view, openings),
        boundary=boundary_of(view),
        attestation=_attestation(view),
        peak_memory_bytes=max((r.peak_memory_bytes or 0 for r in view.runs), default=0),
        input_hashes=next((r.input_hashes for r in view.runs if view.best and r.id == view.best.subject), {}),
        reproduce=reproduce,
        environment=dict(environment or {}),
    )


def boundary_of(view: StudyView) -> str:
    """`enforced` only where every run and every evaluation ran inside the boundary."""
    seen = [r.boundary for r in view.runs if r.state.is_final and r.started_at] + [e.boundary for e in view.evaluations]
    return "enforced" if seen and all(b == "enforced" for b in seen) else "not enforced"


def dev_evaluation(view: StudyView, run_id: str) -> Evaluation | None:
    """A run's dev evaluation; where there are several styles, the better one."""
    found = [e for e in view.evaluations if e.subject == run_id and e.split == "dev"]
    return max(found, key=lambda e: e.score.estimate, default=None)


def outcome_of(view: StudyView, trial_id: str) -> str:
    """What became of a trial, in one word."""
    runs = [r for r in view.runs_of(trial_id) if r.purpose is not RunPurpose.SMOKE]
    broken = {RunState.FAILED: "failed", RunState.LOST: "failed", RunState.CANCELLED: "cancelled"}
    verdict = view.verdict_on(trial_id)
    scored = any(dev_evaluation(view, r.id) for r in runs)
    if runs and runs[-1].state in broken and not scored:
        return broken[runs[-1].state]
    if verdict is not None:
        return verdict.outcome.value
    return "running" if any(not r.state.is_final for r in runs) else "open"


def rungs_of(view: StudyView, trial_id: str) -> tuple[RungScore, ...]:
    """A trial's runs of the search, by rung; of several attempts at one rung, the newest."""
    runs = {r.max_steps: r for r in view.runs_of(trial_id) if r.purpose is RunPurpose.SEARCH}
    return tuple(RungScore(runs[steps], dev_evaluation(view, runs[steps].id)) for steps in sorted(runs))


def _scores(view: StudyView) -> tuple[ScoreRow, ...]:
    """Controls, incumbent and best on each split, as far as they were evaluated."""
    wanted: list[tuple[str, str, str, Style]] = [
        ("zero-shot", "base, zero-shot", BASE, "zero_shot"),
        ("few-shot", "base, few-shot", BASE, "few_shot"),
    ]
    beaten = _beaten(view)
    if beaten is not None and beaten.subject != BASE:
        wanted.append(("incumbent", f"incumbent {numbers.short_id(beaten.subject)}", beaten.subject, beaten.style))
    if view.best is not None and view.best.subject != BASE:
        label = trial_label(view, view.trial(view.run(view.best.subject).trial_id))
        wanted.append(("best", label, view.best.subject, view.best.style))
    return tuple(
        ScoreRow(split, role, label, found)
        for split in SPLITS
        for role, label, subject, style in wanted
        if (found := view.evaluation(subject, style, split)) is not None
    )


def _beaten(view: StudyView) -> Evaluation | None:
    """The evaluation that the best model was compared with."""
    if view.best is None or view.best.subject == BASE:
        return None
    verdict = view.verdict_on(view.run(view.best.subject).trial_id)
    return next((e for e in view.evaluations if verdict is not None and e.id == verdict.against), None)


def _trials(view: StudyView, curves: Mapping[str, tuple[Curve, ...]]) -> tuple[TrialRow, ...]:
    known = {t.id for t in view.trials}
    children: dict[str | None, list[Trial]] = {}
    for trial in view.trials:
        children.setdefault(trial.parent_id if trial.parent_id in known else None, []).append(trial)
    rows: list[TrialRow] = []
    stack = [(t, 0, i == 0) for i, t in enumerate(reversed(children.get(None, [])))]
    while stack:
        trial, depth, last = stack.pop()
        rows.append(_trial_row(view, trial, depth, last, curves))
        stack += [(t, depth + 1, i == 0) for i, t in enumerate(reversed(children.get(trial.id, [])))]
    return tuple(rows)


def _trial_row(
    view: StudyView, trial: Trial, depth: int, last: bool, curves: Mapping[str, tuple[Curve, ...]]
) -> TrialRow:
    runs = view.runs_of(trial.id)
    verdict = view.verdict_on(trial.id)
    ids = {r.id for r in runs}
    broken = next((r.reason for r in reversed(runs) if r.state.is_final and r.state is not RunState.SUCCEEDED), "")
    return TrialRow(
        trial=trial,
        short=numbers.short_id(trial.id),
        label=trial_label(view, trial),
        depth=depth,
        last_child=last,
        outcome=outcome_of(view, trial.id),
        reason=verdict.reason if verdict is not None else broken,
        is_best=view.best is not None and view.best.subject in ids,
        rungs=rungs_of(view, trial.id),
        retrains=tuple(RungScore(r, dev_evaluation(view, r.id)) for r in runs if r.purpose is RunPurpose.RETRAIN),
        alerts=tuple(a for a in view.alerts if a.run_id in ids),
        verdict=verdict,
        curves=tuple(c for r in runs if r.purpose is not RunPurpose.SMOKE for c in curves.get(r.id, ())),
    )


def _failures(view: StudyView, trials: tuple[TrialRow, ...]) -> tuple[Failure, ...]:
    found: list[Failure] = []
    for check in view.preflight.checks if view.preflight else ():
        if not check.ok:
            found.append(Failure("preflight", check.name, check.detail, check.cure))
    for gate in (g.report for g in view.gates):
        if gate.action == "block":
            name = next((d.name for d in view.datasets if d.id == gate.dataset_id), gate.dataset_id)
            held = f"{numbers.count_of(gate.rows_hit, 'row')} of {gate.rows_checked:,} hold {gate.split} items"
            if gate.shared_sources:
                held = f"made of what the benchmark was made of: {', '.join(gate.shared_sources)}; {held}"
            found.append(Failure(name, "blocked by the gate", held, "no run may train on it"))
    for run in view.runs:
        if run.state.is_final and run.state is not RunState.SUCCEEDED:
            after = [t.short for t in trials if t.trial.parent_id == run.trial_id and t.trial.kind.value == "debug"]
            then = f"taken up again as {', '.join(after)}" if after else ""
            found.append(
                Failure(numbers.short_id(run.id), f"{run.purpose.value} run {run.state.value}", run.reason, then)
            )
    for row in trials:
        if row.verdict is not None and row.outcome == "reject":
            found.append(Failure(row.short, "rejected by the referee", row.verdict.reason))
    return tuple(found)


def _meter(view: StudyView, openings: int | None) -> Meter:
    counts: dict[str, int] = {}
    for query in view.queries:
        key = f"{query.split} · {'data gate' if query.purpose == 'gate' else query.purpose}"
        counts[key] = counts.get(key, 0) + 1
    return Meter(len(view.openings) if openings is None else openings, tuple(sorted(counts.items())))


def _attestation(view: StudyView) -> str:
    if view.best is None:
        return ""
    return next((e.attestation for e in view.evaluations if e.id == view.best.evaluation_id), "")
