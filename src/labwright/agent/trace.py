"""A session as a trace: one JSON line an entry, in the form that the Hugging Face viewer and `datasets` both read.

It is Pi's format with `harness` in its header (the viewer honours it, and unlike the viewer's own format the loader of
datasets 5.2 keeps its tool calls). Secrets are taken out once more on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from labwright.agent.steps import decoded
from labwright.contracts.sessions import SessionView
from labwright.guard.secrets import Redactor
from labwright.ledger import Ledger

Entry = dict[str, Any]


def write_trace(ledger: Ledger, session_id: str, out: Path, environment: Mapping[str, str]) -> int:
    """Write every message, those that a compaction dropped included. Returns how many lines were written.

    Raises:
        UsageError: there is no such session.
    """
    view = ledger.session_view(session_id)
    redactor = Redactor(environment)
    messages = decoded(ledger.messages(session_id, replaced=True))
    lines = [json.dumps(redactor.redact_json(entry), ensure_ascii=False) for entry in entries(view, messages)]
    out.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return len(lines)


def entries(view: SessionView, messages: list[ModelMessage]) -> Iterator[Entry]:
    """The header, and an entry for each thing that was said, called or returned."""
    opened = datetime.fromtimestamp(view.opened_at, UTC)
    yield {
        "type": "session",
        "harness": "labwright",
        "id": view.id,
        "cwd": Path(view.workspace).name,
        "timestamp": opened.isoformat(),
        "name": view.goal[:120],
    }
    shown: set[tuple[str, str]] = set()
    for message in messages:
        at = (message.timestamp or opened).isoformat()
        for when, said in _said(message, at):
            # The log holds a message again when something was added to it or left out: the first is what was said.
            key = (said["role"], said.get("toolCallId") or f"{when} {json.dumps(said, sort_keys=True, default=str)}")
            if key not in shown:
                shown.add(key)
                yield {"type": "message", "timestamp": when, "message": said}


def _said(message: ModelMessage, at: str) -> Iterator[tuple[str, Entry]]:
    if not isinstance(message, ModelRequest):
        content = [item for part in message.parts if (item := _answer_item(part)) is not None]
        if content:
            yield at, {"role": "assistant", "content": content}
        return
    for part in message.parts:
        if isinstance(part, UserPromptPart):
            words = part.content if isinstance(part.content, str) else str(part.content)
            yield part.timestamp.isoformat(), {"role": "user", "content": words}
        elif isinstance(part, ToolReturnPart):
            text = [{"type": "text", "text": part.model_response_str()}]
            yield part.timestamp.isoformat(), _returned(part, text)
        elif isinstance(part, RetryPromptPart) and part.tool_name:
            text = [{"type": "text", "text": part.model_response()}]
            yield part.timestamp.isoformat(), _returned(part, text)


def _returned(part: ToolReturnPart | RetryPromptPart, text: list[Entry]) -> Entry:
    return {"role": "toolResult", "toolCallId": part.tool_call_id, "toolName": part.tool_name, "content": text}


def _answer_item(part: Any) -> Entry | None:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.content}
    if isinstance(part, ToolCallPart):
        return {"type": "toolCall", "id": part.tool_call_id, "name": part.tool_name, "arguments": _arguments(part)}
    return None


def _arguments(call: ToolCallPart) -> dict[str, Any]:
    try:
        return call.args_as_dict()
    except ValueError:
        return {"raw": str(call.args)}
