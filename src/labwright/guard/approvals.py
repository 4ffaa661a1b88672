"""Questions put to a person before an effect, and their answers: in the ledger, so any process may ask or answer.

An open approval survives the process that asked it. It is answered once: approved as it is, approved with edited
arguments, denied with a reason, or expired; whoever comes second is told what was answered, when and by whom.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import JsonValue

from labwright.contracts.effects import Cost, Effect
from labwright.contracts.errors import UsageError
from labwright.contracts.sessions import Approval, ApprovalAnswered, ApprovalAsked
from labwright.guard.edits import checked
from labwright.ledger import Ledger

LIFETIME_S: Final = 7 * 24 * 3600.0
"""How long an approval waits unless its asker says otherwise."""


class Approvals:
    """Asks and answers. `now` is the clock, in seconds since the epoch."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now

    def ask(
        self,
        session_id: str,
        call_id: str,
        tool: str,
        effects: Sequence[Effect],
        args: Mapping[str, JsonValue],
        *,
        what: str,
        preview: str = "",
        cost: Cost | None = None,
        budget_left: str = "",
        lifetime_s: float | None = LIFETIME_S,
        schema: Mapping[str, JsonValue] | None = None,
    ) -> Approval:
        """Put a question. Where the very same one is still open, as after a kill, that one comes back.

        Args:
            what: one line for the person.
            preview: the diff or the script that is to be approved.
            cost: the estimate; None where the tool has none, which is unknown where it spends or declares nothing.
            lifetime_s: after this many seconds it expires; None is never.
            schema: JSON Schema of the arguments, which an edit has to fit.
        """
        moment = self._now()
        if cost is None:
            cost = Cost(0.0) if effects and "spend" not in effects else Cost(None)
        with self._ledger.deciding() as decision:
            for asked in decision.approvals(session_id, open_only=True):
                same = (asked.call_id, asked.tool, dict(asked.args)) == (call_id, tool, dict(args))
                if same and not _is_past(asked, moment):
                    return asked
            approval = Approval(
                id=f"A{decision.approval_count() + 1}",
                session_id=session_id,
                call_id=call_id,
                tool=tool,
                effects=tuple(effects),
                args=dict(args),
                what=what,
                preview=preview,
                cost=cost,
                budget_left=budget_left,
                asked_at=moment,
                expires_at=None if lifetime_s is None else moment + lifetime_s,
                schema=schema,
            )
            decision.record(ApprovalAsked(session_id, approval), at=moment)
        return approval

    def answer(
        self,
        approval_id: str,
        decision: Literal["approved", "denied"],
        *,
        by: str,
        why: str = "",
        args: Mapping[str, JsonValue] | str | None = None,
    ) -> Approval:
        """Answer an open approval; with `args` (a mapping, or JSON text) the tool is to run with these instead.

        Raises:
            UsageError: there is no such approval, it was answered before or has expired, or `args` do not fit the tool.
        """
        edited = None if args is None else checked(args, self._ledger.approval(approval_id))
        if edited is not None and decision == "denied":
            raise UsageError(
                "arguments were edited and the approval denied", where=approval_id, cure="approve it, or leave them out"
            )
        moment = self._now()
        with self._ledger.deciding() as turn:
            before = turn.approval(approval_id)
            if before.state == "open" and _is_past(before, moment):
                turn.record(_expired(before), at=moment)
            elif before.state == "open":
                answer = ApprovalAnswered(before.session_id, approval_id, decision, by, why, edited)
                turn.record(answer, at=moment)
            after = turn.approval(approval_id)
        # The refusal comes only now: raised above, it would have undone that it expired.
        if before.state != "open" or after.state == "expired":
            raise _too_late(after)
        return after

    def expire(self, now: float | None = None) -> tuple[Approval, ...]:
        """Close every approval whose time is over, and say which."""
        moment = self._now() if now is None else now
        with self._ledger.deciding() as turn:
            over = [asked for asked in turn.approvals(open_only=True) if _is_past(asked, moment)]
            for asked in over:
                turn.record(_expired(asked), at=moment)
            return tuple(turn.approval(asked.id) for asked in over)

    def open(self, session_id: str | None = None) -> tuple[Approval, ...]:
        """Those that can be answered now, oldest first: one session's, or everyone's."""
        moment = self._now()
        waiting = self._ledger.approvals(session_id, open_only=True)
        return tuple(asked for asked in waiting if not _is_past(asked, moment))

    def get(self, approval_id: str) -> Approval:
        """One approval. Raises UsageError for an unknown id, naming those that wait."""
        return self._ledger.approval(approval_id)


def _is_past(asked: Approval, moment: float) -> bool:
    return asked.expires_at is not None and asked.expires_at <= moment


def _expired(asked: Approval) -> ApprovalAnswered:
    return ApprovalAnswered(asked.session_id, asked.id, "expired", "", "nobody answered in time")


def _too_late(answered: Approval) -> UsageError:
    when = datetime.fromtimestamp(answered.answered_at or 0.0).astimezone().isoformat(" ", "seconds")
    if answered.state == "expired":
        what, cure = f"expired: nobody answered it in time (noted {when})", "the agent asks again if it still wants to"
    else:
        by = f" by {answered.by}" if answered.by else ""
        what, cure = f"was already {answered.state}{by}, {when}", "an approval is answered once; the first answer holds"
    return UsageError(f"approval {answered.id} {what}", cure=cure)
