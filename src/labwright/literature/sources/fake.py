"""A source of papers that asks nobody: for tests, for demonstrations, and for a list of papers of one's own.

It plays by every rule of the Protocols, so what works with it works with the services.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from labwright.contracts.errors import NotFoundError, ServiceError
from labwright.contracts.literature import (
    Citation,
    Cited,
    Direction,
    Filter,
    Found,
    Paper,
    PaperIds,
    Query,
    Resource,
    Snippet,
    SourceName,
    Unapplied,
)
from labwright.literature.ids import same


class FakeSource:
    """All five Protocols over papers in memory.

        source = FakeSource([dpo, ppo], references={dpo.id: [Citation(ppo, contexts=("PPO [4] is unstable.",))]})

    `asked` holds what was asked of it, in order: `search: TEXT`, `papers: N`, `references: KEY`, `citations: KEY`,
    `related: KEY`, `resources: KEY`, `snippets: TEXT`.
    """

    def __init__(
        self,
        papers: Iterable[Paper] = (),
        *,
        name: SourceName = "fake",
        references: Mapping[str, Sequence[Citation]] | None = None,
        resources: Mapping[str, Sequence[Resource]] | None = None,
        lacks: Iterable[Filter] = (),
        fails: ServiceError | None = None,
    ) -> None:
        """Makes one.

        Args:
            papers: what it knows, the best first.
            name: how results name it.
            references: what a paper cites, by `Paper.id`; who cites it follows from the same.
            resources: what belongs to a paper, by `Paper.id`.
            lacks: filters that it cannot apply.
            fails: what everything raises, until it is set to None.
        """
        self.asked: list[str] = []
        self.fails = fails
        self._name = name
        self._papers = tuple(replace(paper, sources=(name,)) for paper in papers)
        self._references = {key: tuple(cited) for key, cited in (references or {}).items()}
        self._resources = {key: tuple(some) for key, some in (resources or {}).items()}
        self._lacks = frozenset(lacks)

    @property
    def name(self) -> SourceName:
        """How results name it."""
        return self._name

    def search(self, query: Query) -> Found:
        """Papers with every word and phrase in title, authors or abstract; those with more in the title first."""
        self._asks(f"search: {query.text}")
        hits = self._hits(query, lambda paper: f"{paper.title} {' '.join(paper.authors)} {paper.abstract}")
        unapplied = [
            Unapplied(self.name, one, f"{self.name} does not know it") for one in sorted(query.filters & self._lacks)
        ]
        gaps = {
            Filter.SINCE: sum(paper.year is None for paper in hits),
            Filter.UNTIL: sum(paper.year is None for paper in hits),
            Filter.MIN_CITATIONS: sum(paper.citations is None for paper in hits),
        }
        unapplied += [
            Unapplied(self.name, one, f"{gaps[one]} of these papers do not say")
            for one in sorted(query.filters - self._lacks)
            if gaps[one]
        ]
        return Found(hits[: max(query.limit, 0)], total=len(hits), unapplied=tuple(unapplied))

    def papers(self, ids: Iterable[PaperIds]) -> tuple[Paper, ...]:
        """See `PaperSource`."""
        wanted = tuple(ids)
        self._asks(f"papers: {len(wanted)}")
        return tuple(paper for paper in self._papers if any(same(paper.ids, one) for one in wanted))

    def cited(self, ids: PaperIds, direction: Direction, limit: int) -> Cited:
        """See `CitationSource`."""
        self._asks(f"{direction}: {ids.key}")
        paper = self._known(ids)
        if direction is Direction.REFERENCES:
            found = self._references.get(paper.id, ())
        else:
            found = tuple(
                replace(citation, paper=citing)
                for citing in self._papers
                for citation in self._references.get(citing.id, ())
                if same(citation.paper.ids, paper.ids)
            )
        kept = found[: max(limit, 0)]
        return Cited(kept, total=len(found), complete=len(kept) == len(found), source=self.name)

    def related(self, ids: PaperIds, limit: int) -> tuple[Paper, ...]:
        """See `Recommender`: papers that share the most words of title and abstract."""
        self._asks(f"related: {ids.key}")
        paper = self._known(ids)
        mine = _words(f"{paper.title} {paper.abstract}")
        shared = {other.id: len(mine & _words(f"{other.title} {other.abstract}")) for other in self._papers}
        others = [other for other in self._papers if other is not paper and shared[other.id]]
        return tuple(sorted(others, key=lambda other: -shared[other.id])[: max(limit, 0)])

    def resources(self, ids: PaperIds, limit: int) -> tuple[Resource, ...]:
        """See `ResourceSource`."""
        self._asks(f"resources: {ids.key}")
        some = self._resources.get(self._known(ids).id, ())
        return tuple(sorted(some, key=lambda one: -(one.downloads or 0))[: max(limit, 0)])

    def snippets(self, query: Query) -> tuple[Snippet, ...]:
        """See `SnippetSource`: the abstracts with every word of the query."""
        self._asks(f"snippets: {query.text}")
        hits = self._hits(query, lambda paper: paper.abstract)[: max(query.limit, 0)]
        return tuple(
            Snippet(paper, paper.abstract, section="abstract", score=1 / (1 + i)) for i, paper in enumerate(hits)
        )

    def _asks(self, what: str) -> None:
        self.asked.append(what)
        if self.fails is not None:
            raise self.fails

    def _known(self, ids: PaperIds) -> Paper:
        for paper in self._papers:
            if same(paper.ids, ids):
                return paper
        raise NotFoundError(f"{self.name} does not know the paper {ids.key}")

    def _hits(self, query: Query, text: Callable[[Paper], str]) -> tuple[Paper, ...]:
        terms = [(phrase or word).lower() for phrase, word in re.findall(r'"([^"]+)"|([^\s"]+)', query.text)]
        if not terms:
            return ()
        hits = [
            paper
            for paper in self._papers
            if self._fits(paper, query) and all(term in text(paper).lower() for term in terms)
        ]
        return tuple(sorted(hits, key=lambda paper: -sum(term in paper.title.lower() for term in terms)))

    def _fits(self, paper: Paper, query: Query) -> bool:
        """Whether a paper fits the filters that this source can apply; what it does not say, fits."""
        applied = query.filters - self._lacks
        year, citations = paper.year, paper.citations
        return not (
            (Filter.SINCE in applied and year is not None and year < (query.since or 0))
            or (Filter.UNTIL in applied and year is not None and year > (query.until or 0))
            or (Filter.MIN_CITATIONS in applied and citations is not None and citations < (query.min_citations or 0))
        )


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in re.findall(r"\w+", text.lower()) if len(word) > 3)
