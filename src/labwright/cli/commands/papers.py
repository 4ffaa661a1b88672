"""`labwright papers …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labwright.cli.commands.act import Json, Offline, act, group

papers = group("papers", "Search, read, follow and keep papers.")

PaperId = Annotated[
    str, typer.Argument(metavar="ID", help="an arXiv id, a DOI, a URL of either, or any id that search shows")
]
PaperIds = Annotated[list[str], typer.Argument(metavar="ID...", help="one id or several")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="at most so many")]


@papers.command("search")
def search(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="words; in double quotes a phrase: '\"direct preference\"'")
    ],
    since: Annotated[
        int | None, typer.Option("--since", metavar="YEAR", help="published in this year or later")
    ] = None,
    until: Annotated[
        int | None, typer.Option("--until", metavar="YEAR", help="published in this year or earlier")
    ] = None,
    min_citations: Annotated[
        int | None, typer.Option("--min-citations", metavar="N", min=0, help="cited at least so often")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="NAME", help="arxiv, hf, s2, openalex, library; may be repeated"),
    ] = None,
    limit: Limit = 20,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Search all sources at once, or those named.

    A source that fails and a filter that could not be applied are said; the others answer.
    """
    act("papers", "search", query, since, until, min_citations, source or [], limit, offline, json=json)


@papers.command("passages")
def passages(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="words")],
    since: Annotated[
        int | None, typer.Option("--since", metavar="YEAR", help="published in this year or later")
    ] = None,
    until: Annotated[
        int | None, typer.Option("--until", metavar="YEAR", help="published in this year or earlier")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", metavar="NAME", help="s2, library; may be repeated")
    ] = None,
    limit: Limit = 10,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Find passages in the texts of papers, also of those in the library."""
    act("papers", "passages", query, since, until, source or [], limit, offline, json=json)


@papers.command("show")
def show(paper: PaperId, offline: Offline = False, json: Json = False) -> None:
    """Show what is known of a paper: metadata, abstract, citations, notes."""
    act("papers", "show", paper, offline, json=json)


@papers.command("read")
def read(
    paper: PaperId,
    section: Annotated[
        str | None, typer.Option("--section", metavar="NAME", help="a section's number or name; `list` lists them")
    ] = None,
    offset: Annotated[int, typer.Option("--offset", metavar="N", min=0, help="go on from this character")] = 0,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Read a paper's full text, and keep it in the library."""
    act("papers", "read", paper, section, offset, offline, json=json)


@papers.command("refs")
def refs(paper: PaperId, limit: Limit = 50, offline: Offline = False, json: Json = False) -> None:
    """List what a paper cites, and how."""
    act("papers", "cited", paper, "references", limit, offline, json=json)


@papers.command("cites")
def cites(paper: PaperId, limit: Limit = 50, offline: Offline = False, json: Json = False) -> None:
    """List what cites a paper, and how."""
    act("papers", "cited", paper, "citations", limit, offline, json=json)


@papers.command("related")
def related(paper: PaperId, limit: Limit = 20, offline: Offline = False, json: Json = False) -> None:
    """List papers like it."""
    act("papers", "related", paper, limit, offline, json=json)


@papers.command("resources")
def resources(paper: PaperId, limit: Limit = 20, offline: Offline = False, json: Json = False) -> None:
    """List the models, datasets, Spaces and code that are linked to a paper."""
    act("papers", "resources", paper, limit, offline, json=json)


@papers.command("graph")
def graph(
    ids: PaperIds,
    depth: Annotated[int, typer.Option("--depth", metavar="N", min=1, max=4, help="how many citations away")] = 2,
    requests: Annotated[
        int, typer.Option("--requests", metavar="N", min=1, help="at most so many questions to the services")
    ] = 60,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.html", help="write the picture here")] = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Walk the citation graph: a ranking, a timeline, what to read next, and a picture."""
    act("papers_graph", "graph", ids, depth, requests, out, offline, json=json)


@papers.command("recipes")
def recipes(
    ids: PaperIds,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="MODEL", help="a model that reads; without one, rules over tables and sentences"
        ),
    ] = None,
    budget_usd: Annotated[
        float, typer.Option("--budget-usd", metavar="USD", min=0.0, help="ceiling on what the model may cost")
    ] = 1.0,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Say what was trained on what, how, and to which result, each with its quote."""
    act("papers_recipes", "recipes", ids, model, budget_usd, offline, json=json)


@papers.command("add")
def add(
    what: Annotated[str, typer.Argument(metavar="FILE.pdf|ID", help="a PDF, or a paper's id")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="why it matters here")] = "",
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Put a paper into the local library, which is searched offline."""
    act("papers", "add", what, why, offline, json=json)


@papers.command("note")
def note(
    paper: PaperId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="what to remember of it")],
    json: Json = False,
) -> None:
    """Write a note to a paper of the library."""
    act("papers", "note", paper, text, json=json)


@papers.command("library")
def library(limit: Limit = 20, json: Json = False) -> None:
    """List what is in the library, newest first: why it was read, and the notes on it.

    To search in it: `papers search WORDS --source library`.
    """
    act("papers_library", "library", limit, json=json)


@papers.command("reindex")
def reindex(json: Json = False) -> None:
    """Make the library's texts searchable again, as after its database was restored.

    Exit code 1 where a text is missing or damaged; it names which.
    """
    act("papers_library", "reindex", json=json)


@papers.command("daily")
def daily(
    date: Annotated[str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="default: the newest")] = None,
    limit: Limit = 20,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """List the papers of the day on Hugging Face."""
    act("papers", "daily", date, limit, offline, json=json)
