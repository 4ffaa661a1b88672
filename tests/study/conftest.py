"""One finished toy study for all tests that only look at one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.toys.toy_study import run_study, toy_lab, write_study

from labwright.assemble import Lab
from labwright.contracts.research import StudyState
from labwright.contracts.views import StudyView


@dataclass(frozen=True)
class FinishedStudy:
    """A study that promoted a model, and the lab that it is in."""

    lab: Lab
    view: StudyView


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[FinishedStudy]:
    """Not to be changed by those who use it."""
    folder = tmp_path_factory.mktemp("finished")
    lab = toy_lab(folder / "home")
    view = run_study(lab, write_study(folder / "study", tiny_model))
    assert view.state is StudyState.FINISHED
    assert view.best is not None and view.best.subject != "base"
    yield FinishedStudy(lab, view)
    lab.ledger.close()
