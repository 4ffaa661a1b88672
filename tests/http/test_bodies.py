"""Bodies: limits as declared and as real, compressed ones, bombs, and damage."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.replay import ReplayServer, Reply, chunked, cut, reply

from labwright.contracts.errors import NotFoundError, ServiceError
from labwright.contracts.http import Service
from labwright.http import Http, Patience

TEXT = ("a line of text\n" * 4000).encode()


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def packed(body: bytes, encoding: str) -> Reply:
    return reply(200, body, {"Content-Encoding": encoding})


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(tmp_path / "cache", patience=Patience.hurried()) as made:
        yield made


@pytest.mark.parametrize(
    "answer",
    [
        reply(TEXT),
        chunked(reply(TEXT)),
        packed(gzip.compress(TEXT), "gzip"),
        packed(gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:]), "gzip"),
        packed(gzip.compress(TEXT) + b"\x00" * 40, "x-gzip"),
        packed(zlib.compress(TEXT), "deflate"),
        packed(raw_deflate(TEXT), "deflate"),
        chunked(packed(gzip.compress(TEXT), "GZIP")),
        packed(TEXT, "identity"),
    ],
)
def test_a_body_arrives_whole_and_unpacked(server: ReplayServer, http: Http, answer: Reply) -> None:
    server.routes["/a"] = answer
    for _ in range(2):  # the second is the cache's
        page = http.get(Service("svc", server.url), "/a")
        assert page.body == TEXT
        assert "content-encoding" not in page.headers
    assert page.from_cache


def test_an_empty_body_is_one(server: ReplayServer, http: Http) -> None:
    server.routes["/a"] = packed(b"", "gzip")
    assert http.get(Service("svc", server.url), "/a").body == b""


def test_a_declared_body_over_the_limit_is_not_read(server: ReplayServer, http: Http) -> None:
    server.routes["/a"] = reply(b"x" * 5_000_000)
    with pytest.raises(ServiceError, match=r"too large: 5\.0 MB; at most 1\.0 MB is read"):
        http.get(Service("svc", server.url), "/a", most_bytes=1_000_000)
    assert len(server.requests) == 1


def test_an_undeclared_body_over_the_limit_stops(server: ReplayServer, http: Http) -> None:
    server.routes["/a"] = chunked(reply(b"x" * 3_000_000))
    with pytest.raises(ServiceError, match="too large"):
        http.get(Service("svc", server.url), "/a", most_bytes=1_000)
    assert len(server.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_small_body_that_unpacks_to_a_large_one_stops(server: ReplayServer, http: Http, encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 40_000_000) if encoding == "gzip" else zlib.compress(b"\0" * 40_000_000)
    assert len(bomb) < 100_000
    server.routes["/a"] = packed(bomb, encoding)
    with pytest.raises(ServiceError, match="too large"):
        http.get(Service("svc", server.url), "/a", most_bytes=1_000_000)


def test_a_body_exactly_at_the_limit_is_read(server: ReplayServer, http: Http) -> None:
    server.routes["/a"] = packed(gzip.compress(TEXT), "gzip")
    assert len(http.get(Service("svc", server.url), "/a", most_bytes=len(TEXT)).body) == len(TEXT)


def test_the_limit_holds_for_a_kept_answer_too(server: ReplayServer, http: Http, tmp_path: Path) -> None:
    server.routes["/a"] = reply(TEXT)
    http.get(Service("svc", server.url), "/a")
    with pytest.raises(ServiceError, match="60,000 bytes"):
        http.get(Service("svc", server.url), "/a", most_bytes=100)
    with Http(tmp_path / "cache", offline=True) as offline, pytest.raises(ServiceError, match="60,000 bytes"):
        offline.get(Service("svc", server.url), "/a", most_bytes=100)


@pytest.mark.parametrize("damage", [gzip.compress(TEXT)[:-20], b"\x1f\x8bnot gzip", b"plain text", b"\x1f"])
def test_a_damaged_compressed_body_is_asked_for_again_and_then_an_error(
    server: ReplayServer, http: Http, damage: bytes
) -> None:
    server.routes["/a"] = packed(gzip.compress(TEXT), "gzip")
    server.fail(packed(damage, "gzip"), times=1)
    assert http.get(Service("svc", server.url), "/a").body == TEXT
    server.fail(packed(damage, "gzip"), times=99)
    with pytest.raises(ServiceError, match="broke off"):
        http.get(Service("svc", server.url), "/b")


def test_an_encoding_that_was_not_asked_for_is_said(server: ReplayServer, http: Http) -> None:
    server.routes["/a"] = packed(b"\x0b\x02\x80", "br")
    with pytest.raises(ServiceError, match="encoding 'br'"):
        http.get(Service("svc", server.url), "/a")
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


def test_a_fault_in_an_error_s_body_does_not_hide_the_error(server: ReplayServer, http: Http) -> None:
    service = Service("svc", server.url)
    for answer in (
        cut(reply(404, "x" * 500)),
        reply(404, b"z" * 60_000_000, {"Content-Type": "text/plain"}),
        reply(404, b"no gzip", {"Content-Encoding": "gzip"}),
        reply(404, b"no br", {"Content-Encoding": "br"}),
    ):
        server.routes["/a"] = answer
        with pytest.raises(NotFoundError):
            http.get(service, "/a", most_bytes=100)


def test_a_body_that_drips_for_too_long_is_an_error(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply(TEXT)
    with (
        Http(tmp_path / "c", patience=Patience(body_s=-1.0)) as http,
        pytest.raises(ServiceError, match="not complete"),
    ):
        http.get(Service("svc", server.url), "/a")


def test_a_200_that_is_no_json_is_a_service_error(server: ReplayServer, http: Http) -> None:
    server.routes["/a"] = reply("<html>busy</html>")
    with pytest.raises(ServiceError, match="not JSON"):
        http.get(Service("svc", server.url), "/a").json()
