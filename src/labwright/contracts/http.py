"""How Labwright meets public services over HTTP: the service, what it answered, and the one client's Protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from labwright.contracts.errors import ServiceError

Params = Mapping[str, str | int | float | bool | None]
"""A query string; None is left out."""


@dataclass(frozen=True, slots=True)
class Service:
    """A public service: where it is, whose token it takes, and how often it may be asked."""

    name: str  # as answers and errors name it: "arxiv", "semantic-scholar"
    base_url: str  # scheme and host, with a path where the service has one; no slash at the end
    token: str | None = field(default=None, repr=False)  # sent to the hosts below and to no other, also when redirected
    token_header: str = "Authorization"
    token_prefix: str = "Bearer "
    more_hosts: tuple[str, ...] = ()  # hosts that belong to it as well, and may see its token
    interval_s: float = 0.0  # the least time between two requests, over all processes of this lab
    public_only: bool = False  # never asks this machine or a private network, whatever address it is given
    headers: Mapping[str, str] = field(default_factory=dict)
    fresh_s: float = 3600.0  # how long an answer serves from the cache where the service does not say
    token_param: str | None = None  # the token goes as this parameter of the query string, not as a header
    token_variable: str | None = None  # the variable that a person sets for a token, for the cure of an error
    only_json: bool = False  # what is no JSON is no answer of it, and never kept
    one_at_a_time: bool = False  # never two requests at once, over all processes of this lab


@dataclass(frozen=True, slots=True)
class Page:
    """What a service answered with a status below 300."""

    url: str  # after redirects
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    service: str
    from_cache: bool = False

    @property
    def text(self) -> str:
        """The body as text in the charset that the answer names, else UTF-8; damaged bytes are replaced."""
        content_type = self.headers.get("content-type", "")
        charset = (
            content_type.rpartition("charset=")[2].split(";")[0].strip(" \"'") if "charset=" in content_type else ""
        )
        try:
            return self.body.decode(charset or "utf-8", errors="replace")
        except LookupError:  # a charset that nobody knows
            return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON. Raises ServiceError where it is none, cut off or not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:  # the second: brackets in brackets in brackets
            raise ServiceError(
                f"{self.service} answered what is not JSON: {error}", where=self.url, cure="try again later"
            ) from error


class Fetcher(Protocol):
    """The polite client: one cache, one pace a service, retries, limits. `labwright.http.Http` is the real one."""

    @property
    def offline(self) -> bool:
        """Whether only the cache answers."""

    def get(
        self,
        service: Service,
        path: str,
        params: Params | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        most_bytes: int | None = None,
        accept: Callable[[Page], None] | None = None,
    ) -> Page:
        """GET a path under the service's base, or a whole URL.

        Args:
            service: whose pace, token and headers apply.
            path: begins with a slash, or is an absolute URL (of any host: the token goes to the service's hosts only).
            params: the query string, beside what the path has of one.
            headers: more of them.
            most_bytes: the largest body that is read; default 32 MB.
            accept: raises ServiceError where a 200 is no answer after all; such a page is not cached.

        Raises:
            NotFoundError: 404 or 410.
            RateLimitedError: 429, or a 403 that says so, after the retries.
            OfflineError: offline, and not in the cache.
            ServiceError: all else: no connection, a timeout, 4xx, 5xx after the retries, a body too large or cut.
        """

    def post(
        self,
        service: Service,
        path: str,
        document: Any,
        params: Params | None = None,
        *,
        most_bytes: int | None = None,
        accept: Callable[[Page], None] | None = None,
    ) -> Page:
        """POST a JSON document that asks and changes nothing; cached by its body, raises as `get` does."""
