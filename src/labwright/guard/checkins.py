"""Check-ins: at $5 spent, at $10, $20, … a person is asked whether the session may go on.

A ceiling ends a session; a check-in only pauses it, so that a session without a ceiling, or with a high one, does not
spend a night's money unseen. Calls whose price nobody knows are in no dollar: they are counted in tokens, and asked
about at five million of them, ten, twenty, … Nothing is stored but the questions themselves: up to where a person has
agreed is read from the approvals in the ledger, so a check-in holds over processes, and its amount can be edited like
any argument.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal

from pydantic import JsonValue

from labwright.contracts.effects import Cost
from labwright.contracts.errors import BudgetError
from labwright.contracts.sessions import Approval, ApproveMode, SessionAccount, TokenUsage
from labwright.guard.approvals import Approvals
from labwright.ledger import Ledger

FIRST_USD: Final = 5.0
FIRST_TOKENS: Final = 5_000_000
QUESTION: Final = "go_on_spending"

Measure = Literal["usd", "tokens"]


class CheckInDueError(BudgetError):
    """Spending has reached the amount at which a person is asked. `until` is what is asked for."""

    def __init__(self, spent: float, until: float, session_id: str, measure: Measure = "usd") -> None:
        super().__init__(
            f"{_amount(spent, measure)} are spent, and nobody has agreed to more yet",
            where=session_id,
            cure="answer the question: labwright approvals list",
        )
        self.spent = spent
        self.until = until
        self.measure = measure

    @property
    def spent_in_words(self) -> str:
        """What is spent, with its unit."""
        return _amount(self.spent, self.measure)


class CheckIns:
    """A session's check-ins, in dollars and, of calls without a known price, in tokens. None: there are none."""

    def __init__(
        self,
        ledger: Ledger,
        session_id: str,
        mode: ApproveMode,
        first_usd: float | None = FIRST_USD,
        first_tokens: int | None = FIRST_TOKENS,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._session_id = session_id
        self._mode = mode
        self._first: dict[Measure, float | None] = {"usd": first_usd, "tokens": first_tokens}
        self._now = now

    def must_be_agreed(self) -> None:
        """Refuse the next model call where a person has to be asked first.

        `auto` with a ceiling has the person's word for all of it, so nobody is asked. Tokens end no session in which
        nobody may be asked: most models without a known price are a person's own, and cost nothing.

        Raises:
            CheckInDueError: the session has spent what was agreed to. What is reserved counts as spent.
        """
        if not any(self._first.values()):
            return
        account = self._ledger.session_account(self._session_id, self._now())
        for measure, first in self._first.items():
            spent = _spent(account.usage, measure)
            if first is None or spent < first or self._has_word(measure, account):
                continue
            if spent >= _agreed(self._ledger.approvals(self._session_id), measure, first):
                raise CheckInDueError(spent, _next(spent, first), self._session_id, measure)

    def _has_word(self, measure: Measure, account: SessionAccount) -> bool:
        if measure == "usd":
            return self._mode == "auto" and account.budget.usd is not None
        return self._mode == "never" or (self._mode == "auto" and account.budget.tokens is not None)

    def ask(self, due: CheckInDueError, *, anew: bool) -> Approval | None:
        """Put the question, or find it open or answered; None where nobody may be asked in this session.

        `anew` asks once more where a person had said no: they have come back with something to do.
        """
        if self._mode == "never":
            return None
        call_id = f"check-in-{due.until:g}" if due.measure == "usd" else f"check-in-tokens-{due.until:.0f}"
        asked = [a for a in self._ledger.approvals(self._session_id) if a.tool == QUESTION and a.call_id == call_id]
        if asked and asked[-1].state == "denied" and not anew:
            return asked[-1]
        view = self._ledger.session_view(self._session_id)
        until = _amount(due.until, due.measure)
        more = _unpriced(view.usage) if due.measure == "usd" else ""
        argument = f"until_{due.measure}"
        return Approvals(self._ledger, now=self._now).ask(
            view.id,
            call_id,
            QUESTION,
            ("spend",),
            {argument: due.until},
            what=f"{due.spent_in_words} are spent: go on, up to {until}?{more}",
            preview=f"goal: {view.goal}\nspent: ${_spent(view.usage, 'usd'):.2f}, {view.usage.tokens:,} tokens"
            f"{_unpriced(view.usage)}\nasked again at: {until}",
            cost=Cost(usd=max(due.until - due.spent, 0.0) if due.measure == "usd" else None),
            budget_left="no ceiling" if view.budget.usd is None else f"ceiling ${view.budget.usd:.2f}",
            schema=_schema(argument, due.spent),
        )


def _spent(usage: TokenUsage, measure: Measure) -> float:
    if measure == "tokens":
        return float(usage.unpriced_tokens)
    return usage.usd + usage.reserved_usd + usage.studies_usd


def _amount(spent: float, measure: Measure) -> str:
    return f"${spent:.2f}" if measure == "usd" else f"{spent:,.0f} tokens of no known price"


def _unpriced(usage: TokenUsage) -> str:
    """What stands in no dollar, so that nobody takes the dollars for all there is."""
    calls = usage.unpriced_calls + usage.reserved_unpriced_calls + usage.studies_unpriced_calls
    if not calls:
        return ""
    return f" (not in it: {calls} call{'' if calls == 1 else 's'} of no known price, {usage.unpriced_tokens:,} tokens)"


def _schema(argument: str, spent: float) -> dict[str, JsonValue]:
    """What an edit may put in the amount's place: anything past what is spent already."""
    more: dict[str, JsonValue] = {"type": "number", "exclusiveMinimum": spent}
    return {
        "type": "object",
        "properties": {argument: more},
        "required": [argument],
        "additionalProperties": False,
    }


def _agreed(approvals: Sequence[Approval], measure: Measure, first: float) -> float:
    """Up to where a person has agreed; an amount that cannot be is no consent."""
    given = [a.final_args.get(f"until_{measure}") for a in approvals if a.tool == QUESTION and a.state == "approved"]
    amounts = [float(x) for x in given if isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)]
    return max([first, *amounts])


def _next(spent: float, first: float) -> float:
    """The first amount's next doubling past what is spent."""
    until = first
    while until <= spent:
        until *= 2
    return until
