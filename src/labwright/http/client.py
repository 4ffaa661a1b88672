"""The client itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from labwright.contracts.errors import NotFoundError, RateLimitedError, ServiceError
from labwright.contracts.http import Page, Params, Service

_MOST_BYTES = 32_000_000


class Http:
    """A `Fetcher` with its cache in a directory of the lab. Safe to use from several threads and processes."""

    def __init__(self, cache: Path, *, offline: bool = False) -> None:
        self._cache = cache
        self.offline = offline
        self._client = httpx.Client(follow_redirects=True, timeout=20.0)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

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
        """See `contracts.http.Fetcher`."""
        url = path if "://" in path else service.base_url + path
        kept = {key: value for key, value in (params or {}).items() if value is not None}
        page = self._page(service, self._client.build_request("GET", url, params=kept or None, headers=headers))
        if accept is not None:
            accept(page)
        return page

    def post(
        self, service: Service, path: str, document: Any, params: Params | None = None, *, most_bytes: int | None = None
    ) -> Page:
        """See `contracts.http.Fetcher`."""
        kept = {key: value for key, value in (params or {}).items() if value is not None}
        url = path if "://" in path else service.base_url + path
        return self._page(service, self._client.build_request("POST", url, params=kept or None, json=document))

    def _page(self, service: Service, request: httpx.Request) -> Page:
        request.headers.update(service.headers)
        try:
            response = self._client.send(request)
        except httpx.HTTPError as error:
            raise ServiceError(f"{service.name} did not answer: {error}", where=str(request.url)) from error
        if response.status_code in (404, 410):
            raise NotFoundError(f"{service.name} has no such thing", where=str(request.url))
        if response.status_code == 429:
            raise RateLimitedError(f"{service.name} asks to wait", where=str(request.url))
        if response.status_code >= 300:
            raise ServiceError(f"{service.name} answered {response.status_code}", where=str(request.url))
        return Page(str(response.url), response.status_code, dict(response.headers), response.content, service.name)
