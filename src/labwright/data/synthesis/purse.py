"""A run's own ceilings on dollars and tokens: reserve before a model call, reconcile or release after it.

The purse is a `Keeper`, as a session's is, and its book is the run's journal. What a killed process had reserved counts
at its worst case, since its provider may have billed it.

A price that nobody knows is never zero: such calls count their tokens, and under a ceiling in dollars alone they are
refused, for nothing would hold them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from labwright.contracts.errors import BudgetError
from labwright.data.synthesis.journal import Entry, Journal
from labwright.data.synthesis.spec import BudgetSpec

_ROUNDING_USD = 1e-9


@dataclass(frozen=True, slots=True)
class Spent:
    """What model calls took. Dollars of unpriced calls are in no sum."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0
    unpriced_calls: int = 0

    def plus(self, usd: float | None, tokens: int) -> Spent:
        """With one more call."""
        unpriced = self.unpriced_calls + (usd is None)
        return Spent(self.usd + (usd or 0.0), self.tokens + tokens, self.calls + 1, unpriced)


class Purse:
    """Keeps one run inside its budget. Safe to be asked by several threads."""

    def __init__(self, budget: BudgetSpec, journal: Journal, earlier: Iterable[Entry] = ()) -> None:
        self._budget = budget
        self._journal = journal
        self._lock = threading.Lock()
        self._open: dict[str, tuple[float | None, int, int]] = {}
        self._spent = Spent()
        for entry in earlier:
            self._recall(entry)
        for usd, given, taken in self._open.values():  # of a process that was killed
            self._spent = self._spent.plus(usd, given + taken)
        self._open.clear()

    @property
    def spent(self) -> Spent:
        """What calls took so far, without what is reserved."""
        return self._spent

    def reserve(
        self,
        call_id: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        usd: float | None,
        *,
        agent: str = "synthesis",
    ) -> None:
        """Set the worst case aside. Raises BudgetError; then nothing is set aside."""
        if usd is not None and not (math.isfinite(usd) and usd >= 0):
            usd = None
        with self._lock:
            if call_id in self._open:
                return
            self._must_fit(model, usd, input_tokens + output_tokens)
            worst = {"usd": usd, "input": input_tokens, "output": output_tokens}
            self._journal.add({"kind": "reserved", "call": call_id, "model": model, "for": agent, **worst})
            self._open[call_id] = (usd, input_tokens, output_tokens)

    def reconcile(
        self,
        call_id: str,
        *,
        input_tokens: int | None,
        output_tokens: int | None,
        usd: float | None,
        cache_read_tokens: int = 0,  # noqa: ARG002 - they are among the input's
    ) -> None:
        """Replace the reservation by what the call took; a second time does nothing."""
        with self._lock:
            if call_id not in self._open:
                return
            _, given, taken = self._open.pop(call_id)
            tokens = _amount(input_tokens, given) + _amount(output_tokens, taken)
            price = usd if usd is not None and math.isfinite(usd) and usd >= 0 else None
            self._journal.add({"kind": "took", "call": call_id, "usd": price, "tokens": tokens})
            self._spent = self._spent.plus(price, tokens)

    def release(self, call_id: str, why: str = "") -> None:
        """Give a reservation back."""
        with self._lock:
            if self._open.pop(call_id, None) is not None:
                self._journal.add({"kind": "released", "call": call_id, "why": why})

    def book(self, usd: float | None, tokens: int) -> None:
        """Count a call of somebody who keeps no purse."""
        with self._lock:
            self._journal.add({"kind": "took", "call": "", "usd": usd, "tokens": tokens})
            self._spent = self._spent.plus(usd, tokens)

    def must_not_be_empty(self) -> None:
        """Raises BudgetError where a ceiling is reached already."""
        with self._lock:
            budget, spent = self._budget, self._spent
            if budget.usd is not None and spent.usd >= budget.usd > 0:
                raise _refused(f"${spent.usd:.4f} of ${budget.usd:.2f} are spent", "usd")
            if budget.tokens is not None and spent.tokens >= budget.tokens:
                raise _refused(f"{spent.tokens:,} of {budget.tokens:,} tokens are used", "tokens")

    def _must_fit(self, model: str, usd: float | None, tokens: int) -> None:
        budget, spent = self._budget, self._spent
        held_usd = sum(price or 0.0 for price, _, _ in self._open.values())
        held_tokens = sum(given + taken for _, given, taken in self._open.values())
        if budget.usd is not None and usd is None and budget.tokens is None:
            raise _refused(f"nobody knows what {model} costs, so a ceiling in dollars alone cannot hold", "tokens")
        if budget.usd is not None and usd is not None:
            left_usd = budget.usd - spent.usd - held_usd
            if usd > left_usd + _ROUNDING_USD:
                raise _refused(f"a call of {model} may cost ${usd:.4f} and ${max(left_usd, 0.0):.4f} are left", "usd")
        if budget.tokens is not None:
            left = budget.tokens - spent.tokens - held_tokens
            if tokens > left:
                raise _refused(f"a call of {model} may take {tokens:,} tokens and {max(left, 0):,} are left", "tokens")

    def _recall(self, entry: Entry) -> None:
        kind = entry["kind"]
        if kind == "reserved":
            self._open[entry["call"]] = (entry["usd"], entry["input"], entry["output"])
        elif kind == "took":
            self._open.pop(entry["call"], None)
            self._spent = self._spent.plus(entry["usd"], entry["tokens"])
        elif kind == "released":
            self._open.pop(entry["call"], None)


class Tab:
    """One writer's or judge's hold on the purse; knows whether it was ever used."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self.used = False

    def reserve(
        self,
        call_id: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        usd: float | None,
        *,
        agent: str = "synthesis",
    ) -> None:
        """As the purse's."""
        self.used = True
        self._purse.reserve(call_id, model, input_tokens, output_tokens, usd, agent=agent)

    def reconcile(
        self,
        call_id: str,
        *,
        input_tokens: int | None,
        output_tokens: int | None,
        usd: float | None,
        cache_read_tokens: int = 0,
    ) -> None:
        """As the purse's."""
        self._purse.reconcile(
            call_id,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            usd=usd,
            cache_read_tokens=cache_read_tokens,
        )

    def release(self, call_id: str, why: str = "") -> None:
        """As the purse's."""
        self._purse.release(call_id, why)

    def must_not_be_empty(self) -> None:
        """As the purse's."""
        self._purse.must_not_be_empty()

    def settle(self, usd: float | None, tokens: int) -> None:
        """Count what somebody says that he took, unless he keeps the purse himself."""
        if not self.used:
            self._purse.book(usd, tokens)


def _refused(what: str, field: str) -> BudgetError:
    cure = f"raise `budget.{field}` in the spec and give the command again: it goes on where it ended"
    return BudgetError(what, cure=cure)


def _amount(said: int | None, otherwise: int) -> int:
    return otherwise if said is None or said < 0 else said
