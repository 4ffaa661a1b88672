"""Small made-up literatures for the tests of the citation graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labwright.contracts.literature import Citation, Paper, PaperIds
from labwright.literature.sources.fake import FakeSource


def paper(name: str, year: int | None = 2020, citations: int | None = 10, title: str = "", day: str = "") -> Paper:
    """A paper whose id is its name."""
    return Paper(
        PaperIds(local=name),
        title or f"The paper that is called {name}",
        (f"Ann {name.title()}",),
        year,
        day or None,
        citations=citations,
    )


def source(papers: Iterable[Paper], cites: Mapping[str, Iterable[str | Citation]]) -> FakeSource:
    """A source that knows them; `cites` holds names, or citations where how it is cited matters."""
    known = {each.ids.local: each for each in papers}
    references = {
        known[name].id: [each if isinstance(each, Citation) else Citation(known[each]) for each in cited]
        for name, cited in cites.items()
    }
    return FakeSource(known.values(), references=references)


def named(papers: Iterable[Paper]) -> list[str]:
    """By their names."""
    return [each.ids.local or each.title for each in papers]
