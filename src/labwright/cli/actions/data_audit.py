"""`labwright data audit`: what is wrong with a dataset, how much of it, which rows show it, and what would mend it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast, get_args

from labwright.assemble import open_lab
from labwright.assemble.data import ancestry, as_read_by, benchmark, declared_sources, embedder, workbench
from labwright.assemble.reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line
from labwright.contracts.data import AuditReport, Issue, Purpose
from labwright.contracts.errors import UsageError
from labwright.data.audit.engine import OpenBenchmark, Request, SealedBenchmark
from labwright.data.audit.full import audit_table
from labwright.data.audit.report import write_page

_MARKS = {"error": "!!", "warning": "! ", "info": "  "}


def audit(
    src: str,
    split: str | None,
    purpose: str | None,
    against: list[Path],
    model: str | None,
    max_length: int | None,
    meaning: str | None,
    seconds: float | None,
    out: Path | None,
    flags: Path | None,
    offline: bool,
    json: bool,
) -> int:
    """Audit a dataset. Exit code 1 where it is unfit."""
    if purpose is not None and purpose not in get_args(Purpose):
        raise UsageError(f"there is no purpose {purpose!r}", where="--for", cure=f"use {', '.join(get_args(Purpose))}")
    if max_length is not None and model is None:
        raise UsageError("tokens are a model's own", where="--max-length", cure="name the model with --model")
    if meaning is not None and not against:
        raise UsageError("there is nothing to compare with", where="--meaning", cure="name a benchmark with --against")
    lab = open_lab()
    room = ReadingRoom(lab, offline=offline)
    with ExitStack() as stack:
        stack.callback(room.close)
        bench = workbench(lab, room)
        table = bench.source(src, split=split)
        others = tuple(room.table(src, size.name) for size in table.splits if size.name != table.split)
        benchmarks: list[OpenBenchmark | SealedBenchmark] = []
        for directory in against:
            benchmarks += stack.enter_context(benchmark(lab, directory))
        request = replace(
            as_read_by(lab, model, max_length) if model is not None else Request(),
            purpose=cast("Purpose | None", purpose),
            others=others,
            against=tuple(benchmarks),
            sources=declared_sources(bench, src),
            ancestry=ancestry(bench, room, src, against, benchmarks, table),
            embedder=embedder(lab, meaning, against) if meaning is not None else None,
        )
        tell = None if json else transcript.note
        report = audit_table(table, request, seconds=seconds, flags_to=flags, progress=tell)
    if out is not None:
        write_page(report, out)
    if json:
        print_json({**asdict(report), "report": str(out) if out else None})
    else:
        _print(report)
        if out is not None:
            say(f"report: {out}")
    return 1 if report.fitness == "unfit" else 0


def _print(report: AuditReport) -> None:
    sampled = f", a sample of {report.sampled:,}" if report.sampled is not None else ""
    say(f"{report.name}: {report.rows:,} rows{sampled}, {report.duration_s:.1f} s")
    say(f"{report.fitness}, {report.score} of 100: {report.why}")
    for issue in report.issues:
        say()
        say(f"{_MARKS[issue.severity]} {issue.kind}: {one_line(issue.what, 200)}{_measure(issue)}")
        for each in issue.evidence[:2]:
            note = f"  ({one_line(each.note, 60)})" if each.note else ""
            say(f"     {each.location}  {one_line(each.excerpt, 110)}{note}")
        if issue.fix:
            say(f"     fix: {issue.fix}")
    for text in report.remarks:
        transcript.note(text)


def _measure(issue: Issue) -> str:
    return "" if issue.exact else f"  (looked at {issue.looked_at:,} rows)"
