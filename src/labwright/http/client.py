"""The client itself: builds the layers, asks through them, and turns what comes back into a page or a typed error.

    cache → what may be kept → redirects → retries → pace → token → whole bodies → connections

Each is an httpx transport in a file of its own. A question that the cache can answer reaches none of those below it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from hishel import CacheOptions
from hishel.httpx import CacheTransport
from httpx_retries import RetryTransport

from labwright import __version__
from labwright.contracts.errors import OfflineError, ServiceError
from labwright.contracts.http import Page, Params, Service
from labwright.http.addresses import address, belongs, shown
from labwright.http.bodies import ENCODINGS, Bodies
from labwright.http.failures import refused, unanswered
from labwright.http.keeping import Keeping
from labwright.http.pace import Pace
from labwright.http.patience import Patience
from labwright.http.question import Question, carry, page_of, refusal, was_judged
from labwright.http.redirects import Redirects
from labwright.http.store import Store
from labwright.http.tokens import Tokens
from labwright.http.wire import Wire

_MOST_BYTES = 32_000_000
_PRIVATE = CacheOptions(shared=False)  # one lab's own, as a browser's is
_USER_AGENT = f"labwright/{__version__} (+https://pypi.org/project/labwright/)"


class Http:
    """A `Fetcher` with its cache in a directory of the lab. Safe to use from several threads and processes."""

    def __init__(
        self,
        cache: Path,
        *,
        offline: bool = False,
        patience: Patience | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self.offline = offline
        self._proxies = proxies
        self._patience = patience or Patience()
        self._cache = cache
        self._store = Store(cache)
        self._lock = threading.Lock()
        self._network: httpx.BaseTransport | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give connections back and close the cache."""
        with self._lock:
            if self._network is not None:
                self._network.close()
                self._network = None
        self._store.close()

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
        return self._ask(Question(service, most_bytes or _MOST_BYTES, accept), path, params, headers or {})

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
        """See `contracts.http.Fetcher`."""
        body = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        return self._ask(Question(service, most_bytes or _MOST_BYTES, accept, document=body), path, params, {})

    def _ask(self, question: Question, path: str, params: Params | None, headers: Mapping[str, str]) -> Page:
        service = question.service
        url = _url(service, path, params)
        chosen = httpx.Headers(service.headers if belongs(service, url) else {})
        chosen.update(headers)
        key = question.key(url, chosen)
        if self.offline:
            return self._kept(question, url, key)
        page, judged = self._sent(question, url, key, chosen)
        if page.from_cache and not judged and question.accept is not None:
            try:
                question.accept(page)
            except ServiceError:  # kept before anyone judged it: ask the service itself
                self._store.forget(key)
                page, judged = self._sent(question, url, key, chosen)
                if not judged:
                    question.accept(page)
        return page

    def _kept(self, question: Question, url: httpx.URL, key: str) -> Page:
        response = self._store.newest(key)
        if response is None:
            raise OfflineError(
                f"{question.service.name} is not asked offline, and the cache does not hold this",
                where=shown(url, question.service.token),
                cure="ask once without `--offline`",
            )
        page = page_of(question, response, url, from_cache=True)
        _check_size(question, page)
        if question.accept is not None:
            question.accept(page)
        return page

    def _sent(
        self, question: Question, url: httpx.URL, key: str, chosen: httpx.Headers, *, again: bool = False
    ) -> tuple[Page, bool]:
        """The answer, and whether `accept` has seen it."""
        service, patience = question.service, self._patience
        timeouts = httpx.Timeout(connect=patience.connect_s, read=patience.read_s, write=patience.read_s, pool=None)
        headers = httpx.Headers({"accept": "*/*", "user-agent": _USER_AGENT})
        headers.update(chosen)
        headers["accept-encoding"] = ENCODINGS
        request = httpx.Request(
            "GET",
            url,
            headers=headers,
            extensions={**carry(question), "timeout": timeouts.as_dict(), "caching": {"key": key}},
        )
        storage = self._store.storage
        try:
            response = CacheTransport(self._layers(), storage, _PRIVATE).handle_request(request)
            try:
                response.read()
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise unanswered(service, error, url, patience.connect_s, patience.read_s) from None
        except (sqlite3.Error, RuntimeError):
            # The cache found an answer and could not read it: the file is damaged, or another process pruned it.
            if again:
                raise
            self._store.renew(storage)
            self._store.forget(key)
            return self._sent(question, url, key, chosen, again=True)
        if response.status_code >= 300:
            raise refused(service, response, url, patience.clock())
        said = refusal(response)
        if said is not None:
            raise said
        status = response.extensions.get("caching")
        if status and status["stored"] and status["revalidated"]:
            self._store.forget(key, but_newest=True)
        page = page_of(question, response, url, from_cache=bool(status and status["from_cache"]))
        _check_size(question, page)
        return page, was_judged(response)

    def _layers(self) -> httpx.BaseTransport:
        with self._lock:
            if self._network is None:
                whole = Bodies(Wire(self._proxies), self._patience.body_s)
                paced = Pace(Tokens(whole), self._cache / "pace", self._patience)
                self._network = Keeping(Redirects(RetryTransport(paced), self._patience))
            return self._network


def _url(service: Service, path: str, params: Params | None) -> httpx.URL:
    try:
        url = address(service, path).copy_with(fragment=None)
        kept = {name: value for name, value in (params or {}).items() if value is not None}
        url = url.copy_merge_params(kept) if kept else url
    except httpx.InvalidURL as error:
        where = shown(path if "://" in path else service.base_url + path, service.token)
        raise ServiceError(f"this is no address: {error}", where=where, cure="check the address") from error
    if service.token_param is not None:  # as a `next` link brings it back; added again where it belongs
        url = url.copy_remove_param(service.token_param)
    if url.scheme not in ("http", "https") or not url.host:
        raise ServiceError(
            f"{service.name}: only http:// and https:// addresses are fetched",
            where=shown(url, service.token),
            cure="give another address",
        )
    return url


def _check_size(question: Question, page: Page) -> None:
    if len(page.body) > question.most_bytes:  # kept when more was allowed
        raise ServiceError(
            f"{page.service}: the answer is too large: {len(page.body):,} bytes, and at most"
            f" {question.most_bytes:,} are read",
            where=page.url,
            cure="ask for less of it",
        )
