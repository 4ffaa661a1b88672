"""Everything about the papers around some papers in one go: the graph, its ranking, its years, what to read next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from labwright.contracts.errors import NotFoundError, ServiceError, StorageError
from labwright.contracts.literature import Paper, PaperIds, PaperLibrary
from labwright.literature.graph.graph import Graph, Trouble
from labwright.literature.graph.ranking import Rank, rank
from labwright.literature.graph.recommending import Suggestion, recommend
from labwright.literature.graph.timeline import Year, timeline
from labwright.literature.graph.walk import DEPTH, REQUESTS, Step, walk
from labwright.literature.literature import Literature


@dataclass(frozen=True, slots=True)
class Survey:
    """A citation graph and what follows from it."""

    graph: Graph
    ranks: tuple[Rank, ...]  # the best first
    years: tuple[Year, ...]
    suggestions: tuple[Suggestion, ...]  # what to read next
    remarks: tuple[str, ...]  # what is not in it, and why

    def paper(self, of: Rank) -> Paper:
        """The paper of a rank."""
        return self.graph.papers[of.paper]


def survey(
    literature: Literature,
    library: PaperLibrary | None,
    wanted: Sequence[PaperIds],
    *,
    year: int,
    depth: int = DEPTH,
    requests: int = REQUESTS,
    recipes: Mapping[str, int] | None = None,
    told: Callable[[Step], None] = lambda step: None,
) -> Survey:
    """Look some papers up, walk from them, rank what is found, and say what to read next.

    Args:
        literature: whom to ask.
        library: what was read; its papers are not recommended again.
        wanted: where to begin.
        year: this year.
        depth: how many citations away the farthest papers are.
        requests: how many questions about citations are asked at most.
        recipes: how many recipes are known of a paper, by `Paper.id`.
        told: hears of each question.

    Raises:
        NotFoundError: nobody knows one of the papers.
        UsageError, ServiceError: as `walk` does.
    """
    seeds: list[Paper] = []
    remarks: list[str] = []
    for ids in wanted:
        try:
            seeds.append(literature.paper(ids))
        except NotFoundError:
            raise
        except ServiceError as error:  # its citations may be in the cache all the same
            seeds.append(Paper(ids, ""))
            remarks.append(f"{ids.key} could not be looked up: {error.one_line()}")
    graph = walk(seeds, literature.cited, depth=depth, requests=requests, told=told)
    return surveyed(graph, year, _was_read(library), recipes=recipes, remarks=remarks)


def surveyed(
    graph: Graph,
    year: int,
    read: Callable[[Paper], bool] = lambda paper: False,
    *,
    recipes: Mapping[str, int] | None = None,
    remarks: Sequence[str] = (),
) -> Survey:
    """What follows from a graph."""
    ranks = rank(graph, year, recipes)
    suggestions = recommend(graph, ranks, read, recipes=recipes)
    return Survey(graph, ranks, timeline(graph, ranks), suggestions, (*remarks, *gaps(graph)))


def gaps(graph: Graph) -> tuple[str, ...]:
    """What is not in a graph, in sentences: what was not followed, not seen whole, not answered."""
    said = []
    if graph.stopped:
        said.append(f"the walk ended early: {graph.stopped}")
    if graph.unfollowed:
        papers = len({side.paper for side in graph.unfollowed})
        why = "" if graph.stopped else f", for the {graph.asked} questions are spent"
        said.append(f"{papers:,} of {len(graph.papers):,} papers were not or not wholly followed{why}")
    if graph.partial:
        said.append(
            f"{len(graph.partial):,} lists of citations or references have more papers than were looked at or kept"
        )
    return (*said, *_failures(graph.troubles))


def _failures(troubles: Sequence[Trouble]) -> list[str]:
    """By source, with the first of its errors: the others are mostly the same."""
    silent = [each for each in troubles if not each.answered]
    helped = [each for each in troubles if each.answered]
    said = []
    sides = len({each.side for each in silent})
    if sides:
        said.append(f"{sides:,} questions were not answered; the first: {silent[0].failure.why}")
    for source, count in Counter(each.failure.source for each in helped).items():
        first = next(each.failure.why for each in helped if each.failure.source == source)
        said.append(f"{source or 'a source'} did not answer {count:,} times, and another did; the first: {first}")
    return said


def _was_read(library: PaperLibrary | None) -> Callable[[Paper], bool]:
    def read(paper: Paper) -> bool:
        try:
            entry = None if library is None else library.entry(paper.ids)
        except StorageError:  # then it is recommended once more
            return False
        return entry is not None and entry.text_hash is not None

    return read
