"""What is Hugging Face's own: rows with papers inside, the daily list, linked repositories page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.literature.canonical_papers import COMMON, DPO, GRPO, INSTRUCT, LORA, PAPERS, QLORA
from tests.servers.hf_papers_server import flat, hf_papers_server, refused, repository, row
from tests.servers.replay import ReplayServer, reply

from labwright.contracts.errors import NotFoundError, ServiceError, UsageError
from labwright.contracts.http import Service
from labwright.contracts.literature import Filter, Paper, PaperIds, Query
from labwright.http import Http, Patience
from labwright.literature.sources import HuggingFaceSource

MODELS = [repository(f"org/model-{n}", 5000 - n, likes=n) for n in range(230)]
DATASETS = [repository("org/small", 2), repository("org/large", 90_000), repository("org/unknown", None)]
SPACES = [repository("org/demo", None, likes=7), repository("org/arena", None, likes=70)]


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    name = "2305.18290"
    with hf_papers_server(
        models={name: MODELS, "2106.09685": MODELS[:1]}, datasets={name: DATASETS}, spaces={name: SPACES}
    ) as running:
        yield running


@pytest.fixture
def source(server: ReplayServer, tmp_path: Path) -> Iterator[HuggingFaceSource]:
    with Http(tmp_path, patience=Patience.hurried()) as http:
        yield HuggingFaceSource(http, Service("hf", server.url))


def test_the_fields_of_nested_rows_are_read(source: HuggingFaceSource) -> None:
    paper = source.search(Query("direct preference")).papers[0]
    assert paper.upvotes == 64
    assert paper.summary.startswith("Rafael Rafailov and others")
    assert paper.code_url == "https://github.com/someone/2305.18290"
    assert paper.url == "https://huggingface.co/papers/2305.18290"
    assert paper.title == DPO.title


def test_years_are_checked_here_over_as_many_rows_as_there_are(source: HuggingFaceSource, server: ReplayServer) -> None:
    found = source.search(Query(COMMON, until=2022, limit=2))
    assert {paper.title for paper in found.papers} == {LORA.title, INSTRUCT.title}
    assert server.requests[-1].query["limit"] == "100"
    assert not found.unapplied


def test_papers_without_a_date_stay_and_are_said(source: HuggingFaceSource, server: ReplayServer) -> None:
    undated = row(DPO) | {"paper": flat(DPO) | {"publishedAt": None}, "publishedAt": None}
    server.fail(reply([undated, row(LORA)]))
    found = source.search(Query(COMMON, since=2023, min_citations=1))
    assert [paper.title for paper in found.papers] == [DPO.title]
    assert {one.filter for one in found.unapplied} == {Filter.SINCE, Filter.MIN_CITATIONS}


def test_more_than_a_search_returns_is_said(source: HuggingFaceSource, tmp_path: Path) -> None:
    many = [replace(DPO, ids=PaperIds(arxiv=f"2401.{n:05d}"), title=f"Language models {n}") for n in range(120)]
    with hf_papers_server(many) as server, Http(tmp_path / "other", patience=Patience.hurried()) as http:
        found = HuggingFaceSource(http, Service("hf", server.url)).search(Query("language models", limit=110))
    assert len(found.papers) == 100
    assert "no more" in found.remarks[0]


def test_an_odd_row_does_not_cost_the_others(source: HuggingFaceSource, server: ReplayServer) -> None:
    server.fail(reply([None, 7, {"paper": None}, {"paper": "x", "title": None}, row(DPO), flat(LORA)]))
    assert [paper.title for paper in source.search(Query(COMMON)).papers] == [DPO.title, LORA.title]


def test_rows_of_which_none_can_be_read_are_an_error(source: HuggingFaceSource, server: ReplayServer) -> None:
    server.fail(reply([{"paper": {"id": "2305.18290"}}]))
    with pytest.raises(ServiceError, match="without titles"):
        source.search(Query(COMMON))


def test_addresses_that_are_no_web_addresses_are_left_out(source: HuggingFaceSource, server: ReplayServer) -> None:
    server.fail(reply(flat(DPO) | {"githubRepo": "javascript:alert(1)"}))
    assert source.papers([DPO.ids])[0].code_url == ""


def test_another_paper_than_the_one_asked_for_is_not_taken(source: HuggingFaceSource, server: ReplayServer) -> None:
    server.fail(reply(flat(LORA)))
    assert source.papers([DPO.ids]) == ()


def test_a_refusal_of_one_paper_among_many_is_an_error(source: HuggingFaceSource, server: ReplayServer) -> None:
    server.fail(refused(403, "Access denied", "GatedRepo"), times=9, path="/api/papers/2106.09685")
    with pytest.raises(ServiceError, match=r"(?i)access denied|403"):
        source.papers([paper.ids for paper in PAPERS])


# The daily list


def test_the_newest_papers_are_listed_without_a_date(source: HuggingFaceSource, server: ReplayServer) -> None:
    assert len(source.daily(limit=3).papers) == 3
    assert server.requests[-1].query == {"sort": "publishedAt", "p": "0", "limit": "3"}


@pytest.mark.parametrize(("when", "parameter"), [("2023-05-29", "date"), ("2023-W22", "week"), ("2023-05", "month")])
def test_a_day_a_week_or_a_month_is_asked_for(
    source: HuggingFaceSource, server: ReplayServer, when: str, parameter: str
) -> None:
    found = source.daily(when)
    assert server.requests[-1].query[parameter] == when
    assert DPO.title in {paper.title for paper in found.papers}


def test_a_day_without_papers_is_an_empty_answer(source: HuggingFaceSource) -> None:
    assert source.daily("2023-05-28").papers == ()


@pytest.mark.parametrize("when", ["yesterday", "2023", "29.05.2023", "2023-5-1"])
def test_another_form_of_date_is_the_persons_mistake(source: HuggingFaceSource, when: str) -> None:
    with pytest.raises(UsageError, match="2025-W09"):
        source.daily(when)


def test_what_trends_has_no_date(source: HuggingFaceSource, server: ReplayServer) -> None:
    source.daily(trending=True)
    assert server.requests[-1].query["sort"] == "trending"
    with pytest.raises(UsageError):
        source.daily("2023-05-29", trending=True)


def test_a_day_that_is_yet_to_come_is_an_error_of_the_service(source: HuggingFaceSource, server: ReplayServer) -> None:
    server.fail(refused(400, 'Invalid query: "date" must be in the past'))
    with pytest.raises(ServiceError):
        source.daily("2099-01-01")


def test_a_long_list_comes_in_pages_and_ends_where_it_ends(tmp_path: Path) -> None:
    many = [replace(DPO, ids=PaperIds(arxiv=f"2401.{n:05d}")) for n in range(230)]
    with hf_papers_server(many) as server, Http(tmp_path, patience=Patience.hurried()) as http:
        source = HuggingFaceSource(http, Service("hf", server.url))
        assert len(source.daily(limit=150).papers) == 150
        assert len(source.daily(limit=500).papers) == 230
        again = [row(paper) for paper in many[:100]]  # a service that ignores `p`
        server.fail(reply(again), times=99)
        assert len(source.daily("2024-01", limit=500).papers) == 100


# What is linked


def test_code_models_datasets_and_spaces_come_by_turns_each_by_use(source: HuggingFaceSource) -> None:
    some = source.resources(DPO.ids, 8)
    assert [(one.kind, one.id) for one in some] == [
        ("code", "someone/2305.18290"),
        ("model", "org/model-0"),
        ("dataset", "org/large"),
        ("space", "org/arena"),
        ("model", "org/model-1"),
        ("dataset", "org/small"),
        ("space", "org/demo"),
        ("model", "org/model-2"),
    ]
    assert some[1].url == "https://huggingface.co/org/model-0"
    assert some[2].url == "https://huggingface.co/datasets/org/large"
    assert some[3].url == "https://huggingface.co/spaces/org/arena"


def test_pages_of_models_are_followed_up_to_the_limit(source: HuggingFaceSource, server: ReplayServer) -> None:
    some = source.resources(DPO.ids, 220)
    assert sum(one.kind == "model" for one in some) >= 214
    assert [request.query.get("cursor") for request in server.asked("/api/models")] == [None, "100", "200"]


def test_a_link_to_another_host_is_followed_at_home(source: HuggingFaceSource, server: ReplayServer) -> None:
    link = {"Link": '<https://evil.example/api/models?filter=arxiv:2305.18290&cursor=100&limit=100>; rel="next"'}
    server.fail(reply(200, MODELS[:100], link), path="/api/models")
    assert len(source.resources(DPO.ids, 150)) == 150
    assert server.asked("/api/models")[1].query["cursor"] == "100"


def test_a_list_that_links_to_itself_ends(source: HuggingFaceSource, server: ReplayServer) -> None:
    link = {"Link": f'<{server.url}/api/models?cursor=0&filter=arxiv:2305.18290&limit=100>; rel="next"'}
    server.fail(reply(200, MODELS[:100], link), times=50, path="/api/models")
    assert source.resources(DPO.ids, 400)
    assert len(server.asked("/api/models")) == 2


def test_a_paper_that_is_not_indexed_may_still_have_models(source: HuggingFaceSource, server: ReplayServer) -> None:
    server.fail(refused(404, "Paper not found"), path="/api/papers/2106.09685")
    assert [one.id for one in source.resources(LORA.ids, 5)] == ["org/model-0"]


def test_a_paper_of_no_use_to_anybody_has_no_resources_but_its_code(source: HuggingFaceSource) -> None:
    assert [one.kind for one in source.resources(GRPO.ids, 5)] == ["code"]


def test_papers_outside_arxiv_are_not_found_there(source: HuggingFaceSource) -> None:
    with pytest.raises(NotFoundError, match="arXiv only"):
        source.resources(PaperIds(doi="10.1145/1"), 5)


def test_odd_repositories_are_left_out(source: HuggingFaceSource, server: ReplayServer) -> None:
    rows = [
        None,
        {},
        {"id": 7},
        {"id": "../../x y"},
        repository("org/fine", None, None),
        {"id": "org/bad", "likes": "?"},
    ]
    server.fail(reply(rows), path="/api/models")
    assert {one.id for one in source.resources(QLORA.ids, 9) if one.kind == "model"} == {"org/fine", "org/bad"}


def test_a_failing_list_of_datasets_is_an_error(source: HuggingFaceSource, server: ReplayServer) -> None:
    server.fail(reply(200, {"error": "Internal error"}), path="/api/datasets")
    with pytest.raises(ServiceError, match="Internal error"):
        source.resources(DPO.ids, 5)


def test_no_limit_no_request(source: HuggingFaceSource, server: ReplayServer) -> None:
    assert source.resources(DPO.ids, 0) == ()
    assert source.daily(limit=0).papers == ()
    assert not server.requests


def test_titles_of_papers_are_types_that_travel(source: HuggingFaceSource) -> None:
    assert all(isinstance(paper, Paper) for paper in source.search(Query(COMMON)).papers)
