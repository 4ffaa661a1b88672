"""The literature as the rest of Labwright sees it: one face over all sources, the reader and the library.

Where a source fails the others answer, and the result says which failed, which filters could not be applied, and who
answered. What is read is kept in the library, and read from there the next time, so that a lab works offline too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from labwright.contracts.errors import NotFoundError, ServiceError, StorageError
from labwright.contracts.literature import (
    Citation,
    CitationSource,
    Cited,
    Direction,
    Document,
    Failure,
    Found,
    LibraryEntry,
    Linked,
    Paper,
    PaperIds,
    PaperLibrary,
    PaperSource,
    Passages,
    Query,
    Reading,
    Recommender,
    Resource,
    ResourceSource,
    Snippet,
    SnippetSource,
    SourceName,
)
from labwright.literature.asking import Answers, R, Refused, S, ask_all, chosen, none_answered
from labwright.literature.filtering import check, fits, remaining
from labwright.literature.ids import joined, same
from labwright.literature.merging import fuse, merge
from labwright.literature.references import MOST_LISTED, nameless, with_ids

Read = Callable[[Paper], Document]
"""Fetches a paper's text. Raises ServiceError where it cannot be had."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Whom to ask for what. One object may stand in several; of those for citations the first that answers counts."""

    papers: tuple[PaperSource, ...] = ()
    citations: tuple[CitationSource, ...] = ()
    recommenders: tuple[Recommender, ...] = ()
    resources: tuple[ResourceSource, ...] = ()
    snippets: tuple[SnippetSource, ...] = ()


