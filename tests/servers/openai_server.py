"""A real OpenAI-compatible server on loopback that answers from a script, with the faults that real ones have.

    with OpenAIServer([text("Hello"), call("read_file", {"path": "a.txt"}), error(429, "slow down")]) as server:
        ...                        # server.url is a base URL that ends in /v1
        server.requests            # what was asked of chat/completions: .json, .body (bytes), .headers, .size
        server.others              # every other request, such as GET /v1/models

A script is a list of replies, one a request, or a function from a request's JSON to a reply. A list that is used up
answers 400 and says so. Whether a reply is streamed is the request's choice. Replies:

    text("Hello", reasoning="Hm")              an answer
    call("tool", {"a": 1})                     a tool call; a string instead of the dict is sent as it is: malformed
    calls(call("a", {}), call("b", {}))        several in one answer; `saying` puts text before them
    error(status, body, headers)               body: a JSON value, or a string that becomes {"error": {"message": …}}
    cut_after(n, reply)                        the stream dies after n chunks; polite=True ends it well, too early
    broken_after(n, reply, body)               an error object inside a stream of status 200, after n chunks
    late(seconds, reply)                       the answer is long in coming
    held(event, reply)                         the answer comes once the test sets the event
    overflow("vllm")                           the context is too long, in the words of that server: see OVERFLOWS
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_PIECE = 12  # characters of text or arguments in a chunk of a stream


@dataclass(frozen=True)
class Call:
    """A tool call. No id: the server makes one up, unique for its life."""

    tool: str
    arguments: Mapping[str, Any] | str
    id: str | None = None

    @property
    def raw(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True)
class Reply:
    """What the server answers to one request. Made by the functions below; `dataclasses.replace` for the unusual."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    finish: str | None = None  # default: tool_calls where there are calls, else stop
    usage: Mapping[str, Any] | None = field(default_factory=lambda: {"auto": True})  # None: the server reports none
    model: str | None = None  # the name in the answer; default: the one that was asked for
    whole_calls: bool = False  # stream a call in one chunk, as Ollama does
    reasoning_field: str = "reasoning_content"  # vLLM and llama.cpp; the Hugging Face router says "reasoning"
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    polite: bool = False
    inside: Any = None
    delay_s: float = 0.0
    after: threading.Event | None = None


Script = Sequence[Reply] | Callable[[dict[str, Any]], Reply]


def text(said: str, *, reasoning: str = "", usage: Mapping[str, Any] | None = None) -> Reply:
    """An answer in words. `usage` as the wire has it: {"prompt_tokens": 10, "completion_tokens": 3}."""
    reply = Reply(text=said, reasoning=reasoning)
    return replace(reply, usage=usage) if usage is not None else reply


def call(tool: str, arguments: Mapping[str, Any] | str, id: str | None = None, *, saying: str = "") -> Reply:
    """One tool call."""
    return Reply(text=saying, calls=(Call(tool, arguments, id),))


def calls(*replies: Reply, saying: str = "") -> Reply:
    """The calls of several replies in one answer."""
    return Reply(text=saying, calls=tuple(itertools.chain.from_iterable(r.calls for r in replies)))


def unmeasured(reply: Reply) -> Reply:
    """The same answer from a server that reports no usage."""
    return replace(reply, usage=None)


def error(status: int, body: Any = "something went wrong", headers: Mapping[str, str] | None = None) -> Reply:
    """A refusal. A string becomes {"error": {"message": …}}; `plain` sends one as it is."""
    shaped = {"error": {"message": body, "type": "error", "code": None}} if isinstance(body, str) else body
    return Reply(status=status, body=shaped, headers=headers or {})


