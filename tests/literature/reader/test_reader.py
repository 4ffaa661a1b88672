from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.literature.reader import latexml_pages as make
from tests.literature.reader.pdfs import heading, pdf
from tests.servers.replay import ReplayServer, Reply, cut, redirect, reply

from labwright.contracts.errors import NotFoundError, OfflineError, RateLimitedError, ServiceError
from labwright.contracts.http import Service
from labwright.contracts.literature import Paper, PaperIds
from labwright.http import Http, Patience
from labwright.literature.reader import Reader

PAPER = Paper(PaperIds(arxiv="2305.18290"), "As the source calls it", abstract="As the source has it.")
HTML = make.whole(make.section("1", "Introduction", make.para("From the HTML.")))
PDF = pdf([heading("A Title of the Print", 17), heading("1 Introduction"), "From the print.", heading("2 Method"), "x"])
MARKDOWN = "# A Paper\n\n## 1 Introduction\n\nFrom the Hub. " + "More of it. " * 30

Build = Callable[..., Reader]


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


@pytest.fixture
def build(server: ReplayServer, tmp_path: Path) -> Build:
    """A reader whose services are folders of one server."""

    def make_reader(routes: Mapping[str, Reply], *, hub: bool = True, offline: bool = False) -> Reader:
        server.routes.update(routes)

        def service(name: str) -> Service:
            return Service(name, f"{server.url}/{name}")

        fetcher = Http(tmp_path / "cache", offline=offline, patience=Patience.hurried())
        return Reader(
            fetcher, service("arxiv"), service("ar5iv"), service("hf") if hub else None, Service("web", server.url)
        )

    return make_reader


def page(html: str) -> Reply:
    return reply(200, html, {"Content-Type": "text/html; charset=utf-8"})


def file(data: bytes) -> Reply:
    return reply(200, data, {"Content-Type": "application/pdf"})


def test_arxivs_html_is_read_first_and_nothing_else_is_asked(server: ReplayServer, build: Build) -> None:
    document = build({"/arxiv/html/2305.18290": page(HTML)}).read(PAPER)
    assert (document.origin, document.remarks) == ("arxiv-html", ())
    assert (document.title, document.ids) == ("A Paper on Preferences", PAPER.ids)
    assert [request.path for request in server.requests] == ["/arxiv/html/2305.18290"]


@pytest.mark.parametrize("stub", [make.STUB, make.FATAL, make.EMPTY, make.ABSTRACT_PAGE])
def test_a_stub_with_status_200_is_refused_and_the_next_place_is_asked(build: Build, stub: str) -> None:
    routes = {"/arxiv/html/2305.18290": page(stub), "/ar5iv/html/2305.18290": page(HTML)}
    document = build(routes).read(PAPER)
    assert document.origin == "ar5iv"
    assert len(document.remarks) == 1 and document.remarks[0].startswith("arxiv-html: ")


def test_the_pdf_is_read_where_there_is_no_html(build: Build) -> None:
    document = build({"/arxiv/pdf/2305.18290": file(PDF)}).read(PAPER)
    assert (document.origin, document.title) == ("pdf", "A Title of the Print")
    assert document.abstract == "As the source has it."
    assert [remark.split(":")[0] for remark in document.remarks[:2]] == ["arxiv-html", "ar5iv"]


def test_the_hubs_markdown_is_the_last_resort(build: Build) -> None:
    routes = {
        "/arxiv/pdf/2305.18290": file(b"%PDF-1.5 broken"),
        "/hf/papers/2305.18290.md": reply(200, MARKDOWN, {"Content-Type": "text/markdown"}),
    }
    document = build(routes).read(PAPER)
    assert document.origin == "hf-markdown"
    assert any(remark.startswith("pdf: ") and "damaged" in remark for remark in document.remarks)


def test_where_everything_fails_the_error_lists_every_place(build: Build) -> None:
    routes = {
        "/arxiv/html/2305.18290": page(make.STUB),
        "/arxiv/pdf/2305.18290": page("<html>Please log in</html>"),
        "/hf/papers/2305.18290.md": reply(200, "{}", {"Content-Type": "application/json"}),
    }
    with pytest.raises(ServiceError) as caught:
        build(routes).read(PAPER)
    for part in ("arxiv-html: ", "ar5iv: ", "pdf: ", "instead of a PDF", "hf-markdown: ", "papers add"):
        assert part in caught.value.one_line()
    assert caught.value.where == "arxiv:2305.18290"


