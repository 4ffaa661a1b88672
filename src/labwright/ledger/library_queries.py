"""Reads the library: an entry under any of its names, what a search finds, and what the index lacks. Read-only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, func, or_, select

from labwright.contracts.events import PaperKept
from labwright.contracts.literature import LibraryEntry, Paper, PaperIds, Query
from labwright.ledger import library_search
from labwright.ledger.library_projection import names_of, title_key
from labwright.ledger.library_tables import paper_names, paper_notes, paper_search, papers
from labwright.ledger.queries import parse

_BATCH = 500  # names or papers in one question
_NAMES: BindParameter[str] = bindparam("names", expanding=True)
_NAMED = select(papers).where(papers.c.seq.in_(select(paper_names.c.paper_seq).where(paper_names.c.name.in_(_NAMES))))
_TITLED = select(papers).where(papers.c.title_key == bindparam("title")).order_by(papers.c.seq).limit(20)
_NOTES = (
    select(paper_notes.c.paper_seq, paper_notes.c.note)
    .where(paper_notes.c.paper_seq.in_(bindparam("papers", expanding=True)))
    .order_by(paper_notes.c.seq)
)


@dataclass(frozen=True, slots=True)
class KeptPaper:
    """An entry of the library with the key that events call it by."""

    key: str
    entry: LibraryEntry


@dataclass(frozen=True, slots=True)
class Matches:
    """The papers that a search found, best first, and how many there are, where that was counted."""

    papers: tuple[Paper, ...]
    total: int | None = None
    wide: bool = False  # more papers have the words than were ranked


@dataclass(frozen=True, slots=True)
class MarkedPaper:
    """A paper that a search found, its texts as they are in the index, with `library_search.MARK` around each hit."""

    paper: Paper
    abstract: str
    text: str
    notes: str


def named(connection: Connection, ids: Iterable[PaperIds]) -> tuple[KeptPaper, ...]:
    """The papers that are kept under any of these ids, oldest first."""
    names = list(dict.fromkeys(name for each in ids for name in names_of(each)))
    rows = {
        row.seq: row
        for start in range(0, len(names), _BATCH)
        for row in connection.execute(_NAMED, {"names": names[start : start + _BATCH]})
    }
    return _kept(connection, [rows[seq] for seq in sorted(rows)])


def titled(connection: Connection, title: str) -> tuple[KeptPaper, ...]:
    """The papers that are kept under this title, whatever its signs and capitals, oldest first."""
    key = title_key(title)
    return _kept(connection, connection.execute(_TITLED, {"title": key}).all()) if key else ()


def entries(connection: Connection, query: Query) -> tuple[LibraryEntry, ...]:
    """The newest entries that a query's filters let pass; its words do not count."""
    chosen = select(papers).where(*_filters(query)).order_by(papers.c.added_at.desc(), papers.c.seq.desc())
    return tuple(kept.entry for kept in _kept(connection, connection.execute(chosen.limit(query.limit)).all()))


def count(connection: Connection, query: Query) -> int:
    """How many entries a query's filters let pass."""
    total: int = connection.execute(select(func.count()).select_from(papers).where(*_filters(query))).scalar_one()
    return total


def search(connection: Connection, query: Query) -> Matches:
    """The papers in which a query's words occur."""
    if not library_search.words_of(query.text):
        return Matches((), 0)
    ranked = library_search.found(connection, query)
    papers = tuple(kept.paper for kept in parse(PaperKept, list(ranked.bodies)))
    return Matches(papers, ranked.total, ranked.wide)


def marked(connection: Connection, query: Query) -> tuple[MarkedPaper, ...]:
    """The same papers with what was found in them."""
    if not library_search.words_of(query.text):
        return ()
    rows = library_search.marked(connection, query)
    kept = parse(PaperKept, [row.body for row in rows])
    return tuple(
        MarkedPaper(event.paper, row.abstract, row.text, row.notes) for event, row in zip(kept, rows, strict=True)
    )


def unindexed(connection: Connection) -> tuple[tuple[int, KeptPaper], ...]:
    """The papers whose line in the index is missing or holds another text than the one that is kept."""
    indexed = papers.outerjoin(paper_search, paper_search.c.rowid == papers.c.seq)
    differs = or_(
        paper_search.c.rowid.is_(None),
        papers.c.text_hash.is_distinct_from(paper_search.c.text_hash),
    )
    rows = connection.execute(select(papers).select_from(indexed).where(differs).order_by(papers.c.seq)).all()
    return tuple((row.seq, kept) for row, kept in zip(rows, _kept(connection, rows), strict=True))


def _filters(query: Query) -> list[ColumnElement[bool]]:
    """Papers whose year or citations nobody knows pass."""
    at_least = ((papers.c.year, query.since), (papers.c.citations, query.min_citations))
    conditions = [or_(known.is_(None), known >= least) for known, least in at_least if least is not None]
    if query.until is not None:
        conditions.append(or_(papers.c.year.is_(None), papers.c.year <= query.until))
    return conditions


def _kept(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> tuple[KeptPaper, ...]:
    notes: dict[int, list[str]] = {}
    seqs = [row.seq for row in rows]
    for start in range(0, len(seqs), _BATCH):
        for note in connection.execute(_NOTES, {"papers": seqs[start : start + _BATCH]}):
            notes.setdefault(note.paper_seq, []).append(note.note)
    kept = []
    for row, event in zip(rows, parse(PaperKept, [row.body for row in rows]), strict=True):
        entry = LibraryEntry(event.paper, row.text_hash, row.why, tuple(notes.get(row.seq, ())), row.added_at)
        kept.append(KeptPaper(row.key, entry))
    return tuple(kept)
