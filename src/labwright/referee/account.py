"""Where the judge's calls are booked: a session in the ledger that only the referee writes to.

A study has one, with the study's own ceiling on dollars, over all of its evaluations and processes; an evaluation
outside any study has one of its own. Nothing is opened where nobody is asked.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Self

from labwright.contracts.errors import BudgetError, UsageError
from labwright.contracts.sessions import JUDGE_SESSION, SessionBudget, SessionEnded, SessionOpened, SessionOutcome
from labwright.guard.spending import SpendingKeeper
from labwright.ledger import Ledger

AGENT: Final = "judge"


class JudgeAccount:
    """A `Keeper` for the judge's calls in one evaluation, which is its `with` block. Safe with several threads.

    Args:
        owner: the study, or the evaluation outside any study, whose account it is.
        usd: the ceiling; None: none.
        cure: what a person can do where it is reached.
    """

    def __init__(self, ledger: Ledger, owner: str, *, model: str, workspace: str, usd: float | None, cure: str) -> None:
        self._ledger, self._owner, self._cure = ledger, owner, cure
        self._session_id = f"{JUDGE_SESSION}{owner}"
        self._keeper = SpendingKeeper(ledger, self._session_id)
        goal = f"judge outputs by a rubric, for {owner}"
        self._as_opened = SessionOpened(self._session_id, goal, model, workspace, "never", SessionBudget(usd=usd))
        self._is_open = False
        self._held = 0
        self._settled = threading.Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._is_open:
            outcome: SessionOutcome = "done" if error is None else "failed"
            if isinstance(error, BudgetError):
                outcome = "budget"
            self._ledger.record(None, SessionEnded(self._session_id, outcome))

    def reserve(
        self, call_id: str, model: str, input_tokens: int, output_tokens: int, usd: float | None, *, agent: str = AGENT
    ) -> None:
        """Set the worst case of a call aside. Waits while what others hold may still come back.

        Raises BudgetError where the ceiling would be crossed, and nobody holds anything.
        """
        with self._settled:
            self._open()
            while True:
                try:
                    self._keeper.reserve(call_id, model, input_tokens, output_tokens, usd, agent=agent)
                except BudgetError as error:
                    if self._held == 0:
                        told = f"the ceiling on what the judge may cost is reached: {error.what}"
                        raise BudgetError(told, where=self._owner, cure=self._cure) from error
                    self._settled.wait()
                else:
                    self._held += 1
                    return

    def reconcile(
        self,
        call_id: str,
        *,
        input_tokens: int | None,
        output_tokens: int | None,
        usd: float | None,
        cache_read_tokens: int = 0,
    ) -> None:
        """Replace the reservation by what the call took; None counts as the worst case."""
        try:
            self._keeper.reconcile(
                call_id,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                usd=usd,
                cache_read_tokens=cache_read_tokens,
            )
        finally:
            self._give_back()

    def release(self, call_id: str, why: str = "") -> None:
        """Give the reservation back of a call that cost nothing."""
        try:
            self._keeper.release(call_id, why)
        finally:
            self._give_back()

    def _give_back(self) -> None:
        with self._settled:
            self._held -= 1
            self._settled.notify_all()

    def _open(self) -> None:
        """Once: the session, and at their worst what a process that was killed had reserved in it."""
        if self._is_open:
            return
        try:
            self._ledger.session_account(self._session_id)
        except UsageError:
            self._ledger.record(None, self._as_opened)
        self._keeper.settle()
        self._is_open = True
