"""`labwright benchmark …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labwright.cli.commands.act import Json, Offline, act, group

benchmark = group("benchmark", "Freeze known benchmarks into packs.")


@benchmark.callback()
def _group() -> None:
    """Freeze known benchmarks into packs."""


@benchmark.command("add")
def add(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="hub:ORG/NAME[@REVISION][:CONFIG], lm-eval:TASK, inspect:TASK, or a file or directory",
        ),
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="what the benchmark is called; default: its source's")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="where the pack is put; default: ./NAME")
    ] = None,
    samples: Annotated[int, typer.Option("--samples", metavar="N", min=1, help="k outputs an item: avg@k")] = 1,
    pass_at: Annotated[
        int | None,
        typer.Option("--pass-at", metavar="K", min=1, help="with --samples: score by pass@k, not by their mean"),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", metavar="T", min=0, help="with --samples: 0.7")
    ] = None,
    few_shot: Annotated[
        int | None, typer.Option("--few-shot", metavar="N", min=0, help="worked examples of the control")
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option("--max-new-tokens", metavar="N", min=1, help="the longest output")
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="ask in the base model's chat template")] = False,
    dev: Annotated[int, typer.Option("--dev", metavar="N", min=1, help="at most so many items of dev")] = 500,
    test: Annotated[
        int | None, typer.Option("--test", metavar="N", min=1, help="at most so many items of the sealed test")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="of every draw")] = 17,
    rubric: Annotated[
        str | None,
        typer.Option("--rubric", metavar="TEXT", help="outputs are scored by the judge model, which goes by this"),
    ] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="FIELD=COLUMN", help="which column is the prompt, answer, choices, …; repeatable"
        ),
    ] = None,
    answers: Annotated[
        str | None,
        typer.Option("--answers", metavar="SOURCE", help="rows joined by id: accepted calls, a baseline's answers"),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="NAME", help="lm-eval: one of the task's metrics")
    ] = None,
    filter_name: Annotated[
        str | None, typer.Option("--filter", metavar="NAME", help="lm-eval: one of the task's filters")
    ] = None,
    include_path: Annotated[
        Path | None, typer.Option("--include-path", metavar="DIR", help="lm-eval: a directory with task files")
    ] = None,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="run the Python of task files that no installed package brought")
    ] = False,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Freeze a benchmark's items, prompt and scorer into a pack, which a study names.

    The sealed test is made of the benchmark's test split, dev of its validation or training rows. What a pack cannot
    say faithfully is refused with the reason.
    """
    decoding = (samples, pass_at, temperature, few_shot, max_new_tokens, chat)
    sizes = (dev, test, seed)
    task = (metric, filter_name, include_path, allow_code)
    act(
        "benchmarks", "add", source, name, out, decoding, sizes, rubric, mapped or [], answers, task, offline, json=json
    )
