"""Trials that somebody outside the engine proposes: checked here, and only then in the ledger.

What is refused is refused with its cure, since the one who reads it is a model or a person about to try again: more
than one change, a change that exists already, a training set that the gate blocked, a name that is the harness's own,
a hypothesis that says nothing, more trials than the study's K comparisons.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.errors import SpecError, UsageError
from labwright.contracts.events import TrialProposed
from labwright.contracts.research import Hypothesis, Outcome, RunState, StudyState, Trial, TrialKind
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.study import proposals, scripts, standing
from labwright.study.naming import next_trial_id, short
from labwright.study.rules import Situation
from labwright.study.spec import bundled_recipes

_HARNESS_OWN = ("seed", "format")
_BATCH = {"batch_size", "gradient_accumulation"}
_WORDS = 4  # fewer do not make a sentence that can be wrong


@dataclass(frozen=True, slots=True)
class Script:
    """A training script as it was read: its name, and what it says."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Idea:
    """What somebody wants tried: a change to a parent (`data` and `recipe` are names like any parameter's), and why."""

    hypothesis: Hypothesis
    change: Mapping[str, JsonValue]
    parent: str = ""  # a trial's id, short or whole; empty for the first trial of a study
    script: Script | None = None
    is_ablation: bool = False


def propose(ledger: Ledger, study_id: str, idea: Idea) -> Trial:
    """Check an idea and enter it into the ledger as the study's next trial.

    Raises:
        UsageError: it is not a trial this study can take; the cure says what would be.
    """
    with _one_at_a_time(Path(ledger.study_view(study_id).directory)):
        view = ledger.study_view(study_id)
        _must_be_open(ledger, view)
        trial = _trial(view, idea)
        if idea.script is not None:
            scripts.keep(idea.script.name, idea.script.content, Path(view.directory))
        ledger.record(study_id, TrialProposed(trial))
        return trial


def ablate(ledger: Ledger, study_id: str, removed: str, whole: str, because: str) -> Trial:
    """Propose the trial `whole` without the change that the trial `removed` made.

    Raises:
        UsageError: there is no such change in it, or the trial that results exists already.
    """
    view = ledger.study_view(study_id)
    made, base = find_trial(view, removed), find_trial(view, whole)
    if made.parent_id is None:
        raise UsageError(f"{removed} is a first draft and made no change", cure="name a trial that has a parent")
    if made.id not in {t.id for t in lineage(view, base)}:
        cure = f"its changes were made by {', '.join(short(view.id, t.id) for t in lineage(view, base))}"
        raise UsageError(f"{whole} does not hold the change of {removed}", cure=cure)
    before = view.trial(made.parent_id)
    back: dict[str, JsonValue] = {
        name: before.params.get(name)
        for name in {**before.params, **made.params}
        if before.params.get(name) != made.params.get(name)
    }
    back |= {"data": before.dataset} if before.dataset != made.dataset else {}
    back |= {"recipe": before.recipe} if before.recipe != made.recipe else {}
    statement = f"Without the change {made.change!r}, {short(view.id, base.id)} scores lower on dev."
    idea = Idea(
        Hypothesis(statement, because or "an ablation shows what a change is worth", (made.id,)),
        back,
        base.id,
        is_ablation=True,
    )
    return propose(ledger, study_id, idea)


def lineage(view: StudyView, trial: Trial) -> list[Trial]:
    """A trial and all it descends from, newest first."""
    found = [trial]
    while found[-1].parent_id is not None:
        found.append(view.trial(found[-1].parent_id))
    return found


def find_trial(view: StudyView, name: str) -> Trial:
    """The trial with this id, whole or short (`t3`). Raises UsageError that names those there are."""
    found = next((t for t in view.trials if name in (t.id, short(view.id, t.id))), None)
    if found is None:
        known = ", ".join(short(view.id, t.id) for t in view.trials[-20:]) or "none yet"
        raise UsageError(f"{view.id} has no trial {name!r}", cure=f"its trials are: {known}")
    return found


# -- what is checked ---------------------------------------------------------------------------------------------------


def _must_be_open(ledger: Ledger, view: StudyView) -> None:
    if view.state is StudyState.FINISHED:
        raise UsageError(f"{view.id} is finished", cure="create a new study; its trials can start from this one's best")
    if view.state is StudyState.RUNNING and _researcher(ledger, view.id) == "autopilot":
        cure = "stop it first, then propose and run it with the proposed trials"
        raise UsageError(f"the autopilot is deciding in {view.id}", cure=cure)
    now = Situation.of(view)
    undecided = [t for t in view.trials if view.verdict_on(t.id) is None]
    if now.comparisons_left - len(undecided) <= 0:
        planned = view.spec.search.planned_comparisons
        raise UsageError(f"the {planned} comparisons planned at the start (K) are used up", cure="finish the study")


def _researcher(ledger: Ledger, study_id: str) -> str:
    """Who decides in the newest session of a study."""
    named = [r.event.researcher for r in ledger.events(study_id) if r.event.kind == "session_started"]
    return named[-1] if named else ""


