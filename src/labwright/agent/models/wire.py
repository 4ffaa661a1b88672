"""The wire of OpenAI-compatible chat servers: histories and tools into JSON, answers and their chunks out of it.

A history is sent anew with every call, so each message is encoded once and its bytes are kept for as long as the
message lives: a call costs what is new in it.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextContent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.tools import ToolDefinition

_MALFORMED = "malformed_arguments"
_THINK, _END = "<think>", "</think>"


def dump(value: object) -> bytes:
    """Compact JSON in UTF-8; a lone surrogate, which UTF-8 cannot hold, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace")


# -- out ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Encoded:
    parts: tuple[Any, ...]
    system: str
    body: bytes
    ids: frozenset[str]


class Encoder:
    """Encodes histories. Keeps nothing of messages that are gone."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[ModelMessage], _Encoded]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def messages(self, history: Sequence[ModelMessage], instructions: Sequence[str]) -> bytes:
        """The JSON array of messages. All system text stands first and in one: some chat templates take no more."""
        encoded = [self._encode(m) for m in history]
        system = "\n\n".join(text for text in (*(e.system for e in encoded), *instructions) if text)
        pieces = [dump({"role": "system", "content": system})] if system else []
        pieces += [e.body for e in encoded if e.body]
        return b"[" + b",".join(pieces) + b"]"

    def call_ids(self, history: Sequence[ModelMessage]) -> set[str]:
        """The ids of all tool calls so far."""
        return set().union(*(self._encode(m).ids for m in history))

    def _encode(self, message: ModelMessage) -> _Encoded:
        key = id(message)
        known = self._known.get(key)
        if known is not None and known[0]() is message and _same(known[1].parts, message.parts):
            return known[1]
        encoded = _encode_request(message) if isinstance(message, ModelRequest) else _encode_response(message)
        self._known[key] = (weakref.ref(message, lambda _: self._known.pop(key, None)), encoded)
        return encoded


def _same(parts: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(parts) == len(others) and all(a is b for a, b in zip(parts, others, strict=True))


def _encode_request(message: ModelRequest) -> _Encoded:
    """Tool results first, as they must follow their calls, then what the user said, in one message."""
    results = [
        dump({"role": "tool", "tool_call_id": p.tool_call_id, "content": p.model_response_str()})
        for p in message.parts
        if isinstance(p, ToolReturnPart)
    ]
    said = [_user_text(p) for p in message.parts if isinstance(p, UserPromptPart)]
    system = "\n\n".join(p.content for p in message.parts if isinstance(p, SystemPromptPart))
    if said:
        results.append(dump({"role": "user", "content": "\n\n".join(said)}))
    return _Encoded(tuple(message.parts), system, b",".join(results), frozenset())


def _user_text(part: UserPromptPart) -> str:
    if isinstance(part.content, str):
        return part.content
    return "".join(_content_text(c) for c in part.content)


def _content_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, TextContent):
        return content.content
    kind = type(content).__name__
    return "" if kind == "CachePoint" else f"[{kind} left out: this model is given text only]"


def _encode_response(message: ModelResponse) -> _Encoded:
    calls = [p for p in message.parts if isinstance(p, ToolCallPart)]
    wire: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(p.content for p in message.parts if isinstance(p, TextPart)),
    }
    if calls:
        wire["tool_calls"] = [
            {"id": p.tool_call_id, "type": "function", "function": {"name": p.tool_name, "arguments": _arguments(p)}}
            for p in calls
        ]
    return _Encoded(tuple(message.parts), "", dump(wire), frozenset(p.tool_call_id for p in calls))


def _arguments(part: ToolCallPart) -> str:
    """The arguments as a JSON object whatever the model wrote: servers parse them and refuse the history else."""
    if isinstance(part.args, dict):
        return dump(part.args).decode()
    if not part.args:
        return "{}"
    try:
        if isinstance(json.loads(part.args), dict):
            return part.args
    except ValueError:
        pass
    return dump({_MALFORMED: part.args}).decode()


def encode_tools(tools: Iterable[ToolDefinition]) -> list[dict[str, Any]]:
    """Tools as the wire declares them."""
    return [
        {
            "type": "function",
            "function": {"name": t.name, "description": t.description or "", "parameters": t.parameters_json_schema},
        }
        for t in tools
    ]


# -- in ----------------------------------------------------------------------------------------------------------------


class Function(BaseModel):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None

    @property
    def raw(self) -> str:
        """The arguments as text; some servers send an object."""
        return dump(self.arguments).decode() if isinstance(self.arguments, dict) else self.arguments or ""


class Call(BaseModel):
    index: int | None = None
    id: str | None = None
    function: Function = Function()


class Message(BaseModel):
    """A whole message, or a part of one in a stream."""

    content: str | list[Any] | None = None
    reasoning_content: Any = None  # vLLM, llama.cpp, SGLang, DeepSeek
    reasoning: Any = None  # the Hugging Face router, Ollama, OpenRouter
    refusal: str | None = None
    tool_calls: list[Call] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(str(p.get("text", "")) for p in self.content if isinstance(p, dict))
        return self.content or self.refusal or ""

    @property
    def thought(self) -> str:
        return next((t for t in (self.reasoning_content, self.reasoning) if isinstance(t, str) and t), "")


class Choice(BaseModel):
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None


class PromptDetails(BaseModel):
    cached_tokens: int | None = None


class AnswerDetails(BaseModel):
    reasoning_tokens: int | None = None


class Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: AnswerDetails | None = None


class Answer(BaseModel):
    """A completion, or one chunk of a streamed one."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None


class ThoughtSplitter:
    """Splits an answer that begins with `<think>…</think>` into thought and text, over the seams of its chunks."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def feed(self, chunk: str) -> Iterator[tuple[bool, str]]:
        """Pairs of (is it thought, text) that are certain by now."""
        if self._state == "text":
            if chunk:
                yield False, chunk
            return
        self._held += chunk
        if self._state == "start":
            begun = self._held.lstrip()
            if len(begun) < len(_THINK) and _THINK.startswith(begun):
                return
            if not begun.startswith(_THINK):
                yield from self._rest(False)
                return
            self._held, self._state = begun[len(_THINK) :], "thought"
        thought, end, after = self._held.partition(_END)
        if end:
            if thought:
                yield True, thought
            self._held = after.lstrip()
            yield from self._rest(False)
            return
        safe = len(self._held) - next(n for n in range(len(_END) - 1, -1, -1) if self._held.endswith(_END[:n]))
        if safe:
            yield True, self._held[:safe]
            self._held = self._held[safe:]

    def flush(self) -> Iterator[tuple[bool, str]]:
        """What was held back, at the end."""
        yield from self._rest(self._state == "thought")

    def _rest(self, thought: bool) -> Iterator[tuple[bool, str]]:
        held, self._held = self._held, ""
        if not thought:
            self._state = "text"
        if held:
            yield thought, held
