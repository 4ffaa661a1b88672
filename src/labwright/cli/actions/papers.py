"""`labwright papers`: search, show, read, follow and keep papers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from labwright.assemble import open_lab
from labwright.assemble.reading import ReadingRoom
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.cli.transcript import one_line, wide
from labwright.contracts.errors import UsageError
from labwright.contracts.literature import (
    Cited,
    Direction,
    Failure,
    Found,
    LibraryEntry,
    Paper,
    PaperIds,
    Query,
    Reading,
    Unapplied,
)
from labwright.literature import ids
from labwright.literature.reader import cited_in, is_bibliography, line, outline, page

_PAGE = 20_000
_OUTLINE = "list"


def search(
    query: str,
    since: int | None,
    until: int | None,
    min_citations: int | None,
    sources: Sequence[str],
    limit: int,
    offline: bool,
    json: bool,
) -> int:
    """Papers of all sources, or of those named."""
    with _reading(offline) as room:
        found = room.literature.search(Query(query, since, until, min_citations, limit), sources)
    return _listed(found, json, "nothing was found: try fewer or other words")


def daily(date: str | None, limit: int, offline: bool, json: bool) -> int:
    """The papers of a day on Hugging Face."""
    with _reading(offline) as room:
        found = room.daily.daily(date or "", limit=limit)
    return _listed(found, json, "no papers on that day: weekends have none")


def passages(
    query: str, since: int | None, until: int | None, sources: Sequence[str], limit: int, offline: bool, json: bool
) -> int:
    """Passages of papers' texts, also of those in the library."""
    with _reading(offline) as room:
        found = room.literature.snippets(Query(query, since, until, limit=limit), sources)
    if json:
        print_json({**asdict(found), "snippets": [{"id": s.paper.id, **asdict(s)} for s in found.snippets]})
        return 0
    if not found.snippets:
        say("no passage was found: try fewer or other words")
    for each in found.snippets:
        say(f"{_line(each.paper)}{f'  {each.section}' if each.section else ''}")
        say(f"    {one_line(each.text, 400)}")
    _say_gaps(found.failures, found.unapplied)
    return 0


def show(paper: str, offline: bool, json: bool) -> int:
    """One paper, as all sources describe it."""
    wanted = ids.parse(paper)
    with _reading(offline) as room:
        found = room.literature.show(wanted)
        entry = room.library.entry(found.papers[0].ids)
    if json:
        print_json({**asdict(found), "library": None if entry is None else asdict(entry)})
        return 0
    say(_described(found.papers[0], entry))
    _say_gaps(found.failures, found.unapplied)
    return 0


def read(paper: str, section: str | None, offset: int, offline: bool, json: bool) -> int:
    """A paper's text, a page at a time."""
    wanted = ids.parse(paper)
    with _reading(offline) as room:
        reading = room.literature.read(wanted, "read at the terminal")
        if is_bibliography(section):
            reading = room.literature.resolved(reading)
    document = reading.document
    if section == _OUTLINE:
        print_json(asdict(document)) if json else say(outline(document))
        return 0
    shown = page(document, section, offset, _PAGE)
    listed = section is None or is_bibliography(section)  # the references stand there themselves
    cited = () if listed else cited_in(document, shown.text)
    if json:
        about = {"paper": asdict(reading.paper), "origin": document.origin, "from_library": reading.from_library}
        remarks = [*reading.remarks, *document.remarks]
        entries = [{"id": entry.ids.key, **asdict(entry)} for entry in cited]
        print_json({**about, "remarks": remarks, **asdict(shown), "following": shown.following, "cited": entries})
        return 0
    say(shown.text)
    if cited:
        say("\ncited here")
        for entry in cited:
            say(f"  {one_line(line(entry), 150)}")
    for text in (*reading.remarks, *document.remarks):
        transcript.note(text)
    transcript.note(f"{document.origin}: {shown.note.replace('offset=', '--offset ')}")
    return 0


def cited(paper: str, direction: str, limit: int, offline: bool, json: bool) -> int:
    """One side of a paper's citations."""
    wanted = ids.parse(paper)
    with _reading(offline) as room:
        found = room.literature.cited(wanted, Direction(direction), limit)
    if json:
        print_json(asdict(found))
        return 0
    if not found.citations:
        say(f"{found.source} knows no {direction} of this paper")
        _say_gaps(found.failures, ())
        return 0
    for citation in found.citations:
        mark = "*" if citation.influential else " "
        intents = f"  [{', '.join(citation.intents)}]" if citation.intents else ""
        say(f"{mark} {_line(citation.paper)}{intents}")
        if citation.contexts:
            say(f"      “{one_line(citation.contexts[0], 150)}”")
    _say_cited(found, direction)
    return 0


def related(paper: str, limit: int, offline: bool, json: bool) -> int:
    """Papers like it."""
    wanted = ids.parse(paper)
    with _reading(offline) as room:
        found = room.literature.related(wanted, limit)
    return _listed(found, json, "nobody recommends papers like this one")


