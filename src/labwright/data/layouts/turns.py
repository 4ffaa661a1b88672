"""Turns of a conversation, whatever their keys are called.

People write `{"role", "content"}`, `{"from", "value"}`, `{"human", "assistant"}` pairs, or strings that alternate; they
put text into content parts, calls into JSON strings, and whole lists into a cell of text. All of it becomes `Turn`.
What a turn holds that no trainer takes (a weight, an id) is left out and noted, never silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from pydantic import JsonValue

from labwright.data.layouts.columns import is_texts, unfolded

Speaker = Literal["system", "user", "assistant", "tool"]
Style = Literal["role/content", "from/value", "pairs", "strings"]

_NAMES: Mapping[Speaker, tuple[str, ...]] = {
    "system": ("system", "developer"),
    "user": ("user", "human", "prompter", "customer", "instruction"),
    "assistant": (
        *("assistant", "gpt", "chatgpt", "bing", "bard", "model", "bot", "ai", "chatbot", "claude", "agent"),
        *("function_call", "tool_call", "function-call"),
    ),
    "tool": ("tool", "function", "observation", "ipython", "tool_response", "function_response"),
}
SPEAKERS: Mapping[str, Speaker] = MappingProxyType({name: who for who, names in _NAMES.items() for name in names})
_CALLS = frozenset({"function_call", "tool_call", "function-call"})
_ROLE_KEYS = ("role", "from", "speaker", "author")
_CONTENT_KEYS = ("content", "value", "text", "message")
_PAIRS = (("human", "assistant"), ("user", "assistant"), ("human", "gpt"), ("instruction", "output"))
_KEPT = ("name", "tool_calls", "tool_call_id", "reasoning_content")
_REASONING = ("reasoning_content", "reasoning", "thinking")
_SURE_KEYS = (("role", "content"), ("from", "value"))
_SHORT = 40


class Unfit(ValueError):  # noqa: N818  # it says what the row is, and never leaves this folder
    """A row that cannot be read or written: which field, and why."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}" if place else reason)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. `fields` are those a chat template knows: name, tool_calls, tool_call_id, reasoning_content."""

    speaker: Speaker
    content: str
    fields: Mapping[str, JsonValue] = field(default_factory=dict)

    def as_message(self) -> dict[str, JsonValue]:
        """As the trainers take it."""
        return {"role": self.speaker, "content": self.content, **self.fields}


def style_of(value: JsonValue) -> Style | None:
    """How the turns of a cell are written; None: these are no turns."""
    turns = unfolded(value)
    if not isinstance(turns, list) or not turns:
        return None
    if is_texts(turns):
        return "strings" if len(turns) > 1 else None
    first = next((turn for turn in turns if isinstance(turn, dict)), None)
    if first is None:
        return None
    keys = _keys(first)
    if keys is not None:
        return "role/content" if keys == ("role", "content") else "from/value"
    return "pairs" if _pair(first) is not None else None


def are_turns(value: JsonValue) -> bool:
    """Whether a cell holds turns with speakers."""
    return style_of(value) in ("role/content", "from/value", "pairs")


def read_turns(value: JsonValue, place: str) -> tuple[tuple[Turn, ...], frozenset[str]]:
    """The turns of a cell, and notes of what was left out.

    Raises:
        Unfit: it holds no turns, or one cannot be read.
    """
    turns = unfolded(value)
    if not isinstance(turns, list):
        raise Unfit(place, f"{kind_of(turns)} where a list of turns should be")
    if not turns:
        raise Unfit(place, "a list without turns")
    if is_texts(turns):
        speakers: tuple[Speaker, Speaker] = ("user", "assistant")
        return tuple(Turn(speakers[i % 2], str(text)) for i, text in enumerate(turns)), frozenset()
    found: list[Turn] = []
    notes: set[str] = set()
    for number, turn in enumerate(turns):
        here = f"{place}[{number}]"
        if not isinstance(turn, dict):
            raise Unfit(here, f"{kind_of(turn)} where a turn should be")
        if (usual := _usual(turn)) is not None:
            found.append(usual)
            continue
        pair = None if _keys(turn) else _pair(turn)
        if pair is not None:
            found += [_plain_turn(turn, key, here) for key in pair]
        else:
            found.append(_turn(turn, here, notes))
    return tuple(found), frozenset(notes)


def turns_in(value: JsonValue) -> list[JsonValue] | None:
    """A cell's turns where it is a list or a turn, or JSON that surely holds turns; else None, and a text is a text."""
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return value
    whole = unfolded(value)
    whole = [whole] if isinstance(whole, dict) else whole
    if not isinstance(whole, list) or not whole:
        return None
    sure = all(isinstance(turn, dict) and _keys(turn) in _SURE_KEYS for turn in whole)
    return whole if sure else None


def holds_turns(value: JsonValue) -> bool:
    """Whether a cell that may as well hold a text or one turn holds turns."""
    listed = turns_in(value)
    return listed is not None and are_turns(listed)


def kind_of(value: JsonValue) -> str:
    """What a value is, for a person."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return f"text ({value[:_SHORT]!r})" if value.strip() else "an empty text"
    if isinstance(value, int | float):
        return f"a number ({value})"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "an object"


def tool_definitions(value: JsonValue, place: str) -> tuple[JsonValue, ...]:
    """A conversation's tools as a list of JSON schemas; none where nothing is there.

    Raises:
        Unfit: it is no list of objects, nor JSON of one.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    tools = unfolded(value)
    if isinstance(tools, dict):
        tools = [tools]
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise Unfit(place, f"{kind_of(tools)} where a list of tools should be")
    return tuple(tools)


