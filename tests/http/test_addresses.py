"""URLs: whose they are, what may be sent there, how they are shown."""

from __future__ import annotations

import httpx
import pytest

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Service
from labwright.http.addresses import address, belongs, clean, is_loopback, is_public, may_have_token, shown
from labwright.http.redirects import _next


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://a.org/x?q=a+b&page=2", "https://a.org/x?q=a+b&page=2"),
        ("https://me:secret@a.org/x#part", "https://a.org/x"),
        ("https://a.org/x?api_key=secret&q=1", "https://a.org/x?api_key=***&q=1"),
        ("https://a.org/x?X-Amz-Signature=secret&X-Amz-Date=d", "https://a.org/x?X-Amz-Signature=***&X-Amz-Date=***"),
        ("https://a.org/x?access%5Ftoken=secret", "https://a.org/x?access%5Ftoken=***"),
        (
            "https://a.org/x?Signature=s&Key-Pair-Id=k&Policy=p",
            "https://a.org/x?Signature=***&Key-Pair-Id=***&Policy=***",
        ),
        ("https://a.org/x?monkey=1&keyword=2&tokens=3", "https://a.org/x?monkey=1&keyword=2&tokens=3"),
        ("http://[bad", "http://%5bbad"),
    ],
)
def test_a_url_is_shown_without_secrets(url: str, text: str) -> None:
    assert shown(url) == text


def test_text_of_a_service_is_made_harmless() -> None:
    text = "see https://a.org/x?sig=abc \x1b[2J and https://u:p@b.org/ or  my-secret"
    assert clean(text, "my-secret") == "see https://a.org/x?sig=*** [2J and https://b.org/ or ***"


def test_a_token_goes_to_the_service_s_own_hosts_and_never_in_clear() -> None:
    service = Service("svc", "https://api.a.org/v3", token="t", more_hosts=("files.a.org", "b.org:8443"))
    yes = ["https://api.a.org/x", "https://API.A.ORG:443/x", "https://files.a.org/", "https://b.org:8443/"]
    no = [
        "http://api.a.org/x",
        "https://api.a.org:8443/",
        "https://a.org/",
        "https://api.a.org.evil.org/",
        "https://evil.org/api.a.org",
        "https://xapi.a.org/",
        "https://b.org/",
        "https://api.a.org@evil.org/",
    ]
    assert [url for url in yes if not may_have_token(service, httpx.URL(url))] == []
    assert [url for url in no if may_have_token(service, httpx.URL(url))] == []
    assert not belongs(Service("web", ""), httpx.URL("https://a.org/"))


def test_a_path_is_joined_and_a_url_stands_for_itself() -> None:
    service = Service("svc", "https://a.org/v1")
    assert str(address(service, "/x?u=http://b.org")) == "https://a.org/v1/x?u=http://b.org"
    assert str(address(service, "x")) == "https://a.org/v1/x"
    assert str(address(service, "@evil.org/")) == "https://a.org/v1/@evil.org/"
    assert str(address(service, "https://b.org/y")) == "https://b.org/y"


def test_this_machine_is_known_by_its_names() -> None:
    assert all(is_loopback(httpx.URL(f"http://{host}/")) for host in ("localhost", "127.0.0.1", "127.9.9.9", "[::1]"))
    assert not is_loopback(httpx.URL("http://localhost.evil.org/"))
    private = ("10.0.0.1", "192.168.1.1", "169.254.169.254", "[fd00::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "0x7f000001")
    named = ("2130706433", "127.1", "router", "db.internal", "printer.local", "localhost.")
    assert [host for host in (*private, *named) if is_public(httpx.URL(f"http://{host}/"))] == []
    assert all(is_public(httpx.URL(f"http://{host}/")) for host in ("a.org", "8.8.8.8", "1.example"))


def test_https_does_not_fall_back_to_plain_http_by_a_redirect() -> None:
    service = Service("svc", "https://a.org")
    with pytest.raises(ServiceError, match="plain http"):
        _next(service, httpx.URL("https://a.org/x"), "http://a.org/x")
    assert str(_next(service, httpx.URL("http://a.org/x"), "https://a.org/x")) == "https://a.org/x"
    assert str(_next(service, httpx.URL("https://127.0.0.1/x"), "http://127.0.0.1/y")) == "http://127.0.0.1/y"
