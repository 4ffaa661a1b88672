"""`labwright run` and `sessions resume`: a goal given to the intern, with nobody or somebody at the terminal."""

from __future__ import annotations

import asyncio
import getpass
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic_ai import CancellationToken

from labwright.agent.models import ModelAccess, resolve_model
from labwright.agent.session import Outcome, Session
from labwright.assemble import Lab, open_lab
from labwright.cli import transcript
from labwright.cli.calls import Lines
from labwright.cli.edge import print_json, say
from labwright.contracts.errors import UsageError
from labwright.contracts.sessions import ApproveMode, SessionAdjusted, SessionBudget, SessionView
from labwright.data.intake import TakenIn, take_in
from labwright.intern import Person, open_session, work_in
from labwright.study.elsewhere import must_be_free, of_session

_MODES: tuple[ApproveMode, ...] = ("ask", "auto", "never")


def run(
    prompt: str,
    model: str | None,
    approve: str,
    budget_usd: float | None,
    budget_hours: float | None,
    budget_tokens: int | None,
    max_steps: int | None,
    workspace: Path | None,
    attach: Sequence[Path],
    json: bool,
) -> int:
    """Open a session and work in it until it is done, waits, or may not go on."""
    lab = open_lab()
    if not prompt.strip():
        raise UsageError("the prompt is empty", cure='say what to do: labwright run "Teach … to …"')
    access = ModelAccess.of(lab.settings)
    chosen = access.model_for("main", model)
    resolve_model(chosen, access)  # before a session that nobody can work in
    budget = _budget(budget_usd, budget_hours, budget_tokens, max_steps)
    place = workspace or Path.cwd()
    prompt = "\n".join([prompt, *(said_of(take_in(file, attachments(place))) for file in attach)])
    session_id = open_session(lab, prompt, model=chosen, workspace=place, approve=mode_of(approve), budget=budget)
    return work(lab, session_id, prompt, None, json)


def resume(
    session_id: str,
    message: str | None,
    model: str | None,
    approve: str | None,
    budget_usd: float | None,
    budget_hours: float | None,
    budget_tokens: int | None,
    max_steps: int | None,
    json: bool,
) -> int:
    """Go on with a session: with a new message, or with the answers to what was open; under other ceilings if given."""
    if message is not None and not message.strip():
        raise UsageError("the message is empty", where="--message", cure="say something, or leave it out to go on")
    lab = open_lab()
    view = lab.ledger.session_view(session_id)
    must_be_free(f"session {session_id}", of_session(view), f"labwright sessions release {session_id}")
    before = view.budget
    given = _budget(budget_usd, budget_hours, budget_tokens, max_steps)
    mode = mode_of(approve) if approve is not None else None
    changed = {name: value for name, value in asdict(given).items() if value is not None}
    if changed or mode is not None:
        budget = replace(before, **changed) if changed else None
        lab.ledger.record(None, SessionAdjusted(session_id, budget, mode, getpass.getuser()))
    return work(lab, session_id, message, model, json)


def _budget(usd: float | None, hours: float | None, tokens: int | None, steps: int | None) -> SessionBudget:
    return SessionBudget(usd, hours * 3600 if hours is not None else None, tokens, steps)


def work(lab: Lab, session_id: str, text: str | None, model: str | None, json: bool) -> int:
    """One turn with nobody at the terminal. The exit code says how it ended."""
    outcome = asyncio.run(_turn(lab, session_id, text, model))
    view = lab.ledger.session_view(session_id)
    if json:
        print_json(document(view, outcome))
    else:
        say(outcome.text)
        transcript.note(f"session {session_id}: {outcome.kind}; {transcript.spent(view)}")
    return outcome.exit_code


async def _turn(lab: Lab, session_id: str, text: str | None, model: str | None) -> Outcome:
    async with work_in(lab, session_id, person=Person(), say=transcript.note, model_id=model) as session:
        return await interruptible(session, text, Lines(sys.stderr), stream=False)


async def interruptible(session: Session, text: str | None, lines: Any, *, stream: bool) -> Outcome:
    """A turn that Ctrl-C and SIGTERM end in good order."""
    cancellation = CancellationToken()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, cancellation.cancel)
    try:
        return await session.turn(text, lines, stream=stream, cancellation=cancellation)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def attachments(workspace: Path) -> Path:
    """Where a workspace keeps what a person attached."""
    return workspace / "attached"


def said_of(taken: TakenIn) -> str:
    """An attachment in words for the agent."""
    return f"Attached: {taken.path.parent.name}/{taken.path.name}, {taken.rows} row{'' if taken.rows == 1 else 's'}. "


def mode_of(name: str) -> ApproveMode:
    """The approval mode of this name. Raises UsageError for another."""
    for mode in _MODES:
        if mode == name:
            return mode
    raise UsageError(f"there is no approval mode {name!r}", where="--approve", cure="use ask, auto or never")


def document(view: SessionView, outcome: Outcome) -> dict[str, Any]:
    """What `--json` prints of a session's turn."""
    usage = view.usage
    return {
        "session": view.id,
        "outcome": outcome.kind,
        "text": outcome.text,
        "model": view.model,
        "studies": list(view.studies),
        "approvals": [{"id": a.id, "what": a.what, "state": a.state} for a in view.approvals],
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "usd": usage.usd,
            "unpriced_calls": usage.unpriced_calls,
            "steps": usage.steps,
            "studies": {
                "usd": usage.studies_usd,
                "tokens": usage.studies_tokens,
                "unpriced_calls": usage.studies_unpriced_calls,
            },
        },
        "wall_clock_s": view.wall_clock_s,
    }
