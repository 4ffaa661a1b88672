"""The token, added as late as can be: below cache, retries and redirects, so none of them ever holds it."""

from __future__ import annotations

import httpx

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Service
from labwright.http.addresses import may_have_token
from labwright.http.question import question_of


class Tokens(httpx.BaseTransport):
    """Adds the service's token where the request goes to one of the service's own hosts, safely."""

    def __init__(self, below: httpx.BaseTransport) -> None:
        self._below = below

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """A copy of the request goes down: the one that the layers above hold stays bare."""
        service = question_of(request).service
        url, headers = request.url, request.headers.copy()
        if service.token and may_have_token(service, url):
            token = _sound(service)
            if service.token_param is not None:
                url = url.copy_set_param(service.token_param, token)
            else:
                headers[service.token_header] = service.token_prefix + token
        sent = httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)
        return self._below.handle_request(sent)

    def close(self) -> None:
        """See the layer below."""
        self._below.close()


def _sound(service: Service) -> str:
    """The token without the line break that a file leaves behind it. What else is wrong would be quoted in an error."""
    token = (service.token or "").strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ServiceError(
            f"the token of {service.name} has characters that no token has",
            where=service.token_variable,
            cure="copy it once more",
        )
    return token
