"""Redirects, followed below the cache: an answer is kept under the URL that was asked, wherever it came from.

Hubs redirect to signed addresses that differ each time; followed above the cache, nothing would ever be found again.
"""

from __future__ import annotations

import httpx

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Service
from labwright.http.addresses import belongs, is_loopback, is_public, resolves_inside, shown
from labwright.http.patience import Patience
from labwright.http.question import FINAL_URL, Question, question_of
from labwright.http.retries import Retries

_MOST = 5
_ELSEWHERE = (301, 302, 303, 307, 308)
_KEEP_METHOD = (307, 308)
# What another host may see: nothing that anyone could have put a secret into.
_HARMLESS = (
    "accept",
    "accept-encoding",
    "accept-language",
    "user-agent",
    "range",
    "if-none-match",
    "if-modified-since",
)


class Redirects(httpx.BaseTransport):
    """Follows redirects, each hop with retries, pace and token of its own."""

    def __init__(self, below: httpx.BaseTransport, patience: Patience) -> None:
        self._below = below
        self._patience = patience

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The last answer, with the URL from which it came.

        Raises:
            ServiceError: more than five hops, a loop, or one that leads where we do not go.
        """
        question, seen = question_of(request), [request.url]
        for _ in range(_MOST + 1):
            if question.service.public_only and (not is_public(request.url) or resolves_inside(request.url)):
                raise _refused(question.service, request.url, "does not ask private networks")
            request.extensions["retry"] = Retries(self._patience, question, request.url)
            response = self._below.handle_request(request)
            location = response.headers.get("location")
            if response.status_code not in _ELSEWHERE or not location:
                response.headers[FINAL_URL] = shown(request.url, question.service.token)
                return response
            url = _next(question.service, request.url, location)
            if url in seen:
                raise _refused(question.service, request.url, "redirects in a circle")
            seen.append(url)
            request = _onwards(question, request, url, response.status_code)
        raise _refused(question.service, request.url, f"redirects more than {_MOST} times")

    def close(self) -> None:
        """See the layer below."""
        self._below.close()


def _next(service: Service, url: httpx.URL, location: str) -> httpx.URL:
    try:
        target = url.join(location).copy_with(fragment=None)
    except httpx.InvalidURL as error:
        raise _refused(service, url, "redirects to what is no address") from error
    if service.token_param is not None:  # its own hosts get it again below
        target = target.copy_remove_param(service.token_param)
    if target.scheme not in ("http", "https") or not target.host:
        raise _refused(service, url, f"redirects to {shown(target, service.token)[:100]}, which is not fetched")
    if url.scheme == "https" and target.scheme == "http" and not (is_loopback(url) and is_loopback(target)):
        raise _refused(service, url, "redirects from https to plain http")
    if is_public(url) and not is_public(target):
        raise _refused(service, url, "redirects into a private network")
    if service.token and not belongs(service, target) and service.token.strip() in str(target):
        raise _refused(service, url, "redirects to another host with our token in the address")
    return target


def _onwards(question: Question, request: httpx.Request, url: httpx.URL, status: int) -> httpx.Request:
    same = (url.scheme, url.netloc) == (request.url.scheme, request.url.netloc)
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    if not same:
        headers = {name: value for name, value in headers.items() if name in _HARMLESS}
    method = request.method
    if method == "POST" and status not in _KEEP_METHOD:
        method = "GET"
    document = question.document if method == "POST" else None
    for name in ("content-length", "content-type"):
        headers.pop(name, None)
    if document is not None:
        headers["content-type"] = "application/json"
    return httpx.Request(method, url, headers=headers, content=document, extensions=request.extensions)


def _refused(service: Service, url: httpx.URL, what: str) -> ServiceError:
    return ServiceError(
        f"{service.name} {what}", where=shown(url, service.token), cure="check the address of the service"
    )
