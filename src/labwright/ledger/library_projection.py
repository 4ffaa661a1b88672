"""Folds one event of the library into its tables, and keeps the index for searching in step with them.

The rules of `projection.py` hold for the state: nothing counts but the event, its place and what earlier events made.
The index also holds the texts, which are files: `index_text` puts one in, and a replay leaves those that are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import singledispatch

from sqlalchemy import Connection, bindparam, select

from labwright.contracts import events
from labwright.contracts.errors import StorageError
from labwright.contracts.events import LibraryEvent
from labwright.contracts.literature import Paper, PaperIds
from labwright.ledger.library_tables import paper_names, paper_notes, paper_search, papers
from labwright.ledger.place import Place

_WORD = re.compile(r"\w+")
_UNFIT = str.maketrans("\x00\x02\x03", "   ")  # PostgreSQL has no NUL, and the others mark what a search found
_OF_ARXIV = "10.48550/arxiv."
_TITLE_KEY_LENGTH = 300

# Bytes of each column that PostgreSQL indexes: a tsvector takes 1 MB, and however odd the words, these stay below it.
_MOST_BYTES = {"title": 10_000, "authors": 50_000, "abstract": 50_000, "notes": 50_000, "text": 400_000}

# Keeping many papers runs these for each, and building a statement costs more than running it: they are built once.
_BY_KEY = select(papers.c.seq, papers.c.why, papers.c.added_at).where(papers.c.key == bindparam("key"))
_NAMED = select(paper_names.c.name).where(paper_names.c.name.in_(bindparam("names", expanding=True)))
_NOTES = select(paper_notes.c.note).where(paper_notes.c.paper_seq == bindparam("paper")).order_by(paper_notes.c.seq)
_WHY = select(papers.c.why).where(papers.c.seq == bindparam("paper"))
_METADATA = ("title", "authors", "abstract", "notes")
_THIS_ROW = paper_search.c.rowid == bindparam("paper")
_INDEXED = select(*(paper_search.c[name] for name in _METADATA)).where(_THIS_ROW)
_INDEX = paper_search.insert()
_REINDEX = paper_search.update().where(_THIS_ROW).values({name: bindparam(name) for name in _METADATA})
_INDEX_NOTES = paper_search.update().where(_THIS_ROW).values(notes=bindparam("new_notes"))
_INDEX_TEXT = paper_search.update().where(_THIS_ROW).values(body=bindparam("text"), text_hash=bindparam("hash"))


def names_of(ids: PaperIds) -> tuple[str, ...]:
    """Every name that a paper with these ids is found under."""
    doi = None if ids.doi is None else ids.doi.lower()
    arxiv = ids.arxiv or (doi.removeprefix(_OF_ARXIV) if doi is not None and doi.startswith(_OF_ARXIV) else None)
    named = {"arxiv": arxiv, "doi": doi, "s2": ids.s2, "corpus": ids.corpus, "openalex": ids.openalex}
    return tuple(f"{kind}:{value}" for kind, value in {**named, "local": ids.local}.items() if value is not None)


def title_key(title: str) -> str:
    """What titles are looked up by: their words in lower case."""
    return " ".join(_WORD.findall(title.casefold()))[:_TITLE_KEY_LENGTH]


def fold_library(event: LibraryEvent, to: Connection, place: Place) -> None:
    """Write what an event of the library means. Raises StorageError where it contradicts the state."""
    if place.study_id is not None:
        raise _contradiction(place, f"{event.kind} belongs to no study and was given to {place.study_id!r}")
    _fold(event, to, place)


def index_text(to: Connection, key: str, text_hash: str, text: str) -> None:
    """Make a paper's text searchable. What the paper was indexed with before is replaced."""
    seq = to.scalar(select(papers.c.seq).where(papers.c.key == key))
    to.execute(_INDEX_TEXT, {"paper": seq, "text": _storable(to, "text", text), "hash": text_hash})


def index_metadata(to: Connection, seq: int, paper: Paper) -> None:
    """Bring a paper's line in the index up to date with the state; its text stays."""
    columns = {
        "title": _storable(to, "title", paper.title),
        "authors": _storable(to, "authors", ", ".join(paper.authors)),
        "abstract": _storable(to, "abstract", paper.abstract),
        "notes": _remarks(to, seq),
    }
    indexed = to.execute(_INDEXED, {"paper": seq}).one_or_none()
    if indexed is None:
        to.execute(_INDEX, {"rowid": seq, **columns, "body": "", "text_hash": None})
    elif tuple(indexed) != tuple(columns[name] for name in _METADATA):  # else its text would be taken apart for nothing
        to.execute(_REINDEX, {"paper": seq, **columns})


