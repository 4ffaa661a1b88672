"""Semantic Scholar: search, who cites whom and with which words, papers like a paper, passages of papers.

It alone gives the sentences of a citation and their intent, so the citation graph asks it first. It gives no abstract
where a publisher forbids it, and hides some reference lists: that is said, and another source can be asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import quote

from labwright.contracts.errors import NotFoundError, ServiceError
from labwright.contracts.http import Fetcher, Page, Params, Service
from labwright.contracts.literature import (
    Citation,
    Cited,
    Direction,
    Failure,
    Found,
    Paper,
    PaperIds,
    Query,
    Snippet,
    SourceName,
)
from labwright.literature.ids import gathered, joined, same
from labwright.literature.sources.answers import ask
from labwright.literature.sources.semanticscholar_shapes import (
    EDGES,
    HITS,
    MATCHES,
    NAME,
    RECOMMENDED,
    ROWS,
    SINGLE,
    Edge,
    Match,
    PaperRow,
)
from labwright.literature.sources.wire import line, read

_BASE = (
    "externalIds,title,authors,year,publicationDate,abstract,venue,citationCount,influentialCitationCount,"
    "openAccessPdf,url"
)
_FULL = _BASE + ",tldr"  # only search by relevance and single papers know it
_EDGE = "contexts,intents,isInfluential," + _BASE

_SEARCH_PAGE = 100
_MOST_BY_RELEVANCE = 1_000  # offset + limit
_BATCH = 500
_EDGE_PAGE = 500  # half of what is allowed: an answer may have 10 MB, and sentences are long
_MOST_EDGES = 9_999  # offset + limit
_MOST_RELATED = 500
_MOST_SNIPPETS = 1_000
_NONE_KNOWN = "No valid paper ids"  # a batch without any known paper is a 400 with these words, not a list of nulls


class SemanticScholarSource:
    """A PaperSource, CitationSource, Recommender and SnippetSource."""

    def __init__(self, fetcher: Fetcher, service: Service) -> None:
        self._fetcher = fetcher
        self._service = service

    @property
    def name(self) -> SourceName:
        """`s2`."""
        return NAME

    def search(self, query: Query) -> Found:
        """By relevance; with a phrase, or for more than 1000, every paper with these words, the most cited first."""
        if query.limit < 1 or not _words(query.text, phrases=False) or _no_year(query):
            return Found(())
        if '"' in query.text or query.limit > _MOST_BY_RELEVANCE:
            return self._search_all(query)
        return self._search_relevant(query)

    def papers(self, ids: Iterable[PaperIds]) -> tuple[Paper, ...]:
        """See `PaperSource`: one request for one paper, else one for every 500."""
        named = list({name: each for each in ids if (name := _name(each)) is not None}.items())
        if len(named) == 1:
            found = self._single(*named[0])
            return () if found is None else (found,)
        chunks = [named[start : start + _BATCH] for start in range(0, len(named), _BATCH)]
        return tuple(paper for chunk in chunks for paper in self._batch(chunk))

    def cited(self, ids: PaperIds, direction: Direction, limit: int) -> Cited:
        """See `CitationSource`: the newest citing papers first, references in the order of the list."""
        path = f"/graph/v1/paper/{_path(ids)}/{direction.value}"
        found: list[Citation] = []
        offset: int | None = 0
        failures: tuple[Failure, ...] = ()
        while offset is not None and offset < _MOST_EDGES and len(found) < limit:
            size = min(_EDGE_PAGE, limit - len(found), _MOST_EDGES - offset)
            params: Params = {"fields": _EDGE, "limit": size, "offset": offset}
            try:
                page = ask(self._fetcher, self._service, path, params, EDGES)
            except ServiceError as error:
                if offset == 0:
                    raise
                failures = (Failure(NAME, f"the rest did not come: {error.one_line()}"),)
                break
            if page.data is None:
                why = f"it does not show the {direction.value} of this paper: its publisher does not allow that"
                failures = (Failure(NAME, why),)
                break
            found.extend(edge for row in page.data if row and (edge := _citation(row, direction)) is not None)
            offset = page.next if page.next is not None and page.next > offset else None
        complete = offset is None and len(found) <= limit and not failures
        return Cited(tuple(found[:limit]), len(found) if complete else None, complete, NAME, failures)

    def related(self, ids: PaperIds, limit: int) -> tuple[Paper, ...]:
        """See `Recommender`: from all of computer science, else from the recent papers of every field."""
        path = f"/recommendations/v1/papers/forpaper/{_path(ids)}"
        for pool in ("all-cs", "recent"):
            params: Params = {"fields": _BASE, "limit": min(max(limit, 1), _MOST_RELATED), "from": pool}
            page = ask(self._fetcher, self._service, path, params, RECOMMENDED)
            if page.papers:
                return _papers(page.papers)[:limit]
        return ()

    def snippets(self, query: Query) -> tuple[Snippet, ...]:
        """See `SnippetSource`; of each paper as much is known as `papers` knows, where that can be had."""
        if query.limit < 1 or not _words(query.text, phrases=False) or _no_year(query):
            return ()
        params: Params = {
            "query": _words(query.text, phrases=False),
            "limit": min(query.limit, _MOST_SNIPPETS),
            **_filters(query),
        }
        page = ask(self._fetcher, self._service, "/graph/v1/snippet/search", params, MATCHES)
        matches = [match for match in page.data if match and match.snippet.text][: query.limit]
        # A snippet names its paper by CorpusId only: without the others nobody could read on, or merge it.
        asked = {gathered(corpus=match.paper.corpus) for match in matches}
        try:
            known = {paper.ids.corpus: paper for paper in self.papers(each for each in sorted(asked, key=_corpus))}
        except ServiceError:  # the passages are what was asked for; the facade says what could not be checked
            known = {}
        return tuple(_snippet(match, known) for match in matches)

    def _search_relevant(self, query: Query) -> Found:
        papers: list[Paper] = []
        total: int | None = None
        offset: int | None = 0
        while offset is not None and offset < _MOST_BY_RELEVANCE and len(papers) < query.limit:
            params: Params = {
                "query": _words(query.text, phrases=False),
                "fields": _FULL,
                "offset": offset,
                "limit": min(_SEARCH_PAGE, query.limit - len(papers), _MOST_BY_RELEVANCE - offset),
                **_filters(query),
            }
            try:
                page = ask(self._fetcher, self._service, "/graph/v1/paper/search", params, HITS)
            except ServiceError as error:
                if offset == 0:
                    raise
                return Found(tuple(papers), total, (_rest(error),))
            papers.extend(_papers(page.data or []))
            total = page.total if page.total is not None else total
            offset = page.next if page.next is not None and page.next > offset and page.data else None
        return Found(tuple(papers[: query.limit]), total)

    def _search_all(self, query: Query) -> Found:
        papers: list[Paper] = []
        total: int | None = None
        token: str | None = None
        while True:
            params: Params = {
                "query": _words(query.text, phrases=True),
                "fields": _BASE,
                "sort": "citationCount:desc",
                "token": token,
                **_filters(query),
            }
            try:
                page = ask(self._fetcher, self._service, "/graph/v1/paper/search/bulk", params, HITS)
            except ServiceError as error:
                if token is None:
                    raise
                return Found(tuple(papers), total, (_rest(error),))
            papers.extend(_papers(page.data or []))
            total = page.total if page.total is not None else total
            if not page.data or not page.token or page.token == token or len(papers) >= query.limit:
                return Found(tuple(papers[: query.limit]), total)
            token = page.token

    def _single(self, name: str, ids: PaperIds) -> Paper | None:
        try:
            row = ask(self._fetcher, self._service, f"/graph/v1/paper/{_quoted(name)}", {"fields": _FULL}, SINGLE)
        except NotFoundError:
            return None
        return _answer(row, ids)

    def _batch(self, named: Sequence[tuple[str, PaperIds]]) -> list[Paper]:
        document = {"ids": [name for name, _ in named]}
        try:
            page = self._fetcher.post(
                self._service, "/graph/v1/paper/batch", document, {"fields": _FULL}, accept=_must_be_rows
            )
        except NotFoundError:
            return []
        except ServiceError as error:
            if _NONE_KNOWN in error.what:
                return []
            raise
        rows = read(page, ROWS)
        if len(rows) != len(named):  # then its places tell nothing
            asked = [ids for _, ids in named]
            papers = [paper for row in rows if row is not None and (paper := row.paper()) is not None]
            return [paper for paper in papers if any(same(paper.ids, ids) for ids in asked)]
        answers = [_answer(row, ids) for row, (_, ids) in zip(rows, named, strict=True) if row is not None]
        return [paper for paper in answers if paper is not None]


def _must_be_rows(page: Page) -> None:
    """Refuse an error under status 200, so that it is not kept."""
    read(page, ROWS)


def _answer(row: PaperRow, asked: PaperIds) -> Paper | None:
    """The paper under the ids that were asked for too; None where it is another one (it has happened)."""
    paper = row.paper()
    if paper is None:
        return None
    if not same(paper.ids, asked):
        contradicted = (asked.arxiv and paper.ids.arxiv) or (asked.doi and paper.ids.doi)
        if contradicted or not paper.ids.key:
            return None
    return replace(paper, ids=joined(asked, paper.ids))


def _papers(rows: Iterable[PaperRow | None]) -> tuple[Paper, ...]:
    return tuple(paper for row in rows if row and (paper := row.paper()) is not None)


def _citation(row: Edge, direction: Direction) -> Citation | None:
    end = row.cited if direction is Direction.REFERENCES else row.citing
    paper = end.paper() if end else None
    if paper is None:
        return None
    contexts = tuple(said for context in row.contexts if (said := line(context)))
    return Citation(paper, contexts, tuple(filter(None, row.intents)), bool(row.influential))


def _snippet(match: Match, known: dict[int | None, Paper]) -> Snippet:
    ids = gathered(corpus=match.paper.corpus)
    authors = tuple(name for author in match.paper.authors if (name := line(author)))
    bare = Paper(ids, line(match.paper.title), authors, sources=(NAME,))
    section = match.snippet.section or (match.snippet.kind if match.snippet.kind in ("title", "abstract") else "")
    paper = known.get(ids.corpus, bare) if ids.corpus is not None else bare
    return Snippet(paper, match.snippet.text or "", section or "", match.score or 0.0)


def _filters(query: Query) -> dict[str, str | int]:
    filters: dict[str, str | int] = {}
    if query.since is not None or query.until is not None:
        filters["year"] = f"{'' if query.since is None else query.since}-{'' if query.until is None else query.until}"
    if query.min_citations is not None:
        filters["minCitationCount"] = query.min_citations
    return filters


def _no_year(query: Query) -> bool:
    return query.since is not None and query.until is not None and query.since > query.until


def _words(text: str, *, phrases: bool) -> str:
    """The query as the service takes it: its operators mean nothing to us, and a hyphen finds nothing there."""
    parts = text.split('"')
    if len(parts) % 2 == 0:  # a quote that is never closed
        parts[-2:] = [" ".join(parts[-2:])]
    cleaned = [" ".join(re.sub(r"[-+|*~()\\\u2010-\u2015]", " ", part).split()) for part in parts]
    marked = [f'"{part}"' if phrases and place % 2 else part for place, part in enumerate(cleaned) if part]
    return " ".join(marked)


def _name(ids: PaperIds) -> str | None:
    """What the service calls it; None where no id is one that it knows."""
    if ids.s2 is not None:
        return ids.s2
    if ids.corpus is not None:
        return f"CorpusId:{ids.corpus}"
    if ids.arxiv is not None:
        return f"ARXIV:{ids.arxiv}"
    return f"DOI:{ids.doi}" if ids.doi is not None else None


def _path(ids: PaperIds) -> str:
    name = _name(ids)
    if name is None:
        cure = "give its arXiv id, its DOI or its id at Semantic Scholar"
        raise NotFoundError("Semantic Scholar does not know papers by this id", where=ids.key or None, cure=cure)
    return _quoted(name)


def _quoted(name: str) -> str:
    return quote(name, safe=":/")


def _corpus(ids: PaperIds) -> int:
    return ids.corpus or 0


def _rest(error: ServiceError) -> Failure:
    return Failure(NAME, f"the rest did not come: {error.one_line()}")
