"""The cache: what it serves, what it asks again, what it never keeps, and what it does when it is damaged."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest
from tests.servers.replay import ReplayServer, Reply, Request, redirect, reply

from labwright.contracts.errors import NotFoundError, OfflineError, ServiceError, StorageError
from labwright.contracts.http import Page, Service
from labwright.http import Http, Patience


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer() as running:
        yield running


def client(tmp_path: Path, *, offline: bool = False) -> Http:
    return Http(tmp_path / "cache", offline=offline, patience=Patience.hurried())


def service(server: ReplayServer, fresh_s: float = 3600.0) -> Service:
    return Service("svc", server.url, fresh_s=fresh_s)


def test_an_answer_is_fetched_once_and_then_served_from_the_cache(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply({"x": 1})
    with client(tmp_path) as http:
        first = http.get(service(server), "/a", {"q": "two words", "none": None, "flag": True})
        second = http.get(service(server), "/a", {"q": "two words", "flag": True})
    assert (first.json(), second.json()) == ({"x": 1}, {"x": 1})
    assert (first.from_cache, second.from_cache) == (False, True)
    assert len(server.requests) == 1
    assert server.requests[0].query == {"q": "two words", "flag": "true"}


def test_another_client_on_the_same_directory_finds_the_answer(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply("text")
    with client(tmp_path) as http:
        http.get(service(server), "/a")
    with client(tmp_path) as http:
        assert http.get(service(server), "/a").from_cache
    assert len(server.requests) == 1


def test_a_parameter_in_the_path_and_one_beside_it_are_both_sent(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply("text")
    with client(tmp_path) as http:
        http.get(service(server), "/a?q=http://x/y", {"page": 2})
    assert server.requests[0].query == {"q": "http://x/y", "page": "2"}


def test_a_path_cannot_change_the_host(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/@evil.example/"] = reply("still here")
    with client(tmp_path) as http:
        assert http.get(service(server), "@evil.example/").text == "still here"


def test_a_stale_answer_is_revalidated_by_its_etag_and_a_304_serves_the_kept_body(
    server: ReplayServer, tmp_path: Path
) -> None:
    def answer(request: Request) -> Reply:
        known = request.headers.get("if-none-match") == '"v1"'
        return reply(304 if known else 200, None if known else "body", {"ETag": '"v1"'})

    server.routes["/a"] = answer
    with client(tmp_path) as http:
        pages = [http.get(service(server, fresh_s=0), "/a") for _ in range(3)]
    assert [page.text for page in pages] == ["body"] * 3
    assert [page.from_cache for page in pages] == [False, True, True]
    assert [request.headers.get("if-none-match") for request in server.requests] == [None, '"v1"', '"v1"']


def test_last_modified_is_asked_for_too(server: ReplayServer, tmp_path: Path) -> None:
    date = formatdate(1_700_000_000, usegmt=True)
    server.routes["/a"] = lambda request: (
        reply(304) if request.headers.get("if-modified-since") == date else reply(200, "b", {"Last-Modified": date})
    )
    with client(tmp_path) as http:
        http.get(service(server, fresh_s=0), "/a")
        assert http.get(service(server, fresh_s=0), "/a").from_cache


def test_last_modified_alone_does_not_decide_how_long_an_answer_is_fresh(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply(200, "b", {"Last-Modified": formatdate(0, usegmt=True)})
    with client(tmp_path) as http:
        http.get(service(server, fresh_s=0), "/a")
        http.get(service(server, fresh_s=0), "/a")
    assert len(server.requests) == 2


def test_what_the_service_says_of_freshness_wins(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/long"] = reply(200, "b", {"Cache-Control": "private, max-age=1000"})
    server.routes["/never"] = reply(200, "b", {"Cache-Control": "no-cache"})
    server.routes["/secret"] = reply(200, "b", {"Cache-Control": "no-store"})
    server.routes["/old"] = reply(200, "b", {"Cache-Control": "max-age=1000", "Age": "2000"})
    server.routes["/expired"] = reply(200, "b", {"Expires": "0"})
    with client(tmp_path) as http:
        for path in ("/long", "/never", "/secret", "/old", "/expired"):
            for _ in range(2):
                http.get(service(server, fresh_s=0 if path == "/long" else 3600), path)
    asked = [len(server.asked(path)) for path in ("/long", "/never", "/secret", "/old", "/expired")]
    assert asked == [1, 2, 2, 2, 2]
    with client(tmp_path, offline=True) as http:
        assert http.get(service(server), "/never").text == "b"
        with pytest.raises(OfflineError):
            http.get(service(server), "/secret")


def test_a_service_whose_clock_is_wrong_is_cached_by_ours(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply(200, "b", {"Date": formatdate(0, usegmt=True), "Cache-Control": "max-age=60"})
    with client(tmp_path) as http:
        http.get(service(server), "/a")
        assert http.get(service(server), "/a").from_cache


def test_a_changed_answer_replaces_the_kept_one(server: ReplayServer, tmp_path: Path) -> None:
    with client(tmp_path) as http:
        for number in range(4):
            server.routes["/a"] = reply(200, f"body {number}", {"ETag": f'"{number}"'})
            assert http.get(service(server, fresh_s=0), "/a").text == f"body {number}"
    with client(tmp_path, offline=True) as http:
        assert http.get(service(server), "/a").text == "body 3"


def test_a_post_is_cached_by_its_document(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/batch"] = lambda request: reply(request.json)
    with client(tmp_path) as http:
        pages = [http.post(service(server), "/batch", {"ids": ids}, {"f": 1}) for ids in (["a"], ["b"], ["a"])]
    assert [page.json() for page in pages] == [{"ids": ["a"]}, {"ids": ["b"]}, {"ids": ["a"]}]
    assert [page.from_cache for page in pages] == [False, False, True]
    assert [request.method for request in server.requests] == ["POST", "POST"]
    assert server.requests[0].headers["content-type"] == "application/json"


def test_a_stale_post_is_asked_again_without_conditions(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/batch"] = reply(200, {"x": 1}, {"ETag": '"v1"'})
    with client(tmp_path) as http:
        for _ in range(2):
            http.post(service(server, fresh_s=0), "/batch", {"ids": []})
    assert all("if-none-match" not in request.headers for request in server.requests)
    assert len(server.requests) == 2


def test_headers_that_change_the_answer_are_part_of_what_was_asked(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = lambda request: reply(request.headers["accept"])
    with client(tmp_path) as http:
        kinds = ("text/plain", "application/json", "text/plain")
        texts = [http.get(service(server), "/a", headers={"Accept": kind}).text for kind in kinds]
    assert texts == list(kinds)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 410, 451, 501])
def test_an_error_is_never_kept(server: ReplayServer, tmp_path: Path, status: int) -> None:
    server.routes["/a"] = reply(status, {"error": "no"}, {"Cache-Control": "public, max-age=9999"})
    with client(tmp_path) as http:
        with pytest.raises(ServiceError):
            http.get(service(server), "/a")
        server.routes["/a"] = reply("now")
        assert http.get(service(server), "/a").text == "now"


def test_an_error_does_not_displace_an_older_answer(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply(200, "good", {"ETag": '"v1"'})
    with client(tmp_path) as http:
        http.get(service(server, fresh_s=0), "/a")
        server.routes["/a"] = reply(404, "gone")
        with pytest.raises(NotFoundError):
            http.get(service(server, fresh_s=0), "/a")
    with client(tmp_path, offline=True) as http:
        assert http.get(service(server), "/a").text == "good"


def no_stub(page: Page) -> None:
    if "stub" in page.text:
        raise ServiceError("only a stub", where=page.url)


def test_a_page_that_accept_refuses_is_not_kept(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply("a stub")
    with client(tmp_path) as http:
        with pytest.raises(ServiceError, match="only a stub"):
            http.get(service(server), "/a", accept=no_stub)
        server.routes["/a"] = reply("whole")
        assert http.get(service(server), "/a", accept=no_stub).text == "whole"
    assert len(server.requests) == 2


def test_a_kept_page_that_accept_refuses_is_fetched_again(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply("a stub")
    with client(tmp_path) as http:
        http.get(service(server), "/a")
        server.routes["/a"] = reply("whole")
        assert http.get(service(server), "/a", accept=no_stub).text == "whole"
        assert http.get(service(server), "/a", accept=no_stub).from_cache


def test_accept_judges_a_fresh_page_once(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply("whole")
    seen: list[Page] = []
    with client(tmp_path) as http:
        http.get(service(server), "/a", accept=seen.append)
        assert len(seen) == 1
        http.get(service(server), "/a", accept=seen.append)
    assert len(seen) == 2
    assert seen[0].url == seen[1].url == f"{server.url}/a"


@pytest.mark.parametrize(
    ("answer", "only_json"),
    [
        (reply("<html>busy</html>"), True),
        (reply(200, '{"cut": ', {"Content-Type": "application/json; charset=utf-8"}), False),
        (reply(200, b"[" * 100_000, {"Content-Type": "application/json"}), False),
    ],
)
def test_what_should_be_json_and_is_none_is_not_kept(
    server: ReplayServer, tmp_path: Path, answer: Reply, only_json: bool
) -> None:
    server.routes["/a"] = answer
    asked = replace(service(server), only_json=only_json)
    with client(tmp_path) as http:
        with pytest.raises(ServiceError, match="not JSON"):
            http.get(asked, "/a").json()
        server.routes["/a"] = reply({"x": 1})
        assert http.get(asked, "/a").json() == {"x": 1}


def test_an_answer_to_a_post_that_is_no_json_is_not_kept(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply("busy")
    with client(tmp_path) as http:
        http.post(service(server), "/a", {"ids": []})
        server.routes["/a"] = reply({"x": 1})
        assert http.post(service(server), "/a", {"ids": []}).json() == {"x": 1}


def test_offline_serves_stale_answers_and_names_what_is_missing(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply(200, "old", {"Cache-Control": "max-age=0, must-revalidate"})
    server.routes["/p"] = reply({"x": 1})
    with client(tmp_path) as http:
        http.get(service(server), "/a", {"q": 1})
        http.post(service(server), "/p", {"ids": [1]})
    asked = len(server.requests)
    with client(tmp_path, offline=True) as http:
        page = http.get(service(server), "/a", {"q": 1})
        assert (page.text, page.from_cache, page.url) == ("old", True, f"{server.url}/a?q=1")
        assert http.post(service(server), "/p", {"ids": [1]}).json() == {"x": 1}
        with pytest.raises(OfflineError, match=r"/a\?q=2") as raised:
            http.get(service(server), "/a", {"q": 2})
        with pytest.raises(OfflineError):
            http.post(service(server), "/p", {"ids": [2]})
        with pytest.raises(ServiceError, match="only a stub"):
            http.get(service(server), "/a", {"q": 1}, accept=_refuse)
    assert raised.value.cure is not None
    assert len(server.requests) == asked


def _refuse(page: Page) -> None:
    raise ServiceError("only a stub")


def test_offline_with_no_cache_makes_none(tmp_path: Path) -> None:
    with client(tmp_path, offline=True) as http, pytest.raises(OfflineError):
        http.get(Service("svc", "https://example.org"), "/a")
    assert not (tmp_path / "cache").exists()


def test_what_came_over_a_redirect_is_found_under_what_was_asked(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = redirect("/b?x-amz-signature=secret&part=1")
    server.routes["/b"] = reply("there")
    with client(tmp_path) as http:
        first = http.get(service(server), "/a")
        second = http.get(service(server), "/a")
    assert first.url == second.url
    assert first.url.startswith(f"{server.url}/b?") and "secret" not in first.url and "part=1" in first.url
    assert second.from_cache
    with client(tmp_path, offline=True) as http:
        assert http.get(service(server), "/a").text == "there"


def test_headers_of_an_answer_are_there_in_lower_case_and_cookies_are_not(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply(200, "x", {"Link": '<http://x/2>; rel="next"', "Set-Cookie": "id=1", "X-Total": "3"})
    with client(tmp_path) as http:
        for _ in range(2):
            headers = http.get(service(server), "/a").headers
            assert headers["link"] == '<http://x/2>; rel="next"' and headers["x-total"] == "3"
            assert "set-cookie" not in headers and not any(name.startswith("x-labwright") for name in headers)
        http.get(service(server), "/a?again")
    assert all("cookie" not in request.headers for request in server.requests)


@pytest.mark.parametrize("garbage", [b"this is no database" * 1000, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_damaged_cache_is_set_aside_and_made_anew(server: ReplayServer, tmp_path: Path, garbage: bytes) -> None:
    server.routes["/a"] = reply("text")
    with client(tmp_path) as http:
        http.get(service(server), "/a")
    (tmp_path / "cache" / "answers.db").write_bytes(garbage)
    with client(tmp_path) as http:
        assert not http.get(service(server), "/a").from_cache
        assert http.get(service(server), "/a").from_cache
    assert list((tmp_path / "cache").glob("answers.db.damaged-*"))


def test_a_cache_damaged_in_its_middle_fails_no_question(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/*"] = lambda request: reply(request.path * 3000)
    with client(tmp_path) as http:
        for number in range(20):
            http.get(service(server), f"/{number}")
    file = tmp_path / "cache" / "answers.db"
    size = file.stat().st_size
    with file.open("r+b") as data:
        data.seek(size // 3)
        data.write(os.urandom(size // 3))
    with client(tmp_path) as http:
        for number in range(20):
            assert http.get(service(server), f"/{number}").text == f"/{number}" * 3000
        assert http.get(service(server), "/3").from_cache


def test_an_answer_whose_body_vanished_from_the_cache_is_fetched_again(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/a"] = reply("text")
    with client(tmp_path) as http:
        http.get(service(server), "/a")
    file = sqlite3.connect(tmp_path / "cache" / "answers.db", isolation_level=None)
    file.execute("DELETE FROM streams")
    file.close()
    with client(tmp_path, offline=True) as http, pytest.raises(OfflineError):
        http.get(service(server), "/a")
    with client(tmp_path) as http:
        assert http.get(service(server), "/a").text == "text"
        assert http.get(service(server), "/a").from_cache


@pytest.mark.parametrize("table", ["entries", "streams"])
def test_a_file_of_another_program_in_the_cache_s_place_is_set_aside(
    server: ReplayServer, tmp_path: Path, table: str
) -> None:
    (tmp_path / "cache").mkdir()
    with sqlite3.connect(tmp_path / "cache" / "answers.db") as other:
        other.execute(f"CREATE TABLE {table} (something INTEGER)")
    other.close()
    server.routes["/a"] = reply("text")
    with client(tmp_path) as http:
        http.get(service(server), "/a")
        assert http.get(service(server), "/a").from_cache


def test_a_cache_that_cannot_be_made_is_said(server: ReplayServer, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with client(tmp_path) as http, pytest.raises(StorageError, match="cache"):
        http.get(service(server), "/a")


def test_threads_share_a_client(server: ReplayServer, tmp_path: Path) -> None:
    server.routes["/*"] = lambda request: reply(request.path * 500)
    wrong: list[object] = []

    def work(http: Http) -> None:
        for number in range(12):
            try:
                if http.get(service(server), f"/{number % 6}").text != f"/{number % 6}" * 500:
                    wrong.append(number)
            except ServiceError as error:
                wrong.append(error)

    with client(tmp_path) as http:
        threads = [threading.Thread(target=work, args=(http,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
