"""What the trainers take: the four forms in which examples are written, as TRL's `data_utils` reads them.

TRL decides by a file's first row whether it holds texts or turns, so one file has one form throughout.
"""

from __future__ import annotations

import json

from pydantic import JsonValue

from labwright.data.layouts.example import Example
from labwright.data.layouts.layout import Kind, Layout, Role, Target
from labwright.data.layouts.turns import Turn, Unfit

COLUMNS: dict[Target, tuple[str, ...]] = {
    "messages": ("messages", "tools"),
    "prompt-completion": ("prompt", "completion", "tools"),
    "preference": ("prompt", "chosen", "rejected", "tools"),
    "prompt": ("prompt", "answer", "tools"),
}
_TURNED = (Role.SYSTEM, Role.HISTORY, Role.TOOLS)


def is_chat(layout: Layout) -> bool:
    """Whether a layout's rows need turns: they are turns, or have parts that no single text holds."""
    return layout.chat or any(layout.columns(role) for role in _TURNED)


def has_answers(layout: Layout) -> bool:
    """Whether rows have one right answer, for a reward to compare with."""
    return layout.kind not in (Kind.PROMPT, Kind.PREFERENCE, Kind.UNPAIRED)


def write(
    example: Example, target: Target, *, chat: bool, has_tools: bool, has_reference: bool
) -> dict[str, JsonValue]:
    """A target's row. `tools` is JSON text (TRL reads it so), because schemas of tools differ from row to row.

    Raises:
        Unfit: the example lacks what the target needs, or is more than a text can hold.
    """
    tools: dict[str, JsonValue] = {}
    if has_tools:
        tools = {"tools": json.dumps(example.tools, ensure_ascii=False) if example.tools else None}
    if target == "prompt":
        answer: dict[str, JsonValue] = {"answer": example.reference} if has_reference else {}
        return {"prompt": _prompt(example, chat=chat), **answer, **tools}
    if not example.answer:
        raise Unfit("", example.missing or "the row has no answer")
    if target == "preference":
        if not example.rejected:
            raise Unfit("", "there is no second answer to prefer this one to")
        return {
            "prompt": _prompt(example, chat=chat),
            "chosen": _answer(example.answer, chat=chat),
            "rejected": _answer(example.rejected, chat=chat),
            **tools,
        }
    if example.wanted is False:
        raise Unfit("", example.missing or "the answer is not wanted")
    if target == "messages":
        return {"messages": [turn.as_message() for turn in (*example.prompt, *example.answer)], **tools}
    return {"prompt": _prompt(example, chat=chat), "completion": _answer(example.answer, chat=chat), **tools}


def _prompt(example: Example, *, chat: bool) -> JsonValue:
    if chat:
        return [turn.as_message() for turn in example.prompt]
    system = [turn.content for turn in example.prompt if turn.speaker == "system"]
    rest = [turn for turn in example.prompt if turn.speaker != "system"]
    if len(rest) != 1 or rest[0].fields:
        raise Unfit("", f"{len(rest)} turns before the answer; a plain text holds one question (take the form `chat`)")
    return "\n\n".join([*system, rest[0].content])


def _answer(turns: tuple[Turn, ...], *, chat: bool) -> JsonValue:
    if chat:
        return [turn.as_message() for turn in turns]
    if len(turns) != 1 or set(turns[0].fields) - {"reasoning_content"}:
        raise Unfit("", "the answer has several turns or calls tools; a plain text cannot (take the form `chat`)")
    reasoning = turns[0].fields.get("reasoning_content")
    return f"{reasoning}\n\n{turns[0].content}" if reasoning else turns[0].content
