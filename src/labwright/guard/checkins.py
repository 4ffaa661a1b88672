"""Check-ins: at $5 spent, at $10, $20, … a person is asked whether the session may go on.

A ceiling ends a session; a check-in only pauses it, so that a session without a ceiling, or with a high one, does not
spend a night's money unseen. Nothing is stored but the questions themselves: up to where a person has agreed is read
from the approvals in the ledger, so a check-in holds over processes, and its amount can be edited like any argument.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from labwright.contracts.effects import Cost
from labwright.contracts.errors import BudgetError
from labwright.contracts.sessions import Approval, ApproveMode
from labwright.guard.approvals import Approvals
from labwright.ledger import Ledger

FIRST_USD: Final = 5.0
QUESTION: Final = "go_on_spending"
_UNTIL = "until_usd"


class CheckInDueError(BudgetError):
    """Spending has reached the amount at which a person is asked. `until_usd` is what is asked for."""

    def __init__(self, spent_usd: float, until_usd: float, session_id: str) -> None:
        super().__init__(
            f"${spent_usd:.2f} are spent, and nobody has agreed to more yet",
            where=session_id,
            cure="answer the question: labwright approvals list",
        )
        self.spent_usd = spent_usd
        self.until_usd = until_usd


class CheckIns:
    """A session's check-ins. `first_usd` None: there are none."""

    def __init__(
        self,
        ledger: Ledger,
        session_id: str,
        mode: ApproveMode,
        first_usd: float | None = FIRST_USD,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._session_id = session_id
        self._mode = mode
        self._first_usd = first_usd
        self._now = now

    def must_be_agreed(self) -> None:
        """Refuse the next model call where a person has to be asked first.

        `auto` with a ceiling in dollars has the person's word for all of it, so nobody is asked.

        Raises:
            CheckInDueError: the session has spent what was agreed to. What is reserved counts as spent.
        """
        if self._first_usd is None:
            return
        account = self._ledger.session_account(self._session_id, self._now())
        usage = account.usage
        spent_usd = usage.usd + usage.reserved_usd + usage.studies_usd
        if spent_usd < self._first_usd or (self._mode == "auto" and account.budget.usd is not None):
            return
        if spent_usd >= _agreed(self._ledger.approvals(self._session_id), self._first_usd):
            raise CheckInDueError(spent_usd, _next(spent_usd, self._first_usd), self._session_id)

    def ask(self, due: CheckInDueError, *, anew: bool) -> Approval | None:
        """Put the question, or find it open or answered; None where nobody may be asked in this session.

        `anew` asks once more where a person had said no: they have come back with something to do.
        """
        if self._mode == "never":
            return None
        call_id = f"check-in-{due.until_usd:g}"
        asked = [a for a in self._ledger.approvals(self._session_id) if a.tool == QUESTION and a.call_id == call_id]
        if asked and asked[-1].state == "denied" and not anew:
            return asked[-1]
        view = self._ledger.session_view(self._session_id)
        return Approvals(self._ledger, now=self._now).ask(
            view.id,
            call_id,
            QUESTION,
            ("spend",),
            {_UNTIL: due.until_usd},
            what=f"${due.spent_usd:.2f} are spent: go on, up to ${due.until_usd:.2f}?",
            preview=f"goal: {view.goal}\nspent: ${due.spent_usd:.2f}, {view.usage.tokens:,} tokens\n"
            f"asked again at: ${due.until_usd:.2f}",
            cost=Cost(usd=max(due.until_usd - due.spent_usd, 0.0)),
            budget_left="no ceiling" if view.budget.usd is None else f"ceiling ${view.budget.usd:.2f}",
        )


def _agreed(approvals: Sequence[Approval], first_usd: float) -> float:
    """Up to where a person has agreed; an amount that cannot be is no consent."""
    amounts = [a.final_args.get(_UNTIL) for a in approvals if a.tool == QUESTION and a.state == "approved"]
    given = [float(x) for x in amounts if isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)]
    return max([first_usd, *given])


def _next(spent_usd: float, first_usd: float) -> float:
    """The first amount's next doubling past what is spent."""
    until = first_usd
    while until <= spent_usd:
        until *= 2
    return until