def _trial(view: StudyView, idea: Idea) -> Trial:
    hypothesis = _hypothesis(idea.hypothesis)
    parent = _parent(view, idea)
    params, dataset, recipe = _applied(view, idea, parent)
    twin = proposals.same(view, params, dataset, recipe)
    if twin is not None:
        raise UsageError(f"{short(view.id, twin.id)} is this very configuration", cure="propose another change")
    if parent is None:
        settings = ", ".join([*(f"{k}: {v}" for k, v in idea.change.items() if k != "data"), f"data: {dataset}"])
        change, kind = f"first draft ({settings})", TrialKind.DRAFT
    else:
        shown = _with_steps(view, parent, params)
        change, kind = _one_change(proposals.differences(shown, params, dataset, recipe)), _kind(view, parent, idea)
    parent_id = parent.id if parent else None
    return Trial(next_trial_id(view), view.id, parent_id, kind, change, hypothesis, recipe, params, dataset)


def _hypothesis(given: Hypothesis) -> Hypothesis:
    cleaned = replace(given, statement=given.statement.strip(), because=given.because.strip())
    if len(cleaned.statement.split()) < _WORDS or not cleaned.because:
        raise UsageError(
            "a trial needs a hypothesis: one sentence that the trial can refute, and why it is believed",
            cure="for example: 'A rank of 32 learns more than 16', because 'the loss of t1 was still falling'",
        )
    return cleaned


def _parent(view: StudyView, idea: Idea) -> Trial | None:
    if idea.parent:
        return find_trial(view, idea.parent)
    if view.trials:
        best = proposals.best_trial(view) or view.trials[-1]
        cure = f"name the trial it changes, such as {short(view.id, best.id)}"
        raise UsageError("only the first trial of a study has no parent", cure=cure)
    return None


def _applied(view: StudyView, idea: Idea, parent: Trial | None) -> tuple[dict[str, JsonValue], str, str]:
    """Parameters, dataset and recipe with the change in them."""
    params = dict(parent.params if parent else view.spec.recipe.params)
    recipe = parent.recipe if parent else view.spec.recipe.name
    dataset = parent.dataset if parent else view.spec.data[0].name
    for name, value in idea.change.items():
        if name in _HARNESS_OWN:
            raise UsageError(f"{name!r} is not a researcher's to choose", cure="leave it out: the harness sets it")
        if name == "data":
            dataset = str(value)
        elif name == "recipe":
            recipe = _known_recipe(view, str(value))
        elif value is None:
            params.pop(name, None)
        else:
            params[name] = value
    if idea.script is not None:
        recipe = scripts.name_of(idea.script.name, idea.script.content)
    _check_steps(view, params)
    known = [d.name for d in view.spec.data]
    if dataset not in known:
        raise SpecError(f"no training set is named {dataset!r}", where=view.id, cure=f"this study has: {known}")
    if view.gates and dataset not in standing.usable_datasets(view):
        raise UsageError(
            f"the data gate blocked {dataset!r}", cure="clean it of benchmark items, as a new study's data"
        )
    return params, dataset, recipe


def _check_steps(view: StudyView, params: Mapping[str, JsonValue]) -> None:
    steps = params.get("max_steps", view.spec.search.rungs[0])
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < view.spec.search.rungs[0]:
        least = view.spec.search.rungs[0]
        raise UsageError(f"max_steps is {steps!r}", cure=f"give a whole number, from the first rung ({least}) up")


def _known_recipe(view: StudyView, name: str) -> str:
    known = {view.spec.recipe.name, *bundled_recipes(), *(t.recipe for t in view.trials)}
    if name not in known:
        cure = f"use one of {sorted(known)}, or give the path of a script in `script`"
        raise UsageError(f"there is no recipe {name!r}", cure=cure)
    return name


def _one_change(changes: list[str]) -> str:
    """The change as text. A batch in other pieces is one change where its size stays."""
    names = {c.split(":", 1)[0] for c in changes}
    if names and names <= _BATCH:
        return ", ".join(changes)
    if len(changes) != 1:
        said = f"it changes {len(changes)} things: {'; '.join(changes)}" if changes else "it changes nothing"
        raise UsageError(f"a trial makes one change to its parent, and {said}", cure="propose one trial a change")
    return changes[0]


def _kind(view: StudyView, parent: Trial, idea: Idea) -> TrialKind:
    """Repair of a parent that failed, ablation of one that is more than it was, else an improvement."""
    newest = view.runs_of(parent.id)[-1:]
    verdict = view.verdict_on(parent.id)
    failed = any(r.state.is_final and r.state is not RunState.SUCCEEDED for r in newest)
    if failed or (verdict is not None and verdict.outcome is Outcome.REJECT):
        return TrialKind.DEBUG
    return TrialKind.ABLATE if idea.is_ablation else TrialKind.IMPROVE


def _with_steps(view: StudyView, parent: Trial, params: Mapping[str, JsonValue]) -> Trial:
    """The parent with the steps it really reached, where its child asks for steps and it did not."""
    reached = standing.search_runs(view, parent)
    if "max_steps" not in params or "max_steps" in parent.params or not reached:
        return parent
    return replace(parent, params={**parent.params, "max_steps": reached[-1].max_steps})


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Two tools that propose at once get two ids."""
    with (directory / "proposals.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
