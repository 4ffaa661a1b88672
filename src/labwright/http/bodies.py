"""Bodies read whole and within limits, below the retries: one cut short is asked for again, one too large is an error.

Compressed bodies are unpacked here, piece by piece against the limit, so a small one that unpacks to gigabytes stops.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

import httpx

from labwright.contracts.errors import ServiceError
from labwright.http.addresses import shown
from labwright.http.question import Question, question_of

ENCODINGS = "gzip, deflate"
_ERROR_BYTES = 64_000  # of an error's or a redirect's body: more is not read
_PIECE = 256_000
_GZIP_OR_ZLIB = 47  # zlib's code for "either header"


class BodyCutError(httpx.RemoteProtocolError):
    """The connection or the compressed data ended before the body did."""


class Bodies(httpx.BaseTransport):
    """Reads each answer to its end; what it hands up is unpacked and complete."""

    def __init__(self, below: httpx.BaseTransport, body_s: float) -> None:
        self._below = below
        self._body_s = body_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises ServiceError for a body over the limit, BodyCutError for one cut short."""
        question = question_of(request)
        response = self._below.handle_request(request)
        try:
            good = response.status_code < 300
            body = self._read(question, request, response) if good else _as_much_as_there_is(response)
        finally:
            response.close()
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        return httpx.Response(response.status_code, headers=headers, content=body, request=request)

    def close(self) -> None:
        """See the layer below."""
        self._below.close()

    def _read(self, question: Question, request: httpx.Request, response: httpx.Response) -> bytes:
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > question.most_bytes:
            raise _too_large(question, request, _megabytes(int(declared)))
        body, deadline = bytearray(), time.monotonic() + self._body_s
        for piece in _unpacked(response, question, request):
            body += piece
            if len(body) > question.most_bytes:
                raise _too_large(question, request, f"over {_megabytes(len(body) - 1)}")
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{question.service.name}: the answer was not complete after {self._body_s:g} s",
                    where=shown(request.url, question.service.token),
                    cure="try again later",
                )
        return bytes(body)


def _unpacked(response: httpx.Response, question: Question, request: httpx.Request) -> Iterator[bytes]:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    raw = response.iter_raw()
    if encoding in ("", "identity"):
        return raw
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _inflated(raw)
    raise ServiceError(
        f"{question.service.name} answered in the encoding {encoding[:40]!r}, which was not asked for",
        where=shown(request.url, question.service.token),
        cure="try again later",
    )


def _inflated(raw: Iterator[bytes]) -> Iterator[bytes]:
    unpack, begun, ended = zlib.decompressobj(_GZIP_OR_ZLIB), False, False
    try:
        for piece in raw:
            left = piece
            while left:
                if ended:  # a gzip body may have several members; anything else behind it is padding
                    if not left.startswith(b"\x1f\x8b"):
                        return
                    unpack, ended = zlib.decompressobj(_GZIP_OR_ZLIB), False
                if not begun and left[0] & 0x0F != 8 and left[0] != 0x1F:  # deflate without its header
                    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
                begun = True
                yield unpack.decompress(left, _PIECE)
                ended = unpack.eof
                left = unpack.unused_data if ended else unpack.unconsumed_tail
        yield unpack.flush()  # what stayed inside where the last piece filled the limit
        ended = ended or unpack.eof
    except zlib.error as error:
        raise BodyCutError(f"the body is damaged: {error}") from error
    if begun and not ended:
        raise BodyCutError("the body ended too early")


def _as_much_as_there_is(response: httpx.Response) -> bytes:
    """The beginning of an error's body: it only explains, so a fault in it must not hide the status."""
    body = bytearray()
    encoding = response.headers.get("content-encoding", "").strip().lower()
    raw = response.iter_raw()
    try:
        for piece in _inflated(raw) if encoding in ("gzip", "x-gzip", "deflate") else raw:
            body += piece
            if len(body) >= _ERROR_BYTES:
                break
    except httpx.TransportError:
        pass
    return bytes(body[:_ERROR_BYTES])


def _too_large(question: Question, request: httpx.Request, size: str) -> ServiceError:
    return ServiceError(
        f"{question.service.name}: the answer is too large: {size}; at most {_megabytes(question.most_bytes)} is read",
        where=shown(request.url, question.service.token),
        cure="ask for less of it",
    )


def _megabytes(count: int) -> str:
    return f"{count:,} bytes" if count < 100_000 else f"{count / 1e6:,.1f} MB"
