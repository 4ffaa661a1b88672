"""A survey as Markdown: what to read next, the ranking as a table, the years, and what is missing."""

from __future__ import annotations

import re

from labwright.contracts.literature import Paper
from labwright.literature.graph.recommending import short
from labwright.literature.graph.survey import Survey

_BEST = 20


def markdown(survey: Survey, best: int = _BEST) -> str:
    """The whole survey; of the ranking the best."""
    graph = survey.graph
    seeds = "; ".join(_titled(paper) for paper in graph.papers[: graph.seeds])
    lines = ["# Papers around " + seeds, ""]
    lines += [
        f"{len(graph.papers):,} papers, {len(graph.edges):,} citations among them; {graph.asked} questions asked."
    ]
    if survey.suggestions:
        lines += ["", "## Read next", ""]
        for suggestion in survey.suggestions:
            lines.append(f"- {_titled(survey.paper(suggestion.rank))}. {_plain(suggestion.why)}")
    lines += ["", "## Ranking", ""]
    lines += ["| # | score | paper | year | citations | influence | result | recency |"]
    lines += ["|--:|--:|---|--:|--:|--:|--:|--:|"]
    for place, each in enumerate(survey.ranks[:best], 1):
        paper = survey.paper(each)
        cells = [
            str(place),
            f"{each.score:.2f}",
            _titled(paper) + (" (begun with)" if each.paper < graph.seeds else ""),
            str(paper.year or ""),
            "" if paper.citations is None else f"{paper.citations:,}",
            *(f"{part:.2f}" for part in (each.influence, each.result, each.recency)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if len(survey.ranks) > best:
        lines += ["", f"The {best} best of {len(survey.ranks):,}."]
    lines += ["", "## Years", ""]
    for year in survey.years:
        names = ", ".join(_plain(short(survey.paper(each))) for each in year.best)
        lines.append(f"- {year.year or 'unknown'}: {year.papers:,}, such as {names}")
    if survey.remarks:
        lines += ["", "## What is missing", ""]
        lines += [f"- {_plain(remark)}" for remark in survey.remarks]
    return "\n".join(lines) + "\n"


def _titled(paper: Paper) -> str:
    return (
        f"{_plain(paper.title)} ({paper.ids.key})" if paper.title and paper.ids.key else _plain(paper.title) or paper.id
    )


def _plain(text: str) -> str:
    """A text that someone else wrote: on one line, and nothing in it is Markdown or HTML."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", line)
