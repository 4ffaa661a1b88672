"""Hugging Face Papers: what the community reads, and the models, datasets, Spaces and code that belong to a paper.

The wire is read as raw JSON, not through huggingface_hub: its PaperInfo loses the fields of nested rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from labwright.contracts.errors import NotFoundError, ServiceError, UsageError
from labwright.contracts.http import Fetcher, Page, Params, Service
from labwright.contracts.literature import Filter, Found, Paper, PaperIds, Query, Resource, SourceName, Unapplied
from labwright.literature.ids import arxiv_id, gathered
from labwright.literature.sources.wire import Count, Gap, Rows, Several, Text, Wire, ask, date, line, read, web_address

_MOST = 100  # rows that one request returns, whatever is asked for
_PAGES = 20  # of a list of models; 100 a page
_THREADS = 4
_SITE = "https://huggingface.co"
_REPO = re.compile(r"[\w.\-]+(?:/[\w.\-]+)?", re.ASCII)
_NEXT = re.compile(r"<([^<>]+)>\s*;[^,]*\brel=\"?next\"?", re.IGNORECASE)
_DAY, _WEEK, _MONTH = (re.compile(form, re.ASCII) for form in (r"\d{4}-\d\d-\d\d", r"\d{4}-W\d\d", r"\d{4}-\d\d"))


class _Author(Wire):
    name: Text = None


class _Repo(Wire):
    id: Text = None
    downloads: Count = None
    likes: Count = None


class _Paper(Wire):
    id: Text = None
    title: Text = None
    summary: Text = None
    authors: Several[_Author] = []  # noqa: RUF012 - pydantic copies it
    publishedAt: Text = None  # noqa: N815 - the wire's spelling, here and below
    upvotes: Count = None
    ai_summary: Text = None
    githubRepo: Text = None  # noqa: N815
    linkedSpaces: Several[_Repo] = []  # noqa: N815, RUF012


class _Row(_Paper):
    """A row of a list: the paper lies inside. A flat one is taken as well."""

    paper: Annotated[_Paper | None, Gap] = None


_ROWS: TypeAdapter[Rows[_Row]] = TypeAdapter(Rows[_Row])
_ONE: TypeAdapter[_Paper] = TypeAdapter(_Paper)
_REPOS: TypeAdapter[Rows[_Repo]] = TypeAdapter(Rows[_Repo])


class HuggingFaceSource:
    """Hugging Face Papers: search, the daily list, and what is linked to a paper. Knows papers of arXiv only."""

    def __init__(self, fetcher: Fetcher, service: Service) -> None:
        self._fetcher = fetcher
        self._service = service

    @property
    def name(self) -> SourceName:
        """How results name it."""
        return "hf"

    def search(self, query: Query) -> Found:
        """See `PaperSource`. The service takes no filter: years are checked here, citations it does not know."""
        text = " ".join(query.text.split())
        if query.limit <= 0 or not text:
            return Found((), unapplied=self._unapplied(query))
        narrowed = query.since is not None or query.until is not None
        asked = _MOST if narrowed else min(query.limit, _MOST)
        rows = self._rows("/api/papers/search", {"q": text, "limit": asked})
        fitting = tuple(paper for paper in rows if _fits(paper, query))
        papers = fitting[: query.limit]
        remarks: tuple[str, ...] = ()
        if len(papers) < query.limit and len(rows) >= _MOST:
            remarks = (
                f"Hugging Face returns the best {_MOST} papers of a search and no more; {len(papers)} of them fit",
            )
        undated = sum(paper.year is None for paper in papers)
        return Found(papers, unapplied=self._unapplied(query, undated), remarks=remarks)

    def daily(self, when: str = "", *, trending: bool = False, limit: int = 50) -> Found:
        """The papers that people handed in for a day, a week or a month, as the page lists them.

        Args:
            when: 2025-02-24, 2025-W09 or 2025-02; empty for the newest. A day without papers (a weekend) is empty.
            trending: what is read most now, instead of the newest; goes with no date.
            limit: how many at most.

        Raises UsageError for another form of date, ServiceError (also for a day that is yet to come).
        """
        params: dict[str, str | int] = {"sort": "trending" if trending else "publishedAt"}
        if when:
            params |= _period(when)
            if trending:
                raise UsageError("what trends now has no date", cure="leave out the date, or `trending`")
        papers: dict[str, Paper] = {}
        page = 0
        while len(papers) < limit and page < _PAGES:
            size = min(limit, _MOST)
            rows = self._rows("/api/daily_papers", {**params, "p": page, "limit": size})
            new = {paper.id: paper for paper in rows if paper.id not in papers}
            papers.update(new)
            if len(rows) < size or not new:  # the last page, or one that comes again and again
                break
            page += 1
        return Found(tuple(papers.values())[: max(limit, 0)])

    def papers(self, ids: Iterable[PaperIds]) -> tuple[Paper, ...]:
        """See `PaperSource`. One request a paper, a few at a time."""
        wanted = list(dict.fromkeys(name for known in ids if (name := arxiv_id(known.arxiv))))
        if not wanted:
            return ()
        with ThreadPoolExecutor(min(_THREADS, len(wanted))) as pool:
            pages = list(pool.map(self._page, wanted))
        made = (_paper(wire, asked=name) for name, wire in zip(wanted, pages, strict=True) if wire is not None)
        return tuple(paper for paper in made if paper is not None and paper.ids.arxiv in wanted)

    def resources(self, ids: PaperIds, limit: int) -> tuple[Resource, ...]:
        """See `ResourceSource`: the paper's code first, then models, datasets and Spaces by turns, each by use.

        By turns, because the downloads of models are of another order than those of datasets, and Spaces count none.
        """
        name = arxiv_id(ids.arxiv)
        if name is None:
            raise NotFoundError(f"Hugging Face knows papers of arXiv only, and {ids.key or 'this one'} is none")
        if limit <= 0:
            return ()
        page = self._page(name)
        code = web_address(page.githubRepo) if page is not None else ""
        models = self._linked("models", name, limit)
        datasets = self._linked("datasets", name, limit)
        spaces = [made for repo in page.linkedSpaces if (made := _resource("spaces", repo))] if page else []
        if page is None and not models and not datasets:
            raise NotFoundError(
                "Hugging Face does not know this paper", where=f"arxiv:{name}", cure="ask another source"
            )
        found = [Resource("code", code.removeprefix("https://github.com/"), code)] if code else []
        ranked = [sorted(some, key=_use, reverse=True) for some in (models, datasets, spaces)]
        found += [one for turn in zip_longest(*ranked) for one in turn if one is not None]
        return tuple(found[:limit])

    def _rows(self, path: str, params: Params) -> list[Paper]:
        return ask(self._fetcher, self._service, path, params, _papers)

    def _page(self, name: str) -> _Paper | None:
        """A paper's page, or None where the service has not indexed it."""
        try:
            return ask(self._fetcher, self._service, f"/api/papers/{name}", None, _one)
        except NotFoundError:
            return None

    def _linked(self, kind: str, name: str, limit: int) -> list[Resource]:
        """Models or datasets that name the paper, the most downloaded first; pages are followed up to the limit."""

        def understand(page: Page) -> tuple[list[Resource], str | None]:
            repos = [made for repo in read(page, _REPOS) if (made := _resource(kind, repo))]
            return repos, _next(page, self._service)

        found: dict[str, Resource] = {}
        path = f"/api/{kind}"
        params: Params | None = {"filter": f"arxiv:{name}", "sort": "downloads", "limit": min(limit, _MOST)}
        for _ in range(_PAGES):
            repos, following = ask(self._fetcher, self._service, path, params, understand)
            known = len(found)
            found.update({one.id: one for one in repos})
            if len(found) >= limit or following is None or len(found) == known:
                break
            path, params = following, None
        return list(found.values())[:limit]

    def _unapplied(self, query: Query, undated: int = 0) -> tuple[Unapplied, ...]:
        years = query.filters & {Filter.SINCE, Filter.UNTIL} if undated else frozenset()
        said = [Unapplied(self.name, one, f"{undated} of these papers have no date") for one in sorted(years)]
        if query.min_citations is not None:
            said.append(Unapplied(self.name, Filter.MIN_CITATIONS, "Hugging Face does not count citations"))
        return tuple(said)


