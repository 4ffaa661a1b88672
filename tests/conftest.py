"""What all tests share: one tiny model, and one finished toy study, for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.toys.toy_study import FinishedStudy, run_study, toy_lab, write_study

settings.register_profile("labwright", deadline=None)  # a busy machine is no defect
settings.load_profile("labwright")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: two workers then end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A from-scratch tiny Llama with a character vocabulary, made on the spot."""
    from labwright.models.tiny import make_tiny_model  # noqa: PLC0415 - torch, and only for tests that need a model

    path = tmp_path_factory.mktemp("models") / "tiny"
    make_tiny_model(path, alphabet="0123456789 Sortascending:->\nabcdefghijklmnopqrstuvwxyz")
    return path


@pytest.fixture(scope="session")
def bundled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab's home in which the bundled model is built by whichever test needs it first: half a minute, once."""
    return tmp_path_factory.mktemp("bundled")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[FinishedStudy]:
    """A study that promoted a model, and its lab. Not to be changed by those who use it."""
    folder = tmp_path_factory.mktemp("finished")
    lab = toy_lab(folder / "home")
    yield FinishedStudy(lab, run_study(lab, write_study(folder / "study", tiny_model)))
    lab.ledger.close()
