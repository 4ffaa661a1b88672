"""Recipes of a few lines, and the orders that run them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from labwright.compute import ProcessBackend, Sandbox
from labwright.contracts.compute import Resources, RunHandle, RunOrder, RunStatus

GIB = 1 << 30
SANDBOX = Sandbox("auto")
OPEN = Sandbox("off")


def order(
    directory: Path,
    recipe: str,
    *,
    inputs: Mapping[str, Path] | None = None,
    hidden: tuple[Path, ...] = (),
    memory_bytes: int = 4 * GIB,
    gpus: int = 0,
    seconds: float = 600.0,
    environment: Mapping[str, str] | None = None,
) -> RunOrder:
    directory.mkdir(parents=True, exist_ok=True)
    draft = directory / f"recipe.{os.getpid()}.draft"
    draft.write_text(recipe)
    draft.replace(directory / "recipe.py")  # whole at any moment: another process may be running it
    return RunOrder(
        run_id=directory.name,
        directory=directory,
        command=(sys.executable, "recipe.py"),
        resources=Resources(memory_bytes=memory_bytes, gpus=gpus),
        deadline=time.time() + seconds,
        seed=7,
        inputs=inputs or {},
        environment=environment or {},
        hidden=hidden,
    )


def ended(backend: ProcessBackend, handle: RunHandle) -> RunStatus:
    wait_for(lambda: backend.poll(handle).state.is_final)
    return backend.poll(handle)


def log_of(backend: ProcessBackend, handle: RunHandle) -> list[str]:
    """The recipe's own lines."""
    return [line for line in backend.logs(handle) if not line.startswith("labwright: ")]


def run(backend: ProcessBackend, what: RunOrder) -> tuple[RunStatus, list[str]]:
    handle = backend.submit(what)
    return ended(backend, handle), log_of(backend, handle)


def wait_for(condition: Callable[[], bool], *, at_most_s: float = 300.0) -> None:
    until = time.monotonic() + at_most_s
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.03)


def is_gone(pid: int) -> bool:
    """Gone, or a zombie that its adoptive parent has not collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
