"""How numbers are written for people: the same way in the report, on the terminal and in messages."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from pydantic import JsonValue

from labwright.contracts.research import Comparison, Interval
from labwright.contracts.sessions import TokenUsage

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SHORT_NAMES = {"learning_rate": "lr", "batch_size": "batch", "lora_rank": "rank", "weight_decay": "decay"}


def percent(score: float) -> str:
    """`71.0 %`."""
    return f"{100 * score:.1f} %"


def bracket(interval: Interval) -> str:
    """`[64.1, 77.2]`, in percent."""
    return f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def scored(interval: Interval) -> str:
    """`71.0 % [64.1, 77.2]`."""
    return f"{percent(interval.estimate)} {bracket(interval)}"


def points(difference: float) -> str:
    """`+63.0 points`, with a true minus sign."""
    return f"{difference * 100:+.1f} points".replace("-", "−")


def signed(difference: float) -> str:
    """`+63.0`, with a true minus sign."""
    return f"{difference * 100:+.1f}".replace("-", "−")


def p_value(p: float) -> str:
    """A p-value, small ones in scientific notation: `0.21`, `0.0083`, `3.1 × 10⁻¹²`."""
    if p >= 0.1:
        return f"{p:.2f}"
    if p >= 0.001:
        return f"{p:.2g}"
    if p <= 0:
        return "< 10⁻³⁰⁰"
    mantissa, exponent = f"{p:.1e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def p_equals(p: float) -> str:
    """`p = 3.1 × 10⁻¹²`."""
    return f"p {p_value(p)}" if p <= 0 else f"p = {p_value(p)}"


def compared(comparison: Comparison) -> str:
    """`+63.0 points (95 % CI 54.1 to 71.9), p = 3.1 × 10⁻¹²`."""
    d = comparison.difference
    low, high = (signed(end).lstrip("+") for end in (d.low, d.high))
    return f"{points(d.estimate)} (95 % CI {low} to {high}), {p_equals(comparison.p_value)}"


def judged(usage: TokenUsage) -> str:
    """`120 calls, 96,310 tokens, $0.4210`; calls whose price nobody knows are said, and are in no dollar."""
    told = f"{usage.calls} call{'' if usage.calls == 1 else 's'}, {usage.tokens:,} tokens, ${usage.usd:.4f}"
    if usage.unpriced_calls:
        told += f" and {usage.unpriced_calls} call{'' if usage.unpriced_calls == 1 else 's'} of unknown price"
    return told


def duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{seconds:.1f} s" if 0 < seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(seconds: float) -> str:
    """`3:20` or `2:05:00`: for tables and bars."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def moment(at: float) -> str:
    """`2026-11-24 19:15 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def size(count: float) -> str:
    """`2.8 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """`1 run`, `3 runs`, `2 entries`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def value(setting: JsonValue) -> str:
    """A parameter's value: `1e-3` rather than `0.001`."""
    if isinstance(setting, bool):
        return "yes" if setting else "no"
    if isinstance(setting, float) and setting and math.isfinite(setting):
        if 1e-2 <= abs(setting) < 1e5:
            return f"{setting:g}"
        mantissa, exponent = f"{setting:.3e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return str(setting)


def short_name(parameter: str) -> str:
    """`learning_rate` → `lr`; unknown names stay."""
    return _SHORT_NAMES.get(parameter, parameter)


def short_id(identifier: str) -> str:
    """`number-sorting-1.t2.r1` → `t2.r1`."""
    return identifier.partition(".")[2] or identifier
