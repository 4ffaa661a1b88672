"""`labwright`: the groups of commands under one name. Commands are in `commands/`, what they do in `actions/`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from labwright.cli.commands import code, intern, scoring
from labwright.cli.commands.act import Listing, act
from labwright.cli.commands.benchmarks import benchmark
from labwright.cli.commands.data import data
from labwright.cli.commands.ledger import ledger
from labwright.cli.commands.papers import papers
from labwright.cli.commands.sessions import approvals, sessions
from labwright.cli.commands.studies import study

_ORDER = (
    *("study", "verify", "eval", "run", "chat", "sessions", "approvals", "models"),
    *("papers", "data", "benchmark", "docs", "code", "ledger", "doctor"),
)


class _Front(Listing):
    """The commands in the order in which a newcomer meets them; typer puts groups behind single commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: self.commands[name] for name in sorted(self.commands, key=_place)}


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


app = typer.Typer(
    name="labwright",
    cls=_Front,
    help="Runs the machine-learning post-training research loop: the agent proposes, the referee decides.",
    epilog="To begin: `labwright doctor` says what this machine has, `labwright study init DIR` writes a study that "
    "runs as it is, and `labwright study run DIR` runs it.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_UsageProblem: type[Exception] = typer.BadParameter.__bases__[0]  # typer's or click's, as this typer has it


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="print the version and leave")] = False,
) -> None:
    if version:
        typer.echo(f"labwright {import_module('labwright').__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        if sys.stdin.isatty() and sys.stdout.isatty():
            act("chat", "chat", None, False, None, "ask", intern.CHAT_USD, None, None, json=False)
        typer.echo(context.get_help())


for group in (study, sessions, approvals, papers, data, benchmark, code.code, ledger):
    app.add_typer(group)
scoring.add_to(app)
intern.add_to(app)
code.add_to(app)


def main() -> None:
    """The console script. With `--json` a mistake in the command line is a JSON document as well."""
    if "--json" not in sys.argv:
        app(prog_name="labwright")
    try:
        code = app(prog_name="labwright", standalone_mode=False)
    except _UsageProblem as problem:
        problem.show()  # type: ignore[attr-defined]
        edge = import_module("labwright.cli.edge")
        at = getattr(problem, "ctx", None)
        cure = f"{at.command_path} --help" if at else "labwright --help"
        edge.print_json(edge.error_document("UsageError", problem.format_message(), cure=cure))  # type: ignore[attr-defined]
        code = 2
    sys.exit(code)
