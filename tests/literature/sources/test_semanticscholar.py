"""Semantic Scholar's own ways: two searches, batches, hidden references, snippets that name papers by a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.literature.canonical_papers import COMMON, DPO, GRPO, INSTRUCT, LORA, PAPERS, PPO, UNKNOWN
from tests.servers.replay import ReplayServer, reply
from tests.servers.s2_server import row, s2_server

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError
from labwright.contracts.http import Service
from labwright.contracts.literature import Direction, Paper, PaperIds, Query
from labwright.http import Http, Patience
from labwright.literature.sources import SemanticScholarSource

MANY = tuple(
    replace(
        DPO,
        ids=PaperIds(arxiv=f"2401.{n:05d}", s2=f"{n:040x}", corpus=10_000 + n),
        title=f"Language models number {n}",
        citations=n,
    )
    for n in range(1, 1301)
)


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(tmp_path / "cache", patience=Patience.hurried()) as http:
        yield http


def over(server: ReplayServer, http: Http) -> SemanticScholarSource:
    return SemanticScholarSource(http, Service("semantic-scholar", server.url, fresh_s=0))


def test_a_search_goes_by_relevance_in_pages_of_a_hundred(http: Http) -> None:
    with s2_server(MANY) as server:
        found = over(server, http).search(Query(COMMON, limit=250))
    assert len(found.papers) == 250
    assert found.total == 1300
    asked = server.asked("/graph/v1/paper/search")
    assert [(r.query["offset"], r.query["limit"]) for r in asked] == [("0", "100"), ("100", "100"), ("200", "50")]


def test_a_search_for_more_than_a_thousand_asks_in_bulk(http: Http) -> None:
    with s2_server(MANY) as server:
        found = over(server, http).search(Query(COMMON, since=2000, limit=1200))
    assert len(found.papers) == 1200
    assert found.papers[0].citations == 1300
    assert [r.path for r in server.requests] == ["/graph/v1/paper/search/bulk"] * 2
    assert server.requests[0].query["year"] == "2000-"


def test_a_phrase_is_searched_for_as_a_phrase(http: Http) -> None:
    with s2_server() as server:
        found = over(server, http).search(Query('"policy optimization" critic -drop* (x) ~'.replace("x", "web")))
    assert [paper.title for paper in found.papers] == [GRPO.title]
    assert server.requests[0].query["query"] == '"policy optimization" critic drop web'


def test_hyphens_and_operators_are_taken_out_of_a_search(http: Http) -> None:
    with s2_server() as server:
        assert over(server, http).search(Query("low-rank adaptation")).papers[0].title == LORA.title
    assert server.requests[0].query["query"] == "low rank adaptation"


def test_filters_go_to_the_service(http: Http) -> None:
    with s2_server() as server:
        over(server, http).search(Query(COMMON, since=2020, until=2022, min_citations=7))
        over(server, http).search(Query(COMMON, until=2022))
    assert [(r.query["year"], r.query.get("minCitationCount")) for r in server.requests] == [
        ("2020-2022", "7"),
        ("-2022", None),
    ]


def test_a_page_that_fails_costs_the_rest_and_is_said(http: Http) -> None:
    with s2_server(MANY) as server:
        source = over(server, http)
        source.search(Query(COMMON, limit=100))
        real = server.routes["/graph/v1/paper/search"]
        server.routes["/graph/v1/paper/search"] = lambda request: (
            reply(429, {"message": "Too Many Requests", "code": "429"})
            if request.query["offset"] != "0"
            else real(request)  # type: ignore[operator]
        )
        found = source.search(Query(COMMON, limit=300))
    assert len(found.papers) == 100
    assert [failure.source for failure in found.failures] == ["s2"]
    assert "the rest did not come" in found.failures[0].why


def test_papers_are_asked_for_in_batches_of_five_hundred(http: Http) -> None:
    with s2_server(MANY) as server:
        papers = over(server, http).papers([*(paper.ids for paper in MANY[:600]), UNKNOWN])
    assert len(papers) == 600
    assert [len(r.json["ids"]) for r in server.asked("/graph/v1/paper/batch")] == [500, 101]


def test_a_batch_of_which_nothing_is_known_is_empty(http: Http) -> None:
    with s2_server() as server:
        assert over(server, http).papers([UNKNOWN, replace(UNKNOWN, s2="e" * 40)]) == ()


def test_a_batch_that_came_back_in_another_length_is_joined_by_ids(http: Http) -> None:
    with s2_server() as server:
        server.routes["/graph/v1/paper/batch"] = reply([row(PPO), row(DPO), row(LORA)])
        papers = over(server, http).papers([DPO.ids, PPO.ids])
    assert {paper.title for paper in papers} == {DPO.title, PPO.title}


def test_another_paper_than_the_one_asked_for_is_not_taken(http: Http) -> None:
    with s2_server() as server:
        server.routes["/graph/v1/paper/*"] = reply(row(PPO))
        assert over(server, http).papers([PaperIds(arxiv="2305.18290")]) == ()


def test_a_paper_keeps_the_id_it_was_asked_by(http: Http) -> None:
    with s2_server() as server:
        server.routes["/graph/v1/paper/*"] = reply(row(PPO) | {"externalIds": None})
        (paper,) = over(server, http).papers([PaperIds(arxiv="1707.06347")])
    assert paper.ids == PaperIds(arxiv="1707.06347", s2=PPO.ids.s2)


def test_citations_come_with_their_sentences_and_intents(http: Http) -> None:
    with s2_server() as server:
        cited = over(server, http).cited(PaperIds(arxiv=DPO.ids.arxiv), Direction.REFERENCES, 10)
    first = cited.citations[0]
    assert first.paper.title == PPO.title
    assert first.contexts == ("We follow John Schulman et al. [4].",)
    assert first.intents == ("methodology",)
    assert first.influential
    assert (cited.complete, cited.total, cited.source) == (True, 2, "s2")


def test_citations_are_paged_up_to_the_limit(http: Http) -> None:
    with s2_server(MANY, {paper.id: (MANY[0],) for paper in MANY[1:]}) as server:
        cited = over(server, http).cited(MANY[0].ids, Direction.CITATIONS, 600)
        everything = over(server, http).cited(MANY[0].ids, Direction.CITATIONS, 5000)
    assert (len(cited.citations), cited.complete, cited.total) == (600, False, None)
    assert (len(everything.citations), everything.complete, everything.total) == (1299, True, 1299)


def test_references_that_a_publisher_hides_are_said_to_be_hidden(http: Http) -> None:
    with s2_server(hidden=[DPO.id]) as server:
        cited = over(server, http).cited(DPO.ids, Direction.REFERENCES, 10)
    assert (cited.citations, cited.complete) == ((), False)
    assert "publisher" in cited.failures[0].why


def test_a_later_page_of_citations_that_fails_leaves_the_first(http: Http) -> None:
    with s2_server(MANY, {paper.id: (MANY[0],) for paper in MANY[1:]}) as server:
        real = server.routes["/graph/v1/paper/*"]
        server.routes["/graph/v1/paper/*"] = lambda request: (
            reply(500, {"message": "x"}) if request.query["offset"] != "0" else real(request)  # type: ignore[operator]
        )
        cited = over(server, http).cited(MANY[0].ids, Direction.CITATIONS, 600)
    assert (len(cited.citations), cited.complete) == (500, False)
    assert cited.failures


def test_a_reference_without_ids_is_kept_and_one_without_a_title_is_not(http: Http) -> None:
    bare = {
        "citedPaper": {"paperId": None, "title": "A Book"},
        "contexts": None,
        "intents": None,
        "isInfluential": None,
    }
    nothing = {"citedPaper": {"paperId": None, "title": None}}
    with s2_server() as server:
        server.routes["/graph/v1/paper/*"] = reply(
            {"offset": 0, "data": [bare, nothing, {"citedPaper": None}, None, 7]}
        )
        cited = over(server, http).cited(DPO.ids, Direction.REFERENCES, 10)
    assert [citation.paper for citation in cited.citations] == [Paper(PaperIds(), "A Book", sources=("s2",))]


def test_a_doi_stands_in_the_address_with_its_slashes(http: Http) -> None:
    with s2_server() as server, pytest.raises(NotFoundError):
        over(server, http).cited(PaperIds(doi="10.1/a<b>#?c"), Direction.CITATIONS, 3)
    assert server.requests[0].path == "/graph/v1/paper/DOI:10.1/a<b>#?c/citations"


def test_an_id_of_openalex_is_not_asked_for(http: Http) -> None:
    with s2_server() as server, pytest.raises(NotFoundError, match="does not know papers by this id"):
        over(server, http).cited(PaperIds(openalex="W1"), Direction.CITATIONS, 3)
    assert not server.requests


def test_recommendations_come_from_recent_papers_where_computer_science_has_none(http: Http) -> None:
    with s2_server() as server:
        server.routes["/recommendations/v1/papers/forpaper/*"] = lambda request: reply(
            {"recommendedPapers": [] if request.query["from"] == "all-cs" else [row(PPO)]}
        )
        assert [paper.title for paper in over(server, http).related(DPO.ids, 3)] == [PPO.title]


def test_a_snippet_names_its_paper_by_every_id(http: Http) -> None:
    with s2_server() as server:
        (snippet,) = over(server, http).snippets(Query("labellers rank", since=2022, min_citations=5))
    assert snippet.paper.ids == INSTRUCT.ids.__class__(
        arxiv=INSTRUCT.ids.arxiv, s2=INSTRUCT.ids.s2, corpus=INSTRUCT.ids.corpus
    )
    assert (snippet.section, snippet.score) == ("Introduction", 0.9)
    assert (server.requests[0].query["year"], server.requests[0].query["minCitationCount"]) == ("2022-", "5")


def test_snippets_come_also_where_their_papers_cannot_be_looked_up(http: Http) -> None:
    with s2_server() as server:
        server.fail(reply(500, {"message": "x"}), times=1000, path="/graph/v1/paper/*")
        snippets = over(server, http).snippets(Query("language models"))
    assert len(snippets) == 5
    assert all(snippet.paper.ids.key.startswith("corpus:") for snippet in snippets)


def test_a_key_goes_along_in_its_header(http: Http) -> None:
    with s2_server() as server:
        service = Service("semantic-scholar", server.url, token="k3y", token_header="x-api-key", token_prefix="")
        SemanticScholarSource(http, service).papers([DPO.ids])
    assert server.requests[0].headers["x-api-key"] == "k3y"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(429, {"message": "Too Many Requests", "code": "429"}), RateLimitedError),
        (reply(404, {"error": "Paper not found"}), NotFoundError),
        (reply(200, {"error": "Paper not found"}), ServiceError),
        (reply(200, {"data": {"a": 1}}), ServiceError),
        (reply(200, "<html>Gateway</html>"), ServiceError),
    ],
)
def test_what_goes_wrong_with_citations_is_an_error_of_its_kind(
    http: Http, answer: object, error: type[ServiceError]
) -> None:
    with s2_server() as server:
        server.routes["/graph/v1/paper/*"] = answer  # type: ignore[assignment]
        with pytest.raises(error):
            over(server, http).cited(DPO.ids, Direction.REFERENCES, 10)


def test_every_canonical_paper_is_known_by_each_of_its_names(http: Http) -> None:
    with s2_server() as server:
        source = over(server, http)
        for paper in PAPERS:
            for ids in (PaperIds(s2=paper.ids.s2), PaperIds(corpus=paper.ids.corpus), PaperIds(arxiv=paper.ids.arxiv)):
                assert [one.title for one in source.papers([ids])] == [paper.title]
