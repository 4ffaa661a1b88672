"""arXiv's own search and metadata: complete on the day a paper appears, exact dates, and no idea who cites whom."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass

from labwright.contracts.errors import RateLimitedError, ServiceError
from labwright.contracts.http import Fetcher, Page, Params, Service
from labwright.contracts.literature import Failure, Filter, Found, Paper, PaperIds, Query, SourceName, Unapplied
from labwright.literature.ids import arxiv_id, gathered
from labwright.literature.sources.arxiv_query import asked, dated, never, wider
from labwright.literature.sources.wire import ask, date, line

_PATH = "/api/query"
_SLICE = 200  # entries asked for at once; arXiv allows 2000, and answers smaller slices more reliably
_MOST = 30_000  # beyond it arXiv does not page
_IDS = 100  # names in one request, so that the address stays short
_MOST_BYTES = 20_000_000
_ATOM = "{http://www.w3.org/2005/Atom}"
_OURS = "{http://arxiv.org/schemas/atom}"
_TOTAL = "{http://a9.com/-/spec/opensearch/1.1/}totalResults"


class _EmptySliceError(ServiceError):
    """A slice in the middle of the results came without entries, as arXiv's sometimes do: asked once more."""


@dataclass(frozen=True, slots=True)
class _Feed:
    total: int
    entries: int  # also those that could not be read
    papers: tuple[Paper, ...]


class ArxivSource:
    """arXiv by its Atom interface.

    Words of a query have to stand in a paper all, in any field; where no paper has them all, the papers with some of
    them are found instead, and `remarks` says so. Phrases, the fields of arXiv (`ti:`, `au:`, `abs:`, `cat:` …), the
    operators AND, OR, ANDNOT and brackets are arXiv's own; of a very long text the first forty words count. Years are
    those of a paper's first version.
    """

    def __init__(self, fetcher: Fetcher, service: Service) -> None:
        self._fetcher = fetcher
        self._service = service

    @property
    def name(self) -> SourceName:
        """How results name it."""
        return "arxiv"

    def search(self, query: Query) -> Found:
        """See `PaperSource`. Raises ServiceError, RateLimitedError, OfflineError."""
        terms = asked(query.text)
        if query.limit <= 0 or not terms or never(query):
            return Found((), total=0, unapplied=self._unapplied(query))
        found = self._searched(terms, query)
        some = wider(query.text)
        if found.total == 0 and some:
            found = self._searched(some, query)
            if found.papers:
                remark = "arXiv has no paper with all of these words; these have some of them"
                return Found(found.papers, found.total, found.failures, self._unapplied(query), (remark,))
        return Found(found.papers, found.total, found.failures, self._unapplied(query))

    def papers(self, ids: Iterable[PaperIds]) -> tuple[Paper, ...]:
        """See `PaperSource`. Knows papers by their arXiv id only."""
        # One malformed name and arXiv refuses them all: only what looks like an id is asked for.
        wanted = list(dict.fromkeys(name for known in ids if (name := arxiv_id(known.arxiv))))
        known: dict[str, Paper] = {}
        for start in range(0, len(wanted), _IDS):
            names = wanted[start : start + _IDS]
            params: Params = {"id_list": ",".join(names), "max_results": len(names)}
            feed = ask(self._fetcher, self._service, _PATH, params, _feed, _MOST_BYTES)
            for paper in feed.papers:
                known[paper.ids.arxiv or ""] = paper
        return tuple(known[name] for name in wanted if name in known)

    def _searched(self, terms: str, query: Query) -> Found:
        papers: dict[str, Paper] = {}
        start, total, failures = 0, 0, list[Failure]()
        most = min(query.limit, _MOST)
        while start < most:
            try:
                feed = self._slice(dated(terms, query), start, min(_SLICE, most - start))
            except ServiceError as error:
                if not start:
                    raise
                failures.append(Failure(self.name, f"only the first {start} results could be read: {error.what}"))
                break
            total = feed.total
            unread = feed.entries - len(feed.papers)
            if unread:
                failures.append(Failure(self.name, f"{unread} entries from result {start} on could not be read"))
            papers.update({paper.id: paper for paper in feed.papers if _fits(paper, query)})
            start += feed.entries
            if not feed.entries or start >= total:
                break
        return Found(tuple(papers.values())[: query.limit], total, tuple(failures))

    def _slice(self, terms: str, start: int, size: int) -> _Feed:
        params: Params = {
            "search_query": terms,
            "start": start,
            "max_results": size,
            "sortBy": "relevance",
            "sortOrder": "descending",
        }

        def whole(page: Page) -> _Feed:
            feed = _feed(page)
            if not feed.entries and feed.total > start:
                raise _EmptySliceError("arxiv answered without entries where some should be", where=page.url)
            return feed

        try:
            return ask(self._fetcher, self._service, _PATH, params, whole, _MOST_BYTES)
        except _EmptySliceError:  # not in the cache, so that this is a new request
            return ask(self._fetcher, self._service, _PATH, params, whole, _MOST_BYTES)

    def _unapplied(self, query: Query) -> tuple[Unapplied, ...]:
        if query.min_citations is None:
            return ()
        return (Unapplied(self.name, Filter.MIN_CITATIONS, "arXiv does not count citations"),)


