"""What a walk over citations has found: papers, who cites whom, and everything that was not followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labwright.contracts.literature import Direction, Failure, Paper


@dataclass(frozen=True, slots=True)
class Edge:
    """One paper cites another. Papers are their places in `Graph.papers`."""

    citing: int
    cited: int
    contexts: tuple[str, ...] = ()  # sentences of the citing paper
    intents: tuple[str, ...] = ()  # background, methodology, result
    influential: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a paper's citations, which was not followed or not seen whole."""

    paper: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class Trouble:
    """A source that did not answer about a side. `answered`: another one did."""

    side: Side
    failure: Failure
    answered: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """Papers around some papers. Those that the walk began with stand first."""

    papers: tuple[Paper, ...]
    distances: tuple[int, ...]  # citations away from the nearest of the first papers
    seeds: int  # how many papers the walk began with
    edges: tuple[Edge, ...]
    asked: int  # questions to the services, each of which may be several requests
    unfollowed: tuple[Side, ...] = ()  # within the depth, but the budget was spent
    partial: tuple[Side, ...] = ()  # followed, and there is more than was seen or kept
    troubles: tuple[Trouble, ...] = ()
    stopped: str = ""  # why the walk ended before its budget

    def cited_by(self) -> Mapping[int, tuple[Edge, ...]]:
        """The edges that end at each paper: who cites it."""
        return _grouped(self.edges, len(self.papers), ending=True)

    def citing(self) -> Mapping[int, tuple[Edge, ...]]:
        """The edges that begin at each paper: what it cites."""
        return _grouped(self.edges, len(self.papers), ending=False)


def _grouped(edges: tuple[Edge, ...], papers: int, *, ending: bool) -> Mapping[int, tuple[Edge, ...]]:
    groups: list[list[Edge]] = [[] for _ in range(papers)]
    for edge in edges:
        groups[edge.cited if ending else edge.citing].append(edge)
    return {paper: tuple(group) for paper, group in enumerate(groups)}
