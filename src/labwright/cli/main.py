"""`labwright`: every command's name, arguments and help; what it does is in `actions/`, loaded when it is called.

So `labwright --help` imports neither the ledger nor pydantic, let alone a training library.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="labwright",
    help="Runs the machine-learning post-training research loop: the agent proposes, the referee decides.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
study = typer.Typer(help="Create, run, watch and export studies.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(study, name="study")

sessions = typer.Typer(help="List, show, resume and export sessions.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(sessions, name="sessions")
approvals = typer.Typer(help="Answer what the intern asks.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(approvals, name="approvals")

StudyDir = Annotated[Path, typer.Argument(metavar="DIR", help="the directory that holds study.yaml")]
StudyId = Annotated[str, typer.Argument(metavar="ID", help="a study's id, as `labwright study list` shows it")]
SessionId = Annotated[str, typer.Argument(metavar="ID", help="a session's id, as `labwright sessions list` shows it")]
ApprovalId = Annotated[str, typer.Argument(metavar="ID", help="an approval's id, such as A3")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on stdout; all else goes to stderr")]
_CHAT_USD = 5.0
_UsageProblem: type[Exception] = typer.BadParameter.__bases__[0]  # typer's or click's, as this typer has it
Model = Annotated[str, typer.Option("--model", "-m", help="who decides: autopilot; proposed, or finish, as tools ask")]
Backend = Annotated[str, typer.Option("--backend", help="where runs execute: process")]


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
            _act("chat", "chat", None, False, None, "ask", _CHAT_USD, None, None, json=False)
        typer.echo(context.get_help())


@study.command("init")
def study_init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="a new or empty directory")], json: Json = False
) -> None:
    """Write a study to start from.

    A commented study.yaml with a small benchmark and data; it runs as it is.
    """
    _act("studies", "init", directory, json=json)


@study.command("run")
def study_run(
    directory: StudyDir,
    model: Model = "autopilot",
    budget_hours: Annotated[
        float | None, typer.Option("--budget-hours", min=0.001, help="wall-clock ceiling instead of study.yaml's")
    ] = None,
    backend: Backend = "process",
    json: Json = False,
) -> None:
    """Run a study from its controls to its report.

    Controls, data gate, trials, verdicts, the sealed test, the report. Exit code 0: finished, 1: stopped or failed,
    2: something that was given cannot work.
    """
    _act("studies", "run", directory, model, budget_hours, backend, json=json)


@study.command("list")
def study_list(json: Json = False) -> None:
    """List this lab's studies."""
    _act("studies", "list_all", json=json)


@study.command("status")
def study_status(
    study_id: Annotated[str | None, typer.Argument(metavar="ID", help="default: the newest study")] = None,
    json: Json = False,
) -> None:
    """Show where a study stands."""
    _act("studies", "status", study_id, json=json)


@study.command("resume")
def study_resume(
    study_id: StudyId, model: Model = "autopilot", backend: Backend = "process", json: Json = False
) -> None:
    """Go on with a study that was stopped, killed or failed."""
    _act("studies", "resume", study_id, model, backend, json=json)


@study.command("stop")
def study_stop(study_id: StudyId, json: Json = False) -> None:
    """Ask a running study to stop.

    It ends its runs and writes its report; `best/` stays, and `labwright study resume` goes on.
    """
    _act("studies", "stop", study_id, json=json)


@study.command("report")
def study_report(study_id: StudyId, json: Json = False) -> None:
    """Write the report anew and say where it is."""
    _act("studies", "report", study_id, json=json)


@study.command("export")
def study_export(
    study_id: StudyId,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="a new directory, or a file that ends in .tar.gz")],
    with_model: Annotated[bool, typer.Option("--with-model", help="put the best model in as well")] = False,
    with_test: Annotated[
        bool, typer.Option("--with-test", help="put the test items in; marks the benchmark as exposed for good")
    ] = False,
    json: Json = False,
) -> None:
    """Write a bundle that `labwright verify` re-checks."""
    _act("bundles", "export", study_id, out, with_model, with_test, json=json)


@app.command("verify")
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="what `labwright study export` wrote")],
    json: Json = False,
) -> None:
    """Re-score a bundle and say, number by number, what agrees."""
    _act("bundles", "verify", bundle, json=json)


@app.command("eval")
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a bundled name, a directory, or a Hub id")],
    benchmark: Annotated[Path, typer.Argument(metavar="BENCHMARK", help="a directory with benchmark.yaml")],
    split: Annotated[str, typer.Option("--split", help="dev, or test: which asks a person and is metered")] = "dev",
    few_shot: Annotated[bool, typer.Option("--few-shot", help="put the benchmark's worked examples first")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="score only the first N items")] = None,
    json: Json = False,
) -> None:
    """Score one model on one benchmark, by the referee."""
    _act("evaluations", "evaluate", model, benchmark, split, few_shot, limit, json=json)


@app.command("doctor")
def doctor(json: Json = False) -> None:
    """Say what this machine has and what is missing, with the cure."""
    _act("doctor", "examine", json=json)


