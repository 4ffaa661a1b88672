"""A desk in a toy lab: studies of the toy kind in a workspace, run by the real engine in processes of their own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.toys.toy_study import TOYS, toy_lab, write_study

from labwright.assemble import Lab
from labwright.contracts.specs import RecipeSpec
from labwright.desk import LabDesk
from labwright.study.spec import StudySource


class ToyDesk(LabDesk):
    """A desk that trains with the toy recipe where a study names a bundled one, which would need torch."""

    def create(self, source: StudySource, wall_clock_s: float | None = None) -> str:
        if source.spec.recipe.name == "sft":
            params: Mapping[str, Any] = {**source.spec.recipe.params, "step_s": 0.01}
            recipe = RecipeSpec(name=str(TOYS / "toy_recipe.py"), params=dict(params))
            source = replace(source, spec=source.spec.model_copy(update={"recipe": recipe}))
        return super().create(source, wall_clock_s)


def toy_workspace(folder: Path, base: Path, **changes: object) -> Path:
    """A workspace with a toy study in `study/` and the base model in `tiny/`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_study(folder / "study", base, **changes)  # type: ignore[arg-type]
    shutil.copytree(base, folder / "tiny")
    return folder


def toy_desk(folder: Path, base: Path, **changes: object) -> tuple[Lab, ToyDesk]:
    """A lab beside a workspace, and a desk between them."""
    lab = toy_lab(folder / "home")
    return lab, ToyDesk(lab, toy_workspace(folder / "workspace", base, **changes))
