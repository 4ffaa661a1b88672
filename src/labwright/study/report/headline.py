"""The one sentence a study comes to, and the same as the `--json` document.

Kept apart from the rest of the facts because the command line prints it without writing a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from pydantic import JsonValue

from labwright.contracts.research import BASE, Comparison, Evaluation, GateReport, Outcome, StudyState, Trial
from labwright.contracts.specs import Split
from labwright.contracts.views import StudyView
from labwright.study.report import numbers


@dataclass(frozen=True, slots=True)
class Headline:
    """What the study came to: a word for machines, a title, a sentence, and what a reader must also know."""

    outcome: str  # promoted, no-improvement, blocked, stopped, failed, running
    title: str
    sentence: str
    caution: str = ""

    @property
    def text(self) -> str:
        """Title and sentence as one line."""
        return f"{self.title}: {self.sentence}"


def trial_label(view: StudyView, trial: Trial) -> str:
    """A trial by what it varies: `LoRA lr 1e-3 on sorted`."""
    method = "LoRA" if trial.params.get("lora") else trial.recipe
    varied = [k for k in view.spec.search.vary if k != "data" and k in trial.params]
    settings = [f"{numbers.short_name(k)} {numbers.value(trial.params[k])}" for k in varied]
    return " ".join([method, *settings, "on", trial.dataset])


def headline_of(view: StudyView, difference: Comparison | None) -> Headline:
    """What the study came to."""
    best = view.best
    if best is not None and best.subject != BASE:
        return _promoted(view, difference)
    held = f"{_few_shot_score(view)} remains the best model."
    if view.state is StudyState.FAILED:
        return Headline("failed", "Failed", f"{_clause(view.reason) or 'the study could not go on'}. {held}")
    if blocked_datasets(view):
        return _blocked(view, held)
    if view.state is StudyState.STOPPED:
        reason = _clause(view.reason) or "by request"
        return Headline("stopped", "Stopped before a verdict", f"{reason}. {held}")
    if view.state is not StudyState.FINISHED:
        return Headline("running", "Still running", f"the study is in its {view.phase or 'first'} phase. {held}")
    sentence = f"no trained model beat the few-shot base{_refused(view)}. {_closest(view)}{held}"
    return Headline("no-improvement", "No improvement", sentence)


def blocked_datasets(view: StudyView) -> tuple[str, ...]:
    """The names of the datasets that the gate blocked, where it left nothing to train on."""
    blocked = {g.report.dataset_id for g in view.gates if g.report.action == "block"}
    left = [d for d in view.datasets if d.id not in blocked]
    if not blocked or left:
        return ()
    return tuple(dict.fromkeys(d.name for d in view.datasets if d.id in blocked))


def _promoted(view: StudyView, difference: Comparison | None) -> Headline:
    assert view.best is not None  # the caller looked
    trial = view.trial(view.run(view.best.subject).trial_id)
    name = view.benchmark.name if view.benchmark else view.spec.benchmark
    metric = view.benchmark.metric if view.benchmark else "the score"
    split: Split = "test" if view.evaluation(view.best.subject, view.best.style, "test") else "dev"
    after = view.evaluation(view.best.subject, view.best.style, split)
    before = view.evaluation(BASE, "few_shot", split)
    shots = "few-shot base"
    if before is None:
        before, shots = view.evaluation(BASE, "zero_shot", split), "zero-shot base"
    where = "the sealed test" if split == "test" else "dev; the sealed test was not opened"
    subject = f"{name} {trial_label(view, trial)}"
    caution = "" if view.state is StudyState.FINISHED else f"The study {view.state.value}: {view.reason}"
    if after is None or before is None:
        return Headline("promoted", "Promoted", f"{subject}.", caution)
    start, end = numbers.percent(before.score.estimate), numbers.percent(after.score.estimate)
    moved = f"{metric} from {start} ({shots}) to {end} on {where}"
    if difference is None:
        gain = numbers.points(after.score.estimate - before.score.estimate)
        return Headline("promoted", "Promoted", f"{subject} takes {moved}, {gain}.", caution)
    if difference.difference.low <= 0:
        title = "Promoted on dev, not confirmed on the test"
        return Headline("promoted", title, f"{subject} takes {moved}, {numbers.compared(difference)}.", caution)
    return Headline("promoted", "Promoted", f"{subject} lifts {moved}, {numbers.compared(difference)}.", caution)


def _blocked(view: StudyView, held: str) -> Headline:
    reports = [g.report for g in view.gates if g.report.action == "block"]
    sourced = [r for r in reports if r.shared_sources]
    apart = {r.dataset_id for r in sourced}
    others = [r for r in reports if r.dataset_id not in apart]
    told = []
    if sourced:
        shared = ", ".join(sorted({source for r in sourced for source in r.shared_sources}))
        told.append(f"{_named(view, sourced)} was made of what the benchmark was made of, {shared}")
    if others:
        rows = numbers.count_of(sum(r.rows_hit for r in others), "training row")
        splits = " and ".join(sorted({r.split for r in others}))
        told.append(f"{rows} of {_named(view, others)} hold {splits} items")
    return Headline("blocked", "Blocked by the data gate", f"{'; '.join(told)}, so nothing was trained. {held}")


def _named(view: StudyView, reports: Iterable[GateReport]) -> str:
    ids = {report.dataset_id for report in reports}
    return ", ".join(dict.fromkeys(d.name for d in view.datasets if d.id in ids))


def _closest(view: StudyView) -> str:
    """The best score that did not suffice, and by how much it fell short; rejected trials do not count."""
    rejected = {v.trial_id for v in view.verdicts if v.outcome is Outcome.REJECT}
    trials = {r.id: r.trial_id for r in view.runs if r.trial_id not in rejected}
    trained = [e for e in view.evaluations if e.subject in trials and e.split == "dev"]
    if not trained:
        return ""
    top = max(trained, key=lambda e: e.score.estimate)
    verdict = view.verdict_on(trials[top.subject])
    short = ""
    if verdict is not None and verdict.comparison is not None and verdict.threshold is not None:
        needed = numbers.p_value(verdict.threshold)
        short = f" ({numbers.p_equals(verdict.comparison.p_value)}, where p < {needed} was needed)"
    return f"The closest, {numbers.short_id(top.subject)}, reached {numbers.scored(top.score)} on dev{short}. "


def _refused(view: StudyView) -> str:
    """How many trials have no say in that, since their models could not be scored."""
    refused = {v.trial_id for v in view.verdicts if v.outcome is Outcome.REJECT}
    return f", and the referee refused the models of {len(refused)} of {len(view.trials)} trials" if refused else ""


def _few_shot_score(view: StudyView) -> str:
    found = view.evaluation(BASE, "few_shot", "dev") or view.evaluation(BASE, "zero_shot", "dev")
    if found is None:
        return "The untrained base"
    style = "few-shot" if found.style == "few_shot" else "zero-shot"
    return f"The {style} base ({numbers.percent(found.score.estimate)} on dev)"


def _clause(reason: str) -> str:
    return reason.strip().rstrip(".")


def result_document(
    view: StudyView,
    *,
    report: str | None = None,
    best_model: str | None = None,
    boundary: str = "not enforced",
    difference: Comparison | None = None,
) -> dict[str, JsonValue]:
    """The study as one JSON object: what `--json` prints. Scores are fractions, times seconds."""
    headline = headline_of(view, difference)
    budget: dict[str, JsonValue] = dict(asdict(view.budget))
    incidents: list[JsonValue] = [dict(asdict(i)) for i in view.incidents]
    return {
        "study": view.id,
        "state": view.state.value,
        "verdict": {"outcome": headline.outcome, "reason": headline.sentence, "headline": headline.text},
        "dev": _split(view, "dev"),
        "test": _split(view, "test"),
        "difference": _difference(difference),
        "trials": len(view.trials),
        "runs": len(view.runs),
        "wall_clock_s": view.wall_clock_s,
        "utilisation": view.utilisation,
        "report": report,
        "best_model": best_model or (view.best.path if view.best else None),
        "boundary": boundary,
        "budget": budget,
        "incidents": incidents,
    }


def _split(view: StudyView, split: Split) -> dict[str, JsonValue]:
    best = view.best
    return {
        "zero_shot": _score(view.evaluation(BASE, "zero_shot", split)),
        "few_shot": _score(view.evaluation(BASE, "few_shot", split)),
        "best": _score(view.evaluation(best.subject, best.style, split)) if best else None,
    }


def _score(evaluation: Evaluation | None) -> JsonValue:
    if evaluation is None:
        return None
    s = evaluation.score
    return {"estimate": s.estimate, "low": s.low, "high": s.high, "items": evaluation.items}


def _difference(difference: Comparison | None) -> JsonValue:
    if difference is None:
        return None
    d: Mapping[str, JsonValue] = asdict(difference.difference)
    return {**d, "p_value": difference.p_value, "items": difference.items}
