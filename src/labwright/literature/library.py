"""The library: every paper that was read or added, kept with its text, its notes and why it was read. Works offline.

What is kept is an event in the ledger, so it is shared by all studies and sessions of a lab, survives any of them, and
can be cited by its id. The texts are files by their hash. A paper is one entry, whatever it is called: the same id, or
the same title where `merging` holds two descriptions to be one paper, finds the entry that is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice
from pathlib import Path

from labwright.contracts.errors import NotFoundError, StorageError, UsageError
from labwright.contracts.events import PaperKept, PaperNoted
from labwright.contracts.literature import (
    Document,
    Filter,
    Found,
    LibraryEntry,
    Paper,
    PaperIds,
    Query,
    Snippet,
    SourceName,
    Unapplied,
)
from labwright.ledger import Ledger
from labwright.ledger.decision import Decision
from labwright.ledger.library_fts5 import MOST
from labwright.ledger.library_projection import names_of
from labwright.ledger.library_queries import KeptPaper
from labwright.literature import merging
from labwright.literature.ids import joined
from labwright.literature.passages import snippets_of
from labwright.literature.texts import Texts, searchable, storable, storable_document, storable_paper

NAME: SourceName = "library"

_BATCH = 500  # papers in one transaction, where many are kept
_PASSAGES = 3  # of one paper
_ID_DIGITS = 16
_WIDE = (
    f"{NAME}: very many papers have these words: first those with them in their titles, then of the {MOST:,} that were "
    "kept last; more words, or a phrase, find more exactly"
)


@dataclass(frozen=True, slots=True)
class ToKeep:
    """A paper to be kept, as `Library.keep` takes it."""

    paper: Paper
    document: Document | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What `Library.reindex` did."""

    papers: int  # whose text is searchable again
    faults: tuple[str, ...]  # a line for each paper whose text is missing or damaged


