"""The line below the prompt: model, tokens, dollars, time, what is left."""

from __future__ import annotations

from labwright.cli.chat import words
from labwright.cli.chat.seat import Seat
from labwright.study.report import numbers


def line(seat: Seat) -> str:
    """How the chat stands, in one line."""
    view, keeper = seat.view, seat.keeper
    parts = [seat.model or "no model: /model"]
    if view is None or keeper is None:
        parts.append(_short(seat.workspace.as_posix()))
        return " · ".join(parts)
    parts += [f"{words.count(view.usage.tokens)} tokens", words.dollars(view), numbers.clock(view.wall_clock_s)]
    left = words.left(keeper.left())
    if left:
        parts.append(f"left {left}")
    waiting = view.open_approvals
    if waiting:
        parts.append(f"open {', '.join(a.id for a in waiting)}")
    return " · ".join(parts)


def _short(path: str, most: int = 48) -> str:
    return path if len(path) <= most else f"…{path[-most + 1 :]}"
