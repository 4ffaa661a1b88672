"""Everything about the papers around some papers in one go: the graph, its ranking, its years, what to read next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from labwright.contracts.errors import NotFoundError, ServiceError, StorageError
from labwright.contracts.literature import Paper, PaperIds, PaperLibrary
from labwright.literature.graph.graph import Graph, Trouble
from labwright.literature.graph.ranking import Rank, rank
from labwright.literature.graph.recommending import Suggestion, recommend
from labwright.literature.graph.timeline import Year, timeline
from labwright.literature.graph.walk import DEPTH, REQUESTS, Step, walk
from labwright.literature.ids import same
from labwright.literature.literature import Literature
from labwright.literature.recipes import RuleExtractor, read_recipes

_TEXTS = 40  # whose recipes are read by rules, some hundredths of a second each
_RULES = RuleExtractor()


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
    told: Callable[[Step], None] = lambda _: None,
) -> Survey:
    """Look some papers up, walk from them, rank what is found, and say what to read next.

    Args:
        literature: whom to ask.
        library: what was read: it is not recommended again, and recipes in it count as results.
        wanted: where to begin.
        year: this year.
        depth: how many citations away the farthest papers are.
        requests: how many questions about citations are asked at most.
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
    recipes = {} if library is None else _recipes(library, graph)
    return surveyed(graph, year, _was_read(library), recipes=recipes, remarks=remarks)


def surveyed(
    graph: Graph,
    year: int,
    read: Callable[[Paper], bool] = lambda _: False,
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
        why = "" if graph.stopped else f": the budget of {_number(graph.asked, 'question')} is spent"
        said.append(f"{papers:,} of {_number(len(graph.papers), 'paper')} not followed, or one way only{why}")
    if graph.partial:
        said.append(f"seen or kept in part: {_number(len(graph.partial), 'list')} of citations or references")
    return (*said, *_failures(graph.troubles))


def _failures(troubles: Sequence[Trouble]) -> list[str]:
    """By source, with the first of its errors: the others are mostly the same."""
    silent = [each for each in troubles if not each.answered]
    said = []
    if silent:
        sides = len({each.side for each in silent})
        lists = f"{_number(sides, 'list')} of citations or references"
        said.append(f"{lists} could not be had; the first: {silent[0].failure.why}")
    helped: dict[str, list[Trouble]] = {}
    for each in troubles:
        if each.answered:
            helped.setdefault(each.failure.source or "a source", []).append(each)
    for source, some in helped.items():
        times = _number(len(some), "time")
        said.append(f"{source} did not answer {times}, and another source did; the first: {some[0].failure.why}")
    return said


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _recipes(library: PaperLibrary, graph: Graph) -> dict[str, int]:
    """How many recipes the texts hold that were read: those of the nearest papers, as far as they can be read again."""
    counts: dict[str, int] = {}
    try:
        kept = library.papers(paper.ids for paper in graph.papers)
    except StorageError:  # a library that cannot be read makes the ranking poorer, not impossible
        return counts
    in_it = [paper for paper in graph.papers if any(same(paper.ids, each.ids) for each in kept)]
    for paper in in_it[:_TEXTS]:
        try:
            document = library.document(paper.ids)
        except StorageError:
            continue
        if document is not None:
            counts[paper.id] = len(read_recipes(document, _RULES).recipes)
    return counts


def _was_read(library: PaperLibrary | None) -> Callable[[Paper], bool]:
    def read(paper: Paper) -> bool:
        try:
            entry = None if library is None else library.entry(paper.ids)
        except StorageError:  # then it is recommended once more
            return False
        return entry is not None and entry.text_hash is not None

    return read
