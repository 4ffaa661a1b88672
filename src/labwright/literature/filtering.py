"""Checks a query's filters once more on papers that several sources described, so that none is dropped silently.

What is known of a merged paper may be more than each source knew: a paper that arXiv found without its citations has
them from Semantic Scholar. Known and not fitting goes; not known stays, and is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from labwright.contracts.errors import UsageError
from labwright.contracts.literature import Filter, Paper, Query, SourceName, Unapplied


def check(query: Query) -> None:
    """Raises UsageError for a query that cannot find anything."""
    if not query.text.strip(' "'):
        raise UsageError("there is nothing to search for", cure="give some words")
    if query.limit < 1:
        raise UsageError(f"a search for {query.limit} papers finds none", cure="give a limit of at least 1")
    if query.since is not None and query.until is not None and query.since > query.until:
        raise UsageError(f"no paper is from {query.since} or later and from {query.until} or earlier")


def fits(paper: Paper, query: Query) -> bool:
    """Whether nothing that is known of the paper is against the query's filters."""
    if paper.year is not None:
        if query.since is not None and paper.year < query.since:
            return False
        if query.until is not None and paper.year > query.until:
            return False
    known = query.min_citations is not None and paper.citations is not None
    return not known or (paper.citations or 0) >= (query.min_citations or 0)


def unchecked(paper: Paper, filter: Filter) -> bool:
    """Whether nothing is known of the paper that the filter could be checked on."""
    return paper.citations is None if filter is Filter.MIN_CITATIONS else paper.year is None


def remaining(papers: Sequence[Paper], query: Query, said: Sequence[Unapplied]) -> tuple[Unapplied, ...]:
    """What stays to be said about filters: what the sources said, and how many of their papers could not be checked.

    Args:
        papers: those that were kept.
        query: its filters.
        said: what each source could not apply.
    """
    result: list[Unapplied] = []
    for each in said:
        count = sum(each.source in paper.sources and unchecked(paper, each.filter) for paper in papers)
        note = f"{_of(count)} could not be checked here either" if count else "checked here on its papers, one by one"
        result.append(replace(each, why=f"{each.why}; {note}"))
    covered = {(each.source, each.filter) for each in said}
    for filter in sorted(query.filters):
        counts: dict[SourceName, int] = {}
        for paper in papers:
            if unchecked(paper, filter) and not any((source, filter) in covered for source in paper.sources):
                source = paper.sources[0] if paper.sources else ""
                counts[source] = counts.get(source, 0) + 1
        what = "citations are" if filter is Filter.MIN_CITATIONS else "year is"
        result.extend(
            Unapplied(source, filter, f"{_of(count)} could not be checked: their {what} not known")
            for source, count in counts.items()
        )
    return tuple(result)


def _of(count: int) -> str:
    return "1 paper" if count == 1 else f"{count} papers"
