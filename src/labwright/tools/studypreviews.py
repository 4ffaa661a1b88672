"""What running a study costs, and what a person sees before they allow it.

An approval means what it shows: the plan of a run with every script that it would execute, and a proposed script word
for word, pinned by its hash so that nothing else can run in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labwright.contracts.effects import Cost
from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.research import StudyState
from labwright.study.naming import short
from labwright.study.scripts import content_hash, kept
from labwright.study.spec import bundled_recipes, recipe_path
from labwright.tools.desk import Desk, find_path

_LONGEST_SCRIPT = 100_000


class StudyPreviews:
    """Costs and previews of the tools in `study.py`, from the arguments of a call that was not made yet."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ledger = desk.ledger

    def cost_of_running(self, args: Mapping[str, Any]) -> Cost:
        """All that is left of the study's budget: what a run of it may take."""
        try:
            view = self._ledger.study_view(str(args.get("study", "")))
        except LabwrightError:
            return Cost()  # the call will be refused
        if view.state is StudyState.FINISHED:
            return Cost()  # nothing is left to run
        left_s = max(view.budget.left_wall_clock_s, 0.0)
        gpu_hours = view.spec.budget.gpu_hours
        left_gpu = max(gpu_hours - view.budget.used_gpu_hours, 0.0) if gpu_hours is not None else 0.0
        return Cost(max(view.budget.left_usd, 0.0), left_gpu, left_s)

    def preview_of_running(self, args: Mapping[str, Any]) -> str:
        """The study's plan: data, recipe, trials that wait, ceilings."""
        try:
            view = self._ledger.study_view(str(args.get("study", "")))
        except LabwrightError as error:
            return error.one_line()
        waiting = [trial for trial in view.trials if not view.runs_of(trial.id)]
        lines = [
            f"goal: {view.spec.goal}",
            f"base model: {view.spec.base_model}",
            f"data: {', '.join(d.name for d in view.spec.data)}",
            f"recipe: {view.spec.recipe.name} {dict(view.spec.recipe.params)}",
            f"left: {view.budget.left_wall_clock_s:.0f} s, {view.budget.left_runs} runs",
            *(["trials that wait:"] if waiting else []),
            *(f"  {short(view.id, trial.id)}: {trial.change}" for trial in waiting),
        ]
        if view.spec.recipe.name not in bundled_recipes():
            lines += _shown(recipe_path(view.spec.recipe.name, Path(view.source)))
        for recipe in dict.fromkeys(trial.recipe for trial in waiting):
            try:
                script = kept(recipe, Path(view.directory))
            except LabwrightError as error:
                lines += ["", error.one_line()]
                continue
            lines += _shown(script) if script is not None else []
        return "\n".join(lines)

    def preview_of_script(self, args: Mapping[str, Any]) -> str:
        """The script, word for word."""
        try:
            content = script_of(self._desk, str(args.get("script", "")))
        except LabwrightError as error:
            return error.one_line()
        return f"--- {args.get('script')} (sha256 {content_hash(content)})\n{content.decode(errors='replace')}"

    def pin_script(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with the hash of the script as it is now."""
        return {**args, "sha256": content_hash(script_of(self._desk, str(args.get("script", ""))))}


def script_of(desk: Desk, name: str) -> bytes:
    """A training script of the workspace, as it is now.

    Raises:
        UsageError: it is no Python script, or too long for a person to read.
    """
    path = find_path(desk, name)
    if path.suffix != ".py" or not path.is_file():
        raise UsageError("a recipe is a Python script", where=name, cure="name a .py file of the workspace")
    if path.stat().st_size > _LONGEST_SCRIPT:
        raise UsageError("the script is too long to be read by a person", where=name, cure="keep it under 100 kB")
    return path.read_bytes()


def _shown(script: Path) -> list[str]:
    text = script.read_text(errors="replace")
    hidden = len(text) - _LONGEST_SCRIPT  # nobody may take a part for the whole
    more = [f"--- {hidden:,} more characters of it are not shown: {script}"] if hidden > 0 else []
    return ["", f"--- {script.name}", text[:_LONGEST_SCRIPT], *more]
