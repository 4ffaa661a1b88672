"""URLs: which belong to a service, which may carry its token, and how they are shown without secrets."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import unquote_plus

import httpx

from labwright.contracts.http import Service

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PORTS = {"http": 80, "https": 443}
_SECRET = re.compile(
    r"(x-amz|x-goog|x-ms)-.*|.*(api|access|private)[-_]?key|(.*[-_])?token|key|key-pair-id|sig|signature|policy"
    r"|(client[-_]?)?secret|password|auth(orization)?|credential",
    re.IGNORECASE,
)
_LOCAL = re.compile(
    r"(0x[0-9a-f]+|[0-9.]+)(\.(0x[0-9a-f]+|[0-9]+))*\.?|.*\.(local|internal|localhost|lan)\.?", re.IGNORECASE
)
_IN_TEXT = re.compile(r"https?://[^\s\"'<>]+")


def address(service: Service, path: str) -> httpx.URL:
    """The whole URL of a path of the service; a path that is a URL stands for itself.

    Raises:
        httpx.InvalidURL: it is none.
    """
    if _ABSOLUTE.match(path):
        return httpx.URL(path)
    return httpx.URL(service.base_url + (path if path.startswith(("/", "?")) or not path else f"/{path}"))


def is_loopback(url: httpx.URL) -> bool:
    """Whether it is this machine, by its name."""
    if url.host == "localhost" or url.host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False


def is_public(url: httpx.URL) -> bool:
    """Whether it is neither this machine nor an address that only a local network has."""
    if is_loopback(url):
        return False
    try:
        return ipaddress.ip_address(url.host).is_global
    except ValueError:  # a name, or a number that a resolver takes for an address
        return "." in url.host.rstrip(".") and not _LOCAL.fullmatch(url.host)


def resolves_inside(url: httpx.URL) -> bool:
    """Whether the name leads to this machine or into a private network, as far as this machine can tell."""
    try:
        found = socket.getaddrinfo(url.host, _port(url), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # unknown here: a proxy may know it, and the request will say if nobody does
        return False
    return any(not ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_global for each in found)


def belongs(service: Service, url: httpx.URL) -> bool:
    """Whether the URL's host (and port) is one of the service's own."""
    if url.netloc.decode("ascii") in service.more_hosts:
        return True
    base = httpx.URL(service.base_url)
    if url.host == base.host and url.host:
        # A service whose base is plain HTTP on its port may answer over HTTPS on that one's.
        return _port(url) == _port(base) or (url.scheme, _port(url)) == ("https", 443)
    return False


def may_have_token(service: Service, url: httpx.URL) -> bool:
    """Whether the service's token may go there: its own hosts only, and never in clear over a network."""
    return belongs(service, url) and (url.scheme == "https" or is_loopback(url))


def shown(url: httpx.URL | str, secret: str | None = None) -> str:
    """The URL for errors and logs: no user, no password, no key or signature in its query."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return clean(str(url), secret)[:300]
    bare = parsed.copy_with(username=None, password=None, query=None, fragment=None)
    query = "&".join(_without_value(part) for part in parsed.query.decode("ascii").split("&"))
    text = f"{bare}?{query}" if query else str(bare)
    return _masked(text, secret)


def clean(text: str, secret: str | None = None) -> str:
    """Text of a service for a person: one line, no control characters, URLs and the token made harmless."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
    line = _IN_TEXT.sub(lambda found: _url_in_text(found.group(), secret), line)
    return _masked(line, secret)


def _masked(text: str, secret: str | None) -> str:
    bare = (secret or "").strip()
    return text.replace(bare, "***") if bare else text


def _without_value(part: str) -> str:
    name, sign, _ = part.partition("=")
    return f"{name}{sign}***" if sign and _SECRET.fullmatch(unquote_plus(name)) else part


def _url_in_text(text: str, secret: str | None) -> str:
    return shown(text, secret) if "?" in text or "@" in text else text


def _port(url: httpx.URL) -> int | None:
    return url.port or _PORTS.get(url.scheme)
