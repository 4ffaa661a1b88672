"""What a session does, as plain lines: tool calls folded to one line with the first of their results."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, TextIO

from pydantic_ai.messages import FunctionToolCallEvent, FunctionToolResultEvent

from labwright.contracts.sessions import SessionView

_WIDTH = 110


@dataclass
class Lines:
    """Writes events of a run as lines; no control codes."""

    out: TextIO

    def __call__(self, event: Any) -> None:
        if isinstance(event, FunctionToolCallEvent):
            print(f"→ {event.part.tool_name} {one_line(event.part.args_as_json_str())}", file=self.out, flush=True)
        elif isinstance(event, FunctionToolResultEvent):
            print(f"  {one_line(str(event.part.content))}", file=self.out, flush=True)


def one_line(text: str, width: int = _WIDTH) -> str:
    """The first words of a text, on one line and without control characters."""
    flat = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in text).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def note(text: str) -> None:
    """A remark on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def spent(view: SessionView) -> str:
    """What a session took, in words."""
    usage = view.usage
    price = f"${usage.usd:.4f}" if not usage.unpriced_calls else f"${usage.usd:.4f} and {usage.unpriced_calls} unpriced"
    return f"{usage.input_tokens + usage.output_tokens:,} tokens ({price}), {view.wall_clock_s:.0f} s"