def test_where_there_is_no_connection_that_is_what_is_to_be_cured(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else can while it is held
        nowhere = Service("nowhere", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        reader = Reader(Http(tmp_path / "cache", patience=Patience.hurried()), nowhere, nowhere, nowhere, nowhere)
        with pytest.raises(ServiceError, match="no connection") as caught:
            reader.read(PAPER)
    assert (caught.value.cure or "").startswith("check the connection and try again; `--offline`")


def test_where_no_place_has_it_that_is_not_found(build: Build) -> None:
    with pytest.raises(NotFoundError, match="could not be read"):
        build({}).read(PAPER)


def test_a_paper_without_arxiv_id_or_pdf_is_not_found(server: ReplayServer, build: Build) -> None:
    with pytest.raises(NotFoundError, match="no place is known") as caught:
        build({}).read(Paper(PaperIds(doi="10.1/x"), "Elsewhere"))
    assert "papers add" in str(caught.value.cure) and not server.requests


def test_another_hosts_pdf_is_read_also_behind_a_redirect(server: ReplayServer, build: Build) -> None:
    reader = build({"/p/1": redirect(f"{server.url}/p/2"), "/p/2": file(PDF)})
    document = reader.read(Paper(PaperIds(doi="10.1/x"), "Elsewhere", pdf_url=f"{server.url}/p/1"))
    assert [section.number for section in document.sections] == ["1", "2"]


def test_a_publishers_pdf_is_tried_for_an_arxiv_paper_too_but_arxivs_is_not_asked_twice(
    server: ReplayServer, build: Build
) -> None:
    elsewhere = Paper(PAPER.ids, "x", pdf_url=f"{server.url}/p/2")
    assert build({"/p/2": file(PDF)}).read(elsewhere).origin == "pdf"
    with pytest.raises(NotFoundError):
        build({}).read(Paper(PaperIds(arxiv="1111.11111"), "x", pdf_url="https://arxiv.org/pdf/1111.11111"))


def test_an_old_id_keeps_its_slash_and_a_hostile_one_stays_in_its_path(server: ReplayServer, build: Build) -> None:
    build({"/arxiv/html/quant-ph/0201082": page(HTML)}).read(Paper(PaperIds(arxiv="quant-ph/0201082"), "x"))
    with pytest.raises(ServiceError):
        build({}).read(Paper(PaperIds(arxiv="1?a=b#c d"), "x"))
    assert all(not request.query for request in server.requests)


def test_a_body_that_is_cut_short_is_a_failure_and_not_half_a_paper(server: ReplayServer, build: Build) -> None:
    routes = {"/arxiv/html/2305.18290": cut(page(HTML)), "/ar5iv/html/2305.18290": page(HTML)}
    assert build(routes).read(PAPER).origin == "ar5iv"


def test_offline_everything_missing_is_said_to_be_offline(build: Build) -> None:
    with pytest.raises(OfflineError, match="arxiv-html"):
        build({}, offline=True).read(PAPER)


def test_without_the_hub_it_is_not_asked(server: ReplayServer, build: Build) -> None:
    with pytest.raises(NotFoundError):
        build({}, hub=False).read(PAPER)
    assert not server.asked("/hf/*")


def test_a_service_that_asks_to_wait_does_not_keep_the_others_from_answering(build: Build) -> None:
    wait = reply(429, "Rate exceeded.", {"Retry-After": "3600"})
    routes = {"/arxiv/html/2305.18290": wait, "/ar5iv/html/2305.18290": page(HTML)}
    document = build(routes).read(PAPER)
    assert document.origin == "ar5iv" and "left alone" in document.remarks[0]
    everywhere = dict.fromkeys(["/arxiv/html/1", "/ar5iv/html/1", "/arxiv/pdf/1", "/hf/papers/1.md"], wait)
    with pytest.raises(RateLimitedError):
        build(everywhere).read(Paper(PaperIds(arxiv="1"), "x"))


def test_an_address_that_is_none_of_the_web_is_not_fetched(server: ReplayServer, build: Build) -> None:
    for address in ("file:///etc/passwd", "ftp://x.org/a.pdf", "javascript:alert(1)", "C:\\a.pdf"):
        with pytest.raises(ServiceError, match="none of the web"):
            build({}).read(Paper(PaperIds(doi="10.1/x"), "x", pdf_url=address))
    assert not server.requests
