"""`labwright data …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labwright.cli.commands.act import Json, Offline, act, group

data = group("data", "Find data, look at it, fix it, prove it clean.")

Src = Annotated[
    str,
    typer.Argument(
        metavar="SRC", help="a file, a directory, a glob, hub:ORG/NAME[@REVISION][:CONFIG], or a dataset version's id"
    ),
]
Split = Annotated[str | None, typer.Option("--split", help="default: train where there is one, else the first")]


@data.command("find")
def find(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="words")],
    task: Annotated[
        str | None, typer.Option("--task", help="the Hub's word for it, such as question-answering")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="at most so many")] = 20,
    papers: Annotated[bool, typer.Option("--papers/--no-papers", help="also what papers are linked with")] = True,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Search the Hub for datasets, and papers for those that they are linked with."""
    act("data", "find", query, task, limit, papers, offline, json=json)


@data.command("inspect")
def inspect(
    src: Src,
    split: Split = None,
    samples: Annotated[int, typer.Option("--samples", min=0, help="rows to show")] = 3,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="time to take; what does not fit is sampled")
    ] = 20.0,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Show schema, splits, sizes, samples and per-column statistics."""
    act("data", "inspect", src, split, samples, seconds, offline, json=json)


@data.command("convert")
def convert(
    src: Src,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="a .jsonl or .parquet file")],
    to: Annotated[str, typer.Option("--to", help="messages, prompt-completion, preference or prompt")],
    split: Split = None,
    form: Annotated[
        str, typer.Option("--form", help="of prompts and completions: text, chat, or auto, as the source has it")
    ] = "auto",
    system: Annotated[str | None, typer.Option("--system", help="a system turn for rows without one")] = None,
    template: Annotated[
        str | None, typer.Option("--template", help="of the question: {question}, {context}, {choices}, any column")
    ] = None,
    answer: Annotated[
        str, typer.Option("--answer", help="to a question with options: letter, text or both")
    ] = "letter",
    reasoning: Annotated[bool, typer.Option("--reasoning/--no-reasoning", help="keep worked answers")] = True,
    repair: Annotated[bool, typer.Option("--repair", help="join and cut turns that are out of order")] = False,
    keep: Annotated[list[str] | None, typer.Option("--keep", help="carry this column over; may be repeated")] = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Convert a known layout to what trainers take.

    Rows that could not be converted stand with their reasons in a file beside OUT.
    """
    options = (form, system, template, answer, reasoning, repair, keep or [])
    act("data", "convert", src, out, to, split, options, offline, json=json)