class Library:
    """A lab's library. It is a PaperSource, a SnippetSource and the PaperLibrary."""

    def __init__(self, ledger: Ledger, objects: Path) -> None:
        self._ledger = ledger
        self._texts = Texts(objects)

    @property
    def name(self) -> SourceName:
        return NAME

    # Keeping

    def keep(self, paper: Paper, document: Document | None, why: str) -> LibraryEntry:
        """Keep a paper with its text, or only what is known about it; kept again, it is brought up to date.

        Raises:
            UsageError: nothing tells the paper from others: no id, no title and no text.
            StorageError: the text or the ledger cannot be written.
        """
        ready = self._ready(ToKeep(paper, document, why))
        with self._ledger.deciding() as decision:
            return self._keep(decision, ready)

    def keep_all(self, papers: Iterable[ToKeep]) -> int:
        """Keep many, some hundred in one transaction; returns how many. Raises as `keep` does, at the first."""
        count, coming = 0, iter(papers)
        while batch := [self._ready(each) for each in islice(coming, _BATCH)]:
            with self._ledger.deciding() as decision:
                for ready in batch:
                    self._keep(decision, ready)
            count += len(batch)
        return count

    def note(self, ids: PaperIds, text: str) -> LibraryEntry:
        """Add a note to a kept paper. Raises UsageError for an empty one, NotFoundError, StorageError."""
        note = storable(text).strip()
        if not note:
            raise UsageError("the note is empty", cure="write what is to be remembered of the paper")
        with self._ledger.deciding() as decision:
            kept = _best(decision.papers_named([ids]), ids)
            if kept is None:
                what = f"the library has no paper {ids.key or 'without an id'}"
                raise NotFoundError(what, cure="read it first, or add it: what is read is kept")
            decision.record(PaperNoted(kept.key, note))
            return _entry(decision, kept.key, kept.entry.paper.ids)

    # Reading

    def entry(self, ids: PaperIds) -> LibraryEntry | None:
        """The entry under any of these ids, or None. Raises StorageError."""
        kept = _best(self._ledger.papers_named([ids]), ids)
        return None if kept is None else kept.entry

    @property
    def size(self) -> int:
        """How many papers are kept. Raises StorageError."""
        return self._ledger.count_papers(Query(""))

    def entries(self, limit: int = 20) -> tuple[LibraryEntry, ...]:
        """The newest entries. Raises StorageError."""
        return self._ledger.library_entries(Query("", limit=max(0, limit)))

    def document(self, ids: PaperIds) -> Document | None:
        """The kept text; None where the paper or its text is not kept. Raises StorageError where it cannot be read."""
        entry = self.entry(ids)
        return None if entry is None or entry.text_hash is None else self._texts.get(entry.text_hash)

    def papers(self, ids: Iterable[PaperIds]) -> tuple[Paper, ...]:
        """Those of them that are kept, once each. Raises StorageError."""
        return tuple(_named(kept.entry.paper) for kept in self._ledger.papers_named(ids))

    def titled(self, title: str) -> tuple[Paper, ...]:
        """Those of exactly this title, whatever its signs and capitals. Raises StorageError."""
        return tuple(_named(kept.entry.paper) for kept in self._ledger.papers_titled(title))

    # Searching

    def search(self, query: Query) -> Found:
        """The kept papers in which the words occur: in title, authors, abstract, text or notes. Raises StorageError.

        Where no paper has them all, those with some of them. Without any words: the newest entries. A paper of unknown
        year or citations passes the filters, and the result says so.
        """
        if query.limit < 1:
            return Found(())
        remarks: tuple[str, ...] = ()
        if query.text.strip():
            matches = self._ledger.search_papers(query)
            papers, total = matches.papers, matches.total
            remarks = (_WIDE,) if matches.wide else ()
        else:
            papers = tuple(entry.paper for entry in self._ledger.library_entries(query))
            total = self._ledger.count_papers(query)
        named = tuple(_named(paper) for paper in papers)
        return Found(named, total, unapplied=_unapplied(query, papers), remarks=remarks)

    def snippets(self, query: Query) -> tuple[Snippet, ...]:
        """The passages of kept papers, and of the notes on them, in which the words occur. Raises StorageError."""
        if query.limit < 1:
            return ()
        found = [
            snippet
            for rank, marked in enumerate(self._ledger.marked_papers(query))
            for snippet in snippets_of(replace(marked, paper=_named(marked.paper)), rank, _PASSAGES)
        ]
        return tuple(sorted(found, key=lambda snippet: -snippet.score)[: query.limit])

    def reindex(self) -> Reindexed:
        """Make every kept text searchable again, as after a database was put together from its events.

        Raises StorageError for the ledger's own faults.
        """
        faults: list[str] = []
        with self._ledger.deciding() as decision:
            unindexed = decision.unindexed_papers()
            for kept in unindexed:
                faults += self._index(decision, kept.key, kept.entry.text_hash)
        return Reindexed(len(unindexed) - len(faults), tuple(faults))

    # How a paper is kept

    def _ready(self, given: ToKeep) -> _Ready:
        """The text is in its file before the ledger speaks of it."""
        paper, document = storable_paper(given.paper), given.document
        why = " ".join(storable(given.why).split())
        if document is not None:
            document = storable_document(document)
            ids = joined(paper.ids, document.ids)
            paper = replace(paper, ids=ids, abstract=paper.abstract or document.abstract)
        digest = None if document is None else self._texts.put(document)
        if not paper.ids.key:
            paper = replace(paper, ids=PaperIds(local=_local_id(paper, digest)))
        return _Ready(paper, document, digest, why)

    def _keep(self, decision: Decision, ready: _Ready) -> LibraryEntry:
        same = _same(decision, ready.paper)
        first = same[0] if same else None
        others = same[1:]
        paper = _one([ready.paper, *(kept.entry.paper for kept in same)], same)
        text_hash = ready.text_hash
        if text_hash is None and first is not None and first.entry.text_hash is None:
            text_hash = next((kept.entry.text_hash for kept in others if kept.entry.text_hash), None)
        key = first.key if first is not None else paper.ids.key
        if first is not None and not others and paper == first.entry.paper:
            known_text = text_hash in (None, first.entry.text_hash)
            if known_text and (not ready.why or ready.why in first.entry.why.splitlines()):
                return first.entry
        decision.record(PaperKept(key, paper, ready.why, text_hash, tuple(kept.key for kept in others)))
        if ready.document is not None and ready.text_hash is not None:
            decision.index_text(key, ready.text_hash, searchable(ready.document))
        elif text_hash is not None:
            self._index(decision, key, text_hash)
        return _entry(decision, key, paper.ids)

    def _index(self, decision: Decision, key: str, text_hash: str | None) -> list[str]:
        """Make a kept text searchable; what is wrong with it, if anything."""
        if text_hash is None:
            return []
        try:
            document = self._texts.get(text_hash)
        except StorageError as error:
            return [f"{key}: {error.one_line()}"]
        decision.index_text(key, text_hash, searchable(document))
        return []


