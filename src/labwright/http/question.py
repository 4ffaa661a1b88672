"""What one request carries through the layers below the cache: whose it is, its limits, and when it is no answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import httpx

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Page, Service
from labwright.http.addresses import shown

FINAL_URL = "x-labwright-url"  # kept with an answer in the cache: where the redirects ended
KEPT_AT = "x-labwright-at"  # when it came, to less than the second of its Date
_NAME = "labwright"
_REFUSED = "labwright-refused"
_OURS = (FINAL_URL, KEPT_AT, "set-cookie")


@dataclass(frozen=True, slots=True)
class Question:
    """Travels in a request's extensions, as httpx has it for what is no header."""

    service: Service
    most_bytes: int
    accept: Callable[[Page], None] | None = None
    document: bytes | None = field(default=None, repr=False)  # of a POST

    def key(self, url: httpx.URL, headers: Mapping[str, str]) -> str:
        """Under what an answer is kept: everything that was asked, and nothing secret."""
        parts = [str(url), *sorted(f"{name.lower()}: {value}" for name, value in headers.items())]
        if self.document is not None:
            parts.append(f"POST {hashlib.sha256(self.document).hexdigest()}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def carry(question: Question) -> dict[str, object]:
    """The extensions of a request that carries the question."""
    return {_NAME: question}


def question_of(request: httpx.Request) -> Question:
    """What the request carries."""
    return cast(Question, request.extensions[_NAME])


def refuse(response: httpx.Response, error: ServiceError | None) -> None:
    """Note what `accept` said of an answer, so that it is asked once only."""
    response.extensions[_REFUSED] = error


def was_judged(response: httpx.Response) -> bool:
    """Whether `accept` has seen this answer."""
    return _REFUSED in response.extensions


def refusal(response: httpx.Response) -> ServiceError | None:
    """What `accept` said."""
    return cast("ServiceError | None", response.extensions.get(_REFUSED))


def page_of(question: Question, response: httpx.Response, url: httpx.URL, *, from_cache: bool = False) -> Page:
    """The answer as those who asked see it; its body has been read."""
    headers = {name: value for name, value in response.headers.items() if name not in _OURS}
    final = response.headers.get(FINAL_URL) or shown(url, question.service.token)
    return Page(final, response.status_code, headers, response.content, question.service.name, from_cache)
