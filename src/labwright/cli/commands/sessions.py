"""`labwright sessions …` and `labwright approvals …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labwright.cli.commands.act import Json, act, group

sessions = group("sessions", "List, show, resume and export sessions.")
approvals = group("approvals", "Answer what the intern asks.")

SessionId = Annotated[str, typer.Argument(metavar="ID", help="a session's id, as `labwright sessions list` shows it")]
ApprovalId = Annotated[str, typer.Argument(metavar="ID", help="an approval's id, such as A3")]


@sessions.command("list")
def sessions_list(json: Json = False) -> None:
    """List this lab's sessions."""
    act("sessions", "list_all", json=json)


@sessions.command("show")
def sessions_show(session_id: SessionId, json: Json = False) -> None:
    """Show how a session stands and what happened in it."""
    act("sessions", "show", session_id, json=json)


@sessions.command("resume")
def sessions_resume(
    session_id: SessionId,
    message: Annotated[str | None, typer.Option("--message", metavar="TEXT", help="say something to it")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="MODEL", help="another model from here on")
    ] = None,
    approve: Annotated[
        str | None, typer.Option("--approve", metavar="ask|auto|never", help="ask, auto or never from here on")
    ] = None,
    budget_usd: Annotated[
        float | None, typer.Option("--budget-usd", metavar="USD", min=0.0, help="another ceiling, in all")
    ] = None,
    budget_hours: Annotated[
        float | None, typer.Option("--budget-hours", metavar="HOURS", min=0.001, help="another ceiling")
    ] = None,
    budget_tokens: Annotated[
        int | None, typer.Option("--budget-tokens", metavar="N", min=1, help="another ceiling")
    ] = None,
    max_steps: Annotated[int | None, typer.Option("--max-steps", metavar="N", min=1, help="another ceiling")] = None,
    json: Json = False,
) -> None:
    """Go on with a session, also in another process and on another model.

    One that a ceiling ended goes on where it stood under a higher one. A ceiling is on all that the session took, not
    on what is still to come.
    """
    act(
        "intern",
        "resume",
        session_id,
        message,
        model,
        approve,
        budget_usd,
        budget_hours,
        budget_tokens,
        max_steps,
        json=json,
    )


@sessions.command("release")
def sessions_release(session_id: SessionId, json: Json = False) -> None:
    """Say that the machine that worked in a session is gone.

    Where several machines share a ledger, none sees whether another's process still lives: what it took up and never
    ended is left alone until somebody says so. Then `labwright sessions resume` goes on from here.
    """
    act("sessions", "release", session_id, json=json)


@sessions.command("export")
def sessions_export(
    session_id: SessionId,
    out: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="a new file")],
    json: Json = False,
) -> None:
    """Write a session as a trace, one JSON line an entry, without secrets."""
    act("sessions", "export", session_id, out, json=json)


@approvals.command("list")
def approvals_list(
    every: Annotated[bool, typer.Option("--all", help="answered ones too")] = False, json: Json = False
) -> None:
    """List what waits for an answer."""
    act("approvals", "list_all", every, json=json)


@approvals.command("show")
def approvals_show(approval_id: ApprovalId, json: Json = False) -> None:
    """Show what is asked: the arguments, the diff or script, the cost and the budget left."""
    act("approvals", "show", approval_id, json=json)


@approvals.command("approve")
def approvals_approve(
    approval_id: ApprovalId,
    args: Annotated[
        str | None, typer.Option("--args", metavar="JSON", help="run with these arguments instead: a JSON object")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="change one argument; may be repeated")
    ] = None,
    edit: Annotated[bool, typer.Option("--edit", help="change the arguments in $VISUAL or $EDITOR")] = False,
    json: Json = False,
) -> None:
    """Approve, as asked or with edited arguments; `labwright sessions resume` goes on.

    What does not fit the tool's arguments is refused, and the question stays open.
    """
    act("approvals", "approve", approval_id, args, changes or [], edit, json=json)


@approvals.command("deny")
def approvals_deny(
    approval_id: ApprovalId,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="what the agent is told")] = "",
    json: Json = False,
) -> None:
    """Deny."""
    act("approvals", "deny", approval_id, why, json=json)
