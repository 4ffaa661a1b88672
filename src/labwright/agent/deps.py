"""What the tools and capabilities of one session share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from labwright.contracts.sessions import Approval
from labwright.guard.approvals import Approvals
from labwright.guard.checkins import CheckIns
from labwright.guard.secrets import Redactor
from labwright.guard.spending import SpendingKeeper
from labwright.ledger import Ledger
from labwright.tools.desk import Desk

AskPerson = Callable[[Sequence[Approval]], Awaitable[bool]]
"""Puts open approvals to the person at the terminal; returns once all are answered, False where nobody is there."""


@dataclass
class Deps:
    """One session's hold on the lab. The model never sees it."""

    session_id: str
    ledger: Ledger
    desk: Desk
    workspace: Path
    approvals: Approvals
    spending: SpendingKeeper
    checkins: CheckIns
    redactor: Redactor
    sandboxed: bool  # commands of the workspace really run confined
    spend_threshold_usd: float = 1.0
    ask_person: AskPerson | None = None
    ask_question: Callable[[str, Sequence[str]], Awaitable[str]] | None = None

    def clean(self, args: Mapping[str, Any]) -> dict[str, JsonValue]:
        """A tool's arguments as they may be stored and shown: without secrets."""
        cleaned = self.redactor.redact_json(as_json(args))
        assert isinstance(cleaned, dict)
        return cleaned


def as_json(args: Mapping[str, Any]) -> dict[str, JsonValue]:
    """A tool's validated arguments, which may hold models and paths, as JSON."""
    value: dict[str, JsonValue] = to_jsonable_python(dict(args), fallback=str)
    return value