def resources(paper: str, limit: int, offline: bool, json: bool) -> int:
    """What was published with it or built on it."""
    wanted = ids.parse(paper)
    with _reading(offline) as room:
        linked = room.literature.resources(wanted, limit)
    if json:
        print_json(asdict(linked))
        return 0
    if not linked.resources:
        say("no models, datasets, Spaces or code are linked to this paper")
        _say_gaps(linked.failures, ())
        return 0
    table = Table(box=None, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    table.add_column("id", overflow="fold")
    table.add_column("downloads", no_wrap=True, justify="right")
    table.add_column("likes", no_wrap=True, justify="right")
    for r in linked.resources:
        table.add_row(r.kind, one_line(r.id), _number(r.downloads), _number(r.likes))
    wide().print(table)
    _say_gaps(linked.failures, ())
    return 0


def add(what: str, why: str, offline: bool, json: bool) -> int:
    """A PDF or a paper into the library."""
    path = Path(what).expanduser()
    with _reading(offline) as room:
        if path.suffix.lower() == ".pdf" or path.is_file():
            document = room.reader.read_pdf(path)
            paper = Paper(document.ids, document.title or path.stem, abstract=document.abstract, sources=("file",))
            reading = room.literature.identified(Reading(paper, document, from_library=False))
            entry = room.library.keep(paper, reading.document, why or f"added from {path.name}")
            remarks: tuple[str, ...] = (*reading.remarks, *document.remarks)
        else:
            reading = room.literature.read(ids.parse(what), why or "added at the terminal")
            kept = room.library.entry(reading.paper.ids)
            if kept is None:
                raise UsageError("it could not be kept in the library", where=what, cure="; ".join(reading.remarks))
            entry, remarks = kept, (*reading.remarks, *reading.document.remarks)
    if json:
        print_json({**asdict(entry), "id": entry.paper.id, "remarks": remarks})
        return 0
    say(f"kept {entry.paper.id}: {entry.paper.title}")
    for text in remarks:
        transcript.note(text)
    return 0


def note(paper: str, text: str, json: bool) -> int:
    """A note to a kept paper."""
    with _reading(False) as room:
        entry = room.library.note(ids.parse(paper), text)
    print_json({**asdict(entry), "id": entry.paper.id}) if json else say(f"noted: {entry.paper.id}")
    return 0


@contextmanager
def _reading(offline: bool) -> Iterator[ReadingRoom]:
    room = ReadingRoom(open_lab(), offline=offline)
    try:
        yield room
    finally:
        room.close()


def _listed(found: Found, json: bool, nothing: str) -> int:
    if json:
        print_json({**asdict(found), "papers": [{"id": p.id, **asdict(p)} for p in found.papers]})
        return 0
    if not found.papers:
        say("nothing was found by the sources that answered" if found.failures else nothing)
    for paper in found.papers:
        say(_line(paper))
        about = paper.summary or paper.abstract
        if about:
            say(f"    {one_line(about, 150)}")
    for text in found.remarks:
        transcript.note(text)
    _say_gaps(found.failures, found.unapplied)
    return 0


def _line(paper: Paper) -> str:
    facts = [
        str(paper.year) if paper.year else "",
        f"{paper.citations:,} citations" if paper.citations is not None else "",
    ]
    facts += [f"{paper.upvotes} upvotes" if paper.upvotes else "", "+".join(paper.sources)]
    return f"{paper.id}  {one_line(paper.title, 110)}  ({', '.join(fact for fact in facts if fact)})"


def _described(paper: Paper, entry: LibraryEntry | None) -> str:
    lines = [paper.title, ""]
    facts = {
        "id": paper.id,
        "also": ", ".join(_other_ids(paper.ids)),
        "authors": ", ".join(paper.authors[:12])
        + (f" and {len(paper.authors) - 12} more" if len(paper.authors) > 12 else ""),
        "published": paper.published or (str(paper.year) if paper.year else ""),
        "venue": paper.venue,
        "citations": ""
        if paper.citations is None
        else f"{paper.citations:,}" + (f", {paper.influential:,} influential" if paper.influential else ""),
        "upvotes": "" if paper.upvotes is None else str(paper.upvotes),
        "code": paper.code_url,
        "page": paper.url,
        "sources": ", ".join(paper.sources),
    }
    lines += [f"{name:<10} {value}" for name, value in facts.items() if value]
    if paper.summary:
        lines += ["", paper.summary]
    if paper.abstract:
        lines += ["", paper.abstract]
    if entry is not None:
        text = "with its text" if entry.text_hash else "without its text"
        lines += ["", f"in the library, {text}" + (f": {entry.why}" if entry.why else "")]
        lines += [f"  note: {each}" for each in entry.notes]
    return "\n".join(lines)


def _other_ids(known: PaperIds) -> list[str]:
    named = ((prefix, value) for prefix, value in asdict(known).items() if value is not None)
    return [name for name in (f"{prefix}:{value}" for prefix, value in named) if name != known.key]


def _say_cited(found: Cited, direction: str) -> None:
    of = f" of {found.total}" if found.total is not None and found.total > len(found.citations) else ""
    more = "; more exist, raise --limit" if not found.complete else ""
    count = len(found.citations)
    what = direction if count != 1 or of else direction.removesuffix("s")
    transcript.note(f"{count}{of} {what} by {found.source}; * is influential{more}")
    _say_gaps(found.failures, ())


def _say_gaps(failures: Iterable[Failure], unapplied: Iterable[Unapplied]) -> None:
    for failure in failures:
        transcript.note(f"{failure.source} did not answer: {failure.why}")
    for each in unapplied:
        transcript.note(f"--{each.filter.value.replace('_', '-')} could not be applied to {each.source}: {each.why}")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
