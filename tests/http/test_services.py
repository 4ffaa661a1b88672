"""The services' own manners."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.replay import ReplayServer, reply

from labwright.contracts.http import Service
from labwright.http import Http, Patience, services


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer({"/*": reply({})}) as running:
        yield running


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(tmp_path / "cache", patience=Patience.hurried()) as made:
        yield made


def test_arxiv_is_asked_every_three_seconds_by_one_connection_for_api_and_pages_together() -> None:
    api, pages = services.arxiv(), services.arxiv_pages()
    assert api.name == pages.name
    assert all(service.interval_s == 3.0 and service.one_at_a_time for service in (api, pages))


def test_tokens_go_where_each_service_expects_them(server: ReplayServer, http: Http) -> None:
    http.get(services.hugging_face(server.url, "hf"), "/1")
    http.get(services.dataset_viewer(server.url, "dv"), "/2")
    http.get(services.semantic_scholar(server.url, "s2"), "/3")
    http.get(services.openalex(server.url, "oa"), "/4")
    http.get(services.github(server.url, "gh"), "/5")
    http.get(services.github(server.url, "gh"), "/6", headers={"accept": "application/vnd.github.raw+json"})
    first, second, third, fourth, fifth, sixth = server.requests
    assert first.headers["authorization"] == "Bearer hf"
    assert second.headers["authorization"] == "Bearer dv"
    assert third.headers["x-api-key"] == "s2" and "authorization" not in third.headers
    assert fourth.query == {"api_key": "oa"} and "authorization" not in fourth.headers
    assert fifth.headers["authorization"] == "Bearer gh"
    assert fifth.headers["accept"] == "application/vnd.github+json"
    assert fifth.headers["x-github-api-version"] == "2022-11-28"
    assert sixth.headers["accept"] == "application/vnd.github.raw+json"


def test_without_a_token_none_is_sent(server: ReplayServer, http: Http) -> None:
    for number, make in enumerate((services.hugging_face, services.semantic_scholar, services.openalex)):
        http.get(make(server.url), f"/{number}")
    http.get(services.web(private=True), server.url + "/page")
    assert all(not {"authorization", "x-api-key"} & set(request.headers) for request in server.requests)
    assert all("api_key" not in request.query for request in server.requests)


@pytest.mark.parametrize(
    "service",
    [
        services.arxiv(),
        services.arxiv_pages(),
        services.ar5iv(),
        services.hugging_face(),
        services.dataset_viewer(),
        services.semantic_scholar(),
        services.openalex(),
        services.github(),
    ],
)
def test_every_base_is_https_and_ends_without_a_slash(service: Service) -> None:
    assert service.base_url.startswith("https://") and not service.base_url.endswith("/")
    assert service.token is None
