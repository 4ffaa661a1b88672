"""The source that asks nobody plays by the rules of the others; this is what it can do beyond them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.literature.canonical_papers import COMMON, DPO, LORA, PAPERS, PPO

from labwright.contracts.errors import NotFoundError, ServiceError
from labwright.contracts.literature import Citation, Direction, Filter, PaperIds, Query
from labwright.literature.sources import FakeSource


def test_it_lacks_the_filters_that_it_is_told_to_lack_and_says_so() -> None:
    source = FakeSource(PAPERS, lacks=[Filter.MIN_CITATIONS])
    found = source.search(Query(COMMON, since=2023, min_citations=10_000))
    assert {one.filter for one in found.unapplied} == {Filter.MIN_CITATIONS}
    assert len(found.papers) == 3


def test_papers_that_do_not_say_stay_and_it_is_said() -> None:
    source = FakeSource([replace(DPO, citations=None), LORA])
    found = source.search(Query(COMMON, min_citations=5))
    assert len(found.papers) == 2
    assert found.unapplied[0].filter is Filter.MIN_CITATIONS


def test_it_fails_as_it_is_told_until_it_is_told_otherwise() -> None:
    source = FakeSource(PAPERS, fails=ServiceError("down", where="nowhere"))
    for ask in (
        lambda: source.search(Query(COMMON)),
        lambda: source.papers([DPO.ids]),
        lambda: source.cited(DPO.ids, Direction.REFERENCES, 1),
        lambda: source.related(DPO.ids, 1),
        lambda: source.resources(DPO.ids, 1),
        lambda: source.snippets(Query(COMMON)),
    ):
        with pytest.raises(ServiceError, match="down"):
            ask()
    source.fails = None
    assert source.search(Query(COMMON)).papers


def test_it_remembers_what_it_was_asked() -> None:
    source = FakeSource(PAPERS, name="elsewhere")
    source.search(Query(COMMON))
    source.papers([DPO.ids, LORA.ids])
    source.cited(DPO.ids, Direction.CITATIONS, 5)
    assert source.asked == [f"search: {COMMON}", "papers: 2", "citations: arxiv:2305.18290"]
    assert source.name == "elsewhere"
    assert source.search(Query(COMMON)).papers[0].sources == ("elsewhere",)


def test_contexts_stand_on_both_sides_of_a_citation() -> None:
    cited = Citation(PPO, ("PPO [4] is unstable.",), ("background",), influential=True)
    source = FakeSource(PAPERS, references={DPO.id: [cited]})
    (citing,) = source.cited(PPO.ids, Direction.CITATIONS, 5).citations
    assert citing.paper.title == DPO.title
    assert citing.contexts == cited.contexts
    assert citing.influential


def test_phrases_stand_as_they_are() -> None:
    source = FakeSource(PAPERS)
    assert source.search(Query('"language models"')).papers
    assert not source.search(Query('"models language"')).papers


def test_an_unknown_paper_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="W1"):
        FakeSource().resources(PaperIds(openalex="W1"), 3)