def _fits(paper: Paper, query: Query) -> bool:
    return paper.year is None or (query.since or 0) <= paper.year <= (query.until or 9999)


# The feed


class _NoDoctype(ET.TreeBuilder):
    """Builds a tree of a document that defines no entities: a feed has no DOCTYPE, a bomb and a web page have one."""

    def doctype(self, name: str, *_ids: str | None) -> None:
        raise ServiceError(f"the document has a DOCTYPE ({name[:20]})")


def _feed(page: Page) -> _Feed:
    """An Atom feed. Raises ServiceError for anything else, and for the feed that holds an error."""
    cure = "try again later, or ask another source"
    if page.body[:64].lstrip().lower().startswith(b"rate exceeded"):
        raise RateLimitedError("arxiv asks to be left alone", where=page.url, cure="wait a few minutes")
    try:
        parser = ET.XMLParser(target=_NoDoctype())
        root = ET.fromstring(page.body, parser)
    except (ET.ParseError, ValueError, LookupError) as error:  # the latter two: an encoding that nobody knows
        raise ServiceError(f"arxiv answered what is no Atom feed: {error}", where=page.url, cure=cure) from error
    except ServiceError as error:
        raise ServiceError(f"arxiv answered what is no Atom feed: {error.what}", where=page.url, cure=cure) from error
    if root.tag != f"{_ATOM}feed":
        raise ServiceError(f"arxiv answered what is no Atom feed: {root.tag[:60]}", where=page.url, cure=cure)
    entries = root.findall(f"{_ATOM}entry")
    for entry in entries:
        if "/api/errors" in _text(entry, "id"):
            said = _text(entry, "summary") or "an error without a text"
            raise ServiceError(f"arxiv refused the request: {said[:300]}", where=page.url, cure="change the query")
    papers = tuple(paper for entry in entries if (paper := _paper(entry)) is not None)
    if entries and not papers:
        raise ServiceError("arxiv answered entries without ids and titles", where=page.url, cure=cure)
    said = (root.findtext(_TOTAL) or "").strip()
    return _Feed(
        int(said) if said.isascii() and said.isdigit() and len(said) < 10 else len(entries), len(entries), papers
    )


def _paper(entry: ET.Element) -> Paper | None:
    name = arxiv_id(_text(entry, "id").partition("/abs/")[2])
    title = _text(entry, "title")
    if name is None or not title:
        return None
    published = date(_text(entry, "published"))
    authors = (line(author.findtext(f"{_ATOM}name")) for author in entry.findall(f"{_ATOM}author"))
    return Paper(
        ids=gathered(arxiv=name, doi=entry.findtext(f"{_OURS}doi")),
        title=title,
        authors=tuple(author for author in authors if author),
        year=int(published[:4]) if published else None,
        published=published,
        abstract=_text(entry, "summary"),
        venue=line(entry.findtext(f"{_OURS}journal_ref")),
        url=f"https://arxiv.org/abs/{name}",
        pdf_url=f"https://arxiv.org/pdf/{name}",
        sources=("arxiv",),
    )


def _text(entry: ET.Element, name: str) -> str:
    return line(entry.findtext(f"{_ATOM}{name}"))
