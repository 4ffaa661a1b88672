"""`labwright eval`, `verify` and `doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labwright.cli.commands.act import Json, act


def add_to(app: typer.Typer) -> None:
    """Put them at the top."""
    app.command("verify")(verify)
    app.command("eval")(evaluate)
    app.command("doctor")(doctor)


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="what `labwright study export` wrote")],
    json: Json = False,
) -> None:
    """Re-score a bundle and say, number by number, what agrees."""
    act("bundles", "verify", bundle, json=json)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a bundled name, a directory, or a Hub id")],
    benchmark: Annotated[Path, typer.Argument(metavar="BENCHMARK", help="a directory with benchmark.yaml")],
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", help="dev, or test: which asks a person and is metered")
    ] = "dev",
    few_shot: Annotated[bool, typer.Option("--few-shot", help="put the benchmark's worked examples first")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="score only the first N items")
    ] = None,
    judge_usd: Annotated[
        float | None, typer.Option("--judge-usd", metavar="USD", min=0.0, help="ceiling on what a judge may cost")
    ] = None,
    json: Json = False,
) -> None:
    """Score one model on one benchmark, by the referee."""
    act("evaluations", "evaluate", model, benchmark, split, few_shot, limit, judge_usd, json=json)


def doctor(json: Json = False) -> None:
    """Say what this machine has and what is missing, with the cure."""
    act("doctor", "examine", json=json)
