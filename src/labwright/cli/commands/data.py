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
Split = Annotated[
    str | None, typer.Option("--split", metavar="NAME", help="default: train where there is one, else the first")
]


@data.command("find")
def find(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="words")],
    task: Annotated[
        str | None, typer.Option("--task", metavar="TASK", help="the Hub's word for it, such as question-answering")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="at most so many")] = 20,
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
    samples: Annotated[int, typer.Option("--samples", metavar="N", min=0, help="rows to show")] = 3,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="SECONDS", min=0.1, help="time to take; what does not fit is sampled")
    ] = 20.0,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Show schema, splits, sizes, samples and per-column statistics."""
    act("data", "inspect", src, split, samples, seconds, offline, json=json)


@data.command("audit")
def audit(
    src: Src,
    purpose: Annotated[str | None, typer.Option("--for", metavar="PURPOSE", help="sft, dpo, grpo or classify")] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", metavar="BENCHMARK", help="a pack; of its sealed test only a count"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="report.html", help="write a page with charts")] = None,
    flags: Annotated[
        Path | None, typer.Option("--flags", metavar="FILE.parquet", help="write every row that was flagged")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="count tokens as this model's tokenizer does")
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", metavar="N", min=1, help="what would be cut at these tokens")
    ] = None,
    meaning: Annotated[
        str | None,
        typer.Option("--meaning", metavar="MODEL", help="with --against: look for paraphrases by embeddings"),
    ] = None,
    split: Split = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds", metavar="SECONDS", min=0.1, help="time to take; what does not fit is sampled, and said so"
        ),
    ] = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Say what is wrong with a dataset, and whether it is fit to train on.

    Findings come with counts, rows that show them, and the command that mends them. Exit code 1: unfit.
    """
    asked = (split, purpose, against or [], model, max_length, meaning, seconds)
    act("data_audit", "audit", src, *asked, out, flags, offline, json=json)


@data.command("convert")
def convert(
    src: Src,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="a .jsonl or .parquet file")],
    to: Annotated[
        str, typer.Option("--to", metavar="LAYOUT", help="messages, prompt-completion, preference or prompt")
    ],
    split: Split = None,
    form: Annotated[
        str,
        typer.Option(
            "--form", metavar="FORM", help="of prompts and completions: text, chat, or auto, as the source has it"
        ),
    ] = "auto",
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="ROLE=NAME",
            help="what a column is, where names do not tell: prompt=frage; may be repeated",
        ),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", metavar="TEXT", help="a system turn for rows without one")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template", metavar="TEXT", help="of the question: {question}, {context}, {choices}, any column"
        ),
    ] = None,
    answer: Annotated[
        str, typer.Option("--answer", metavar="FORM", help="to a question with options: letter, text or both")
    ] = "letter",
    reasoning: Annotated[bool, typer.Option("--reasoning/--no-reasoning", help="keep worked answers")] = True,
    repair: Annotated[bool, typer.Option("--repair", help="join and cut turns that are out of order")] = False,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", metavar="COLUMN", help="carry this column over; may be repeated")
    ] = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Convert a known layout to what trainers take.

    Where columns' names say nothing, --column tells which is the prompt, the answer, and so on. Rows that could not be
    converted stand with their reasons in a file beside OUT.
    """
    options = (form, system, template, answer, reasoning, repair, keep or [])
    act("data", "convert", src, out, to, split, options, column or [], offline, json=json)


@data.command("synth")
def synth(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.yaml", help="slices, generators, checks, budget")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="a .jsonl or .parquet file")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="MODEL", help="who writes; see `labwright models`")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option("--against", metavar="BENCHMARK", help="keep no row like its items")
    ] = None,
    json: Json = False,
) -> None:
    """Generate rows, check them, keep the checked ones.

    Goes on where it stopped when the same command is given again. Exit code 3: a ceiling of the budget ended it; 1: too
    few rows passed their checks.
    """
    act("data_synth", "synth", spec, out, model, against or [], json=json)


Out = Annotated[str, typer.Argument(metavar="OUT", help="a .jsonl or .parquet file, or only a name for the version")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="the same seed gives the same rows")]
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="a version's id or name, or a file that one was written to")
]


@data.command("dedup")
def dedup(
    src: Src,
    out: Out,
    near: Annotated[bool, typer.Option("--near", help="near-duplicates too, by MinHash, confirmed by Jaccard")] = False,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="COLUMN", help="compare these columns only")] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", metavar="SHARE", min=0.5, max=1.0, help="how alike near-duplicates are")
    ] = 0.8,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Keep the first of rows that are the same."""
    act("data_transforms", "dedup", src, out, near, by or [], threshold, offline, json=json)


