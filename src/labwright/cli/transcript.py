"""What is said beside an answer: remarks on stderr, a text cut to one line, what a session took."""

from __future__ import annotations

import sys

from rich.console import Console

from labwright.cli.visible import visible
from labwright.contracts.sessions import SessionView

_WIDTH = 110
_PIPED = 160


def one_line(text: str, width: int = _WIDTH) -> str:
    """The first words of a text, on one line and without control characters."""
    flat = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in text).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def wide() -> Console:
    """Where tables go: as wide as the terminal, and over a pipe so wide that no column is squeezed to nothing.

    Without markup: cells hold other people's words, and a goal or title may have brackets.
    """
    return Console(width=None if sys.stdout.isatty() else _PIPED, markup=False, highlight=False)


def note(text: str) -> None:
    """A remark on stderr."""
    print(visible(text), file=sys.stderr, flush=True)  # noqa: T201


def spent(view: SessionView) -> str:
    """What a session took, in words."""
    usage = view.usage
    unpriced = usage.unpriced_calls + usage.studies_unpriced_calls
    price = f"${usage.usd + usage.studies_usd:.4f}" + (f" and {unpriced} unpriced" if unpriced else "")
    return f"{usage.tokens + usage.studies_tokens:,} tokens ({price}), {view.wall_clock_s:.0f} s"