@app.command("run")
def run(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="the goal, in plain words")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="a model id; see `labwright models`")] = None,
    approve: Annotated[str, typer.Option("--approve", help="before effects: ask, auto (within budget), never")] = "ask",
    budget_usd: Annotated[float | None, typer.Option("--budget-usd", min=0.0, help="ceiling on dollars")] = 5.0,
    budget_hours: Annotated[float | None, typer.Option("--budget-hours", min=0.001, help="ceiling on time")] = 2.0,
    budget_tokens: Annotated[int | None, typer.Option("--budget-tokens", min=1, help="ceiling on tokens")] = None,
    max_steps: Annotated[int | None, typer.Option("--max-steps", min=1, help="ceiling on model calls")] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", metavar="DIR", help="where it works; default: here")
    ] = None,
    json: Json = False,
) -> None:
    """Give the intern a goal and let it work.

    It researches, prepares data, creates and runs studies, and reports. Exit code 0: done, 1: failed, 2: usage,
    3: a budget or deadline ended it, 4: it waits for an approval (`labwright approvals list`).
    """
    _act(
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
        json=json,
    )


@app.command("chat")
def chat(
    session_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="with --resume: which session; default: the newest")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="a model id; see `labwright models`")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a session")] = False,
    approve: Annotated[str, typer.Option("--approve", help="before effects: ask, auto (within budget), never")] = "ask",
    budget_usd: Annotated[float | None, typer.Option("--budget-usd", min=0.0, help="ceiling on dollars")] = _CHAT_USD,
    budget_hours: Annotated[float | None, typer.Option("--budget-hours", min=0.001, help="ceiling on time")] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", metavar="DIR", help="where it works; default: here")
    ] = None,
) -> None:
    """Talk with the intern; what bare `labwright` does on a terminal.

    /help lists what can be done in it. Over a pipe, each line is a message: `echo "…" | labwright chat`.
    """
    _act("chat", "chat", model, resume, session_id, approve, budget_usd, budget_hours, workspace, json=False)


@sessions.command("list")
def sessions_list(json: Json = False) -> None:
    """List this lab's sessions."""
    _act("sessions", "list_all", json=json)


@sessions.command("show")
def sessions_show(session_id: SessionId, json: Json = False) -> None:
    """Show how a session stands and what happened in it."""
    _act("sessions", "show", session_id, json=json)


@sessions.command("resume")
def sessions_resume(
    session_id: SessionId,
    message: Annotated[str | None, typer.Option("--message", help="say something to it")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="another model from here on")] = None,
    json: Json = False,
) -> None:
    """Go on with a session, also in another process and on another model."""
    _act("intern", "resume", session_id, message, model, json=json)


@sessions.command("export")
def sessions_export(
    session_id: SessionId,
    out: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="a new file")],
    json: Json = False,
) -> None:
    """Write a session as a trace, one JSON line an entry, without secrets."""
    _act("sessions", "export", session_id, out, json=json)


@approvals.command("list")
def approvals_list(
    every: Annotated[bool, typer.Option("--all", help="answered ones too")] = False, json: Json = False
) -> None:
    """List what waits for an answer."""
    _act("approvals", "list_all", every, json=json)


@approvals.command("show")
def approvals_show(approval_id: ApprovalId, json: Json = False) -> None:
    """Show what is asked: the arguments, the diff or script, the cost and the budget left."""
    _act("approvals", "show", approval_id, json=json)


@approvals.command("approve")
def approvals_approve(
    approval_id: ApprovalId,
    args: Annotated[str | None, typer.Option("--args", help="run with these arguments instead: a JSON object")] = None,
    json: Json = False,
) -> None:
    """Approve, as asked or with edited arguments; `labwright sessions resume` goes on."""
    _act("approvals", "approve", approval_id, args, json=json)


@approvals.command("deny")
def approvals_deny(
    approval_id: ApprovalId,
    why: Annotated[str, typer.Option("--why", help="what the agent is told")] = "",
    json: Json = False,
) -> None:
    """Deny."""
    _act("approvals", "deny", approval_id, why, json=json)


@app.command("models")
def models(json: Json = False) -> None:
    """List the models that can be used from here.

    Providers with a key, local servers that answer with what they serve, and the autopilot; and what is missing for
    the others.
    """
    _act("models", "list_models", json=json)


def main() -> None:
    """The console script. With `--json` a mistake in the command line is a JSON document as well."""
    if "--json" not in sys.argv:
        app()
    try:
        code = app(standalone_mode=False)
    except _UsageProblem as problem:
        problem.show()  # type: ignore[attr-defined]
        edge = import_module("labwright.cli.edge")
        edge.print_json(edge.error_document("UsageError", problem.format_message()))  # type: ignore[attr-defined]
        code = 2
    sys.exit(code)


def _act(module: str, name: str, *arguments: Any, json: bool) -> None:
    """Load the action and run it; errors of the tree are shown with their cure, and end with their exit code."""
    edge = import_module("labwright.cli.edge")
    raise typer.Exit(edge.act(import_module, f"labwright.cli.actions.{module}", name, arguments, json))
