"""What is arXiv's own: its feed, its errors, its empty slices, its lists of ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.literature.canonical_papers import COMMON, DPO, LORA, OLD, PAPERS, QLORA
from tests.servers.arxiv_server import PATH, arxiv_server, atom, entry, error
from tests.servers.replay import ReplayServer, Reply, reply

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError
from labwright.contracts.http import Service
from labwright.contracts.literature import Filter, Paper, PaperIds, Query
from labwright.http import Http, Patience
from labwright.literature.sources import ArxivSource


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with arxiv_server() as running:
        yield running


@pytest.fixture
def source(server: ReplayServer, tmp_path: Path) -> Iterator[ArxivSource]:
    with Http(tmp_path, patience=Patience.hurried()) as http:
        yield ArxivSource(http, Service("arxiv", server.url))


def many(count: int) -> list[Paper]:
    return [replace(DPO, ids=PaperIds(arxiv=f"2401.{n:05d}"), title=f"Language models, part {n}") for n in range(count)]


def test_a_paper_has_addresses_without_a_version_and_a_title_on_one_line(source: ArxivSource) -> None:
    (paper,) = source.papers([DPO.ids])
    assert paper.title == DPO.title
    assert paper.url == "https://arxiv.org/abs/2305.18290"
    assert paper.pdf_url == "https://arxiv.org/pdf/2305.18290"
    assert paper.published == "2023-05-29"
    assert paper.citations is None


def test_doi_and_journal_are_kept(tmp_path: Path) -> None:
    with (
        arxiv_server([replace(OLD, venue="Phys. Rev. B 64 & more")]) as server,
        Http(tmp_path, patience=Patience.hurried()) as http,
    ):
        (paper,) = ArxivSource(http, Service("arxiv", server.url)).papers([OLD.ids])
    assert paper.ids.doi == OLD.ids.doi
    assert paper.venue == "Phys. Rev. B 64 & more"


def test_years_are_asked_of_arxiv_and_citations_said_to_be_unknown(source: ArxivSource, server: ReplayServer) -> None:
    found = source.search(Query(COMMON, since=2023, until=2023, min_citations=4000))
    assert {paper.title for paper in found.papers} == {DPO.title, QLORA.title}
    assert "submittedDate:[202301010000 TO 202312312359]" in server.requests[-1].query["search_query"]
    assert [one.filter for one in found.unapplied] == [Filter.MIN_CITATIONS]


def test_an_impossible_range_of_years_is_not_sent(source: ArxivSource, server: ReplayServer) -> None:
    assert source.search(Query(COMMON, since=2024, until=2020)).papers == ()
    assert not server.requests


def test_where_no_paper_has_all_words_those_with_some_are_found_and_it_is_said(source: ArxivSource) -> None:
    found = source.search(Query("quantized quokkas"))
    assert [paper.title for paper in found.papers] == [QLORA.title]
    assert "some of them" in found.remarks[0]


def test_more_than_a_slice_is_paged(tmp_path: Path) -> None:
    with arxiv_server(many(450)) as server, Http(tmp_path, patience=Patience.hurried()) as http:
        source = ArxivSource(http, Service("arxiv", server.url))
        found = source.search(Query("language models", limit=420))
        assert len({paper.id for paper in found.papers}) == 420
        assert found.total == 450
        assert [(r.query["start"], r.query["max_results"]) for r in server.requests] == [
            ("0", "200"),
            ("200", "200"),
            ("400", "20"),
        ]


def empty_at(start: int, times: int) -> ReplayServer:
    server = arxiv_server(many(450))
    answer = server.routes[PATH]
    left = [times]

    def route(request: object) -> Reply:
        if request.query["start"] == str(start) and left[0] > 0:  # type: ignore[attr-defined]
            left[0] -= 1
            return atom([], total=450, start=start)
        assert callable(answer)
        return answer(request)  # type: ignore[arg-type]

    server.routes[PATH] = route
    return server


@pytest.mark.parametrize("start", [0, 200])
def test_an_empty_slice_in_the_middle_is_asked_once_more(tmp_path: Path, start: int) -> None:
    with empty_at(start, times=1) as server, Http(tmp_path, patience=Patience.hurried()) as http:
        found = ArxivSource(http, Service("arxiv", server.url)).search(Query("language models", limit=450))
    assert len(found.papers) == 450
    assert not found.failures


def test_a_slice_that_stays_empty_leaves_the_earlier_ones_and_is_said(tmp_path: Path) -> None:
    with empty_at(200, times=9) as server, Http(tmp_path, patience=Patience.hurried()) as http:
        found = ArxivSource(http, Service("arxiv", server.url)).search(Query("language models", limit=450))
    assert len(found.papers) == 200
    assert "only the first 200" in found.failures[0].why


def test_a_first_slice_that_stays_empty_is_an_error(tmp_path: Path) -> None:
    with (
        empty_at(0, times=9) as server,
        Http(tmp_path, patience=Patience.hurried()) as http,
        pytest.raises(ServiceError, match="without entries"),
    ):
        ArxivSource(http, Service("arxiv", server.url)).search(Query("language models"))


def test_malformed_ids_do_not_spoil_the_others(source: ArxivSource, server: ReplayServer) -> None:
    ids = [PaperIds(arxiv="22O3.02155"), LORA.ids, PaperIds(arxiv="2305.18290v2"), PaperIds(doi="10.1/x")]
    assert {paper.title for paper in source.papers(ids)} == {LORA.title, DPO.title}
    assert server.requests[-1].query["id_list"] == "2106.09685,2305.18290"


def test_papers_without_an_arxiv_id_cost_no_request(source: ArxivSource, server: ReplayServer) -> None:
    assert source.papers([PaperIds(doi="10.1/x"), PaperIds(openalex="W1")]) == ()
    assert not server.requests


def test_many_ids_go_in_several_requests(tmp_path: Path) -> None:
    some = many(150)
    with arxiv_server(some) as server, Http(tmp_path, patience=Patience.hurried()) as http:
        known = ArxivSource(http, Service("arxiv", server.url)).papers([paper.ids for paper in some])
        assert len(known) == 150
        assert len(server.requests) == 2


def test_an_entry_titled_error_is_an_error_in_arxivs_words(source: ArxivSource, server: ReplayServer) -> None:
    server.fail(error("incorrect id format for 1234", status=200))
    with pytest.raises(ServiceError, match="incorrect id format"):
        source.search(Query(COMMON))


def test_a_status_of_400_is_an_error_with_the_address(source: ArxivSource, server: ReplayServer) -> None:
    server.fail(error("incorrect id format for 1234"), times=9)
    with pytest.raises(ServiceError) as raised:
        source.papers([DPO.ids])
    assert not isinstance(raised.value, NotFoundError)
    assert "2305.18290" in str(raised.value.where)


def test_being_asked_to_wait_under_status_200_is_understood(source: ArxivSource, server: ReplayServer) -> None:
    server.fail(reply(200, "Rate exceeded."))
    with pytest.raises(RateLimitedError):
        source.search(Query(COMMON))


def test_an_entry_that_cannot_be_read_is_said(source: ArxivSource, server: ReplayServer) -> None:
    broken = entry(LORA).replace("http://arxiv.org/abs/", "http://elsewhere.org/")
    server.fail(atom([entry(DPO), broken], total=2))
    found = source.search(Query(COMMON))
    assert [paper.title for paper in found.papers] == [DPO.title]
    assert "1 entries" in found.failures[0].why


def test_entities_of_a_document_are_never_expanded(source: ArxivSource, server: ReplayServer) -> None:
    bomb = atom([entry(DPO)], total=1).body.decode()
    bomb = bomb.replace(
        "?>", '?>\n<!DOCTYPE feed [<!ENTITY a "aaaaaaaaaa"><!ENTITY x SYSTEM "file:///etc/hostname">]>', 1
    )
    bomb = bomb.replace(DPO.authors[0], "&a;&x;")
    for body in (bomb.encode(), bomb.replace("UTF-8", "UTF-16").encode("utf-16")):
        server.fail(Reply(200, body, {"Content-Type": "application/atom+xml"}))
        with pytest.raises(ServiceError, match="DOCTYPE"):
            source.papers([DPO.ids])


def test_hostile_titles_arrive_as_text_on_one_line(tmp_path: Path) -> None:
    nasty = replace(DPO, title="<script>alert(1)</script> & \u009b31m red \u2028 line", authors=("A & B",))
    with arxiv_server([nasty]) as server, Http(tmp_path, patience=Patience.hurried()) as http:
        (paper,) = ArxivSource(http, Service("arxiv", server.url)).papers([DPO.ids])
    assert paper.title == "<script>alert(1)</script> & 31m red line"
    assert paper.authors == ("A & B",)


def test_the_canonical_papers_all_arrive(source: ArxivSource) -> None:
    assert {paper.ids.arxiv for paper in source.papers([paper.ids for paper in PAPERS])} == {
        paper.ids.arxiv for paper in PAPERS
    }
