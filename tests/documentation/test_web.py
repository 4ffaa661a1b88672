"""Web documentation from a real server on loopback, in the shapes of Hugging Face's docs and of plain HTML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.replay import ReplayServer, reply

from labwright.contracts.errors import NotFoundError, ServiceError, UsageError
from labwright.contracts.http import Service
from labwright.documentation import WebDocs
from labwright.http import Http

MARKDOWN = {"Content-Type": "text/markdown; charset=utf-8"}
SFT = (
    "# SFT Trainer\n\nIntro.\n\n## Packing[[packing]]\n\nPacking puts sequences into one block.\n\n## Other\n\nMore.\n"
)
PAGE = """<!doctype html><html><head><title>A guide</title></head><body><nav><a href="/x">Menu</a></nav><article>
<h1>A guide</h1><p>{text}</p><h2>Second part</h2><p>What the second part says, at some length, for a reader.</p>
</article></body></html>"""


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    listed = "# TRL\n\n- [SFT Trainer](/docs/trl/sft_trainer.md): supervised\n- [Gone](/docs/trl/gone.md)\n"
    routes = {
        "/docs/trl/llms.txt": reply(200, listed, MARKDOWN),
        "/docs/trl/sft_trainer.md": reply(200, SFT, MARKDOWN),
        "/docs/old/page": reply(PAGE.format(text="Words of an older page, enough of them to be an article. " * 5)),
        "/docs/old/page.md": reply(PAGE.format(text="not markdown")),
        "/docs/linked/index": reply(
            '<a href="/docs/linked/sft">SFT</a><a href="https://elsewhere.org/docs/linked/x">x</a>'
        ),
        "/docs/linked/sft.md": reply(200, SFT, MARKDOWN),
        "/guide": reply(
            PAGE.format(text="A guide with enough words in it to be taken for an article by anybody. " * 5)
        ),
        "/empty": reply("<html><body></body></html>"),
        "/binary": reply(b"\x00\x01"),
    }
    with ReplayServer(routes) as running:
        yield running


@pytest.fixture
def docs(server: ReplayServer, tmp_path: Path) -> Iterator[WebDocs]:
    with Http(tmp_path / "cache") as fetcher:
        yield WebDocs(fetcher, Service("hugging-face", server.url, token="secret"), Service("web", ""))


def test_a_hub_page_is_read_as_markdown_by_the_page(docs: WebDocs, server: ReplayServer) -> None:
    first = docs.page(f"{server.url}/docs/trl/sft_trainer", most=30)
    assert (first.title, first.origin, first.total) == ("SFT Trainer", "markdown", len(SFT))
    assert first.next_offset is not None
    rest = docs.page(f"{server.url}/docs/trl/sft_trainer", offset=first.next_offset)
    assert first.text + rest.text == SFT
    assert rest.next_offset is None


def test_a_fragment_begins_at_its_heading(docs: WebDocs, server: ReplayServer) -> None:
    assert docs.page(f"{server.url}/docs/trl/sft_trainer#packing").text.startswith("## Packing")


def test_a_page_without_markdown_is_read_from_its_html(docs: WebDocs, server: ReplayServer) -> None:
    page = docs.page(f"{server.url}/docs/old/page")
    assert page.origin == "html"
    assert "older page" in page.text
    assert "Menu" not in page.text


def test_any_other_page_is_read_without_the_hubs_token(docs: WebDocs, server: ReplayServer) -> None:
    page = docs.page(f"{server.url.replace('127.0.0.1', 'localhost')}/guide")
    assert "Second part" in page.text
    assert "authorization" not in server.asked("/guide")[0].headers


def test_search_gives_sections_and_says_what_could_not_be_read(docs: WebDocs) -> None:
    found = docs.search("packing sequences", "trl")
    assert found.hits[0].section.startswith("Packing")
    assert found.hits[0].url.endswith("/docs/trl/sft_trainer.md")
    assert len(found.failures) == 1


def test_search_follows_links_where_there_is_no_list(docs: WebDocs, server: ReplayServer) -> None:
    assert docs.search("packing", "linked").hits[0].url == f"{server.url}/docs/linked/sft"


def test_what_is_not_there_or_no_text_is_a_typed_error(docs: WebDocs, server: ReplayServer) -> None:
    with pytest.raises(NotFoundError):
        docs.page(f"{server.url}/docs/trl/nothing")
    with pytest.raises(NotFoundError):
        docs.search("x", "unknown")
    with pytest.raises(ServiceError, match="no text that can be read"):
        docs.page(f"{server.url}/empty")
    with pytest.raises(ServiceError, match="no page of text"):
        docs.page(f"{server.url}/binary")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "docs/trl", "ftp://a/b", ""])
def test_what_is_no_web_address_is_refused(docs: WebDocs, url: str) -> None:
    with pytest.raises(UsageError):
        docs.page(url)
    with pytest.raises(UsageError):
        docs.search("x", "../etc")
