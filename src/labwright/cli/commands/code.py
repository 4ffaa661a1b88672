"""`labwright docs` and `labwright code …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labwright.cli.commands.act import Json, Offline, act, group

code = group("code", "Find working examples, read them, and check a script against what is installed.")
Python = Annotated[
    Path | None, typer.Option("--python", metavar="PYTHON", help="another environment's interpreter; default: this one")
]


def add_to(app: typer.Typer) -> None:
    """Put `docs` at the top."""
    app.command("docs")(docs)


def docs(
    query: Annotated[str, typer.Argument(metavar="SYMBOL|QUERY", help="trl.SFTConfig, SFTTrainer.train, or words")],
    package: Annotated[
        list[str] | None, typer.Option("--package", metavar="NAME", help="look in these packages; may be repeated")
    ] = None,
    source: Annotated[bool, typer.Option("--source", help="show the source text too")] = False,
    offset: Annotated[int, typer.Option("--offset", metavar="N", min=0, help="go on from this character")] = 0,
    web: Annotated[bool, typer.Option("--web", help="ask the web documentation; a URL reads that page")] = False,
    python: Python = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Say what is installed: signature, defaults, docstring, deprecations, source; else what the web docs say."""
    act("docs", "docs", query, package or [], source, offset, web, python, offline, json=json)


@code.command("examples")
def examples(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="what the example should do, with the names it uses")],
    repo: Annotated[
        str | None, typer.Option("--repo", metavar="OWNER/NAME|DIR", help="only in this repository")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="at most so many")] = 10,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Find working examples, the best first, and say why."""
    act("code", "examples", query, repo, limit, offline, json=json)


@code.command("repos")
def repos(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="words, or GitHub's own qualifiers")],
    sort: Annotated[
        str, typer.Option("--sort", metavar="ORDER", help="stars, updated, forks, or best for GitHub's own order")
    ] = "stars",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="at most so many")] = 10,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Find repositories, sorted over all pages."""
    act("code", "repos", query, sort, limit, offline, json=json)


@code.command("files")
def files(
    repo: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME, hf:KIND/OWNER/NAME, or a directory")],
    under: Annotated[str, typer.Option("--under", metavar="FOLDER", help="only in this folder")] = "",
    offline: Offline = False,
    json: Json = False,
) -> None:
    """List a repository's files."""
    act("code", "files", repo, under, offline, json=json)


@code.command("read")
def read(
    where: Annotated[str, typer.Argument(metavar="WHERE", help="what examples and files show: REPO:PATH, or a file")],
    lines: Annotated[str | None, typer.Option("--lines", metavar="A-B", help="only these lines")] = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Read a file by line range; notebooks as text."""
    act("code", "read", where, lines, offline, json=json)


@code.command("check")
def check(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="a Python script; it is not run")],
    python: Python = None,
    json: Json = False,
) -> None:
    """Check a script against what is installed: imports, arguments, deprecations. Exit code 1: there are problems."""
    act("docs", "check", script, python, json=json)
