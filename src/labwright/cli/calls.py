"""What a turn does, as plain lines: tool calls folded to one line with the first of their results.

Apart from `transcript.py`, since it needs pydantic-ai, which takes a second to load and few commands have use for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TextIO

from pydantic_ai.messages import FunctionToolCallEvent, FunctionToolResultEvent

from labwright.cli.transcript import one_line


@dataclass
class Lines:
    """Writes events of a run as lines; no control codes."""

    out: TextIO

    def __call__(self, event: Any) -> None:
        if isinstance(event, FunctionToolCallEvent):
            print(f"→ {event.part.tool_name} {one_line(event.part.args_as_json_str())}", file=self.out, flush=True)
        elif isinstance(event, FunctionToolResultEvent):
            print(f"  {one_line(_words(event.part.content))}", file=self.out, flush=True)


def _words(content: object) -> str:
    """A result as text; of one that is only a message, such as a family of tools that was loaded, the message."""
    match content:
        case {"message": str(message), **rest} if not rest:
            return message
    return str(content)
