"""From a command to its action, and the options that many commands share."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

Json = Annotated[bool, typer.Option("--json", help="print one JSON document on stdout; all else goes to stderr")]
Offline = Annotated[bool, typer.Option("--offline", help="fetch nothing: answer from the cache and the library")]


class Listing(TyperGroup):
    """Commands of which `--help` shows the whole first sentence, where the library cuts it off at the line's end."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in self.commands.values():
            paragraph, _, _ = (command.help or "").partition("\n\n")
            sentence, _, _ = " ".join(paragraph.split()).partition(". ")
            command.short_help = f"{sentence.rstrip('.')}."


def group(name: str, help_text: str) -> typer.Typer:
    """An empty group of commands."""
    return typer.Typer(name=name, help=help_text, no_args_is_help=True, rich_markup_mode=None, cls=Listing)


def act(module: str, name: str, *arguments: Any, json: bool) -> None:
    """Load the action and run it; errors of the tree are shown with their cure, and end with their exit code."""
    edge = import_module("labwright.cli.edge")
    raise typer.Exit(edge.act(import_module, f"labwright.cli.actions.{module}", name, arguments, json))
