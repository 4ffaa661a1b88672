"""A session's ceilings on dollars, tokens, steps and time: reserve before a model call, reconcile or release after it.

A reservation is the worst case of one call. It is checked against what is left and recorded in one write transaction,
so two of them can never jointly pass a ceiling, whichever threads or processes they come from, and sub-agents draw on
the same session. What a killed process had reserved stays reserved until it is settled.

A price that nobody knows is never zero: its tokens count, its dollars count nowhere, and what is left says how many
such calls there were. With such a model only the ceilings on tokens, steps and time can hold.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from labwright.contracts.errors import BudgetError, SessionBudgetError
from labwright.contracts.sessions import MAIN_AGENT, LlmReconciled, LlmReleased, LlmReserved, SessionAccount
from labwright.ledger import Ledger

FINAL_SHARE: Final = 0.1
"""The share of a time budget that is kept for the final evaluation."""

_ROUNDING_USD: Final = 1e-9  # ten times ten cents are a dollar


@dataclass(frozen=True, slots=True)
class SpendingLeft:
    """What nobody has used or reserved; None where there is no ceiling, negative where one was passed."""

    usd: float | None
    tokens: int | None
    steps: int | None
    wall_clock_s: float | None
    working_s: float | None  # of the wall-clock, what is left before the part that is kept for the final evaluation
    unpriced_calls: int  # calls whose dollars nobody knows; they are in no number here

    @property
    def in_words(self) -> str:
        """For a person, or for the model."""
        parts = []
        if self.usd is not None:
            parts.append(f"${max(self.usd, 0.0):.2f}")
        if self.wall_clock_s is not None and self.working_s is not None:
            whole, working = max(self.wall_clock_s, 0.0) / 60, max(self.working_s, 0.0) / 60
            parts.append(f"{whole:.0f} min ({working:.0f} min before the time kept for the final evaluation)")
        if self.tokens is not None:
            parts.append(f"{max(self.tokens, 0):,} tokens")
        if self.steps is not None:
            parts.append(f"{max(self.steps, 0)} steps")
        text = ", ".join(parts) if parts else "no ceilings"
        calls = "1 call has" if self.unpriced_calls == 1 else f"{self.unpriced_calls} calls have"
        return f"{text}; {calls} no known price" if self.unpriced_calls else text


class SpendingKeeper:
    """Keeps one session inside its budget. Calls are named by the caller, so asking twice reserves once.

    A session that books what a study's judge takes names the `study_id`: the sessions that created the study pay for
    it, so their ceilings on dollars and tokens are looked at as well. `kept_usd` of the own ceiling are left alone.
    """

    def __init__(
        self,
        ledger: Ledger,
        session_id: str,
        *,
        study_id: str | None = None,
        kept_usd: float = 0.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._session_id = session_id
        self._study_id = study_id
        self._kept_usd = kept_usd
        self._now = now

    def reserve(
        self,
        call_id: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        usd: float | None,
        *,
        agent: str = MAIN_AGENT,
    ) -> None:
        """Set the worst case of a model call aside before it is made. `usd` None is an unknown price.

        Raises:
            BudgetError: a ceiling would be crossed; says which, how much is left, and the cure. Nothing is recorded.
            SessionBudgetError: the same, of a session that created the study.
        """
        if usd is not None and not (math.isfinite(usd) and usd >= 0):
            usd = None
        worst = LlmReserved(
            self._session_id, call_id, model, _amount(input_tokens, 0), _amount(output_tokens, 0), usd, agent
        )
        moment = self._now()
        with self._ledger.deciding() as decision:
            if decision.llm_call(self._session_id, call_id) is None:
                _must_fit(_without(decision.account(self._session_id, moment), self._kept_usd), worst)
                for creator in decision.creators(self._study_id) if self._study_id is not None else ():
                    _must_fit_creator(decision.account(creator, moment), worst)
                decision.record(worst, at=moment)

    def reconcile(
        self,
        call_id: str,
        *,
        input_tokens: int | None,
        output_tokens: int | None,
        usd: float | None,
        cache_read_tokens: int = 0,
    ) -> None:
        """Replace a reservation by what the call took; a second time does nothing.

        Numbers that a server did not give (None), or that cannot be, count as the worst case. A call that was never
        reserved, or was given back too early, counts all the same.
        """
        with self._ledger.deciding() as decision:
            known = decision.llm_call(self._session_id, call_id)
            if known is not None and known.state == "reconciled":
                return
            worst = (0, 0) if known is None else (known.input_tokens, known.output_tokens)
            took = LlmReconciled(
                self._session_id,
                call_id,
                input_tokens=_amount(input_tokens, worst[0]),
                cache_read_tokens=_amount(cache_read_tokens, 0),
                output_tokens=_amount(output_tokens, worst[1]),
                usd=usd if usd is not None and math.isfinite(usd) and usd >= 0 else None,
            )
            decision.record(took, at=self._now())

    def release(self, call_id: str, why: str = "") -> None:
        """Give a reservation back, for a call that was not made or cost nothing; a second time does nothing."""
        with self._ledger.deciding() as decision:
            known = decision.llm_call(self._session_id, call_id)
            if known is not None and known.state == "reserved":
                decision.record(LlmReleased(self._session_id, call_id, why), at=self._now())

    def settle(self) -> int:
        """Count every open reservation at its worst case, and say how many there were.

        For a session that is taken up again: whether a killed process's calls were answered, nobody knows, and their
        provider may have billed them.
        """
        with self._ledger.deciding() as decision:
            open_calls = decision.llm_calls(self._session_id, open_only=True)
            for call in open_calls:
                worst = LlmReconciled(
                    self._session_id, call.call_id, call.input_tokens, 0, call.output_tokens, call.usd
                )
                decision.record(worst, at=self._now())
            return len(open_calls)

    def left(self) -> SpendingLeft:
        """What nobody has used or reserved; of the wall-clock also without the part for the final evaluation."""
        return _left(self._ledger.session_account(self._session_id, self._now()))

    def must_have_time(self, purpose: str, wall_clock_s: float, *, final: bool = False) -> None:
        """Refuse work for which there is no time; only `final` work may use the part that is kept for it.

        Raises:
            BudgetError: it would run past the session's time.
        """
        left = self.left()
        available_s = left.wall_clock_s if final else left.working_s
        if available_s is not None and (wall_clock_s > available_s or available_s <= 0):
            kept = "" if final else f" before the last {FINAL_SHARE:.0%}, which is kept for the final evaluation"
            raise BudgetError(
                f"{purpose} needs {wall_clock_s:.0f}s and {max(available_s, 0.0):.0f}s are left{kept}",
                where=self._session_id,
                cure="do something shorter, or finish with what there is; a person may raise the time",
            )


def _left(account: SessionAccount) -> SpendingLeft:
    budget, usage = account.budget, account.usage
    wall_clock_s = None if budget.wall_clock_s is None else budget.wall_clock_s - account.wall_clock_s
    kept_s = FINAL_SHARE * (budget.wall_clock_s or 0.0)
    spent_usd = usage.usd + usage.reserved_usd + usage.studies_usd
    used_tokens = usage.tokens + usage.reserved_tokens + usage.studies_tokens
    return SpendingLeft(
        usd=None if budget.usd is None else budget.usd - spent_usd,
        tokens=None if budget.tokens is None else budget.tokens - used_tokens,
        steps=None if budget.steps is None else budget.steps - usage.steps - usage.reserved_steps,
        wall_clock_s=wall_clock_s,
        working_s=None if wall_clock_s is None else wall_clock_s - kept_s,
        unpriced_calls=usage.unpriced_calls + usage.reserved_unpriced_calls + usage.studies_unpriced_calls,
    )


def _must_fit(account: SessionAccount, call: LlmReserved) -> None:
    left, usd = _left(account), call.usd
    tokens, steps = call.input_tokens + call.output_tokens, 1 if call.agent == MAIN_AGENT else 0
    crossed: list[tuple[str, str, str]] = []
    if left.usd is not None and usd is not None and usd > left.usd + _ROUNDING_USD:
        crossed.append((f"${usd:.4f}", f"${max(left.usd, 0.0):.4f}", "--budget-usd"))
    if left.usd is not None and usd is None and left.usd <= 0 and left.usd < (account.budget.usd or 0.0):
        crossed.append(("dollars that nobody can tell", "none", "--budget-usd"))
    if left.tokens is not None and tokens > left.tokens:
        crossed.append((f"{tokens:,} tokens", f"{max(left.tokens, 0):,}", "--budget-tokens"))
    if left.steps is not None and steps > left.steps:
        crossed.append(("1 step", str(max(left.steps, 0)), "--max-steps"))
    if left.wall_clock_s is not None and left.wall_clock_s <= 0:
        crossed.append(("time", "none", "--budget-hours"))
    if crossed:
        needs, remains, option = crossed[0]
        raise BudgetError(
            f"a call of {call.model} may need {needs} and {remains} {'are' if remains != 'none' else 'is'} left",
            where=account.session_id,
            cure=f"raise the session's ceiling ({option}), or end it with what there is",
        )


def _without(account: SessionAccount, kept_usd: float) -> SessionAccount:
    """The account without dollars that are kept for something else."""
    budget = account.budget
    if not kept_usd or budget.usd is None:
        return account
    return replace(account, budget=replace(budget, usd=max(budget.usd - kept_usd, 0.0)))


def _must_fit_creator(account: SessionAccount, call: LlmReserved) -> None:
    """Of a session that created the study: its time and its steps are its own agent's, its money is everyone's."""
    money = replace(account, budget=replace(account.budget, wall_clock_s=None, steps=None))
    try:
        _must_fit(money, call)
    except BudgetError as error:
        raise SessionBudgetError(error.what, where=error.where, cure=error.cure) from error


def _amount(said: int | None, otherwise: int) -> int:
    return otherwise if said is None or said < 0 else said
