"""The end of a session's time, in the middle of a model call or of a tool too.

Budgets are looked at before each call, and a call may take long: a server that does not answer, a command that never
ends, a wait for a study. Whoever gave two hours wants an answer after two hours.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from pydantic_ai import CancellationToken

from labwright.contracts.errors import LabwrightError
from labwright.guard.spending import SpendingKeeper

_LOOK_S: Final = 30.0  # a person may change the ceiling, from another terminal too
_SHORTEST_LOOK_S: Final = 0.05


class Deadline:
    """While it is entered, the session's time is watched; when none is left, the turn's runs are cancelled.

    Time that a person takes to answer is not the session's: the ledger knows, so it is asked again and again.
    """

    def __init__(self, spending: SpendingKeeper, cancellation: CancellationToken | None) -> None:
        self.cancellation = cancellation or CancellationToken()
        self.is_over = False
        self._spending = spending
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._watch = asyncio.create_task(self._wait())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])

    async def _wait(self) -> None:
        while (left_s := self._left_s()) > 0:
            await asyncio.sleep(max(min(left_s, _LOOK_S), _SHORTEST_LOOK_S))
        self.is_over = True
        self.cancellation.cancel()

    def _left_s(self) -> float:
        try:
            left_s = self._spending.left().wall_clock_s
        except (LabwrightError, OSError):  # a ledger that is locked just now says it at the next look
            return _LOOK_S
        return _LOOK_S if left_s is None else left_s