def _keys(turn: Mapping[str, JsonValue]) -> tuple[str, str] | None:
    role = next((key for key in _ROLE_KEYS if key in turn), None)
    if role is None:
        return None
    content = next((key for key in _CONTENT_KEYS if key in turn), None)
    if content is None and ("tool_calls" in turn or "function_call" in turn):
        content = "content"
    return (role, content) if content else None


def _pair(turn: Mapping[str, JsonValue]) -> tuple[str, str] | None:
    return next(((first, second) for first, second in _PAIRS if first in turn and second in turn), None)


def _plain_turn(turn: Mapping[str, JsonValue], key: str, place: str) -> Turn:
    text = turn[key]
    if not isinstance(text, str):
        raise Unfit(f"{place}.{key}", f"{kind_of(text)} where a text should be")
    return Turn("assistant" if key in ("assistant", "gpt", "output") else "user", text)


def _usual(turn: Mapping[str, JsonValue]) -> Turn | None:
    """A turn of a known role and a text and nothing else: nearly all are, so they take a short way."""
    if len(turn) != 2:
        return None
    name, content = (turn["role"], turn.get("content")) if "role" in turn else (turn.get("from"), turn.get("value"))
    speaker = SPEAKERS.get(name) if isinstance(name, str) and name not in _CALLS else None
    return Turn(speaker, content) if speaker is not None and isinstance(content, str) else None


def _turn(turn: Mapping[str, JsonValue], place: str, notes: set[str]) -> Turn:
    keys = _keys(turn)
    if keys is None:
        raise Unfit(place, f"a turn without a role or a content; it has {', '.join(sorted(turn)) or 'nothing'}")
    role_key, content_key = keys
    name = turn[role_key]
    if not isinstance(name, str):
        raise Unfit(f"{place}.{role_key}", f"{kind_of(name)} where a role should be")
    speaker = SPEAKERS.get(name.strip().lower())
    if speaker is None:
        raise Unfit(f"{place}.{role_key}", f"nobody knows the role {name[:_SHORT]!r}")
    calls = _calls(turn, place)
    fields: dict[str, JsonValue] = {}
    content = turn.get(content_key)
    if name.strip().lower() in _CALLS:
        calls, content = _call_of_text(content, f"{place}.{content_key}"), ""
    text, thoughts = _content(content, f"{place}.{content_key}", may_be_null=bool(calls))
    reasoning = next((v for key in _REASONING if isinstance(v := turn.get(key), str) and v), thoughts)
    if calls:
        fields["tool_calls"] = list(calls)
    if reasoning:
        fields["reasoning_content"] = reasoning
    for key in ("name", "tool_call_id"):
        if isinstance(turn.get(key), str):
            fields[key] = turn[key]
    known = {role_key, content_key, "function_call", *_KEPT, *_REASONING}
    notes.update(f"{key!r} of turns is left out" for key, value in turn.items() if key not in known and value)
    return Turn(speaker, text, fields)


def _content(value: JsonValue, place: str, *, may_be_null: bool) -> tuple[str, str]:
    """Text and reasoning of a content, which may be a list of parts."""
    if isinstance(value, str):
        return value, ""
    if value is None and may_be_null:
        return "", ""
    if not isinstance(value, list):
        raise Unfit(place, f"{kind_of(value)} where a text should be")
    texts: list[str] = []
    thoughts: list[str] = []
    for number, part in enumerate(value):
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type", "text") if isinstance(part, dict) else None
        key = "thinking" if kind == "thinking" else "text"
        text = part.get(key) if isinstance(part, dict) else None
        if kind not in ("text", "input_text", "output_text", "thinking", "reasoning") or not isinstance(text, str):
            what = f"a part of type {kind!r}" if isinstance(kind, str) and kind != "text" else "a part without a text"
            raise Unfit(f"{place}[{number}]", f"{what}; only text can be trained on here")
        (thoughts if kind in ("thinking", "reasoning") else texts).append(text)
    return "\n".join(texts), "\n".join(thoughts)


def _calls(turn: Mapping[str, JsonValue], place: str) -> tuple[JsonValue, ...]:
    calls = turn.get("tool_calls")
    old = turn.get("function_call")  # OpenAI's, before there were several
    if not calls and isinstance(old, dict):
        return (_call({"type": "function", "function": old}, f"{place}.function_call"),)
    calls = unfolded(calls)
    if not calls:
        return ()
    if not isinstance(calls, list):
        raise Unfit(f"{place}.tool_calls", f"{kind_of(calls)} where a list of calls should be")
    return tuple(_call(call, f"{place}.tool_calls[{number}]") for number, call in enumerate(calls))


def _call(call: JsonValue, place: str) -> JsonValue:
    """One call with its arguments as an object: chat templates write them as JSON themselves."""
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Unfit(place, "a call without a function's name")
    arguments = function.get("arguments", function.get("parameters"))
    if isinstance(arguments, str):
        arguments = unfolded(arguments) if arguments.strip() else {}
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise Unfit(f"{place}.arguments", f"{kind_of(arguments)} where an object should be")
    named: dict[str, JsonValue] = {"name": function["name"], "arguments": arguments}
    identity: dict[str, JsonValue] = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
    return {**identity, "type": "function", "function": named}


def _call_of_text(value: JsonValue, place: str) -> tuple[JsonValue, ...]:
    call = unfolded(value)
    calls: Sequence[JsonValue] = call if isinstance(call, list) else [call]
    if not calls or not all(isinstance(one, dict) for one in calls):
        raise Unfit(place, f"{kind_of(value)} where a call in JSON should be")
    return tuple(_call(one, place) for one in calls)
