"""Tokens go to the service's own hosts only, whatever a server answers; redirects are followed where that is safe."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.servers.replay import ReplayServer, redirect, reply

from labwright.contracts.errors import LabwrightError, ServiceError
from labwright.contracts.http import Service
from labwright.http import Http, Patience, services

TOKEN = "tok-3f9a77c1d2e4"


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer({"/a": reply({"x": 1})}) as running:
        yield running


@pytest.fixture
def other() -> Iterator[ReplayServer]:
    with ReplayServer({"/*": reply("elsewhere")}) as running:
        yield running


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(tmp_path / "cache", patience=Patience.hurried()) as made:
        yield made


def saw_token(server: ReplayServer) -> bool:
    return any(TOKEN in f"{request.headers} {request.target} {request.body!r}" for request in server.requests)


def bearer(server: ReplayServer, headers: Mapping[str, str] | None = None) -> Service:
    return Service("svc", server.url, token=TOKEN, token_variable="SVC_TOKEN", headers=headers or {})


def key_header(server: ReplayServer) -> Service:
    return services.semantic_scholar(server.url, TOKEN)


def key_param(server: ReplayServer) -> Service:
    return services.openalex(server.url, TOKEN)


EVERY = pytest.mark.parametrize("make", [bearer, key_header, key_param])


@EVERY
def test_the_service_gets_its_token(server: ReplayServer, http: Http, make: type) -> None:
    http.get(make(server), "/a", {"q": "x"})
    assert saw_token(server)
    assert server.requests[0].query["q"] == "x"
    assert "labwright/" in server.requests[0].headers["user-agent"]


@EVERY
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_host_gets_no_token_on_a_redirect(
    server: ReplayServer, other: ReplayServer, http: Http, make: type, status: int
) -> None:
    server.routes["/go"] = redirect(other.url_as("localhost") + "/there", status)
    page = http.get(make(server), "/go")
    assert page.text == "elsewhere"
    assert page.url == other.url_as("localhost") + "/there"
    assert saw_token(server) and not saw_token(other)


@EVERY
def test_the_same_host_on_another_port_is_another_server(
    server: ReplayServer, other: ReplayServer, http: Http, make: type
) -> None:
    server.routes["/go"] = redirect(other.url + "/there")
    http.get(make(server), "/go")
    assert not saw_token(other)


@EVERY
def test_a_redirect_back_home_has_the_token_again(
    server: ReplayServer, other: ReplayServer, http: Http, make: type
) -> None:
    server.routes["/go"] = redirect(other.url_as("localhost") + "/back")
    other.routes["/back"] = redirect(server.url + "/a")
    assert http.get(make(server), "/go").json() == {"x": 1}
    assert not saw_token(other)
    last = server.requests[-1]
    assert TOKEN in f"{last.headers} {last.target}"


@EVERY
def test_a_whole_url_of_another_host_gets_no_token(
    server: ReplayServer, other: ReplayServer, http: Http, make: type
) -> None:
    http.get(make(server), other.url + "/page")
    http.post(make(server), other.url + "/page", {"x": 1})
    assert not saw_token(other)


def test_a_further_host_of_the_service_gets_the_token(server: ReplayServer, other: ReplayServer, http: Http) -> None:
    host = other.url.removeprefix("http://")
    http.get(Service("svc", server.url, token=TOKEN, more_hosts=(host,)), other.url + "/page")
    assert saw_token(other)


def test_headers_of_caller_and_service_stay_with_the_service(
    server: ReplayServer, other: ReplayServer, http: Http
) -> None:
    server.routes["/go"] = redirect(other.url + "/there")
    service = bearer(server, {"X-Api-Key": "service-secret", "Accept": "application/x"})
    http.get(service, "/go", headers={"X-Secret": "caller-secret", "Cookie": "id=1"})
    assert server.requests[0].headers["x-api-key"] == "service-secret"
    assert server.requests[0].headers["x-secret"] == "caller-secret"
    seen = other.requests[0].headers
    assert not {"x-api-key", "x-secret", "cookie", "authorization"} & set(seen)
    assert seen["accept"] == "application/x" and "labwright/" in seen["user-agent"]
    http.get(service, other.url + "/direct")
    assert "x-api-key" not in other.requests[1].headers


def test_a_location_that_carries_our_key_to_another_host_loses_it(
    server: ReplayServer, other: ReplayServer, http: Http
) -> None:
    server.routes["/go"] = lambda request: redirect(f"{other.url}/there?{request.target.partition('?')[2]}")
    http.get(key_param(server), "/go", {"q": 1})
    assert other.requests[0].query == {"q": "1"}


def test_a_location_that_carries_our_token_otherwise_is_refused(
    server: ReplayServer, other: ReplayServer, http: Http
) -> None:
    server.routes["/go"] = redirect(f"{other.url}/there/{TOKEN}")
    with pytest.raises(ServiceError, match="our token in the address") as raised:
        http.get(bearer(server), "/go")
    assert other.requests == [] and TOKEN not in str(raised.value)


def through(proxy: ReplayServer, tmp_path: Path) -> Http:
    """A client for which a public name leads to a server on loopback."""
    return Http(tmp_path / "cache", patience=Patience.hurried(), proxies={"http": proxy.url})


def test_a_token_is_not_sent_in_clear_over_a_network(tmp_path: Path) -> None:
    service = Service("svc", "http://svc.example", token=TOKEN, token_variable="SVC_TOKEN")
    with (
        ReplayServer({"*": reply(401, "who?")}) as proxy,
        through(proxy, tmp_path) as http,
        pytest.raises(ServiceError) as raised,
    ):
        http.get(service, "/a")
    assert proxy.requests and not saw_token(proxy)
    assert raised.value.cure is not None and "https" in raised.value.cure


def test_a_public_page_cannot_redirect_into_a_private_network(tmp_path: Path) -> None:
    targets = ["http://127.0.0.1:1/x", "http://localhost:1/", "http://169.254.169.254/latest", "http://2130706433/"]
    with ReplayServer() as proxy, through(proxy, tmp_path) as http:
        for target in targets:
            proxy.routes["*"] = redirect(target)
            with pytest.raises(ServiceError, match="private network"):
                http.get(services.web(), "http://page.example/")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.8", "169.254.169.254", "printer.local"])
def test_an_address_that_someone_gave_does_not_lead_into_a_private_network(
    server: ReplayServer, http: Http, host: str
) -> None:
    server.routes["/"] = reply("secret of the intranet")
    with pytest.raises(ServiceError, match="does not ask private networks"):
        http.get(services.web(), f"http://{host}:{server.url.rpartition(':')[2]}/")
    assert not server.requests


def test_a_key_in_a_next_link_is_taken_out_and_added_again(server: ReplayServer, http: Http) -> None:
    service = key_param(server)
    http.get(service, f"{server.url}/a?cursor=2&api_key={TOKEN}")
    assert http.get(service, "/a?cursor=2").from_cache
    assert server.requests[0].query == {"cursor": "2", "api_key": TOKEN}


@EVERY
def test_no_token_is_in_errors_logs_reprs_or_the_cache(
    server: ReplayServer, tmp_path: Path, make: type, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service = make(server)
    server.routes["/echo"] = lambda request: reply(400, {"error": f"bad: {request.headers} {request.target}"})
    server.routes["/set"] = reply(200, "fine", {"Set-Cookie": "a=1"})
    with Http(tmp_path / "cache", patience=Patience.hurried()) as http:
        pages = [http.get(service, "/a"), http.get(service, "/set"), http.post(service, "/a", {"ids": [1]})]
        server.fail(reply(500, f"token {TOKEN} seen"), times=6)
        for path in ("/e", "/echo", "/missing"):
            with pytest.raises(LabwrightError) as raised:
                http.get(service, path)
            assert TOKEN not in "".join(traceback.format_exception(raised.value))
    assert TOKEN not in f"{service!r} {pages!r} {http!r}"
    assert TOKEN not in caplog.text
    for file in (tmp_path / "cache").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()


@EVERY
def test_a_token_from_a_file_loses_its_line_break(server: ReplayServer, http: Http, make: type) -> None:
    http.get(replace(make(server), token=f" {TOKEN}\n"), "/a")
    assert saw_token(server)


@pytest.mark.parametrize("token", [f"{TOKEN}\r\nX-Other: 1", f"{TOKEN} more", f"é{TOKEN}", "\n", f"{TOKEN}\x00"])
def test_a_token_that_can_be_none_is_said_and_not_shown(server: ReplayServer, http: Http, token: str) -> None:
    with pytest.raises(ServiceError, match="characters that no token has") as raised:
        http.get(replace(bearer(server), token=token), "/a")
    assert TOKEN not in "".join(traceback.format_exception(raised.value))
    assert server.requests == []


def test_an_empty_token_is_none(server: ReplayServer, http: Http) -> None:
    http.get(replace(bearer(server), token=""), "/a")
    assert "authorization" not in server.requests[0].headers


def test_an_answer_fetched_with_a_token_serves_without_one(server: ReplayServer, http: Http) -> None:
    http.get(bearer(server), "/a")
    assert http.get(Service("svc", server.url), "/a").from_cache


def test_a_loop_of_redirects_ends(server: ReplayServer, http: Http) -> None:
    server.routes["/1"] = redirect("/2")
    server.routes["/2"] = redirect("/1")
    with pytest.raises(ServiceError, match="circle"):
        http.get(bearer(server), "/1")


def test_five_redirects_are_followed_and_six_are_not(server: ReplayServer, http: Http) -> None:
    server.routes["/n*"] = lambda request: redirect(f"/n{int(request.path[2:]) - 1}")
    server.routes["/n0"] = reply("home")
    assert http.get(bearer(server), "/n5").text == "home"
    with pytest.raises(ServiceError, match="more than 5"):
        http.get(bearer(server), "/n6")


@pytest.mark.parametrize("target", ["ftp://x.example/", "file:///etc/passwd", "http://[bad", "javascript:alert(1)"])
def test_a_redirect_that_leads_to_no_page_is_refused(server: ReplayServer, http: Http, target: str) -> None:
    server.routes["/go"] = redirect(target)
    with pytest.raises(ServiceError):
        http.get(bearer(server), "/go")
    assert len(server.requests) == 1


def test_a_redirect_with_no_location_is_an_error(server: ReplayServer, http: Http) -> None:
    server.routes["/go"] = reply(302)
    with pytest.raises(ServiceError, match="302"):
        http.get(bearer(server), "/go")


def test_a_post_keeps_its_document_over_307_and_loses_it_over_303(
    server: ReplayServer, other: ReplayServer, http: Http
) -> None:
    server.routes["/keep"] = redirect(other.url + "/x", 307)
    server.routes["/see"] = redirect(other.url + "/x", 303)
    http.post(bearer(server), "/keep", {"ids": [1]})
    http.post(bearer(server), "/see", {"ids": [1]})
    assert [(request.method, request.body) for request in other.requests] == [("POST", b'{"ids":[1]}'), ("GET", b"")]
