"""A graph by years: how many papers each has, and which of them matter most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labwright.literature.graph.graph import Graph
from labwright.literature.graph.ranking import Rank


@dataclass(frozen=True, slots=True)
class Year:
    """The papers of one year; None: of those whose year nobody said."""

    year: int | None
    papers: int
    best: tuple[Rank, ...]


def timeline(graph: Graph, ranks: Iterable[Rank], best: int = 3) -> tuple[Year, ...]:
    """Every year that has papers, the newest first; papers of unknown year last."""
    years: dict[int | None, list[Rank]] = {}
    for each in ranks:
        years.setdefault(graph.papers[each.paper].year, []).append(each)
    ordered = sorted(years, key=lambda year: (year is None, -(year or 0)))
    return tuple(Year(year, len(years[year]), tuple(years[year][:best])) for year in ordered)
