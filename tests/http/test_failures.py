"""What errors say: status, the service's own words made short and harmless, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.replay import ReplayServer, Reply, reply

from labwright.contracts.errors import NotFoundError, ServiceError
from labwright.contracts.http import Service
from labwright.http import Http, Patience

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>ArXiv Query</title><entry>
<title>Error</title><summary>incorrect id format for 1234.12345x</summary></entry></feed>"""


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(tmp_path / "cache", patience=Patience.hurried()) as made:
        yield made


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(400, {"error": "Unrecognized or unsupported fields: [tldr2]"}), "unsupported fields: [tldr2]"),
        (reply(400, {"message": "Bad query"}), "Bad query"),
        (reply(400, {"error": {"message": "nested"}}), "nested"),
        (reply(400, {"error": None, "message": ["first", "second"]}), "first"),
        (reply(400, {"error": 17}), "answered 400 Bad Request"),
        (reply(400, ["a list"]), "answered 400"),
        (reply(400, "plain words"), "plain words"),
        (reply(400, "<html><head><title>Bad <b>request</b></title></head></html>"), "Bad request"),
        (reply(400, "<html>no title"), "answered 400 Bad Request"),
        (reply(400, ATOM), "incorrect id format for 1234.12345x"),
        (reply(400, b"\xff\xfe\x00 bytes"), "bytes"),
        (reply(400), "answered 400 Bad Request"),
        (reply(499, "odd"), "answered 499: odd"),
        (reply(304), "answered 304"),
    ],
)
def test_the_service_s_own_words_are_part_of_the_error(
    server: ReplayServer, http: Http, answer: Reply, words: str
) -> None:
    server.routes["/a"] = answer
    with pytest.raises(ServiceError) as raised:
        http.get(Service("svc", server.url), "/a")
    assert words in raised.value.what
    assert raised.value.where == f"{server.url}/a"
    assert raised.value.cure
    assert raised.value.status == answer.status


def test_words_are_short_and_carry_no_control_characters(server: ReplayServer, http: Http) -> None:
    server.routes["/a"] = reply(400, {"error": "\x1b[31mred\x07\n" + "long " * 1000})
    with pytest.raises(ServiceError) as raised:
        http.get(Service("svc", server.url), "/a")
    assert len(raised.value.what) < 350
    assert raised.value.what.isprintable()


def test_the_hub_s_error_headers_are_said_and_kept(server: ReplayServer, http: Http) -> None:
    server.routes["/gated"] = reply(
        401, "", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model x is restricted"}
    )
    hub = Service("hugging-face", server.url, token_variable="HF_TOKEN")
    with pytest.raises(ServiceError, match="Access to model x is restricted") as raised:
        http.get(hub, "/gated")
    assert (raised.value.code, raised.value.status) == ("GatedRepo", 401)
    assert raised.value.cure == "set HF_TOKEN"


def test_a_repository_that_only_its_owner_sees_is_not_found(server: ReplayServer, http: Http) -> None:
    server.routes["/a"] = reply(401, "", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
    with pytest.raises(NotFoundError) as raised:
        http.get(Service("hugging-face", server.url, token_variable="HF_TOKEN"), "/a")
    assert raised.value.cure is not None and "HF_TOKEN" in raised.value.cure


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_a_not_found_error(server: ReplayServer, http: Http, status: int) -> None:
    server.routes["/a"] = reply(status, "<!doctype html><title>404 Not Found</title>")
    with pytest.raises(NotFoundError, match="404 Not Found"):
        http.get(Service("svc", server.url), "/a")


def test_a_refused_token_is_told_from_a_missing_one(server: ReplayServer, http: Http) -> None:
    server.routes["/a"] = reply(403, {"message": "Forbidden"})
    with pytest.raises(ServiceError) as missing:
        http.get(Service("s2", server.url, token_variable="S2_API_KEY"), "/a")
    with pytest.raises(ServiceError) as refused:
        http.get(Service("s2", server.url, token="k" * 20, token_variable="S2_API_KEY"), "/a")
    assert missing.value.cure == "set S2_API_KEY"
    assert refused.value.cure is not None and "check the token in S2_API_KEY" in refused.value.cure


@pytest.mark.parametrize(
    "address",
    ["ftp://example.org/x", "file:///etc/passwd", "http://", "http://a b/", "https://x:99999/", "http://[::1"],
)
def test_what_is_no_web_address_is_said(http: Http, address: str) -> None:
    with pytest.raises(ServiceError):
        http.get(Service("web", ""), address)


def test_an_empty_base_and_a_path_are_said(http: Http) -> None:
    with pytest.raises(ServiceError, match="http"):
        http.get(Service("web", ""), "/only/a/path")
