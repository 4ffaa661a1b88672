"""`labwright data find`, `inspect` and `convert`."""

from __future__ import annotations

import json as jsontext
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast, get_args

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table as Grid
from rich.text import Text

from labwright.assemble import open_lab
from labwright.assemble.data import workbench
from labwright.assemble.reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line
from labwright.cli.visible import visible
from labwright.contracts.data import ColumnProfile, Inspection
from labwright.contracts.errors import UsageError
from labwright.data import finding, inspection
from labwright.data.conversion import convert_source
from labwright.data.layouts import TARGETS, ConvertOptions, Target
from labwright.data.layouts.example import AnswerForm, Form
from labwright.data.workbench import Workbench

_CELL = 160


def find(query: str, task: str | None, limit: int, papers: bool, offline: bool, json: bool) -> int:
    """Datasets of the Hub."""
    with reading(offline) as room:
        found = finding.find(
            query, room.hub_access, task=task, limit=limit, papers=room.datasets_of_papers if papers else None
        )
    if json:
        print_json(asdict(found))
        return 0
    if not found.candidates:
        say("no dataset was found: try fewer words, or another task")
    for c in found.candidates:
        facts = [c.size or "", c.licence or "licence not said", f"{c.downloads:,} downloads" if c.downloads else "",
                 "gated" if c.gated else "", ", ".join(c.papers)]  # fmt: skip
        say(f"hub:{c.id}  ({', '.join(fact for fact in facts if fact)})")
        if c.description:
            say(f"    {one_line(c.description, 150)}")
    for text in found.remarks:
        transcript.note(text)
    return 0


def inspect(src: str, split: str | None, samples: int, seconds: float, offline: bool, json: bool) -> int:
    """What a dataset holds."""
    with working(offline) as bench:
        found = inspection.inspect(bench.source(src, split=split), seconds=seconds, samples=samples)
    if json:
        print_json(asdict(found))
        return 0
    _describe(found)
    return 0


def convert(
    src: str,
    out: Path,
    to: str,
    split: str | None,
    options: tuple[str, str | None, str | None, str, bool, bool, Sequence[str]],
    columns: Sequence[str],
    offline: bool,
    json: bool,
) -> int:
    """A dataset in another layout."""
    target = cast(Target, _one_of(to, TARGETS, "--to"))
    form, system, template, answer, reasoning, repair, keep = options
    chosen = ConvertOptions(
        system=system,
        template=template,
        answer=cast(AnswerForm, _one_of(answer, get_args(AnswerForm), "--answer")),
        keep_reasoning=reasoning,
        form=cast(Form, _one_of(form, get_args(Form), "--form")),
        repair=repair,
        keep=tuple(keep),
    )
    with working(offline) as bench:
        done = convert_source(bench, src, out, target, chosen, columns=_by_role(columns), source_split=split)
    layout, written = done.layout, done.written
    transcript.note(f"{layout.kind}{f' ({layout.variant})' if layout.variant else ''}: {layout.why}")
    left_out = [name for name in layout.others if name not in keep]
    if json:
        print_json({**asdict(written), "out": str(written.out), "rejects": str(written.rejects or ""),
                    "layout": layout.kind, "columns_left_out": left_out, "version": done.version.id})  # fmt: skip
        return 0
    say(f"wrote {written.rows:,} rows to {written.out}, version {done.version.id}")
    if written.rejects is not None:
        say(f"kept {written.rejected:,} aside in {written.rejects}")
        for reason, count in list(written.reasons.items())[:10]:
            say(f"  {count:>7,}  {reason}")
    for note, count in written.notes.items():
        transcript.note(f"{note}: {count:,} rows")
    if left_out:
        transcript.note(f"columns left out: {', '.join(left_out)}; --keep carries one over")
    return 0


@contextmanager
def working(offline: bool) -> Iterator[Workbench]:
    """A lab's data for a command."""
    lab = open_lab()
    room = ReadingRoom(lab, offline=offline)
    try:
        yield workbench(lab, room)
    finally:
        room.close()


@contextmanager
def reading(offline: bool) -> Iterator[ReadingRoom]:
    """A reading room for a command."""
    room = ReadingRoom(open_lab(), offline=offline)
    try:
        yield room
    finally:
        room.close()


def _by_role(columns: Sequence[str]) -> dict[str, str]:
    """`prompt=frage` as role and column."""
    parted = [text.partition("=") for text in columns]
    if wrong := next((text for text, (_, _, name) in zip(columns, parted, strict=True) if not name), None):
        raise UsageError(
            f"{wrong!r} does not say which column it is", where="--column", cure="write ROLE=NAME, such as prompt=frage"
        )
    named = {role.strip(): name for role, _, name in parted}
    if len(named) < len(columns):
        raise UsageError("a role was given twice", where="--column", cure="name one column for each role")
    return named


def _one_of(value: str, known: Sequence[str], option: str) -> str:
    if value not in known:
        raise UsageError(f"there is no {value!r}", where=option, cure=f"use {', '.join(known)}")
    return value


def _describe(found: Inspection) -> None:
    console = Console()
    rows = f"a sample of {found.sampled:,} rows" if found.sampled is not None else "all rows"
    say(f"{found.name}  ({found.origin}{f' @ {found.revision[:12]}' if found.revision else ''})")
    say(f"licence: {found.licence or 'not said'}; split {found.split}, figures over {rows}")
    for size in found.splits:
        known = f"{size.rows:,} rows" if size.rows is not None else "rows not counted"
        say(f"  {size.name:<12} {known}" + (f", {decimal(size.bytes)}" if size.bytes else ""))
    grid = Grid(box=None, pad_edge=False)
    for heading in ("column", "type", "missing", "distinct", "low", "median", "high", "most frequent"):
        grid.add_column(heading, overflow="fold", no_wrap=heading not in ("type", "most frequent"))
    for column in found.columns:
        grid.add_row(*(Text(visible(cell)) for cell in _cells(column)))  # a file's own names, whatever they hold
    console.print()
    console.print(grid)
    say("of text and lists, low, median and high are lengths")
    for number, sample in enumerate(found.samples, start=1):
        say(f"\nsample {number}")
        for name, value in sample.items():
            shown = value if isinstance(value, str) else jsontext.dumps(value, ensure_ascii=False)
            say(f"  {name}: {one_line(shown, _CELL)}")
    for text in found.remarks:
        transcript.note(text)


def _cells(column: ColumnProfile) -> tuple[str, ...]:
    missing = column.nulls + column.empty
    share = f"{missing:,} ({missing / column.rows:.0%})" if missing and column.rows else ""
    distinct = "" if column.distinct is None else f"{'' if column.distinct_is_exact else '~'}{column.distinct:,}"
    median = f"{column.quantiles[2]:g}" if len(column.quantiles) == 5 else ""
    frequent = ", ".join(f"{one_line(value, 24)} ×{count:,}" for value, count in column.frequent[:3] if count > 1)
    low, high = ("" if edge is None else one_line(str(edge), 20) for edge in (column.low, column.high))
    return column.name, column.type, share, distinct, low, median, high, frequent
