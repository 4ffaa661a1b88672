"""The trials that rules propose: one change each, with the hypothesis it tests and why that is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import JsonValue

from labwright.contracts.research import Alert, Hypothesis, Outcome, Run, Trial, TrialKind
from labwright.contracts.researchers import Candidate
from labwright.contracts.views import StudyView
from labwright.study import standing
from labwright.study.naming import next_trial_id, short

_RATE = "learning_rate"


def merged(view: StudyView, candidate: Candidate) -> dict[str, JsonValue]:
    """The recipe's fixed parameters with the candidate's over them."""
    return {**view.spec.recipe.params, **dict(candidate.params)}


def exists(view: StudyView, candidate: Candidate) -> bool:
    """Whether a trial of this configuration is already in the tree."""
    return same(view, merged(view, candidate), candidate.dataset) is not None


def has_child(view: StudyView, trial: Trial, kind: TrialKind) -> bool:
    """Whether a trial already has a child of this kind."""
    return any(t.parent_id == trial.id and t.kind is kind for t in view.trials)


def draft(view: StudyView, candidate: Candidate) -> Trial:
    """A draft; its parent is the first trial that differs from it in exactly one thing."""
    params = merged(view, candidate)
    for other in view.trials:
        changes = differences(other, params, candidate.dataset, view.spec.recipe.name)
        if len(changes) == 1:
            why = _draft_hypothesis(view, other, candidate)
            return _trial(view, other.id, TrialKind.DRAFT, changes[0], why, params, candidate.dataset)
    described = ", ".join([f"{k}: {_say(v)}" for k, v in candidate.params] + [f"data: {candidate.dataset}"])
    hypothesis = Hypothesis(
        statement=f"Training {view.spec.base_model} on {candidate.dataset} beats its few-shot prompt.",
        because="supervised examples of the task usually teach its format and its rule faster than a prompt shows them",
    )
    return _trial(view, None, TrialKind.DRAFT, f"first draft ({described})", hypothesis, params, candidate.dataset)


def repair(view: StudyView, trial: Trial, failed: Run) -> Trial | None:
    """The child that does what the watchdog, or the way the run ended, advises; None where nothing is advised."""
    stopping = next((a for a in view.alerts if a.run_id == failed.id and a.change), None)
    if stopping is not None:
        return _changed(view, trial, TrialKind.DEBUG, stopping)
    if failed.reason == "memory" and isinstance(size := trial.params.get("batch_size"), int) and size > 1:
        accumulation = trial.params.get("gradient_accumulation", 1)
        factor = accumulation if isinstance(accumulation, int) else 1
        params = {**trial.params, "batch_size": size // 2, "gradient_accumulation": factor * 2}
        hypothesis = Hypothesis(
            "The same effective batch in smaller pieces fits in memory.",
            f"run {short(view.id, failed.id)} passed its memory ceiling",
            (failed.id,),
        )
        change = f"batch: {size}×{factor} → {size // 2}×{factor * 2}"
        return _child(view, trial, TrialKind.DEBUG, change, hypothesis, params)
    return None


def best_trial(view: StudyView) -> Trial | None:
    """The trial with the highest dev score of all that were trained and not rejected; promoted ones first."""
    best: tuple[bool, float, Trial] | None = None
    for trial in view.trials:
        scored = list(standing.scored_runs(view, trial))
        verdict = view.verdict_on(trial.id)
        if not scored or (verdict is not None and verdict.outcome is Outcome.REJECT):
            continue
        score = standing.oriented(view, scored[-1][1].score.estimate)
        entry = (verdict is not None and verdict.outcome is Outcome.PROMOTE, score, trial)
        if best is None or entry[:2] > best[:2]:
            best = entry
    return best[2] if best else None


def improvement(view: StudyView, best: Trial) -> Trial | None:
    """One change to the best trial that has not been tried: what its alerts advise, else more steps."""
    for alert in standing.alerts_of(view, best):
        if alert.change and (proposal := _changed(view, best, TrialKind.IMPROVE, alert)) is not None:
            return proposal
    scored = list(standing.scored_runs(view, best))
    if not scored:
        return None
    run, evaluation = scored[-1]
    steps = run.max_steps * 2
    params = {**best.params, "max_steps": steps}
    if evaluation.score.estimate >= 1.0 or same(view, params, best.dataset, best.recipe) is not None:
        return None
    hypothesis = Hypothesis(
        statement=f"{steps} steps reach more than {run.max_steps} did.",
        because=f"no alert of plateau or overfit was raised in {short(view.id, run.id)}, and time is left",
        sources=(evaluation.id,),
    )
    change = f"max_steps: {run.max_steps} → {steps}"
    return _child(view, best, TrialKind.IMPROVE, change, hypothesis, params)


def improvement_steps(view: StudyView, trial: Trial) -> tuple[int, Run | None]:
    """How far an improvement trains, and the run whose checkpoint it starts from.

    It may only start from its parent's checkpoint where nothing but the number of steps differs and grows.
    """
    parent = view.trial(trial.parent_id) if trial.parent_id else None
    scored = list(standing.scored_runs(view, parent)) if parent else []
    reached = scored[-1][0] if scored else None
    wanted = trial.params.get("max_steps")
    steps = wanted if isinstance(wanted, int) else (reached.max_steps if reached else view.spec.search.rungs[-1])
    only_longer = parent is not None and [
        c.split(":")[0] for c in differences(parent, trial.params, trial.dataset, trial.recipe)
    ] == ["max_steps"]
    if only_longer and reached is not None and steps > reached.max_steps:
        return steps, reached
    return steps, None


# -- how a trial is put together -------------------------------------------------------------------------------------


def _changed(view: StudyView, trial: Trial, kind: TrialKind, alert: Alert) -> Trial | None:
    """A child with the first change of an alert that this recipe can take and nobody has tried."""
    for name, how in alert.change.items():
        old = trial.params.get(name, _reached(view, trial) if name == "max_steps" else None)
        if not isinstance(old, int | float) or not isinstance(how, Mapping):
            continue
        factor = how.get("times")
        if not isinstance(factor, int | float):
            continue
        new: JsonValue = max(1, round(old * factor)) if isinstance(old, int) else float(f"{old * factor:.6g}")
        params = {**trial.params, name: new}
        if new == old or same(view, params, trial.dataset, trial.recipe) is not None:
            continue
        hypothesis = Hypothesis(alert.suggestion, alert.message, (alert.run_id,))
        return _child(view, trial, kind, f"{name}: {_say(old)} → {_say(new)}", hypothesis, params)
    return None


def _reached(view: StudyView, trial: Trial) -> int | None:
    runs = standing.search_runs(view, trial)
    return runs[-1].max_steps if runs else None


def _trial(
    view: StudyView,
    parent_id: str | None,
    kind: TrialKind,
    change: str,
    hypothesis: Hypothesis,
    params: Mapping[str, JsonValue],
    dataset: str,
) -> Trial:
    return Trial(
        next_trial_id(view), view.id, parent_id, kind, change, hypothesis, view.spec.recipe.name, params, dataset
    )


def _child(
    view: StudyView,
    parent: Trial,
    kind: TrialKind,
    change: str,
    hypothesis: Hypothesis,
    params: Mapping[str, JsonValue],
) -> Trial:
    """A trial that differs from its parent in parameters only."""
    made = _trial(view, parent.id, kind, change, hypothesis, params, parent.dataset)
    return replace(made, recipe=parent.recipe)


def same(view: StudyView, params: Mapping[str, JsonValue], dataset: str, recipe: str | None = None) -> Trial | None:
    """The trial of this configuration, if there is one; without a recipe, of the one in study.yaml."""
    wanted = (recipe or view.spec.recipe.name, dataset, dict(params))
    return next((t for t in view.trials if (t.recipe, t.dataset, dict(t.params)) == wanted), None)


def differences(other: Trial, params: Mapping[str, JsonValue], dataset: str, recipe: str) -> list[str]:
    """What a configuration changes in a trial, as `name: old → new`."""
    names = [n for n in {**other.params, **params} if other.params.get(n) != params.get(n)]
    changes = [f"{n}: {_say(other.params.get(n))} → {_say(params.get(n))}" for n in names]
    changes += [f"data: {other.dataset} → {dataset}"] if other.dataset != dataset else []
    return changes + ([f"recipe: {other.recipe} → {recipe}"] if other.recipe != recipe else [])


def _draft_hypothesis(view: StudyView, other: Trial, candidate: Candidate) -> Hypothesis:
    """Why a one-thing difference may matter; for data, from what the audit found."""
    if other.dataset != candidate.dataset:
        version = next(d for d in view.datasets if d.name == candidate.dataset)
        findings = [f for f in view.findings.get(version.id, ()) if f.severity != "info"]
        if findings:
            return Hypothesis(
                f"{candidate.dataset} teaches less than {other.dataset}.",
                f"the audit of {candidate.dataset} says: {findings[0].what}",
                (version.id,),
            )
        return Hypothesis(
            f"{candidate.dataset} teaches more than {other.dataset}.",
            "what a model is trained on usually matters more than how",
            (version.id,),
        )
    params = merged(view, candidate)
    name = next(n for n in params if params.get(n) != other.params.get(n))
    new, old = params.get(name), other.params.get(name)
    if name == _RATE and isinstance(new, int | float) and isinstance(old, int | float):
        if new > old:
            why = "few steps leave a low learning rate too little way to go; the watchdog stops it if it diverges"
            return Hypothesis(f"A learning rate of {_say(new)} learns more than {_say(old)} in the same steps.", why)
        return Hypothesis(f"A learning rate of {_say(new)} is steadier than {_say(old)}.", "large steps can overshoot")
    return Hypothesis(f"{name} = {_say(new)} does better than {_say(old)}.", "study.yaml asks for this comparison")


def _say(value: object) -> str:
    return "default" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
