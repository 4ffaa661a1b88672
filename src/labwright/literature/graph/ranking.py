"""Which papers of a graph matter: by influence, by what they found, and by how new they are.

    score = 0.5 influence + 0.3 result + 0.2 recency                each between 0 and 1

- influence: half PageRank within the graph (Brin and Page, 1998; damping 0.85), which says what the papers here build
  on, half the citations in all the world. Both by their order of magnitude: a hundred times more is twice as much.
- result: how much the citations here are about what the paper does or found (Semantic Scholar's intents `methodology`
  and `result`, and those it holds to be influential), and recipes that were read out of it: 1 - 0.5 ** (points / 3),
  a point for each such citation of the paper, half a point for each that it makes, two for a recipe.
- recency: halves every two years. A paper of unknown year has none.

The weights are a choice, not a measurement: influence finds what everybody builds on, and would alone bury this year.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labwright.literature.graph.gathering import tells
from labwright.literature.graph.graph import Edge, Graph

WEIGHTS = (0.5, 0.3, 0.2)  # influence, result, recency

_DAMPING = 0.85
_CLOSE = 1e-10
_MOST_ROUNDS = 200
_HALF_LIFE_YEARS = 2.0
_HALF_RESULT_POINTS = 3.0
_RECIPE_POINTS = 2.0
_MAKING_POINTS = 0.5


@dataclass(frozen=True, slots=True)
class Rank:
    """A paper's place and what it is made of, each between 0 and 1."""

    paper: int  # its place in Graph.papers
    score: float
    influence: float
    result: float
    recency: float


def rank(graph: Graph, year: int, recipes: Mapping[str, int] | None = None) -> tuple[Rank, ...]:
    """Every paper of a graph, the best first.

    Args:
        graph: what to rank.
        year: this year.
        recipes: how many recipes are known of a paper, by `Paper.id`.
    """
    shares = [share * len(graph.papers) for share in pagerank(graph)]
    least = min(shares, default=0.0)  # everybody has it
    weights = _magnitudes([share - least for share in shares])
    citations = _magnitudes([float(paper.citations or 0) for paper in graph.papers])
    cited_by, citing = graph.cited_by(), graph.citing()
    ranks = []
    for place, paper in enumerate(graph.papers):
        influence = (weights[place] + citations[place]) / 2
        known = (recipes or {}).get(paper.id, 0)
        result = _result(cited_by[place], citing[place], known)
        recency = 0.0 if paper.year is None else 0.5 ** (max(0, year - paper.year) / _HALF_LIFE_YEARS)
        score = sum(weight * part for weight, part in zip(WEIGHTS, (influence, result, recency), strict=True))
        ranks.append(Rank(place, score, influence, result, recency))
    return tuple(sorted(ranks, key=lambda each: (-each.score, each.paper)))


def pagerank(graph: Graph) -> list[float]:
    """The share of each paper, of a reader who follows references at random and starts anew every seventh time."""
    count = len(graph.papers)
    if not count:
        return []
    edges = [(edge.citing, edge.cited) for edge in graph.edges]
    outgoing = Counter(citing for citing, _ in edges)
    ends = [place for place in range(count) if place not in outgoing]
    share = [1 / count] * count
    for _ in range(_MOST_ROUNDS):
        # From a paper whose references are not here the reader goes anywhere.
        anywhere = (1 - _DAMPING) / count + _DAMPING * sum(share[place] for place in ends) / count
        after = [anywhere] * count
        for citing, cited in edges:
            after[cited] += _DAMPING * share[citing] / outgoing[citing]
        moved = sum(abs(new - old) for new, old in zip(after, share, strict=True))
        share = after
        if moved < _CLOSE:
            break
    return share


def _magnitudes(values: Sequence[float]) -> list[float]:
    """By their order of magnitude, the largest 1."""
    logs = [math.log1p(value) for value in values]
    largest = max(logs, default=0.0)
    return [log / largest for log in logs] if largest > 0 else logs


def _result(cited_by: Sequence[Edge], citing: Sequence[Edge], recipes: int) -> float:
    received = sum(edge.influential or tells(edge.intents) for edge in cited_by)
    made = sum(edge.influential or tells(edge.intents) for edge in citing)
    points = received + _MAKING_POINTS * made + _RECIPE_POINTS * recipes
    return 1 - math.pow(0.5, points / _HALF_RESULT_POINTS)
