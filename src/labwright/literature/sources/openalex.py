"""OpenAlex: search, and who cites whom where Semantic Scholar fails. It knows no sentences and no intents.

A work is asked for by its own id or by a DOI; papers of arXiv have one too. Single works cost nothing there, lists
little, searches the most, which decides how the questions below are put.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

from labwright.contracts.errors import NotFoundError, ServiceError
from labwright.contracts.http import Fetcher, Params, Service
from labwright.contracts.literature import (
    Citation,
    Cited,
    Direction,
    Failure,
    Found,
    Paper,
    PaperIds,
    Query,
    SourceName,
)
from labwright.literature.ids import joined, same
from labwright.literature.sources.answers import ask
from labwright.literature.sources.openalex_shapes import FIELDS, NAME, SINGLE, WORKS, Works

_PAGE = 100
_SINGLY = 5  # so many papers are asked for one by one, which is free; more by a list
_OR = 50  # alternatives in a filter
_IN_FILTER = re.compile(r"[^\s,|\"!<>]+")  # what a value of a filter may be made of


class OpenAlexSource:
    """A PaperSource and CitationSource."""

    def __init__(self, fetcher: Fetcher, service: Service) -> None:
        self._fetcher = fetcher
        self._service = service

    @property
    def name(self) -> SourceName:
        """`openalex`."""
        return NAME

    def search(self, query: Query) -> Found:
        """See `PaperSource`: titles, abstracts and full texts, by relevance and citations."""
        words = _words(query.text)
        if query.limit < 1 or not words or (query.since or 0) > (query.until or 9999):
            return Found(())
        papers: list[Paper] = []
        total: int | None = None
        params: Params = {"search": words, "filter": _filters(query) or None}
        try:
            for page in self._pages(params, query.limit):
                papers.extend(_papers(page))
                total = page.count if page.count is not None else total
        except ServiceError as error:
            if not papers:
                raise
            return Found(tuple(papers[: query.limit]), total, (_rest(error),))
        return Found(tuple(papers[: query.limit]), total)

    def papers(self, ids: Iterable[PaperIds]) -> tuple[Paper, ...]:
        """See `PaperSource`."""
        asked = [each for each in dict.fromkeys(ids) if _names(each)]
        listed = [each for each in asked if all(_IN_FILTER.fullmatch(name) for name in _names(each))]
        if len(listed) <= _SINGLY:
            listed = []
        singly = [each for each in asked if each not in set(listed)]
        found = [paper for each in singly if (paper := self._single(each)) is not None]
        return (*found, *self._listed(listed))

    def cited(self, ids: PaperIds, direction: Direction, limit: int) -> Cited:
        """See `CitationSource`: the most cited first, either way."""
        work = ids.openalex or self._known(ids)
        way = "cites" if direction is Direction.CITATIONS else "cited_by"
        params: Params = {"filter": f"{way}:{work}", "sort": "cited_by_count:desc"}
        papers: list[Paper] = []
        total: int | None = None
        more = False
        try:
            for page in self._pages(params, max(limit, 1)):
                papers.extend(_papers(page))
                total = page.count if page.count is not None else total
                more = page.next_cursor is not None and bool(page.results)
        except ServiceError as error:
            if not papers:
                raise
            return Cited(_edges(papers, limit), total, complete=False, source=NAME, failures=(_rest(error),))
        if not papers and ids.openalex is not None:  # an id that it does not know looks like a paper without citations
            self._known(ids)
        complete = len(papers) <= limit and (not more or (total is not None and len(papers) >= total))
        return Cited(_edges(papers, limit), total, complete, NAME)

    def _pages(self, params: Params, limit: int) -> Iterator[Works]:
        """Pages of a list, until there are enough."""
        cursor: str | None = "*"
        seen = 0
        while cursor is not None and seen < limit:
            asked: Params = {**params, "select": FIELDS, "per_page": min(_PAGE, limit), "cursor": cursor}
            page = ask(self._fetcher, self._service, "/works", asked, WORKS)
            yield page
            seen += len(page.results)
            cursor = page.next_cursor if page.results and page.next_cursor != cursor else None

    def _single(self, ids: PaperIds) -> Paper | None:
        """The work under one of these ids, or None."""
        for name in _names(ids):
            try:
                work = ask(self._fetcher, self._service, f"/works/{_path(name)}", {"select": FIELDS}, SINGLE)
            except NotFoundError:
                continue
            paper = work.paper()
            if paper is not None:
                return replace(paper, ids=joined(ids, paper.ids))
        return None

    def _listed(self, ids: Sequence[PaperIds]) -> list[Paper]:
        # One id is enough where its own is known. Else the preprint's DOI is asked for, and the article's.
        several = (_names(each)[:1] if each.openalex is not None else _names(each) for each in ids)
        names = list(dict.fromkeys(name for some in several for name in some))
        found: list[Paper] = []
        for field in ("openalex_id", "doi"):
            mine = [name for name in names if name.startswith("doi:") == (field == "doi")]
            for start in range(0, len(mine), _OR):
                some = "|".join(name.removeprefix("doi:") for name in mine[start : start + _OR])
                for page in self._pages({"filter": f"{field}:{some}"}, _PAGE):
                    found.extend(_papers(page))
        return [
            replace(paper, ids=joined(asked, paper.ids))
            for paper in {paper.ids: paper for paper in found}.values()
            if (asked := next((each for each in ids if same(each, paper.ids)), None)) is not None
        ]

    def _known(self, ids: PaperIds) -> str:
        """The paper's id here. Raises NotFoundError."""
        if not _names(ids):
            cure = "give its arXiv id, its DOI or its id at OpenAlex"
            raise NotFoundError("OpenAlex does not know papers by this id", where=ids.key or None, cure=cure)
        paper = self._single(ids)
        if paper is None or paper.ids.openalex is None:
            raise NotFoundError("OpenAlex does not know this paper", where=ids.key, cure="ask another source")
        return paper.ids.openalex


