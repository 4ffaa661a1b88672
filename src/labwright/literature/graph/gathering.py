"""Papers and citations as they come in during a walk, each paper once, under whatever names it comes.

Services give the same paper different ids, and a later description may show that two papers were one. So a paper here
is a number that may come to mean an older one: `of` says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from labwright.contracts.literature import Citation, Direction, Paper, PaperIds
from labwright.literature import merging
from labwright.literature.graph.graph import Edge

_Name = tuple[str, str | int]
_IDS = tuple(kind.name for kind in fields(PaperIds))


@dataclass(slots=True)
class _Link:
    """A citation, as it grows: both ends may describe it."""

    contexts: dict[str, None] = field(default_factory=dict)
    intents: dict[str, None] = field(default_factory=dict)
    influential: bool = False
    seen: bool = False

    @property
    def weight(self) -> int:
        return self.seen + (self.influential or tells(self.intents))


class Gathering:
    """A graph under construction."""

    def __init__(self) -> None:
        self._papers: list[Paper] = []
        self._distances: list[int] = []
        self._now: list[int] = []  # which paper a number means by now
        self._named: dict[_Name, int] = {}
        self._titled: dict[str, list[int]] = {}
        self._links: dict[tuple[int, int], _Link] = {}
        self._weights: list[int] = []

    def of(self, number: int) -> int:
        """The paper that a number means by now."""
        while self._now[number] != number:
            self._now[number] = self._now[self._now[number]]
            number = self._now[number]
        return number

    def paper(self, number: int) -> Paper:
        """Everything that is known of it."""
        return self._papers[self.of(number)]

    def distance(self, number: int) -> int:
        """How many citations it is away from the nearest of the first papers."""
        return self._distances[self.of(number)]

    def known(self) -> list[int]:
        """Every paper, the earliest first."""
        return [number for number, now in enumerate(self._now) if number == now]

    def weight(self, number: int) -> int:
        """How much it has to do with the others: every citation from or to it is 1, one that tells something 2."""
        return self._weights[self.of(number)]

    def find(self, paper: Paper) -> int | None:
        """The paper that this describes, where it is here already; nothing is learned from it."""
        named = self._by_names(paper)
        return min(named) if named else self._by_title(paper)

    def take(self, paper: Paper, distance: int) -> int:
        """The number of this paper, which is now known at least this well and to be at least this near."""
        same = sorted(self._by_names(paper))
        if not same:
            titled = self._by_title(paper)
            same = [] if titled is None else [titled]
        if not same:
            number = len(self._papers)
            self._papers.append(paper)
            self._distances.append(distance)
            self._now.append(number)
            self._weights.append(0)
        else:
            number = same[0]
            for other in same[1:]:
                self._now[other] = number
                self._weights[number] += self._weights[other]
                self._distances[number] = min(self._distances[number], self._distances[other])
            self._distances[number] = min(self._distances[number], distance)
            known = [self._papers[each] for each in same]
            if len(known) > 1 or not _says_nothing_new(known[0], paper):
                self._papers[number] = _one([*known, paper])
        self._remember(number)
        return number

    def cite(self, paper: int, direction: Direction, citation: Citation, other: int) -> None:
        """That they cite each other, as one end or the other describes it."""
        ends = (paper, other) if direction is Direction.REFERENCES else (other, paper)
        link = self._links.setdefault(ends, _Link())
        before = link.weight
        link.seen = True
        link.contexts.update(dict.fromkeys(citation.contexts))
        link.intents.update(dict.fromkeys(citation.intents))
        link.influential = link.influential or citation.influential
        for end in (paper, other):
            self._weights[self.of(end)] += link.weight - before

    def edges(self, places: dict[int, int]) -> tuple[Edge, ...]:
        """All citations, once each, by the places that papers take in the graph."""
        merged: dict[tuple[int, int], _Link] = {}
        for (citing, cited), link in self._links.items():
            ends = (places[self.of(citing)], places[self.of(cited)])
            if ends[0] == ends[1]:  # two that turned out to be one, or a list with a slip in it
                continue
            known = merged.setdefault(ends, _Link())
            known.contexts.update(link.contexts)
            known.intents.update(link.intents)
            known.influential = known.influential or link.influential
        return tuple(
            Edge(citing, cited, tuple(link.contexts), tuple(link.intents), link.influential)
            for (citing, cited), link in merged.items()
        )

    def _by_names(self, paper: Paper) -> set[int]:
        return {self.of(self._named[name]) for name in _names(paper.ids) if name in self._named}

    def _by_title(self, paper: Paper) -> int | None:
        """One of the same title, where nothing speaks against it."""
        title = merging.plain(paper.title)
        numbers = {self.of(number) for number in self._titled.get(title, ())} if title else set()
        nameless = not paper.ids.key
        for number in sorted(numbers):
            known = self._papers[number]
            if len(merging.merge((known, paper))) == 1:
                return number
            # Nothing else tells two nameless ones apart, and without this a list that repeats one would grow a crowd.
            if nameless and not known.ids.key and known.year == paper.year:
                return number
        return None

    def _remember(self, number: int) -> None:
        paper = self._papers[number]
        for name in _names(paper.ids):
            self._named[name] = number
        bucket = self._titled.setdefault(merging.plain(paper.title), [])
        if number not in bucket:
            bucket.append(number)


def tells(intents: Iterable[str]) -> bool:
    """Whether a paper is cited for what it does or found, and not as background."""
    return any(intent in ("methodology", "result") for intent in intents)


def _names(ids: PaperIds) -> list[_Name]:
    return [(kind, value) for kind in _IDS if (value := getattr(ids, kind)) is not None and value != ""]


def _says_nothing_new(known: Paper, paper: Paper) -> bool:
    """The same source describes a paper alike each time; most descriptions of a walk are such repetitions."""
    return known == paper or (
        set(paper.sources) <= set(known.sources)
        and set(_names(paper.ids)) <= set(_names(known.ids))
        and bool(known.title and known.authors and known.year)
        and (known.citations is not None or paper.citations is None)
        and (bool(known.abstract) or not paper.abstract)
    )


def _one(papers: list[Paper]) -> Paper:
    merged = merging.merge(papers)
    # Nameless twins are one here and two there: the first stands for both.
    return merged[0]
