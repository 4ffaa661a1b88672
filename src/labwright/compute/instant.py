"""The fake backend: a Python callable in place of a command, done by the time `submit` returns.

For tests of everything above a backend, and for users who want to try a researcher of their own without training.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from labwright.compute.layout import lay_out, read_log, read_status
from labwright.compute.supervision.records import FOLDER, STATUS, write_json
from labwright.contracts.compute import EndReason, RunHandle, RunOrder, RunStatus
from labwright.contracts.errors import BackendError


class InstantBackend:
    """Calls `script` with the order, which writes what a recipe would write and returns the run's status."""

    name = "instant"

    def __init__(self, script: Callable[[RunOrder], RunStatus]) -> None:
        self._script = script

    def submit(self, order: RunOrder) -> RunHandle:
        """Run the script now; an attempt that has ended is not run again.

        Raises:
            BackendError: the script returned a status that is not final.
        """
        directory = lay_out(order)
        handle = RunHandle(self.name, order.run_id, directory, token="instant")
        earlier = read_status(directory)
        if earlier is not None and earlier.attempt >= order.attempt:
            return handle
        (directory / "log.txt").touch()
        status = self._script(order)
        if not status.state.is_final:
            raise BackendError(
                f"the script returned the state {status.state}", where=order.run_id, cure="return an end"
            )
        for target in (directory / FOLDER / STATUS, directory / STATUS):
            write_json(target, {**json.loads(json.dumps(asdict(status))), "attempt": order.attempt})
        return handle

    def poll(self, handle: RunHandle) -> RunStatus:
        """The status that the script returned."""
        recorded = read_status(handle.directory)
        if recorded is None:
            raise BackendError("no run was submitted here", where=str(handle.directory))
        return recorded.status

    def logs(self, handle: RunHandle, *, follow: bool = False) -> Iterator[str]:
        """The lines of log.txt, which never grows any more."""
        del follow
        return read_log(handle.directory, is_over=lambda: True)

    def cancel(self, handle: RunHandle, reason: EndReason = "cancelled") -> None:
        """Nothing: every run has ended."""

    def reattach(self, run_id: str, directory: Path) -> RunHandle | None:
        """The handle, where the run was submitted."""
        found = read_status(directory)
        return None if found is None else RunHandle(self.name, run_id, directory.resolve(), token="instant")
