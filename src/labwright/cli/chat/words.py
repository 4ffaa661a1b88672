"""A call's arguments and a session's numbers in few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labwright.cli.transcript import one_line
from labwright.contracts.sessions import SessionView
from labwright.guard.spending import SpendingLeft
from labwright.study.report import numbers

_LONGEST_VALUE = 60


def args_line(args: Any, width: int) -> str:
    """A call's arguments on one line: the value alone where there is only one."""
    found = _parsed(args)
    if found is None:
        return one_line(str(args or ""), width)
    given = {name: value for name, value in found.items() if value is not None}
    if len(given) == 1:
        return one_line(_value(next(iter(given.values()))), width)
    return one_line("  ".join(f"{k}={one_line(_value(v), _LONGEST_VALUE)}" for k, v in given.items()), width)


def _parsed(args: Any) -> Mapping[str, Any] | None:
    try:
        found = json.loads(args) if isinstance(args, str) else args
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def count(tokens: int) -> str:
    """`950`, `12.3k`, `4.1M`."""
    if tokens < 1_000:
        return str(tokens)
    return f"{tokens / 1_000:.1f}k" if tokens < 1_000_000 else f"{tokens / 1_000_000:.1f}M"


def dollars(view: SessionView) -> str:
    """What a session's calls took; calls of which nobody knows the price are said to be there, and are not zero."""
    usage = view.usage
    calls = usage.unpriced_calls + usage.studies_unpriced_calls
    unpriced = f"{calls} call{'s' if calls > 1 else ''} unpriced"
    spent_usd = usage.usd + usage.studies_usd
    if not calls:
        return f"${spent_usd:.2f}"
    return f"${spent_usd:.2f} + {unpriced}" if spent_usd else unpriced


def left(what: SpendingLeft) -> str:
    """What is left of each ceiling, shorter than the model is told it; empty where there is none."""
    parts = []
    if what.usd is not None:
        parts.append(f"${max(what.usd, 0.0):.2f}")
    if what.wall_clock_s is not None:
        parts.append(numbers.clock(max(what.wall_clock_s, 0.0)))
    if what.tokens is not None:
        parts.append(f"{count(max(what.tokens, 0))} tokens")
    if what.steps is not None:
        parts.append(f"{max(what.steps, 0)} steps")
    return ", ".join(parts)
