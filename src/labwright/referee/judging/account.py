"""Where the judge's calls are booked: a session in the ledger that only the referee writes to.

A study has one, with the study's own ceiling on dollars, over all of its evaluations and processes; an evaluation
outside any study has one of its own. Nothing is opened where nobody is asked. What the judge of a study takes counts on
the session that created the study too, so that session's ceilings are looked at before each call.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Self

from labwright.contracts.errors import BudgetError, SessionBudgetError, UsageError
from labwright.contracts.sessions import (
    JUDGE_SESSION,
    SessionAdjusted,
    SessionBudget,
    SessionEnded,
    SessionOpened,
    SessionOutcome,
)
from labwright.guard.spending import SpendingKeeper
from labwright.ledger import Ledger

AGENT: Final = "judge"


class JudgeAccount:
    """A `Keeper` for the judge's calls in one evaluation, which is its `with` block. Safe with several threads.

    Args:
        owner: the study, or the evaluation outside any study, whose account it is.
        usd: the ceiling; None: none.
        cure: what a person can do where it is reached.
        study_id: the study, where the owner is one.
        kept_usd: of the ceiling, what is kept for the sealed test.
    """

    def __init__(
        self,
        ledger: Ledger,
        owner: str,
        *,
        model: str,
        workspace: str,
        usd: float | None,
        cure: str,
        study_id: str | None = None,
        kept_usd: float = 0.0,
    ) -> None:
        self._ledger, self._owner, self._cure, self._kept_usd = ledger, owner, cure, kept_usd
        self._session_id = f"{JUDGE_SESSION}{owner}"
        self._keeper = SpendingKeeper(ledger, self._session_id, study_id=study_id, kept_usd=kept_usd)
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

        Raises BudgetError where the ceiling would be crossed, and nobody holds anything; SessionBudgetError where it is
        that of the session that created the study.
        """
        with self._settled:
            self._open()
            while True:
                try:
                    self._keeper.reserve(call_id, model, input_tokens, output_tokens, usd, agent=agent)
                except BudgetError as error:
                    if self._held == 0:
                        raise self._told(error) from error
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

    def _told(self, error: BudgetError) -> BudgetError:
        told = f"the ceiling on what the judge may cost is reached: {error.what}"
        if not isinstance(error, SessionBudgetError):
            told += f"; ${self._kept_usd:.2f} are kept for the sealed test" if self._kept_usd else ""
            return BudgetError(told, where=self._owner, cure=self._cure)
        option = "--budget-tokens" if "--budget-tokens" in (error.cure or "") else "--budget-usd"
        cure = (
            f"raise it with `labwright sessions resume {error.where} {option} N`, then `labwright study resume "
            f"{self._owner}`: what was judged is kept, and not paid twice"
        )
        return SessionBudgetError(told, where=error.where, cure=cure)

    def _give_back(self) -> None:
        with self._settled:
            self._held -= 1
            self._settled.notify_all()

    def _open(self) -> None:
        """Once: the session with its ceiling, and at their worst what a process that was killed had reserved in it."""
        if self._is_open:
            return
        ceiling = self._as_opened.budget
        try:
            before = self._ledger.session_account(self._session_id).budget
        except UsageError:
            self._ledger.record(None, self._as_opened)
        else:
            if before != ceiling:  # a person has raised the study's since
                self._ledger.record(None, SessionAdjusted(self._session_id, ceiling, None, AGENT))
        self._keeper.settle()
        self._is_open = True