def _papers(page: Page) -> list[Paper]:
    rows = read(page, _ROWS)
    papers = [made for row in rows if row is not None and (made := _paper(row.paper or row, row)) is not None]
    if rows and not papers:
        raise ServiceError(f"{page.service} answered papers without titles", where=page.url, cure="ask another source")
    return papers


def _one(page: Page) -> _Paper:
    wire = read(page, _ONE)
    if not line(wire.title):
        raise ServiceError(
            f"{page.service} answered a paper without a title", where=page.url, cure="ask another source"
        )
    return wire


def _paper(wire: _Paper, row: _Row | None = None, *, asked: str | None = None) -> Paper | None:
    """A paper of the wire; None where it has no title, so nothing to show."""
    title = line(wire.title) or line(row.title if row else None)
    if not title:
        return None
    name = arxiv_id(wire.id) or asked
    published = date(wire.publishedAt) or date(row.publishedAt if row else None)
    return Paper(
        ids=gathered(arxiv=name),
        title=title,
        authors=tuple(author for one in wire.authors if one is not None and (author := line(one.name))),
        year=int(published[:4]) if published else None,
        published=published,
        abstract=line(wire.summary) or line(row.summary if row else None),
        upvotes=wire.upvotes,
        summary=line(wire.ai_summary),
        url=f"{_SITE}/papers/{name}" if name else "",
        pdf_url=f"https://arxiv.org/pdf/{name}" if name else "",
        code_url=web_address(wire.githubRepo),
        sources=("hf",),
    )


def _resource(kind: str, repo: _Repo | None) -> Resource | None:
    if repo is None or not repo.id or not _REPO.fullmatch(repo.id):
        return None
    place = "" if kind == "models" else f"{kind}/"
    return Resource(kind.removesuffix("s"), repo.id, f"{_SITE}/{place}{repo.id}", repo.downloads, repo.likes)


def _use(one: Resource) -> tuple[int, int]:
    return one.downloads or 0, one.likes or 0


def _fits(paper: Paper, query: Query) -> bool:
    """Whether its year fits, or is not known."""
    return paper.year is None or (query.since or 0) <= paper.year <= (query.until or 9999)


def _period(when: str) -> dict[str, str]:
    for name, form in (("date", _DAY), ("week", _WEEK), ("month", _MONTH)):
        if form.fullmatch(when):
            return {name: when}
    raise UsageError(f"{when[:40]!r} is no day, week or month", cure="write 2025-02-24, 2025-W09 or 2025-02")


def _next(page: Page, service: Service) -> str | None:
    """The next page of a list, at the service itself, whatever host the link names: a mirror's links name another."""
    hit = _NEXT.search(page.headers.get("link", ""))
    if hit is None:
        return None
    parts = urlsplit(hit[1])
    own = urlsplit(service.base_url).path
    path = parts.path.removeprefix(own) if own else parts.path
    return f"{path}?{parts.query}" if path.startswith("/") else None
