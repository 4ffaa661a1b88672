"""Retries: which faults are asked again, how long is waited, and what is said when the patience ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from tests.compute.small_runs import wait_for
from tests.servers.replay import ReplayServer, Reply, chunked, cut, gone, late, reply

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError
from labwright.contracts.http import Service
from labwright.http import Http, Patience

NOW = 1_790_000_000.0


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer({"/a": reply({"x": 1})}) as running:
        yield running


class Asked:
    """A client whose waits are written down and not slept."""

    def __init__(self, directory: Path, server: ReplayServer, *, read_s: float = 30.0, retries: int = 5) -> None:
        self.waits: list[float] = []
        patience = Patience(retries=retries, sleep=self.waits.append, clock=lambda: NOW, read_s=read_s)
        self.http = Http(directory / "cache", patience=patience)
        self.service = Service("svc", server.url, token_variable="SVC_TOKEN")


@pytest.fixture
def asked(server: ReplayServer, tmp_path: Path) -> Iterator[Asked]:
    made = Asked(tmp_path, server)
    with made.http:
        yield made


@pytest.mark.parametrize(
    "fault",
    [
        reply(429, "Rate exceeded."),
        reply(500, {"message": "Internal"}),
        reply(502, "<html>Bad gateway</html>"),
        reply(503),
        reply(504, {"message": "Endpoint request timed out"}),
        cut(reply({"long": "x" * 5000})),
        cut(chunked(reply({"long": "x" * 5000}))),
        gone(),
    ],
)
def test_a_passing_fault_is_asked_again(server: ReplayServer, asked: Asked, fault: Reply) -> None:
    server.fail(fault, times=2)
    assert asked.http.get(asked.service, "/a").json() == {"x": 1}
    assert len(server.requests) == 3
    assert len(asked.waits) == 2


def test_a_post_is_asked_again_with_its_document(server: ReplayServer, asked: Asked) -> None:
    server.routes["/echo"] = lambda request: reply(request.json)
    server.fail(reply(503), times=2)
    assert asked.http.post(asked.service, "/echo", {"ids": ["é"]}).json() == {"ids": ["é"]}
    assert [request.json for request in server.requests] == [{"ids": ["é"]}] * 3


def test_waits_grow_and_have_jitter(server: ReplayServer, asked: Asked) -> None:
    server.fail(reply(500), times=99)
    with pytest.raises(ServiceError, match="500 Internal Server Error"):
        asked.http.get(asked.service, "/a")
    assert len(server.requests) == 6
    assert all(low <= wait <= 2 * low for wait, low in zip(asked.waits, (0.5, 1, 2, 4, 8), strict=True))


def test_what_will_not_pass_is_not_asked_again(server: ReplayServer, asked: Asked) -> None:
    for status, kind in ((400, ServiceError), (401, ServiceError), (403, ServiceError), (404, NotFoundError)):
        server.fail(reply(status, {"error": "no"}))
        with pytest.raises(kind):
            asked.http.get(asked.service, "/a")
    assert len(server.requests) == 4
    assert asked.waits == []


def test_retry_after_in_seconds_is_waited_for(server: ReplayServer, asked: Asked) -> None:
    server.fail(reply(429, "", {"Retry-After": "7"}))
    server.fail(reply(503, "", {"Retry-After": "3"}))
    asked.http.get(asked.service, "/a")
    assert asked.waits == [7.0, 3.0]


def test_retry_after_as_a_date_is_waited_for(server: ReplayServer, asked: Asked) -> None:
    server.fail(reply(429, "", {"Retry-After": formatdate(NOW + 20, usegmt=True)}))
    asked.http.get(asked.service, "/a")
    assert asked.waits == [20.0]


@pytest.mark.parametrize("value", ["soon", "-5", "0", "", "nan", "inf", "Thu, 99 Foo 9999", formatdate(0, usegmt=True)])
def test_a_retry_after_that_says_nothing_falls_back_to_the_usual_waits(
    server: ReplayServer, asked: Asked, value: str
) -> None:
    server.fail(reply(429, "", {"Retry-After": value}))
    asked.http.get(asked.service, "/a")
    assert 0.5 <= asked.waits[0] <= 1.0


def test_a_service_that_asks_for_more_than_the_patience_is_an_error_at_once_that_says_until_when(
    server: ReplayServer, asked: Asked
) -> None:
    server.fail(reply(429, "slow down", {"Retry-After": "3600"}), times=9)
    with pytest.raises(RateLimitedError) as raised:
        asked.http.get(asked.service, "/a")
    assert len(server.requests) == 1 and asked.waits == []
    assert "until 2026-09-21 15:13:20 UTC (in 60 min)" in raised.value.what and "slow down" in raised.value.what
    assert raised.value.cure is not None
    assert "15:13 UTC" in raised.value.cure and "SVC_TOKEN" in raised.value.cure
    assert raised.value.status == 429


def test_the_patience_counts_all_waits_of_a_question(server: ReplayServer, asked: Asked) -> None:
    server.fail(reply(429, "", {"Retry-After": "25"}), times=9)
    with pytest.raises(RateLimitedError):
        asked.http.get(asked.service, "/a")
    assert asked.waits == [25.0, 25.0]


def test_a_limit_with_no_time_is_a_rate_limited_error_in_the_end(server: ReplayServer, asked: Asked) -> None:
    server.fail(reply(429, {"message": "Too Many Requests", "code": "429"}), times=9)
    with pytest.raises(RateLimitedError, match="Too Many Requests"):
        asked.http.get(asked.service, "/a")
    assert len(server.requests) == 6


@pytest.mark.parametrize("status", [403, 429])
def test_github_s_spent_limit_is_read_from_its_headers(server: ReplayServer, asked: Asked, status: int) -> None:
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW + 1800:.0f}"}
    server.fail(reply(status, {"message": "API rate limit exceeded"}, spent), times=9)
    with pytest.raises(RateLimitedError, match="in 30 min"):
        asked.http.get(asked.service, "/a")
    assert len(server.requests) == 1


def test_github_s_limit_that_ends_soon_is_waited_for(server: ReplayServer, asked: Asked) -> None:
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW + 9:.0f}"}
    server.fail(reply(403, {"message": "API rate limit exceeded"}, spent))
    assert asked.http.get(asked.service, "/a").json() == {"x": 1}
    assert asked.waits == [10.0]


def test_github_s_secondary_limit_is_waited_for_a_minute_where_it_names_no_time(
    server: ReplayServer, asked: Asked
) -> None:
    server.fail(reply(403, {"message": "You have exceeded a secondary rate limit. Please wait a few minutes"}), times=9)
    with pytest.raises(RateLimitedError, match="secondary"):
        asked.http.get(asked.service, "/a")
    assert asked.waits == [60.0]


def test_the_hub_s_window_is_read_from_its_header(server: ReplayServer, asked: Asked) -> None:
    server.fail(reply(429, {"error": "too many"}, {"ratelimit": '"api";r=0;t=12'}))
    asked.http.get(asked.service, "/a")
    assert asked.waits == [12.0]
    server.fail(reply(429, {"error": "too many"}, {"ratelimit": '"api";r=0;t=295'}))
    with pytest.raises(RateLimitedError, match="in 5 min"):
        asked.http.get(asked.service, "/a", {"q": 2})


def test_a_server_that_stays_silent_is_asked_three_times(server: ReplayServer, tmp_path: Path) -> None:
    asked = Asked(tmp_path, server, read_s=0.05)
    server.fail(late(600.0, reply("late")), times=9)
    with asked.http, pytest.raises(ServiceError, match=r"svc stayed silent for 0\.05 s"):
        asked.http.get(asked.service, "/a")
    assert len(asked.waits) == 2  # the server itself may hear of a request after it was given up
    wait_for(lambda: len(server.requests) == 3)


def test_a_server_that_is_not_there_is_said_with_a_cure(server: ReplayServer, asked: Asked) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        service = Service("svc", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(ServiceError, match="no connection") as raised:
            asked.http.get(service, "/a", {"api_key": "hidden"})
    assert len(asked.waits) == 2
    assert raised.value.cure is not None and "--offline" in raised.value.cure
    assert "hidden" not in str(raised.value)


def test_a_body_that_is_always_cut_is_an_error(server: ReplayServer, asked: Asked) -> None:
    server.fail(cut(reply("x" * 100)), times=99)
    with pytest.raises(ServiceError, match="broke off"):
        asked.http.get(asked.service, "/a")
    assert len(server.requests) == 6


def test_no_retries_means_one_request(server: ReplayServer, tmp_path: Path) -> None:
    asked = Asked(tmp_path, server, retries=0)
    server.fail(reply(500))
    with asked.http, pytest.raises(ServiceError):
        asked.http.get(asked.service, "/a")
    assert len(server.requests) == 1
