"""`labwright chat`, and bare `labwright` on a terminal."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from labwright.agent.models import ModelAccess
from labwright.assemble import open_lab
from labwright.cli.actions.intern import mode_of
from labwright.cli.chat.app import AtTerminal
from labwright.cli.chat.piped import Piped
from labwright.cli.chat.talk import Wishes
from labwright.cli.chat.terminal import is_interactive
from labwright.contracts.errors import ModelError
from labwright.contracts.sessions import SessionBudget


def chat(
    model: str | None,
    resume: bool,
    session_id: str | None,
    approve: str,
    budget_usd: float | None,
    budget_hours: float | None,
    workspace: Path | None,
    json: bool,
) -> int:
    """Talk until the person, or the input, is done."""
    del json
    lab = open_lab()
    access = ModelAccess.of(lab.settings)
    wishes = Wishes(
        model=model,
        resume=session_id or "" if resume or session_id else None,
        approve=mode_of(approve),
        budget=SessionBudget(usd=budget_usd, wall_clock_s=budget_hours * 3600 if budget_hours is not None else None),
        workspace=workspace or Path.cwd(),
    )
    if is_interactive():
        try:
            chosen: str | None = access.model_for("main", model)
        except ModelError:
            chosen = None  # the person may choose one in the chat
        return asyncio.run(AtTerminal(lab, wishes, chosen).converse(wishes))
    needed = model or access.main or "" if wishes.resume is not None else access.model_for("main", model)
    return asyncio.run(Piped(lab, wishes, needed, sys.stdout, sys.stderr).converse(wishes, sys.stdin))