@data.command("filter")
def filter_rows(
    src: Src,
    out: Out,
    where: Annotated[str | None, typer.Option("--where", metavar="SQL", help="a condition over the columns")] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="COLUMN", help="what the rules below look at; default: all text")
    ] = None,
    min_length: Annotated[int | None, typer.Option("--min-length", metavar="N", min=0, help="characters")] = None,
    max_length: Annotated[int | None, typer.Option("--max-length", metavar="N", min=0, help="characters")] = None,
    matching: Annotated[str | None, typer.Option("--matching", metavar="REGEX", help="only rows that match")] = None,
    not_matching: Annotated[
        str | None, typer.Option("--not-matching", metavar="REGEX", help="no row that matches")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option("--language", metavar="CODE", help="such as en; may be repeated")
    ] = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Keep the rows that meet every rule."""
    lengths, patterns = (min_length, max_length), (matching, not_matching)
    act(
        "data_transforms", "filter_rows", src, out, where, column, lengths, patterns, language or [], offline, json=json
    )


@data.command("subset")
def subset(
    src: Src,
    out: Out,
    size: Annotated[float, typer.Option("--size", metavar="N|SHARE", help="rows, or below 1 a share")],
    by: Annotated[str | None, typer.Option("--by", metavar="COLUMN", help="keep this column's proportions")] = None,
    seed: Seed = 0,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Draw rows without replacement."""
    act("data_transforms", "subset", src, out, size, seed, by, offline, json=json)


@data.command("upsample")
def upsample(
    src: Src,
    out: Out,
    where: Annotated[str | None, typer.Option("--where", metavar="SQL", help="which rows")] = None,
    factor: Annotated[
        float | None, typer.Option("--factor", metavar="N", min=1.0, help="how often each of them stands")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="COLUMN", help="weights are of this column's values")
    ] = None,
    weight: Annotated[list[str] | None, typer.Option("--weight", metavar="VALUE=N", help="may be repeated")] = None,
    seed: Seed = 0,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Repeat rows; the weights stand in the lineage."""
    act("data_transforms", "upsample", src, out, where, factor, by, weight or [], seed, offline, json=json)


@data.command("mix")
def mix(
    sources: Annotated[list[str], typer.Argument(metavar="SRC=WEIGHT...", help="a weight of 1 may be left out")],
    out: Out,
    size: Annotated[
        int | None, typer.Option("--size", metavar="N", min=1, help="default: as many as need no row twice")
    ] = None,
    seed: Seed = 0,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Mix sources in proportion, shuffled."""
    act("data_transforms", "mix", sources, out, size, seed, offline, json=json)


@data.command("split")
def split(
    src: Src,
    out: Out,
    part: Annotated[
        list[str] | None, typer.Option("--part", metavar="NAME=SHARE", help="default: train=0.9 and test=0.1")
    ] = None,
    stratify: Annotated[str | None, typer.Option("--stratify", metavar="COLUMN", help="keep its proportions")] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="COLUMN", help="never divide one of its values")
    ] = None,
    together: Annotated[
        str, typer.Option("--together", metavar="COPIES", help="what stays in one part: none, exact or near copies")
    ] = "near",
    seed: Seed = 0,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Split into parts; copies of a row stay in one part. A part goes to OUT-NAME."""
    act("data_transforms", "split", src, out, part or [], stratify, group, together, seed, offline, json=json)


@data.command("difficulty")
def difficulty(
    src: Src,
    out: Out,
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="a bundled name, a directory, or a Hub id")
    ],
    by: Annotated[str, typer.Option("--by", metavar="MEASURE", help="pass-rate, loss or margin")] = "pass-rate",
    samples: Annotated[int, typer.Option("--samples", metavar="N", min=1, help="of the pass rate")] = 8,
    keep: Annotated[
        str | None, typer.Option("--keep", metavar="LEVEL", help="only easy, medium, hard, frontier or mixed rows")
    ] = None,
    new_tokens: Annotated[int, typer.Option("--max-new-tokens", metavar="N", min=1, help="of a sample")] = 256,
    temperature: Annotated[
        float | None,
        typer.Option("--temperature", metavar="T", min=0.0, help="of a sample; default: 0.8, or 0 of a single one"),
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option("--stop", metavar="TEXT", help="text that ends a sample; may be repeated")
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="ask in the model's chat template, for the pass rate")] = False,
    wall_clock: Annotated[
        str | None, typer.Option("--wall-clock", metavar="TIME", help="end after this time, such as 30m")
    ] = None,
    seed: Seed = 0,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Score every row by a model, and make variants by difficulty.

    Scores are kept as they come: the same command goes on after a kill, or after --wall-clock (exit code 3).
    """
    sampling = (new_tokens, temperature, stop or [], chat)
    asked = (model, by, samples, keep, sampling, wall_clock)
    act("data_transforms", "difficulty", src, out, *asked, seed, offline, json=json)


@data.command("lineage")
def lineage(
    version: Version,
    row: Annotated[int | None, typer.Option("--row", metavar="N", min=1, help="where this row came from")] = None,
    json: Json = False,
) -> None:
    """Show what made a version, or where a row of it came from."""
    act("data_transforms", "lineage", version, row, json=json)


@data.command("card")
def card(
    version: Version,
    out: Annotated[Path | None, typer.Option("--out", metavar="README.md", help="write it here")] = None,
    json: Json = False,
) -> None:
    """Write a dataset card from lineage and findings."""
    act("data_transforms", "card", version, out, json=json)
