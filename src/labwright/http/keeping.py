"""What the cache may keep, and for how long: said in the answer's own headers, which hishel then obeys.

hishel keeps what HTTP allows, and that is both too much (a 404, a page that only looks like an answer) and too little
(an answer without a date, a POST that asks). This layer sits right below it and turns our rules into its.
"""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import httpx

from labwright.contracts.errors import ServiceError
from labwright.http.question import KEPT_AT, Question, page_of, question_of, refuse

_CONDITIONS = ("if-none-match", "if-modified-since")


class Keeping(httpx.BaseTransport):
    """Between the cache above and the network below."""

    def __init__(self, below: httpx.BaseTransport) -> None:
        self._below = below

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, dated by our clock, with a Cache-Control that says what we mean."""
        question = question_of(request)
        response = self._below.handle_request(_real(question, request))
        response.headers.pop("set-cookie", None)
        now = time.time()
        response.headers["date"] = formatdate(now - _age(response), usegmt=True)
        response.headers[KEPT_AT] = f"{now:.6f}"
        if response.status_code == 304:
            if "cache-control" in response.headers or "expires" in response.headers:
                _date(response, question.service.fresh_s)
        elif response.status_code != 200:
            response.headers["cache-control"] = "no-store"
        else:
            _date(response, question.service.fresh_s)
            _judge(question, request, response)
        return response

    def close(self) -> None:
        """See the layer below."""
        self._below.close()


def _real(question: Question, request: httpx.Request) -> httpx.Request:
    """The request as it goes out: to the cache, a POST that asks is a GET under a key of its own."""
    headers = request.headers.copy()
    if question.document is None:
        return httpx.Request("GET", request.url, headers=headers, extensions=dict(request.extensions))
    for condition in _CONDITIONS:  # they would mean something else to a POST
        headers.pop(condition, None)
    headers["content-type"] = "application/json"
    return httpx.Request(
        "POST", request.url, headers=headers, content=question.document, extensions=dict(request.extensions)
    )


def _judge(question: Question, request: httpx.Request, response: httpx.Response) -> None:
    """Keep no answer that its asker refuses, nor one that should be JSON and is none."""
    if _should_be_json(question, response) and not _is_json(response):
        response.headers["cache-control"] = "no-store"
    if question.accept is None:
        return
    try:
        question.accept(page_of(question, response, request.url))
    except ServiceError as error:
        refuse(response, error)
        response.headers["cache-control"] = "no-store"
    else:
        refuse(response, None)


def _should_be_json(question: Question, response: httpx.Response) -> bool:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return question.service.only_json or question.document is not None or kind == "application/json"


def _is_json(response: httpx.Response) -> bool:
    try:
        json.loads(response.content)
    except (ValueError, RecursionError):
        return False
    return True


def _date(response: httpx.Response, fresh_s: float) -> None:
    """Give an answer that does not say how long it is good for the service's usual time."""
    control = response.headers.get("cache-control", "")
    names = {part.strip().partition("=")[0].lower() for part in control.split(",")}
    if names & {"max-age", "no-cache", "no-store"} or "expires" in response.headers:
        return
    response.headers["cache-control"] = f"{control}, max-age={fresh_s:.0f}".lstrip(", ")


def _age(response: httpx.Response) -> float:
    """The seconds that it lay in a cache on its way."""
    age = response.headers.get("age", "")
    return min(float(age), 1e9) if age.isdecimal() and age.isascii() else 0.0
