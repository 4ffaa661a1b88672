"""The lowest layer: connections, and a person's proxy where there is one. A bare transport keeps no cookies and no log.

`httpx.Client` would log each URL whole, with the key that some services take in it.
"""

from __future__ import annotations

import functools
import ssl
import threading
import urllib.request
from collections.abc import Mapping

import httpx

from labwright.http.addresses import is_loopback


class Wire(httpx.BaseTransport):
    """Sends a request as it is.

    Args:
        proxies: by scheme (or `all`); None asks the machine's settings, as every client does.
    """

    def __init__(self, proxies: Mapping[str, str] | None = None) -> None:
        self._proxies = proxies
        self._lock = threading.Lock()
        # Made here and not in a request: reading certificates takes a while, and that must not eat into the pace.
        self._ways: dict[str | None, httpx.HTTPTransport] = {None: httpx.HTTPTransport(verify=_certificates())}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Over the proxy that the machine's settings name for this URL, else straight."""
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise httpx.UnsupportedProtocol(f"{request.url.scheme or 'no scheme'}")
        return self._way(self._proxy(request.url)).handle_request(request)

    def close(self) -> None:
        """Give connections back."""
        with self._lock:
            for way in self._ways.values():
                way.close()
            self._ways.clear()

    def _proxy(self, url: httpx.URL) -> str | None:
        if is_loopback(url):
            return None
        named = urllib.request.getproxies() if self._proxies is None else self._proxies
        proxy = named.get(url.scheme) or named.get("all")
        if proxy is None or (self._proxies is None and urllib.request.proxy_bypass(url.host)):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    def _way(self, proxy: str | None) -> httpx.HTTPTransport:
        with self._lock:
            if proxy not in self._ways:
                self._ways[proxy] = httpx.HTTPTransport(verify=_certificates(), proxy=proxy)
            return self._ways[proxy]


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Read once a process; it holds nothing of a connection."""
    return httpx.create_ssl_context()
