"""`labwright run`, `chat` and `models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labwright.cli.commands.act import Json, act

CHAT_USD = 5.0

# What a session is begun with, by a goal or in a chat.
Model = Annotated[str | None, typer.Option("--model", "-m", metavar="MODEL", help="a model id; see `labwright models`")]
Approve = Annotated[
    str, typer.Option("--approve", metavar="ask|auto|never", help="before effects; auto: free within the budget")
]
Usd = Annotated[float | None, typer.Option("--budget-usd", metavar="USD", min=0.0, help="ceiling on dollars")]
Hours = Annotated[float | None, typer.Option("--budget-hours", metavar="HOURS", min=0.001, help="ceiling on time")]
Workspace = Annotated[Path | None, typer.Option("--workspace", metavar="DIR", help="where it works; default: here")]


def add_to(app: typer.Typer) -> None:
    """Put them at the top."""
    app.command("run")(run)
    app.command("chat")(chat)
    app.command("models")(models)


def run(
    prompt: Annotated[str, typer.Argument(metavar="GOAL", help="the goal, in plain words")],
    model: Model = None,
    approve: Approve = "ask",
    budget_usd: Usd = 5.0,
    budget_hours: Hours = 2.0,
    budget_tokens: Annotated[
        int | None, typer.Option("--budget-tokens", metavar="N", min=1, help="ceiling on tokens")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option("--max-steps", metavar="N", min=1, help="ceiling on model calls")
    ] = None,
    workspace: Workspace = None,
    attach: Annotated[
        list[Path] | None, typer.Option("--attach", metavar="FILE", help="a dataset to work with; may be repeated")
    ] = None,
    json: Json = False,
) -> None:
    """Give the intern a goal and let it work.

    It researches, prepares data, creates and runs studies, and reports. Exit code 0: done, 1: failed, 2: usage,
    3: a budget or deadline ended it, 4: it waits for an approval (`labwright approvals list`).
    """
    act(
        "intern",
        "run",
        prompt,
        model,
        approve,
        budget_usd,
        budget_hours,
        budget_tokens,
        max_steps,
        workspace,
        attach or [],
        json=json,
    )


def chat(
    session_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="with --resume: which session; default: the newest")
    ] = None,
    model: Model = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a session")] = False,
    approve: Approve = "ask",
    budget_usd: Usd = CHAT_USD,
    budget_hours: Hours = None,
    workspace: Workspace = None,
) -> None:
    """Talk with the intern; what bare `labwright` does on a terminal.

    /help lists what can be done in it. Over a pipe, each line is a message: `echo "…" | labwright chat`.
    """
    act("chat", "chat", model, resume, session_id, approve, budget_usd, budget_hours, workspace, json=False)


def models(json: Json = False) -> None:
    """List the models that can be used from here.

    Providers with a key, local servers that answer with what they serve, and the autopilot; and what is missing for
    the others.
    """
    act("models", "list_models", json=json)