def plain(status: int, body: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A refusal whose body is no JSON, such as a proxy's HTML."""
    return Reply(status=status, body=body.encode(), headers=headers or {})


def cut_after(chunks: int, reply: Reply | None = None, *, polite: bool = False) -> Reply:
    """The stream ends after this many chunks, before its finish_reason; unstreamed, half of the body comes."""
    return replace(reply or text("a sentence that will never be finished"), cut=chunks, polite=polite)


def broken_after(chunks: int, reply: Reply | None = None, body: Any = "the engine died") -> Reply:
    """An error object inside the stream; unstreamed, a 500."""
    return replace(reply or text("a sentence that will never be finished"), cut=chunks, inside=body)


def late(seconds: float, reply: Reply) -> Reply:
    """The same answer, later."""
    return replace(reply, delay_s=seconds)


def held(event: threading.Event, reply: Reply) -> Reply:
    """The same answer, once this is set: where the order of things matters and not their time."""
    return replace(reply, after=event)


def quota() -> Reply:
    """The Hugging Face router's 402, whose error is a string."""
    message = "You have depleted your monthly included credits. Purchase pre-paid credits to continue."
    return Reply(status=402, body={"error": message})


OVERFLOWS: dict[str, Reply] = {
    "openai": Reply(
        status=400,
        body={
            "error": {
                "message": "This model's maximum context length is 128000 tokens. However, your messages resulted in "
                "150000 tokens. Please reduce the length of the messages.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        },
    ),
    "vllm": Reply(  # flat, as vLLM's before 0.11; newer ones nest it
        status=400,
        body={
            "object": "error",
            "message": "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens "
            "(8000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    "llama.cpp": Reply(
        status=400,
        body={
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9000,
                "n_ctx": 4096,
            }
        },
    ),
    "tgi": Reply(
        status=422,
        body={
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
            "Given: 5000 `inputs` tokens and 512 `max_new_tokens`",
            "error_type": "validation",
        },
    ),
    "ollama": Reply(
        status=400,
        body={
            "error": {
                "message": "the prompt exceeds the model's context length",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        },
    ),
    "lmstudio": Reply(
        status=400,
        body={
            "error": "The number of tokens to keep from the initial prompt is greater than the context length. "
            "Try to load the model with a larger context length, or provide a shorter input"
        },
    ),
}
"""The refusals of a prompt that is too long, as each server words it."""


def overflow(server: str) -> Reply:
    """The context is too long, in the words of this server: a key of OVERFLOWS."""
    return OVERFLOWS[server]


@dataclass(frozen=True)
class Asked:
    """One request as it came in. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def streams(self) -> bool:
        return bool(self.json.get("stream"))

    @property
    def tool_names(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.json.get("tools", [])]


class OpenAIServer:
    """The server; a context manager. Thread-safe, one thread a connection, keep-alive, each answer sent at once.

    `models`: what GET /v1/models lists, names or whole entries such as {"id": "m", "max_model_len": 8192}.
    `key`: where given, a request without `Authorization: Bearer KEY` gets a 401.
    `cards`: what GET /v1/models/ID says of a model, as the Hugging Face router does.
    `port`: 0 takes a free one.
    """

    def __init__(
        self,
        script: Script = (),
        *,
        models: Sequence[str | Mapping[str, Any]] = ("stub",),
        key: str | None = None,
        cards: Mapping[str, Any] | None = None,
        port: int = 0,
    ) -> None:
        self.requests: list[Asked] = []
        self.others: list[Asked] = []
        self.models = [{"id": m, "object": "model", "owned_by": "stub"} if isinstance(m, str) else m for m in models]
        self.key = key
        self.cards = dict(cards or {})
        self._script = script
        self._turn = itertools.count()
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, name="openai-server", daemon=True
        )

    @property
    def port(self) -> int:
        return self._http.server_port

    @property
    def root(self) -> str:
        """The address without /v1."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def bytes_received(self) -> int:
        """The bodies of all chat requests together."""
        return sum(asked.size for asked in self.requests)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)

    def reply_to(self, asked: Asked) -> Reply:
        """The script's answer to a chat request, its calls with ids. Called by the connection's thread."""
        with self._lock:
            self.requests.append(asked)
            if callable(self._script):
                reply = self._script(asked.json)
            else:
                turn = next(self._turn)
                if turn >= len(self._script):
                    return error(400, f"the script is over: it has {len(self._script)} replies")
                reply = self._script[turn]
            named = tuple(c if c.id is not None else replace(c, id=f"call_{next(self._ids)}") for c in reply.calls)
        self._closing.wait(reply.delay_s)
        while reply.after is not None and not reply.after.wait(0.05) and not self._closing.is_set():
            pass
        return replace(reply, calls=named)

    def note(self, asked: Asked) -> None:
        with self._lock:
            self.others.append(asked)


def _handler_of(server: OpenAIServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each small answer waits 40 ms for the client's delayed ACK

        def do_GET(self) -> None:
            server.note(self._asked())
            if self._barred():
                return
            path = self.path.partition("?")[0]
            if path == "/v1/models":
                self._send(200, {"object": "list", "data": server.models})
            elif (card := server.cards.get(path.removeprefix("/v1/models/"))) is not None:
                self._send(200, {"data": card})
            else:
                self._send(404, {"error": {"message": f"no such route: {path}", "code": 404}})

        def do_POST(self) -> None:
            asked = self._asked()
            if self.path.partition("?")[0] != "/v1/chat/completions":
                server.note(asked)
                self._send(404, {"error": {"message": f"no such route: {self.path}", "code": 404}})
                return
            if self._barred():
                server.note(asked)
                return
            reply = server.reply_to(asked)
            if reply.status >= 400:
                self._send(reply.status, reply.body, reply.headers)
            elif asked.streams:
                self._stream(reply, asked)
            elif reply.inside is not None:
                self._send(500, _error_object(reply.inside))
            else:
                self._send(200, _completion(reply, asked), reply.headers, half=reply.cut is not None)

        def _asked(self) -> Asked:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            return Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)

        def _barred(self) -> bool:
            if server.key is None or self.headers.get("authorization") == f"Bearer {server.key}":
                return False
            self._send(401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}})
            return True

        def _send(self, status: int, body: Any, headers: Mapping[str, str] | None = None, half: bool = False) -> None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            kind = "text/html" if isinstance(body, bytes) else "application/json"
            head = self._head(status, {"content-type": kind, "content-length": str(len(raw)), **(headers or {})})
            if half:
                self._end(head + raw[: len(raw) // 2])
            else:
                self._write(head + raw)

        def _stream(self, reply: Reply, asked: Asked) -> None:
            head = self._head(
                200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **reply.headers}
            )
            events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in _chunks(reply, asked)]
            if reply.cut is None:
                events.append(b"data: [DONE]\n\n")
            else:
                events = events[: reply.cut]
                if reply.inside is not None:
                    events.append(f"data: {json.dumps(_error_object(reply.inside))}\n\n".encode())
            sent = head + b"".join(b"%x\r\n%s\r\n" % (len(e), e) for e in events)
            if reply.cut is not None and not reply.polite and reply.inside is None:
                self._end(sent)
            else:
                self._write(sent + b"0\r\n\r\n")

        def _head(self, status: int, headers: Mapping[str, str]) -> bytes:
            lines = [f"HTTP/1.1 {status} {self.responses.get(status, ('Status',))[0]}"]
            return "\r\n".join([*lines, *(f"{k}: {v}" for k, v in headers.items()), "\r\n"]).encode()

        def _write(self, data: bytes) -> None:
            try:
                self.wfile.write(data)
            except OSError:  # the client has left
                self.close_connection = True

        def _end(self, data: bytes) -> None:
            """Send this much and hang up in the middle."""
            self._write(data)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


def _error_object(body: Any) -> Any:
    return {"error": {"message": body, "type": "server_error", "code": None}} if isinstance(body, str) else body


def _finish(reply: Reply) -> str:
    return reply.finish or ("tool_calls" if reply.calls else "stop")


def _usage(reply: Reply, asked: Asked) -> Mapping[str, Any] | None:
    if reply.usage is None or not reply.usage.get("auto"):
        return reply.usage
    given = asked.size // 4
    answered = 1 + (len(reply.text) + len(reply.reasoning) + sum(len(c.raw) for c in reply.calls)) // 4
    return {"prompt_tokens": given, "completion_tokens": answered, "total_tokens": given + answered}


def _wire(call: Call) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.tool, "arguments": call.raw}}


