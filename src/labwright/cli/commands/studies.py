"""`labwright study …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labwright.cli.commands.act import Json, act, group

study = group("study", "Create, run, watch and export studies.")

StudyDir = Annotated[Path, typer.Argument(metavar="DIR", help="the directory that holds study.yaml")]
StudyId = Annotated[str, typer.Argument(metavar="ID", help="a study's id, as `labwright study list` shows it")]
Model = Annotated[
    str,
    typer.Option("--model", "-m", metavar="MODEL", help="who decides: autopilot; proposed, or finish, as tools ask"),
]
Backend = Annotated[str, typer.Option("--backend", metavar="NAME", help="where runs execute: process")]


@study.command("init")
def study_init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="a new or empty directory")], json: Json = False
) -> None:
    """Write a study to start from.

    A commented study.yaml with a small benchmark and data; it runs as it is.
    """
    act("studies", "init", directory, json=json)


@study.command("run")
def study_run(
    directory: StudyDir,
    model: Model = "autopilot",
    budget_hours: Annotated[
        float | None,
        typer.Option("--budget-hours", metavar="HOURS", min=0.001, help="wall-clock ceiling instead of study.yaml's"),
    ] = None,
    backend: Backend = "process",
    json: Json = False,
) -> None:
    """Run a study from its controls to its report.

    Controls, data gate, trials, verdicts, the sealed test, the report. Exit code 0: finished, 1: stopped or failed,
    2: something that was given cannot work.
    """
    act("studies", "run", directory, model, budget_hours, backend, json=json)


@study.command("list")
def study_list(json: Json = False) -> None:
    """List this lab's studies."""
    act("studies", "list_all", json=json)


@study.command("status")
def study_status(
    study_id: Annotated[str | None, typer.Argument(metavar="ID", help="default: the newest study")] = None,
    json: Json = False,
) -> None:
    """Show where a study stands."""
    act("studies", "status", study_id, json=json)


@study.command("resume")
def study_resume(
    study_id: StudyId,
    model: Model = "autopilot",
    backend: Backend = "process",
    budget_hours: Annotated[
        float | None, typer.Option("--budget-hours", metavar="HOURS", min=0.001, help="a higher ceiling, in all")
    ] = None,
    budget_usd: Annotated[
        float | None, typer.Option("--budget-usd", metavar="USD", min=0.0, help="a higher ceiling, in all")
    ] = None,
    json: Json = False,
) -> None:
    """Go on with a study that was stopped, killed or failed.

    One that would not fit its budget goes on under a higher one; the report says that it was raised. A ceiling is on
    all that the study takes, not on what is still to come.
    """
    act("studies", "resume", study_id, model, backend, budget_hours, budget_usd, json=json)


@study.command("stop")
def study_stop(study_id: StudyId, json: Json = False) -> None:
    """Ask a running study to stop.

    It ends its runs and writes its report; `best/` stays, and `labwright study resume` goes on.
    """
    act("studies", "stop", study_id, json=json)


@study.command("release")
def study_release(study_id: StudyId, json: Json = False) -> None:
    """Say that the machine that ran a study is gone.

    Where several machines share a ledger, none sees whether another's process still lives: what it took up and never
    ended is left alone until somebody says so. Then `labwright study resume` goes on from here.
    """
    act("studies", "release", study_id, json=json)


@study.command("report")
def study_report(study_id: StudyId, json: Json = False) -> None:
    """Write the report anew and say where it is."""
    act("studies", "report", study_id, json=json)


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
    act("bundles", "export", study_id, out, with_model, with_test, json=json)