@dataclass(frozen=True, slots=True)
class _Ready:
    paper: Paper
    document: Document | None
    text_hash: str | None
    why: str


def _local_id(paper: Paper, text_hash: str | None) -> str:
    """A name for a paper that nobody gave one: of its text, else of its title and authors."""
    if text_hash is not None:
        return text_hash[:_ID_DIGITS]
    described = "\n".join((merging.plain(paper.title), *paper.authors))
    if not merging.plain(paper.title):
        raise UsageError("a paper without id, title and text cannot be kept", cure="give its id, or a file with a text")
    return hashlib.sha256(described.encode()).hexdigest()[:_ID_DIGITS]


def _same(decision: Decision, paper: Paper) -> list[KeptPaper]:
    """The entries that are this paper: first the one that it belongs to, then those that are to be taken over."""
    named = sorted(decision.papers_named([paper.ids]), key=lambda kept: _closeness(kept, paper.ids))
    same: list[KeptPaper] = []
    arxiv = paper.ids.arxiv
    for kept in named:
        other = kept.entry.paper.ids.arxiv
        if arxiv is not None and other is not None and arxiv != other:  # a service mixed two papers up
            continue
        arxiv = arxiv or other
        same.append(kept)
    if same:
        return same
    titled = decision.papers_titled(paper.title)
    return [kept for kept in titled if len(merging.merge((kept.entry.paper, paper))) == 1][:1]


def _closeness(kept: KeptPaper, ids: PaperIds) -> int:
    """By the best id that they share: 0 is the best."""
    names, theirs = names_of(ids), {kept.key, *names_of(kept.entry.paper.ids)}
    return next((place for place, name in enumerate(names) if name in theirs), len(names))


def _best(kept: Sequence[KeptPaper], ids: PaperIds) -> KeptPaper | None:
    return min(kept, key=lambda each: _closeness(each, ids), default=None)


def _one(papers: Sequence[Paper], same: Sequence[KeptPaper]) -> Paper:
    """What is known of one paper; where two know it equally well, the newer of them. Ids stay the first ones."""
    ids = reduce(joined, (*(kept.entry.paper.ids for kept in same), papers[0].ids))
    (merged,) = merging.merge([replace(paper, ids=ids) for paper in papers])
    return replace(merged, sources=tuple(source for source in merged.sources if source != NAME))


def _entry(decision: Decision, key: str, ids: PaperIds) -> LibraryEntry:
    return next(kept.entry for kept in decision.papers_named([ids]) if kept.key == key)


def _named(paper: Paper) -> Paper:
    """As a source returns it."""
    return replace(paper, sources=(NAME,))


def _unapplied(query: Query, papers: Sequence[Paper]) -> tuple[Unapplied, ...]:
    """The filters that could not be applied to some of the papers."""
    unknown = {
        "year": sum(paper.year is None for paper in papers),
        "number of citations": sum(paper.citations is None for paper in papers),
    }
    of = {Filter.SINCE: "year", Filter.UNTIL: "year", Filter.MIN_CITATIONS: "number of citations"}
    return tuple(
        Unapplied(NAME, each, f"the {of[each]} of {unknown[of[each]]} of these papers is not known")
        for each in Filter
        if each in query.filters and unknown[of[each]]
    )