def _papers(page: Works) -> list[Paper]:
    return [paper for work in page.results if work and (paper := work.paper()) is not None]


def _edges(papers: Sequence[Paper], limit: int) -> tuple[Citation, ...]:
    return tuple(Citation(paper) for paper in papers[: max(limit, 0)])


def _names(ids: PaperIds) -> list[str]:
    """What the service may call it, the surest first: W…, or doi:…"""
    names = [ids.openalex] if ids.openalex is not None else []
    if ids.arxiv is not None:
        names.append(f"doi:10.48550/arxiv.{ids.arxiv}")
    if ids.doi is not None:
        names.append(f"doi:{ids.doi}")
    return names


def _path(name: str) -> str:
    return f"doi:{quote(name.removeprefix('doi:'), safe='')}" if name.startswith("doi:") else quote(name, safe="")


def _filters(query: Query) -> str:
    filters = []
    if query.since is not None:
        filters.append(f"publication_year:>{query.since - 1}")
    if query.until is not None:
        filters.append(f"publication_year:<{query.until + 1}")
    if query.min_citations is not None and query.min_citations > 0:
        filters.append(f"cited_by_count:>{query.min_citations - 1}")
    return ",".join(filters)


def _words(text: str) -> str:
    """The query without what the service takes for operators, with the phrases in quotes."""
    parts = text.split('"')
    if len(parts) % 2 == 0:  # a quote that is never closed
        parts[-2:] = [" ".join(parts[-2:])]
    plain = [" ".join(re.sub(r"[*?~!()\[\]{}^|&\\]", " ", part).split()) for part in parts]
    quoted = [f'"{part}"' if place % 2 else _without_operators(part) for place, part in enumerate(plain) if part]
    return " ".join(quoted)


def _without_operators(words: str) -> str:
    return re.sub(r"\b(?:AND|OR|NOT)\b", lambda hit: hit[0].lower(), words)


def _rest(error: ServiceError) -> Failure:
    return Failure(NAME, f"the rest did not come: {error.one_line()}")
