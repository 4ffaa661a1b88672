"""`labwright papers graph`: the papers around some papers as a table, a timeline and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from labwright.assemble import open_lab
from labwright.assemble.reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line
from labwright.contracts.errors import UsageError
from labwright.literature import ids
from labwright.literature.graph import Rank, Step, Survey, picture, short, survey

_BEST = 15
_YEARS = 12
_BAR = 24


def graph(papers: Sequence[str], depth: int, requests: int, out: Path | None, offline: bool, json: bool) -> int:
    """Walk, rank, say what to read next, and draw it."""
    wanted = [ids.parse(paper) for paper in papers]
    _check(out)
    progress = Console(stderr=True)
    with (
        closing(ReadingRoom(open_lab(), offline=offline)) as room,
        progress.status("looking the papers up") as status,
    ):

        def told(step: Step) -> None:
            title = one_line(step.paper.title or step.paper.id, 60)
            status.update(Text(f"{step.number} of at most {step.of}: {step.direction.value} of {title}"))

        year = datetime.now(UTC).year
        found = survey(room.literature, room.library, wanted, year=year, depth=depth, requests=requests, told=told)
    if out is not None:
        out.write_text(picture(found), encoding="utf-8")
    if json:
        print_json(_document(found, out))
        return 0
    _show(found)
    for remark in found.remarks:
        transcript.note(one_line(remark, 300))
    if out is None:
        transcript.note("a picture of it: --out graph.html")
    else:
        say(f"\nthe picture: {out}")
    return 0


def _check(out: Path | None) -> None:
    """Before minutes are spent on what cannot be written."""
    if out is None:
        return
    if out.is_dir():
        raise UsageError("this is a directory", where=str(out), cure="give a file's name: --out graph.html")
    if not out.parent.is_dir():
        raise UsageError("there is no such directory", where=str(out.parent), cure="make it first")


def _show(found: Survey) -> None:
    walked = found.graph
    console = Console()
    counts = ((len(walked.papers), "paper"), (len(walked.edges), "citation"), (walked.asked, "question"))
    papers, citations, questions = (f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
    said = f"{papers}, {citations} among them, {questions} asked"
    say(said)
    table = Table(box=None, pad_edge=False)
    for name in ("#", "score", "id", "title", "year", "citations"):
        table.add_column(name, no_wrap=name != "title", justify="left" if name in ("id", "title") else "right")
    for place, each in enumerate(found.ranks[:_BEST], 1):
        paper = found.paper(each)
        mark = "*" if each.paper < walked.seeds else ""
        cited = "" if paper.citations is None else f"{paper.citations:,}"
        cells = (f"{place}", f"{each.score:.2f}", one_line(paper.id, 40), mark + one_line(paper.title, 90))
        table.add_row(*map(Text, (*cells, str(paper.year or ""), cited)))
    console.print(table)
    say(f"* begun with; the {min(_BEST, len(found.ranks))} best of {len(found.ranks):,}")
    if found.suggestions:
        say("\nread next")
        for suggestion in found.suggestions:
            paper = found.paper(suggestion.rank)
            say(f"  {paper.id}  {one_line(paper.title)}")
            say(f"      {one_line(suggestion.why, 300)}")
    say("\nyears")
    most = max(year.papers for year in found.years)
    for year in found.years[:_YEARS]:
        bar = "█" * max(1, round(_BAR * year.papers / most))
        best = one_line(", ".join(short(found.paper(each)) for each in year.best[:2]), 60)
        say(f"  {year.year or 'year?'!s:<6}{bar:<{_BAR}} {year.papers:>4}  {best}")
    if len(found.years) > _YEARS:
        say(f"  and {sum(year.papers for year in found.years[_YEARS:]):,} papers of other years")


def _document(found: Survey, out: Path | None) -> dict[str, object]:
    """The whole graph; papers are named by their id, or by their place where they have none."""
    walked = found.graph

    def ranked(each: Rank) -> dict[str, object]:
        paper = found.paper(each)
        about = {"id": paper.id, "distance": walked.distances[each.paper], **asdict(paper)}
        return {**asdict(each), "begun_with": each.paper < walked.seeds, **about, "paper": each.paper}

    next_ = [{"id": found.paper(s.rank).id, "kind": s.kind, "why": s.why, "quote": s.quote} for s in found.suggestions]
    return {
        "papers": [ranked(each) for each in found.ranks],
        "citations": [asdict(edge) for edge in walked.edges],
        "read_next": next_,
        "years": [{"year": year.year, "papers": year.papers} for year in found.years],
        "asked": walked.asked,
        "unfollowed": [asdict(side) for side in walked.unfollowed],
        "partial": [asdict(side) for side in walked.partial],
        "troubles": [asdict(trouble) for trouble in walked.troubles],
        "remarks": list(found.remarks),
        "out": None if out is None else str(out),
    }
