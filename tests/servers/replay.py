"""A real HTTP server on loopback that answers as a public service does, from recorded shapes, with its faults.

    routes = {"/api/query": atom_feed, "/api/papers/search": lambda request: reply([...])}
    with ReplayServer(routes) as server:
        ...                        # server.url, such as http://127.0.0.1:41233
        server.requests            # what came: .method .path .query (dict of last values) .headers .body .json
        server.fail(reply(429, "Rate exceeded."), times=2)      # the next two requests are answered so
        server.fail(cut(reply(200, big)), path="/api/query")    # only on this path

A route is a path, or a path that ends in `*`; its value is a Reply, or a function from the request to one. What no
route takes is answered 404. Replies: `reply(status, body, headers)` (a dict or list becomes JSON, text and bytes stay
what they are), `cut(reply, after)` (the connection ends early), `late(seconds, reply)`, `redirect(url)`,
`chunked(reply)` (no Content-Length), `gone()` (the connection ends with no answer). `server.url_as("localhost")` is the
same server under another host's name.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str  # unquoted
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    target: str  # as it stood on the wire
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What the server answers. Made by the functions below."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None  # bytes after which the connection ends
    delay_s: float = 0.0
    chunked: bool = False
    gone: bool = False


Route = Reply | Callable[[Request], Reply]


def reply(status_or_body: Any = 200, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer: `reply(body)`, or `reply(status, body)`."""
    status, content = (status_or_body, body) if isinstance(status_or_body, int) else (200, status_or_body)
    if isinstance(content, bytes):
        kind, raw = "application/octet-stream", content
    elif isinstance(content, str):
        kind, raw = (
            "text/html; charset=utf-8" if content.lstrip().startswith("<") else "text/plain; charset=utf-8",
            content.encode(),
        )
    elif content is None:
        kind, raw = "text/plain; charset=utf-8", b""
    else:
        kind, raw = "application/json", json.dumps(content).encode()
    return Reply(status, raw, {"Content-Type": kind, **(headers or {})})


def cut(whole: Reply, after: int | None = None) -> Reply:
    """The same, but the connection ends after so many bytes of the body; by default in its middle."""
    return replace(whole, cut=len(whole.body) // 2 if after is None else after)


def late(seconds: float, whole: Reply) -> Reply:
    """The same, later."""
    return replace(whole, delay_s=seconds)


def redirect(url: str, status: int = 302) -> Reply:
    """Elsewhere."""
    return Reply(status, b"", {"Location": url})


def chunked(whole: Reply) -> Reply:
    """The same, with its length not said."""
    return replace(whole, chunked=True)


def gone() -> Reply:
    """No answer: the connection ends."""
    return Reply(500, b"", gone=True)


@dataclass
class _Fault:
    reply: Reply
    times: int
    path: str | None


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where the other side hung up: tests do that on purpose."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class ReplayServer:
    """See the module's docstring."""

    def __init__(self, routes: Mapping[str, Route] | None = None) -> None:
        self.routes: dict[str, Route] = dict(routes or {})
        self.requests: list[Request] = []
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._server = _QuietServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url_as(self, host: str) -> str:
        """The same server under another name of this machine."""
        return self.url.replace("127.0.0.1", host)

    def fail(self, with_: Reply, *, times: int = 1, path: str | None = None) -> None:
        """Answer the next requests (of a path) so, before any route."""
        with self._lock:
            self._faults.append(_Fault(with_, times, path))

    def asked(self, path: str) -> list[Request]:
        """The requests of a path; one that ends in `*` is a prefix."""
        return [r for r in self.requests if _takes(path, r.path)]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            for fault in self._faults:
                if fault.times > 0 and (fault.path is None or _takes(fault.path, request.path)):
                    fault.times -= 1
                    return fault.reply
        route = self.routes.get(request.path)
        if route is None:
            fitting = [pattern for pattern in self.routes if _takes(pattern, request.path)]
            route = self.routes[max(fitting, key=len)] if fitting else reply(404, {"error": "Not Found"})
        return route if isinstance(route, Reply) else route(request)


def _takes(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


def _handler(server: ReplayServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for the other side's acknowledgement

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = server.answer(Request(self.command, unquote(parts.path), query, headers, body, self.path))
            time.sleep(answer.delay_s)
            if answer.gone:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD" and answer.status != 304:
                body = answer.body if answer.cut is None else answer.body[: answer.cut]
                if answer.chunked and body:
                    body = b"%x\r\n%b\r\n" % (len(body), body)
                if answer.chunked and answer.cut is None:
                    body += b"0\r\n\r\n"
                with suppress(ConnectionError):  # who asked may read no further
                    self.wfile.write(body)
            if answer.cut is not None:
                self.close_connection = True

        do_GET = do_POST = do_HEAD = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
