"""Just enough SVG: escaped elements, a linear scale with nice ticks, text that is cut to fit.

Colours are CSS classes, so one drawing serves light, dark and print. Everything that comes from a study passes
through markupsafe, which escapes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

CHARACTER_WIDTH = 0.54  # of the font size: the mean of common sans-serif faces


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """`<tag attributes>children</tag>`; `class_` → class, `stroke_width` → stroke-width; None is left out."""
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _attribute(given))
        for name, given in attributes.items()
        if given is not None
    )
    inside = Markup("").join(escape(c) for c in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), written, inside)


def drawing(width: float, height: float, parts: Iterable[Markup], *, label: str, class_: str = "plot") -> Markup:
    """An <svg> of this natural size that shrinks with its column; `label` is what a screen reader says."""
    box = f"0 0 {width:g} {height:g}"
    return element("svg", *parts, viewBox=box, width=width, height=height, role="img", aria_label=label, class_=class_)


def text(
    x: float,
    y: float,
    content: str,
    class_: str = "",
    *,
    anchor: str | None = None,
    fit: float | None = None,
    size: float = 12,
) -> Markup:
    """A line of text, cut to `fit` pixels with its whole in a tooltip."""
    shown = clipped(content, fit, size) if fit is not None else content
    tip = (title(content),) if shown != content else ()
    return element("text", shown, *tip, x=x, y=y, class_=class_ or None, text_anchor=anchor, font_size=size)


def title(content: str) -> Markup:
    """A tooltip."""
    return element("title", content)


def clipped(content: str, width: float, size: float = 12) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    most = max(1, int(width / (size * CHARACTER_WIDTH)))
    return content if len(content) <= most else content[: most - 1].rstrip() + "…"


def text_width(content: str, size: float = 12) -> float:
    """About how wide a text is."""
    return len(content) * size * CHARACTER_WIDTH


def path(corners: Iterable[tuple[float, float]], class_: str, *, closed: bool = False) -> Markup:
    """A polyline through these points."""
    d = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    return element("path", d=f"M{d}{'Z' if closed else ''}", class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps a domain onto pixels, clamped at both ends."""

    low: float
    high: float
    start: float
    end: float

    def at(self, number: float) -> float:
        """The pixel of a number."""
        span = self.high - self.low or 1.0
        share = min(1.0, max(0.0, (number - self.low) / span)) if math.isfinite(number) else 1.0
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> tuple[float, ...]:
        """Round numbers inside the domain."""
        return nice_ticks(self.low, self.high, about)


def nice_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 times a power of ten between two numbers, about this many."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return (low,)
    raw = span / max(1, about)
    magnitude = 10 ** math.floor(math.log10(raw))
    step = next((m * magnitude for m in (1, 2, 5) if m * magnitude >= raw * 0.999), 10 * magnitude)
    first = math.ceil(low / step - 1e-9)
    return tuple(round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1))


def score_domain(numbers: Iterable[float]) -> tuple[float, float]:
    """A domain for scores: from zero, unless all of them are far from it; ends are multiples of a tenth."""
    seen = [n for n in numbers if math.isfinite(n)]
    if not seen:
        return (0.0, 1.0)
    low = 0.0 if min(seen) < 0.4 else math.floor(min(seen) * 10) / 10
    high = min(1.0, math.ceil(max(seen) * 10 + 1e-9) / 10)
    return (low, high) if high > low else (max(0.0, low - 0.1), high)


def _attribute(given: object) -> str:
    return f"{given:.1f}".removesuffix(".0") if isinstance(given, float) else str(given)
