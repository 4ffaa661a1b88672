"""OpenAlex's own ways: cursors, ids out of addresses, abstracts out of indices, lists and single works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.literature.canonical_papers import COMMON, DPO, GRPO, INSTRUCT, OLD, PAPERS, PPO, UNKNOWN
from tests.servers.openalex_server import openalex_server, work
from tests.servers.replay import ReplayServer, reply

from labwright.contracts.errors import NotFoundError, ServiceError
from labwright.contracts.http import Service
from labwright.contracts.literature import Direction, Paper, PaperIds, Query
from labwright.http import Http, Patience
from labwright.literature.sources import OpenAlexSource

MANY = tuple(
    replace(
        DPO, ids=PaperIds(arxiv=f"2401.{n:05d}", openalex=f"W{n}"), title=f"Language models number {n}", citations=n
    )
    for n in range(1, 261)
)


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(tmp_path / "cache", patience=Patience.hurried()) as http:
        yield http


def over(server: ReplayServer, http: Http) -> OpenAlexSource:
    return OpenAlexSource(http, Service("openalex", server.url, fresh_s=0))


def single(http: Http, **changes: Any) -> Paper:
    with openalex_server() as server:
        server.routes["/works/*"] = reply(work(DPO) | changes)
        (paper,) = over(server, http).papers([PaperIds(openalex=DPO.ids.openalex)])
    return paper


def test_a_search_follows_the_cursor_to_its_limit(http: Http) -> None:
    with openalex_server(MANY) as server:
        found = over(server, http).search(Query(COMMON, limit=250))
    assert (len(found.papers), found.total) == (250, 260)
    assert [r.query["cursor"] for r in server.requests] == ["*", "IlsxMDA100", "IlsxMDA200"]


def test_filters_go_to_the_service(http: Http) -> None:
    with openalex_server() as server:
        over(server, http).search(Query(COMMON, since=2020, until=2022, min_citations=7))
        over(server, http).search(Query(COMMON, min_citations=0))
    asked = [r.query.get("filter") for r in server.requests]
    assert asked == ["publication_year:>2019,publication_year:<2023,cited_by_count:>6", None]


def test_operators_and_wildcards_are_taken_out_of_a_search_and_phrases_are_not(http: Http) -> None:
    with openalex_server() as server:
        over(server, http).search(Query('"Reward Model" NOT (loss*) OR what? "open'))
    assert server.requests[0].query["search"] == '"Reward Model" not loss or what open'


def test_a_page_that_fails_costs_the_rest_and_is_said(http: Http) -> None:
    with openalex_server(MANY) as server:
        real = server.routes["/works"]
        server.routes["/works"] = lambda request: (
            reply(403, {"error": "Insufficient budget"}) if request.query["cursor"] != "*" else real(request)  # type: ignore[operator]
        )
        found = over(server, http).search(Query(COMMON, limit=150))
        cited = over(server, http).cited(MANY[0].ids, Direction.CITATIONS, 5)
    assert len(found.papers) == 100
    assert found.failures[0].source == "openalex"
    assert cited.complete


def test_few_papers_are_asked_for_one_by_one_and_many_by_lists(http: Http) -> None:
    with openalex_server(MANY) as server:
        few = over(server, http).papers([paper.ids for paper in MANY[:3]])
        asked = len(server.requests)
        many = over(server, http).papers([*(PaperIds(arxiv=paper.ids.arxiv) for paper in MANY[:120]), UNKNOWN])
    assert (len(few), asked) == (3, 3)
    assert len(many) == 120
    assert len(server.requests) - asked <= 5


def test_a_doi_that_would_break_a_filter_is_asked_for_alone(http: Http) -> None:
    odd = replace(OLD, ids=PaperIds(doi="10.1/a,b|c", openalex="W77"))
    with openalex_server((*MANY, odd)) as server:
        papers = over(server, http).papers([*(paper.ids for paper in MANY[:8]), PaperIds(doi="10.1/a,b|c")])
    assert len(papers) == 9
    assert "/works/doi:10.1/a,b|c" in [r.path for r in server.requests]
    assert any("10.1%2Fa%2Cb%7Cc" in r.target for r in server.requests)


def test_the_arxiv_id_of_an_article_stands_in_the_address_of_its_preprint(http: Http) -> None:
    paper = single(
        http, doi="https://doi.org/10.5555/3666122", ids={"openalex": f"https://openalex.org/{DPO.ids.openalex}"}
    )
    assert paper.ids == PaperIds(arxiv="2305.18290", doi="10.5555/3666122", openalex=DPO.ids.openalex)


def test_an_abstract_is_put_together_and_a_hostile_index_is_no_harm(http: Http) -> None:
    assert single(http).abstract == DPO.abstract
    assert single(http, abstract_inverted_index=None).abstract == ""
    odd = {"second": [10**15], "first": [-1], "none": None, "text": "7", "mixed": ["x", 3]}
    assert single(http, abstract_inverted_index=odd).abstract == "first mixed second"


def test_markup_in_titles_is_taken_out_and_comparisons_are_not(http: Http) -> None:
    assert (
        single(http, title="H<sub>2</sub>O &amp; <i>Sorting</i> when a < b and c > d").title
        == "H2O & Sorting when a < b and c > d"
    )


def test_a_day_that_only_stands_for_its_year_is_not_said(http: Http) -> None:
    paper = single(http, publication_date="2023-01-01")
    assert (paper.year, paper.published) == (2023, None)


def test_citations_of_a_paper_of_arxiv_are_found_by_its_doi(http: Http) -> None:
    with openalex_server() as server:
        cited = over(server, http).cited(PaperIds(arxiv=PPO.ids.arxiv), Direction.CITATIONS, 10)
    assert [citation.paper.title for citation in cited.citations] == [INSTRUCT.title, DPO.title, GRPO.title]
    assert (cited.total, cited.complete, cited.source) == (3, True, "openalex")
    assert server.requests[-1].query["filter"] == f"cites:{PPO.ids.openalex}"
    assert "/works/doi:10.48550%2Farxiv.1707.06347" in server.requests[0].target


def test_references_are_followed_the_other_way(http: Http) -> None:
    with openalex_server() as server:
        cited = over(server, http).cited(DPO.ids, Direction.REFERENCES, 1)
    assert [citation.paper.title for citation in cited.citations] == [PPO.title]
    assert (cited.total, cited.complete) == (2, False)


def test_an_id_of_openalex_that_is_unknown_is_not_a_paper_without_citations(http: Http) -> None:
    with openalex_server() as server:
        source = over(server, http)
        with pytest.raises(NotFoundError):
            source.cited(PaperIds(openalex="W999"), Direction.CITATIONS, 5)
        assert source.cited(PaperIds(openalex=GRPO.ids.openalex), Direction.CITATIONS, 5).citations == ()


def test_an_id_that_it_does_not_use_is_not_asked_for(http: Http) -> None:
    with openalex_server() as server, pytest.raises(NotFoundError, match="does not know papers by this id"):
        over(server, http).cited(PaperIds(s2="f" * 40), Direction.CITATIONS, 5)
    assert not server.requests


def test_a_list_without_results_is_an_error_and_one_with_odd_results_is_not(http: Http) -> None:
    with openalex_server() as server:
        source = over(server, http)
        server.routes["/works"] = reply({"error": "Invalid query parameters error.", "message": "no such field"})
        with pytest.raises(ServiceError, match="Invalid query parameters"):
            source.search(Query("x"))
        server.routes["/works"] = reply(
            {"meta": None, "results": [None, 7, {"title": None}, work(PPO), {"title": "Bare"}]}
        )
        assert [paper.title for paper in source.search(Query("y")).papers] == [PPO.title, "Bare"]


def test_a_cursor_that_does_not_move_ends_the_list(http: Http) -> None:
    with openalex_server() as server:
        server.routes["/works"] = reply({"meta": {"count": 900, "next_cursor": "same"}, "results": [work(PPO)]})
        found = over(server, http).search(Query("y", limit=500))
    assert len(server.requests) <= 2
    assert found.papers


def test_all_canonical_papers_arrive_with_their_ids(http: Http) -> None:
    with openalex_server() as server:
        papers = over(server, http).papers([PaperIds(openalex=paper.ids.openalex) for paper in PAPERS])
    assert {paper.ids for paper in papers} == {
        PaperIds(arxiv=paper.ids.arxiv, doi=paper.ids.doi, openalex=paper.ids.openalex) for paper in PAPERS
    }