def copy_index(source: Connection, to: Connection) -> None:
    """Fill the index of another ledger from this one's; a text that PostgreSQL held in part waits to be read again."""
    cut = _MOST_BYTES["text"] - 4 if source.dialect.name == "postgresql" else None
    for row in source.execution_options(yield_per=20).execute(select(paper_search).order_by(paper_search.c.rowid)):
        metadata = {name: _storable(to, name, row._mapping[name]) for name in _METADATA}
        whole = cut is None or len(row.body.encode()) < cut
        text, text_hash = (_storable(to, "text", row.body), row.text_hash) if whole else ("", None)
        to.execute(_INDEX, {"rowid": row.rowid, **metadata, "body": text, "text_hash": text_hash})


def drop_unkept(to: Connection) -> None:
    """Take what is no paper of the library out of the index."""
    to.execute(paper_search.delete().where(paper_search.c.rowid.not_in(select(papers.c.seq))))


@singledispatch
def _fold(event: object, _to: Connection, _place: Place) -> None:
    raise TypeError(f"no rule folds {type(event).__name__} into the library")


@_fold.register
def _(event: events.PaperKept, to: Connection, place: Place) -> None:
    paper = event.paper
    row = {
        "title_key": title_key(paper.title),
        "year": paper.year,
        "citations": paper.citations,
        "body": place.body,
    }
    if event.text_hash is not None:
        row["text_hash"] = event.text_hash
    known = to.execute(_BY_KEY, {"key": event.key}).one_or_none()
    if known is None:
        seq, added_at, whys = place.seq, place.at, ""
        to.execute(
            papers.insert(), {"text_hash": None, **row, "seq": seq, "key": event.key, "why": "", "added_at": 0.0}
        )
    else:
        seq, added_at, whys = known.seq, known.added_at, known.why
    for key in event.also:
        other = to.execute(_BY_KEY, {"key": key}).one_or_none()
        if other is None or other.seq == seq:
            raise _contradiction(place, f"there is no other paper {key!r} in the library")
        _take_over(to, other.seq, seq)
        added_at, whys = min(added_at, other.added_at), _lines(other.why, whys)
    changed = {**row, "why": _lines(whys, event.why), "added_at": added_at}
    to.execute(papers.update().where(papers.c.seq == seq).values(**changed))
    _add_names(to, seq, (event.key, *names_of(paper.ids)))
    index_metadata(to, seq, paper)


@_fold.register
def _(event: events.PaperNoted, to: Connection, place: Place) -> None:
    seq = to.scalar(select(papers.c.seq).where(papers.c.key == event.key))
    if seq is None:
        raise _contradiction(place, f"there is no paper {event.key!r} in the library")
    to.execute(paper_notes.insert(), {"seq": place.seq, "paper_seq": seq, "note": event.note})
    to.execute(_INDEX_NOTES, {"paper": seq, "new_notes": _remarks(to, seq)})


def _take_over(to: Connection, other: int, seq: int) -> None:
    """Give one paper's names and notes to another, and drop it."""
    for table in (paper_names, paper_notes):
        to.execute(table.update().where(table.c.paper_seq == other).values(paper_seq=seq))
    to.execute(papers.delete().where(papers.c.seq == other))
    to.execute(paper_search.delete().where(paper_search.c.rowid == other))


def _add_names(to: Connection, seq: int, names: Iterable[str]) -> None:
    """A name that another paper has stays with it: services mix papers up, and the first to have it was read so."""
    wanted = dict.fromkeys(names)
    taken = set(to.scalars(_NAMED, {"names": list(wanted)}))
    fresh = [{"name": name, "paper_seq": seq} for name in wanted if name not in taken]
    if fresh:
        to.execute(paper_names.insert(), fresh)


def _remarks(to: Connection, seq: int) -> str:
    """What a person or the intern said about a paper: why it was kept, and the notes."""
    why = to.scalar(_WHY, {"paper": seq})
    return _storable(to, "notes", "\n".join(line for line in (why, *to.scalars(_NOTES, {"paper": seq})) if line))


def _lines(*texts: str) -> str:
    """Every line once, in order."""
    return "\n".join(dict.fromkeys(line for text in texts for line in text.splitlines() if line))


def _storable(to: Connection, column: str, text: str) -> str:
    """As the index can hold it: of a text that is too long for PostgreSQL's, the beginning."""
    clean, most = text.translate(_UNFIT), _MOST_BYTES[column]
    if to.dialect.name != "postgresql" or len(clean) <= most // 4:
        return clean
    return clean.encode()[:most].decode(errors="ignore")


def _contradiction(place: Place, what: str) -> StorageError:
    cure = "record paper_kept first, in no study; this is a defect of the caller"
    return StorageError(what, where=f"event {place.seq}", cure=cure)
