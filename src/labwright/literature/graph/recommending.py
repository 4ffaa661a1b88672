"""What to read next and why: the best papers of a graph that were not read yet, each with its measured reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from labwright.contracts.literature import Paper
from labwright.literature.graph.gathering import tells
from labwright.literature.graph.graph import Edge, Graph
from labwright.literature.graph.ranking import Rank

FOUNDATION = "foundation"  # the papers here build on it
FOLLOW_UP = "follow-up"  # it builds on the papers here

_MOST = 8
_SHARE = 2 / 3  # at most so much of the list is of one kind, where there are enough of the other


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A paper to read next."""

    rank: Rank
    kind: str  # foundation | follow-up
    why: str  # one sentence
    quote: str = ""  # a sentence in which it is cited here, or in which it cites


def recommend(
    graph: Graph,
    ranks: Iterable[Rank],
    read: Callable[[Paper], bool] = lambda _: False,
    *,
    recipes: Mapping[str, int] | None = None,
    limit: int = _MOST,
) -> tuple[Suggestion, ...]:
    """The best papers that are neither a beginning of the graph nor read, of both kinds, the best first.

    `read` is asked about the best ones only, as far down as is needed.
    """
    reasons = Reasons(graph, recipes)
    room = {FOUNDATION: max(1, round(limit * _SHARE)), FOLLOW_UP: max(1, round(limit * _SHARE))}
    chosen: list[Suggestion] = []
    spare: list[Suggestion] = []
    for each in ranks:
        if len(chosen) >= limit:
            break
        paper = graph.papers[each.paper]
        if each.paper < graph.seeds or not paper.ids.key:
            continue
        kind = reasons.kind(each.paper)
        if not room[kind] and len(spare) >= limit:
            continue
        if read(paper):
            continue
        suggestion = Suggestion(each, kind, reasons.why(each.paper), reasons.quote(each.paper))
        if room[kind]:
            room[kind] -= 1
            chosen.append(suggestion)
        else:
            spare.append(suggestion)
    chosen += spare[: max(0, limit - len(chosen))]
    return tuple(sorted(chosen[:limit], key=lambda each: (-each.rank.score, each.rank.paper)))


class Reasons:
    """Says in words what speaks for a paper of a graph."""

    def __init__(self, graph: Graph, recipes: Mapping[str, int] | None = None) -> None:
        self._graph = graph
        self._cited_by = graph.cited_by()
        self._citing = graph.citing()
        self._recipes = recipes or {}

    def kind(self, paper: int) -> str:
        """Whether the papers here build on it, or it on them."""
        return FOUNDATION if len(self._cited_by[paper]) >= len(self._citing[paper]) else FOLLOW_UP

    def why(self, paper: int) -> str:
        """One sentence of what was measured."""
        about = self._graph.papers[paper]
        parts = [
            self._ties(self._cited_by[paper], "cites it", "cite it", ending=True),
            self._ties(self._citing[paper], "", "it cites", ending=False),
        ]
        if self.kind(paper) == FOLLOW_UP:
            parts.reverse()
        recipes = self._recipes.get(about.id, 0)
        if recipes:
            parts.append(f"{_number(recipes, 'recipe')} {'was' if recipes == 1 else 'were'} read out of it")
        if about.citations:
            parts.append(f"{_number(about.citations, 'citation')} in all")
        if about.year is not None:
            parts.append(f"from {about.year}")
        said = [part for part in parts if part]
        return ("; ".join(said)[:1].upper() + "; ".join(said)[1:] + ".") if said else "It is in the graph."

    def quote(self, paper: int) -> str:
        """A sentence in which it is cited, or in which it cites: of a citation that tells something if there is one."""
        edges = [*self._cited_by[paper], *self._citing[paper]]
        spoken = sorted((edge for edge in edges if edge.contexts), key=lambda edge: not _telling(edge))
        return spoken[0].contexts[0] if spoken else ""

    def _ties(self, edges: Sequence[Edge], one: str, several: str, *, ending: bool) -> str:
        if not edges:
            return ""
        telling = sum(map(_telling, edges))
        ends = [edge.citing if ending else edge.cited for edge in edges]
        seeds = [self._name(end) for end in sorted(set(ends)) if end < self._graph.seeds]
        if ending:
            text = f"{_number(len(edges), 'paper')} here {one if len(edges) == 1 else several}"
        else:
            text = f"{several} {_number(len(edges), 'paper')} here"
        if seeds:
            text += f", {'among them ' if len(edges) > len(seeds) else ''}{_listed(seeds)}"
        if telling:
            count = "" if telling == len(edges) else f"{_number(telling, 'time')} "
            text += f", {count}for what {'it' if ending else 'they'} {'does or found' if ending else 'do or found'}"
        return text

    def _name(self, paper: int) -> str:
        return short(self._graph.papers[paper])


def short(paper: Paper) -> str:
    """As people cite it: the first author's surname and the year; else its title or id."""
    if paper.authors:
        surname = paper.authors[0].split(",")[0].split()[-1:] or [paper.authors[0]]
        etal = " et al." if len(paper.authors) > 1 else ""
        return f"{surname[0]}{etal}" + (f" {paper.year}" if paper.year else "")
    title = paper.title or paper.ids.key
    return title if len(title) <= 40 else title[:39] + "…"


def _telling(edge: Edge) -> bool:
    return edge.influential or tells(edge.intents)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:2]) + ([f"{len(names) - 2} more"] if len(names) > 2 else [])
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]