class Literature:
    """Search, look up, read, follow citations. Safe to use from several threads where its sources are."""

    def __init__(self, sources: Sources, *, read: Read | None = None, library: PaperLibrary | None = None) -> None:
        """Over these sources.

        Args:
            sources: without the library, which is asked as well.
            read: fetches texts; None: only the library's are read.
            library: where what is read is kept; None: nowhere.
        """
        own = () if library is None else (library,)
        self._papers: tuple[PaperSource, ...] = (*sources.papers, *own)
        self._snippets: tuple[SnippetSource, ...] = (*sources.snippets, *own)
        self._sources = sources
        self._read = read
        self._library = library

    @property
    def names(self) -> tuple[SourceName, ...]:
        """The sources that `search` asks."""
        return tuple(source.name for source in self._papers)

    def search(self, query: Query, sources: Sequence[SourceName] = ()) -> Found:
        """Papers of all sources, or of those named, merged and ranked together, at most `query.limit`.

        Raises UsageError for an unknown source or an empty query, ServiceError (or the kind that all failures are of)
        where no source answered, also where the library did, which is always there, and holds nothing that fits.
        """
        check(query)
        asked = chosen(self._papers, sources)
        answers = ask_all(asked, lambda source: source.search(query))
        found = [result for _, result in answers.given]
        fitting = [paper for paper in fuse([result.papers for result in found]) if fits(paper, query)]
        if not fitting:
            self._must_be_answered(answers)
        papers = tuple(fitting[: query.limit])
        totals = [result.total for result in found if result.total is not None]
        return Found(
            papers,
            max(totals, default=None),
            (*answers.failures, *(failure for result in found for failure in result.failures)),
            remaining(papers, query, [each for result in found for each in result.unapplied]),
            tuple(dict.fromkeys(remark for result in found for remark in result.remarks)),
        )

    def lookup(self, ids: Iterable[PaperIds], sources: Sequence[SourceName] = ()) -> Found:
        """What all sources know of these papers, each merged into one; unknown ones are left out.

        Raises ServiceError where no source answered.
        """
        wanted = list(dict.fromkeys(ids))
        answers = ask_all(chosen(self._papers, sources), lambda source: source.papers(wanted))
        if not answers.given:
            raise none_answered("no source answered", answers.refused)
        papers = merge(paper for _, found in answers.given for paper in found)
        return Found(
            tuple(paper for paper in papers if any(same(paper.ids, each) for each in wanted)), None, answers.failures
        )

    def show(self, ids: PaperIds) -> Found:
        """One paper, as every source describes it, and which of them failed.

        Raises NotFoundError that names the sources asked; another ServiceError where some could not be asked.
        """
        answers = ask_all(self._papers, lambda source: source.papers([ids]))
        paper = _of(ids, [paper for _, found in answers.given for paper in found])
        if paper is None:
            raise _unknown(ids, answers)
        failures = answers.failures
        silent = {name for name, found in answers.given if not found}
        more = [source for source in self._papers if source.name in silent]
        if more and paper.ids != ids:  # under the ids that were learned others may know it too
            learned = paper.ids
            again = ask_all(more, lambda source: source.papers([learned]))
            paper = _of(learned, [paper, *(each for _, found in again.given for each in found)]) or paper
            failures += again.failures
        return Found((paper,), 1, failures)

    def paper(self, ids: PaperIds) -> Paper:
        """The paper of `show`. Raises as it does."""
        return self.show(ids).papers[0]

    def read(self, ids: PaperIds, why: str = "") -> Reading:
        """A paper's text: the library's, else fetched and then kept there with the reason why it was read.

        References without an id get one where that costs nothing, and after a fetch also where it costs one question.

        Raises NotFoundError for an unknown paper, ServiceError where its text cannot be had.
        """
        remarks: list[str] = []
        kept = self._kept(ids, remarks)
        if kept is not None:
            entry, document = kept
            reading = with_ids(Reading(entry.paper, document, from_library=True), self._titled)
            more = None if reading.document is document else reading.document
            if more is not None or (why and why not in entry.why):
                entry = self._keep(entry.paper, more, why, remarks) or entry
            return replace(reading, paper=entry.paper, remarks=tuple(remarks))
        if self._read is None:
            raise NotFoundError("the library does not hold the text of this paper", where=ids.key, cure="add it first")
        described = self._to_read(ids, remarks)
        paper = described.papers[0]
        document = self._read(paper)
        paper = replace(paper, title=paper.title or document.title, abstract=paper.abstract or document.abstract)
        silent = frozenset(failure.source for failure in described.failures)
        reading = self.identified(Reading(paper, document, from_library=False), silent)
        kept_now = self._keep(paper, reading.document, why, remarks)
        return replace(reading, paper=kept_now.paper if kept_now else paper, remarks=(*remarks, *reading.remarks))

    def identified(self, reading: Reading, silent: frozenset[SourceName] = frozenset()) -> Reading:
        """With ids for references that carry none: by the library's titles, else by one question to one source.

        Those that are `silent` have just failed, and are not waited for again. What could not be had is a remark.
        """
        ids = reading.paper.ids
        known = replace(ids, local=None).key  # else no source can know it
        ask = (lambda: self._first_cited(ids, Direction.REFERENCES, MOST_LISTED, silent)) if known else None
        return with_ids(reading, self._titled, ask)

    def resolved(self, reading: Reading) -> Reading:
        """As `identified`, also under the ids that other sources know, and kept in the library: for whoever asks."""
        if not nameless(reading.document.references):
            return reading
        ids = self._all_ids(reading.paper.ids)
        found = with_ids(reading, self._titled, lambda: self._cited_by_sources(ids, Direction.REFERENCES, MOST_LISTED))
        if found.document is reading.document:
            return found
        remarks = list(found.remarks)
        self._keep(reading.paper, found.document, "", remarks)
        return replace(found, remarks=tuple(remarks))

    def cited(self, ids: PaperIds, direction: Direction, limit: int) -> Cited:
        """One side of a paper's citations, by the first source that has them; what others said stands in `failures`.

        Where no source has its references, those that stand in the library's text are given.

        Raises NotFoundError that names the sources asked, or ServiceError where none answered.
        """
        ids = self._all_ids(ids)
        answer = self._cited_by_sources(ids, direction, limit)
        if direction is Direction.REFERENCES and not (isinstance(answer, Cited) and answer.citations):
            refused = answer.failures if isinstance(answer, Cited) else tuple(each.failure for each in answer)
            own = self._cited_by_text(ids, limit)
            if own is not None:
                return replace(own, failures=refused)
        if isinstance(answer, Cited):
            return answer
        raise none_answered(f"no source knows the {direction.value} of this paper", answer, where=ids.key)

    def related(self, ids: PaperIds, limit: int = 20) -> Found:
        """Papers like it. Raises NotFoundError that names the sources asked, or ServiceError where none answered."""
        ids, answers = self._ask_for(ids, self._sources.recommenders, lambda source, each: source.related(each, limit))
        if not answers.given:
            raise none_answered("no source recommends papers like this one", answers.refused, where=ids.key)
        papers = [paper for paper in fuse([found for _, found in answers.given]) if not same(paper.ids, ids)]
        return Found(tuple(papers[:limit]), None, answers.failures)

    def resources(self, ids: PaperIds, limit: int = 20) -> Linked:
        """Models, datasets, Spaces and code. Raises NotFoundError, or ServiceError where no source answered."""
        ids, answers = self._ask_for(ids, self._sources.resources, lambda source, each: source.resources(each, limit))
        if not answers.given:
            raise none_answered("no source knows what belongs to this paper", answers.refused, where=ids.key)
        merged: dict[tuple[str, str], Resource] = {}
        for _, found in answers.given:
            for resource in found:
                key = (resource.kind, resource.id.casefold())
                merged[key] = _richer(merged[key], resource) if key in merged else resource
        several = len([found for _, found in answers.given if found]) > 1
        ranked = sorted(merged.values(), key=_use, reverse=True) if several else list(merged.values())
        return Linked(tuple(ranked[:limit]), answers.failures)

    def snippets(self, query: Query, sources: Sequence[SourceName] = ()) -> Passages:
        """Passages of papers, also of those in the library. Raises as `search` does."""
        check(query)
        answers = ask_all(chosen(self._snippets, sources), lambda source: source.snippets(query))
        # The scores of two services have nothing in common, so their lists are dealt out in turn.
        dealt = sorted(
            ((place, snippet) for _, found in answers.given for place, snippet in enumerate(found)),
            key=lambda it: it[0],
        )
        unique: dict[tuple[str, str], Snippet] = {}
        for _, snippet in dealt:
            if fits(snippet.paper, query):
                unique.setdefault((snippet.paper.id, " ".join(snippet.text.split())), snippet)
        if not unique:
            self._must_be_answered(answers)
        kept = tuple(unique.values())[: query.limit]
        return Passages(kept, answers.failures, remaining([snippet.paper for snippet in kept], query, ()))

    def _must_be_answered(self, answers: Answers[R]) -> None:
        """Raises where nothing was found and nobody but the library answered: others may know what was asked."""
        own = self._library.name if self._library is not None else None
        if any(name != own for name, _ in answers.given) or (answers.given and not answers.refused):
            return
        beside = ", and the library holds nothing that fits" if answers.given else ""
        raise none_answered(f"no source answered the search{beside}", answers.refused)

    def _cited_by_sources(self, ids: PaperIds, direction: Direction, limit: int) -> Cited | tuple[Refused, ...]:
        """Also under the ids that others know, where nobody knows these."""
        first = self._first_cited(ids, direction, limit)
        if isinstance(first, Cited) or not any(isinstance(each.error, NotFoundError) for each in first):
            return first
        wider = self._wider(ids)
        return self._first_cited(wider, direction, limit) if wider != ids else first

    def _cited_by_text(self, ids: PaperIds, limit: int) -> Cited | None:
        """What the bibliography of the library's text names; None where there is none."""
        kept = self._kept(ids, [])
        if kept is None or self._library is None:
            return None
        _, document = kept
        named = [entry for entry in document.references if entry.ids.key or entry.title]
        sources = (self._library.name,)
        papers = [Paper(entry.ids, entry.title or entry.text, sources=sources) for entry in named[: max(limit, 0)]]
        if not papers:
            return None
        complete = len(papers) == len(document.references)
        return Cited(tuple(map(Citation, papers)), len(document.references), complete, self._library.name)

    def _first_cited(
        self, ids: PaperIds, direction: Direction, limit: int, silent: frozenset[SourceName] = frozenset()
    ) -> Cited | tuple[Refused, ...]:
        asked = [source for source in self._sources.citations if source.name not in silent]
        just_now = ServiceError("it did not answer a moment ago")
        refused = [Refused(source.name, just_now) for source in self._sources.citations if source not in asked]
        failures = [each.failure for each in refused]
        empty: Cited | None = None
        for source in asked:
            try:
                answer = source.cited(ids, direction, limit)
            except ServiceError as error:
                refused.append(Refused(source.name, error))
                failures.append(refused[-1].failure)
                continue
            # That nobody cites a paper is nothing unusual. That it cites nobody only means that its list was not read.
            if answer.citations or (answer.complete and direction is Direction.CITATIONS):
                return replace(answer, failures=(*failures, *answer.failures))
            empty = empty or answer
            failures.extend(answer.failures or (Failure(source.name, f"it has no {direction.value} of this paper"),))
        return replace(empty, complete=False, failures=tuple(failures)) if empty else tuple(refused)

    def _ask_for(
        self, ids: PaperIds, sources: Sequence[S], question: Callable[[S, PaperIds], R]
    ) -> tuple[PaperIds, Answers[R]]:
        """Ask about one paper; where nobody knows it by these ids, once more by those that others know."""
        known = self._all_ids(ids)
        answers = ask_all(sources, lambda source: question(source, known))
        if not answers.given and any(isinstance(each.error, NotFoundError) for each in answers.refused):
            wider = self._wider(known)
            if wider != known:
                return wider, ask_all(sources, lambda source: question(source, wider))
        return known, answers

    def _all_ids(self, ids: PaperIds) -> PaperIds:
        """With the ids that the library knows, which costs nothing."""
        entry = self._entry(ids, [])
        return joined(ids, entry.paper.ids) if entry else ids

    def _wider(self, ids: PaperIds) -> PaperIds:
        """With the ids that any source knows."""
        try:
            return joined(ids, self.paper(ids).ids)
        except ServiceError:
            return ids

    def _entry(self, ids: PaperIds, remarks: list[str]) -> LibraryEntry | None:
        try:
            return None if self._library is None else self._library.entry(ids)
        except StorageError as error:
            remarks.append(f"the library could not be asked: {error.one_line()}")
            return None

    def _kept(self, ids: PaperIds, remarks: list[str]) -> tuple[LibraryEntry, Document] | None:
        entry = self._entry(ids, remarks)
        if entry is None or self._library is None:
            return None
        try:
            document = self._library.document(ids)
        except StorageError as error:
            remarks.append(f"the library's text is fetched again: {error.one_line()}")
            return None
        return None if document is None else (entry, document)

    def _titled(self, title: str) -> tuple[Paper, ...]:
        try:
            return () if self._library is None else self._library.titled(title)
        except StorageError:  # said where the library is asked for the paper itself
            return ()

    def _to_read(self, ids: PaperIds, remarks: list[str]) -> Found:
        """The paper whose text is to be fetched, as far as it can be described, and who did not answer."""
        entry = self._entry(ids, [])
        if entry is not None:
            return Found((entry.paper,))
        try:
            return self.show(ids)
        except NotFoundError:
            raise
        except ServiceError as error:
            if ids.arxiv is None:
                raise
            remarks.append(f"only its text is known: {error.one_line()}")  # where arXiv has it follows from the id
            everybody = tuple(Failure(source.name, error.what) for source in self._sources.citations)
            return Found((Paper(ids, ""),), failures=everybody)

    def _keep(self, paper: Paper, document: Document | None, why: str, remarks: list[str]) -> LibraryEntry | None:
        try:
            return None if self._library is None else self._library.keep(paper, document, why)
        except StorageError as error:  # it was read all the same
            remarks.append(f"it could not be kept in the library: {error.one_line()}")
            return None


def _of(ids: PaperIds, papers: Iterable[Paper]) -> Paper | None:
    """The one with one of these ids, merged of all that are it."""
    return next((paper for paper in merge(papers) if same(paper.ids, ids)), None)


def _unknown(ids: PaperIds, answers: Answers[tuple[Paper, ...]]) -> ServiceError:
    """Nobody knows it; or nobody of those who answered."""
    names = ", ".join(name for name, _ in answers.given)
    if not answers.refused:
        cure = "check the id, or search for its title"
        return NotFoundError(f"no such paper; asked: {names or 'nobody'}", where=ids.key or None, cure=cure)
    ignorant = [Refused(name, NotFoundError("does not know it")) for name, _ in answers.given]
    return none_answered("the paper could not be found", [*answers.refused, *ignorant], where=ids.key)


def _richer(first: Resource, second: Resource) -> Resource:
    """One resource as two sources know it."""
    return replace(
        first,
        downloads=first.downloads if first.downloads is not None else second.downloads,
        likes=first.likes if first.likes is not None else second.likes,
    )


def _use(resource: Resource) -> tuple[int, int]:
    return (resource.downloads or 0, resource.likes or 0)