def _completion(reply: Reply, asked: Asked) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.reasoning:
        message[reply.reasoning_field] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [_wire(c) for c in reply.calls]
    body: dict[str, Any] = {
        "id": "chatcmpl-stub", "object": "chat.completion", "created": 1_700_000_000,
        "model": reply.model or asked.json.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": _finish(reply)}],
    }  # fmt: skip
    usage = _usage(reply, asked)
    return body if usage is None else {**body, "usage": usage}


def _chunks(reply: Reply, asked: Asked) -> Iterator[dict[str, Any]]:
    """A streamed answer: role, reasoning, text, calls, finish_reason, and the usage where it was asked for."""
    base: dict[str, Any] = {
        "id": "chatcmpl-stub", "object": "chat.completion.chunk", "created": 1_700_000_000,
        "model": reply.model or asked.json.get("model"),
    }  # fmt: skip

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(reply.reasoning):
        yield chunk({reply.reasoning_field: piece})
    for piece in _pieces(reply.text):
        yield chunk({"content": piece})
    for index, made in enumerate(reply.calls):
        wire = {"index": index, **_wire(made)}
        if reply.whole_calls:
            yield chunk({"tool_calls": [wire]})
            continue
        yield chunk({"tool_calls": [{**wire, "function": {"name": made.tool, "arguments": ""}}]})
        for piece in _pieces(made.raw):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _finish(reply))
    usage = _usage(reply, asked)
    if usage is not None and (asked.json.get("stream_options") or {}).get("include_usage"):
        yield {**base, "choices": [], "usage": usage}


def _pieces(whole: str) -> Iterator[str]:
    for start in range(0, len(whole), _PIECE):
        yield whole[start : start + _PIECE]
