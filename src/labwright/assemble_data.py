"""Puts together what work on data needs from a lab: its workbench, and a model that scores rows.

Beside `assemble.py`, since studies need neither DuckDB nor a way to the Hub for their data.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labwright.assemble import Lab
from labwright.assemble_reading import ReadingRoom
from labwright.compute.environment import scrubbed
from labwright.compute.sandbox import Mounts
from labwright.contracts.generation import Generator
from labwright.data.workbench import Workbench
from labwright.models import resolve
from labwright.models.base import OnProgress
from labwright.referee import usual_worker
from labwright.referee.generation import GenerationWorker


def workbench(lab: Lab, room: ReadingRoom) -> Workbench:
    """The lab's data: versions, and the sources that they are made from."""
    return Workbench(lab.home, lab.ledger, room.hub_access)


@contextmanager
def generator(lab: Lab, model: str, progress: OnProgress | None = None) -> Iterator[tuple[Generator, str]]:
    """A model that answers, in a sandboxed process of its own, and the hash that names it.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
    """
    base = resolve(model, lab.home, Path.cwd(), progress, asked_as="--model")
    script = lab.settings.generation_worker or usual_worker(gpus=False)
    environment = scrubbed(lab.settings.process_environment, {})
    mounts = Mounts(read_only=(base.path,), hidden=(lab.home / "vault",))
    worker = GenerationWorker(Path(sys.executable), Path(script), lab.sandbox, mounts, environment)
    try:
        worker.load(base.path, base.path)
        yield worker, base.model_id
    finally:
        worker.close()
