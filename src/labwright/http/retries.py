"""When to ask again, and how long to wait before: httpx-retries' loop with our patience and the services' own words.

The library reads `Retry-After` only, cuts a long one to its own ceiling, and sleeps by itself; here a service that
asks for more than the patience is an error at once, which says until when.
"""

from __future__ import annotations

import copy
from typing import Self

import httpx
from httpx_retries import Retry

from labwright.http.failures import is_limit, limited, wait_asked
from labwright.http.patience import Patience
from labwright.http.question import Question

_LATER = (429, 500, 502, 503, 504)


class _LimitError(httpx.TransportError):
    """A 403 that is a limit: the loop knows statuses only by their number."""


class Retries(Retry):
    """The retries of one question."""

    def __init__(self, patience: Patience, question: Question, url: httpx.URL) -> None:
        super().__init__(
            total=patience.retries,
            allowed_methods=("GET", "HEAD", "POST"),  # our POSTs ask and change nothing
            status_forcelist=_LATER,
            retry_on_exceptions=(httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, _LimitError),
            backoff_factor=patience.first_wait_s / 2,  # the library doubles it before the first wait
            backoff_jitter=0.5,
            max_backoff_wait=max(patience.longest_s, 0.001),
            total_timeout=max(patience.longest_s, 0.001),
            validate_response=_no_hidden_limit,
        )
        self._patience = patience
        self._question = question
        self._url = url

    def increment(self) -> Self:
        """The next try; the library's own would build a bare `Retry`."""
        following = copy.copy(self)
        following.attempts_made += 1
        return following

    def is_retryable_exception(self, exception: Exception) -> bool:
        """No connection is tried again less often: whoever has no network should not wait for long to hear it."""
        if isinstance(exception, httpx.ConnectError | httpx.TimeoutException):
            again = self.attempts_made < self._patience.reconnections
            return again and "CERTIFICATE_VERIFY_FAILED" not in str(exception)
        return super().is_retryable_exception(exception)

    def sleep(self, response: httpx.Response | Exception) -> None:
        """Wait for as long as the service asks, else the back-off.

        Raises:
            RateLimitedError: it asks for more than is left of the patience.
        """
        now = self._patience.clock()
        asked = wait_asked(response, now) if isinstance(response, httpx.Response) else None
        left = self._patience.longest_s - self.elapsed_sleep
        if asked is not None and asked > left and isinstance(response, httpx.Response):
            raise limited(self._question.service, response, self._url, now)
        wait = asked if asked is not None else min(self.backoff_strategy(), max(left, 0.0))
        self._patience.sleep(wait)
        self.elapsed_sleep += wait


def _no_hidden_limit(response: httpx.Response) -> None:
    if is_limit(response):
        raise _LimitError("limited")
