"""A prompt that is text, or messages as text: a pack's items are asked as one text."""

from __future__ import annotations

from pydantic import JsonValue

from labwright.referee.known.draft import UnusableRowError


def conversation(value: JsonValue) -> str:
    """A prompt that is text, or a list of messages, as text."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise UnusableRowError("`prompt` holds no text")
    turns = [(m.get("role"), m.get("content")) for m in value if isinstance(m, dict)]
    if len(turns) != len(value) or not all(isinstance(content, str) for _, content in turns):
        raise UnusableRowError("`prompt` holds no messages")
    if len(turns) == 1:
        return str(turns[0][1])
    return "\n\n".join(f"{str(role).capitalize()}: {content}" for role, content in turns) + "\n\nAssistant:"
