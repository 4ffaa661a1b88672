"""What all tests share: one tiny model, and one finished toy study, for the whole session."""

from __future__ import annotations

import gc
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.servers.ledger_places import bare_url as bare_url
from tests.servers.ledger_places import ledger_url as ledger_url
from tests.servers.ledger_places import postgres_ledger as postgres_ledger
from tests.servers.ledger_places import postgres_server as postgres_server
from tests.servers.ledger_places import sqlite_ledger as sqlite_ledger
from tests.toys.toy_study import FinishedStudy, run_study, toy_lab, write_study

from labwright.contracts.errors import ModelError
from labwright.models import bundled

IN_A_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if IN_A_WORKER:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker has one core; two that use all of them wait for each other

# A busy machine is no defect, and neither is an unlucky day: everybody gets the same examples. New ones are looked for
# with `--hypothesis-profile=explore`.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("labwright", settings.get_profile("explore"), derandomize=True, database=None)
settings.load_profile("labwright")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: two workers then end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """What the imports left behind stays: a collection of garbage that walks all of it takes most of a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A from-scratch tiny Llama with a character vocabulary, made on the spot."""
    from labwright.models.tiny import make_tiny_model  # noqa: PLC0415 - torch, and only for tests that need a model

    path = tmp_path_factory.mktemp("models") / "tiny"
    make_tiny_model(path, alphabet="0123456789 Sortascending:->\nabcdefghijklmnopqrstuvwxyz")
    return path


@pytest.fixture(scope="session")
def bundled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab's home with the bundled model: built once for all workers, which takes half a minute.

    What was said while it was built is beside it, in `models/.progress.json`.
    """
    home = tmp_path_factory.mktemp("bundled")
    shared = (tmp_path_factory.getbasetemp().parent if IN_A_WORKER else home) / "shared"
    shared.mkdir(exist_ok=True)
    with bundled.locked(shared / ".lock"):
        if not (shared / "models" / ".progress.json").exists():
            said: list[tuple[str, float]] = []
            try:
                bundled.build(shared, lambda what, fraction: said.append((what, fraction)))
            except ModelError as error:
                if "cannot be downloaded" in error.what:
                    pytest.skip(error.one_line())
                raise
            (shared / "models" / ".progress.json").write_text(json.dumps(said))
    shutil.copytree(shared / "models", home / "models", copy_function=os.link)
    return home


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[FinishedStudy]:
    """A study that promoted a model, and its lab. Not to be changed by those who use it."""
    folder = tmp_path_factory.mktemp("finished")
    lab = toy_lab(folder / "home")
    yield FinishedStudy(lab, run_study(lab, write_study(folder / "study", tiny_model)))
    lab.ledger.close()
