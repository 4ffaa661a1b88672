"""The walk: from some papers along citations, nearest first, within a budget of questions.

A service answers one question about one side of one paper, and allows about one a second, so a graph is not fetched
whole: of each distance the most promising papers are followed first. What was left out stands in the graph. Nothing is
kept between walks: the same questions are asked again, which the HTTP cache answers, so a walk with a larger budget
goes on where a smaller one ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from labwright.contracts.errors import NotFoundError, OfflineError, RateLimitedError, ServiceError, UsageError
from labwright.contracts.literature import Citation, Cited, Direction, Failure, Paper, PaperIds
from labwright.literature.graph.gathering import Gathering, tells
from labwright.literature.graph.graph import Graph, Side, Trouble

CitedOf = Callable[[PaperIds, Direction, int], Cited]
"""One side of a paper's citations, such as `Literature.cited`. Raises ServiceError."""

DEPTH = 2
REQUESTS = 60
_KEPT = 40  # new papers of one side: enough for a reference list, and a landmark's thousand followers do not drown it
_SEEN_OF_SEEDS = 500  # one request at Semantic Scholar, whose citations come newest first: the best are chosen of these
_SEEN = 200
_PATIENCE = 4  # failures in a row after which nothing more is asked: each may have cost minutes of retries


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked next, for whoever shows progress."""

    number: int
    of: int  # at most
    paper: Paper
    direction: Direction


def walk(
    seeds: Iterable[Paper],
    cited: CitedOf,
    *,
    depth: int = DEPTH,
    requests: int = REQUESTS,
    per_paper: int = _KEPT,
    told: Callable[[Step], None] = lambda _: None,
) -> Graph:
    """Follow references and citations breadth-first.

    Args:
        seeds: where it begins.
        cited: answers for one side of one paper.
        depth: how many citations away the farthest papers are.
        requests: how often `cited` is asked at most.
        per_paper: new papers that are kept of one side, the most promising; citations among known ones are all kept.
        told: hears of each question before it is asked.

    Raises:
        UsageError: no paper to begin with, or a depth, budget or number below 1.
        ServiceError: no question was answered; of the kind that all failures are of.
    """
    begin = list(seeds)
    if not begin:
        raise UsageError("a citation graph needs a paper to begin with", cure="give the id of one")
    for name, value in (("depth", depth), ("requests", requests), ("per_paper", per_paper)):
        if value < 1:
            raise UsageError(f"a citation graph with {name} {value} is empty", cure=f"give a {name} of at least 1")
    walker = _Walk(cited, requests, per_paper, told)
    walker.begin(begin)
    walker.go(depth)
    if walker.errors and not walker.answers:
        raise _nothing(walker.errors)
    return walker.graph(depth)


class _Walk:
    def __init__(self, cited: CitedOf, requests: int, per_paper: int, told: Callable[[Step], None]) -> None:
        self._cited = cited
        self._budget = requests
        self._per_paper = per_paper
        self._told = told
        self._gathering = Gathering()
        self._seeds: list[int] = []
        self._asked: set[tuple[int, Direction]] = set()
        self._partial: list[tuple[int, Direction]] = []
        self._troubles: list[tuple[int, Direction, Failure, bool]] = []
        self._in_a_row = 0
        self._stopped = ""
        self.answers = 0
        self.errors: list[ServiceError] = []

    def begin(self, seeds: Iterable[Paper]) -> None:
        """The papers that everything is measured from."""
        self._seeds = list(dict.fromkeys(self._gathering.take(seed, 0) for seed in seeds))

    def go(self, depth: int) -> None:
        """Round after round over all distances, until the budget is spent or nothing is left.

        The papers to begin with take what they need; of the rest every distance gets an equal share, for at the first
        distance alone there is usually more to follow than the budget allows. What a distance leaves is for the next
        round.
        """
        while self._left() and self._frontier(depth):
            for distance in range(depth):
                share = self._left() if distance == 0 else math.ceil(self._left() / (depth - distance))
                for _ in range(share):
                    # Chosen anew each time: what was just learned of one paper says which is the most promising next.
                    side = self._most_promising(distance)
                    if side is None or not self._left():
                        break
                    self._follow(*side)

    def graph(self, depth: int) -> Graph:
        """Everything found, the first papers first, then by distance."""
        gathering = self._gathering
        first = list(dict.fromkeys(gathering.of(seed) for seed in self._seeds))
        order = {number: place for place, number in enumerate(first)}
        others = sorted((n for n in gathering.known() if n not in order), key=lambda n: (gathering.distance(n), n))
        order |= {number: place for place, number in enumerate(others, len(first))}

        def side(number: int, direction: Direction) -> Side:
            return Side(order[gathering.of(number)], direction)

        return Graph(
            papers=tuple(gathering.paper(number) for number in order),
            distances=tuple(gathering.distance(number) for number in order),
            seeds=len(first),
            edges=gathering.edges(order),
            asked=self.answers + len(self.errors),
            unfollowed=tuple(side(*each) for each in self._frontier(depth)),
            partial=tuple(dict.fromkeys(side(*each) for each in self._partial)),
            troubles=tuple(
                Trouble(side(number, way), failure, answered) for number, way, failure, answered in self._troubles
            ),
            stopped=self._stopped,
        )

    def _left(self) -> int:
        return 0 if self._stopped else self._budget - self.answers - len(self.errors)

    def _frontier(self, depth: int) -> list[tuple[int, Direction]]:
        """What may be followed and was not."""
        asked = self._asked_by_now()
        return [
            (number, direction)
            for number in self._gathering.known()
            if self._gathering.distance(number) < depth and self._gathering.paper(number).ids.key
            for direction in Direction
            if (number, direction) not in asked
        ]

    def _asked_by_now(self) -> set[tuple[int, Direction]]:
        return {(self._gathering.of(number), direction) for number, direction in self._asked}

    def _most_promising(self, distance: int) -> tuple[int, Direction] | None:
        asked = self._asked_by_now()
        open_ = [
            number
            for number in self._gathering.known()
            if self._gathering.distance(number) == distance
            and self._gathering.paper(number).ids.key
            and any((number, direction) not in asked for direction in Direction)
        ]
        if not open_:
            return None
        best = max(open_, key=lambda n: (self._worth(n) if distance else 0.0, -n))
        return best, next(direction for direction in Direction if (best, direction) not in asked)

    def _worth(self, number: int) -> float:
        """What following it promises: what the papers here have to do with it, then its standing."""
        return self._gathering.weight(number) + _standing(self._gathering.paper(number))

    def _follow(self, number: int, direction: Direction) -> None:
        paper, distance = self._gathering.paper(number), self._gathering.distance(number)
        done = self.answers + len(self.errors)
        self._told(Step(done + 1, self._budget, paper, direction))
        self._asked.add((number, direction))
        try:
            answer = self._cited(paper.ids, direction, _SEEN if distance else _SEEN_OF_SEEDS)
        except ServiceError as error:
            self._failed(number, direction, error)
            return
        self.answers += 1
        self._in_a_row = 0
        self._troubles += [(number, direction, failure, bool(answer.citations)) for failure in answer.failures]
        known: list[Citation] = []
        new: list[Citation] = []
        for citation in answer.citations:
            (new if self._gathering.find(citation.paper) is None else known).append(citation)
        new = sorted(new, key=_promise, reverse=True)
        for citation in (*known, *new[: self._per_paper]):
            other = self._gathering.take(citation.paper, distance + 1)
            self._gathering.cite(number, direction, citation, other)
        if not answer.complete or len(new) > self._per_paper:
            self._partial.append((number, direction))

    def _failed(self, number: int, direction: Direction, error: ServiceError) -> None:
        self.errors.append(error)
        self._troubles.append((number, direction, Failure("", error.one_line()), False))
        if isinstance(error, NotFoundError | OfflineError):  # these cost nothing, and say nothing of the next one
            return
        self._in_a_row += 1
        if self._in_a_row >= _PATIENCE:
            self._stopped = f"{_PATIENCE} questions in a row were not answered; the last: {error.one_line()}"


def _promise(citation: Citation) -> float:
    """How much a citation that was just seen promises: how it is cited, then the paper's standing."""
    return 2.0 * citation.influential + 1.0 * tells(citation.intents) + _standing(citation.paper)


def _standing(paper: Paper) -> float:
    """0 for a paper that nobody cites, 1 for one with ten thousand citations, by their order of magnitude."""
    return min(1.0, math.log10(1 + (paper.citations or 0)) / 4)


def _nothing(errors: list[ServiceError]) -> ServiceError:
    kinds = {type(error) for error in errors}
    kind = next((k for k in (NotFoundError, RateLimitedError, OfflineError) if kinds == {k}), ServiceError)
    first = errors[0]
    return kind(f"no citation could be fetched: {first.what}", where=first.where, cure=first.cure)
