"""The audit report's drawings: histograms, bars, the score. Each is one inline SVG, wide for a desktop or narrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

from markupsafe import Markup

from labwright.contracts.data import Issue, Severity
from labwright.pages.svg import Scale, drawing, element, line, text, text_width, title

WIDE, NARROW = 500.0, 358.0
_HEIGHT = 190.0
_MOST_BARS = 12
_ROW = 26.0
SEVERITIES: Mapping[Severity, str] = {"error": "errors", "warning": "warnings", "info": "information"}


def histogram(bins: Sequence[tuple[str, float]], what: str, *, narrow: bool = False) -> Markup:
    """Rows by size, in bins that are named by their left edge."""
    width = NARROW if narrow else WIDE
    most = max((n for _, n in bins), default=0) or 1
    scale = Scale(0, most, _HEIGHT - 30, 16)
    left = 12 + max(text_width(figure(t), 11) for t in scale.ticks(3))
    step = (width - left - 8) / max(1, len(bins))
    parts = [line(left, scale.at(t), width - 4, scale.at(t), "grid") for t in scale.ticks(3)]
    parts += [text(left - 6, scale.at(t) + 4, figure(t), "tick", anchor="end", size=11) for t in scale.ticks(3)]
    for place, (edge, n) in enumerate(bins):
        top = scale.at(n) if n else _HEIGHT - 30
        tip = title(f"from {edge}: {n:,.0f} rows")
        size = {"width": max(step - 1, 1), "height": _HEIGHT - 30 - top}
        parts.append(element("rect", tip, x=left + place * step + 0.5, y=top, class_="bar fill", **size))  # fmt: skip
    every = max(1, round(len(bins) / (4 if narrow else 6)))
    for place, (edge, _) in enumerate(bins):
        if place % every == 0:
            parts.append(
                text(left + place * step, _HEIGHT - 12, edge, "tick", anchor="middle" if place else "start", size=11)
            )
    said = f"{what}: {len(bins)} bins from {bins[0][0]} to {bins[-1][0]}, at most {most:,.0f} rows in one"
    return drawing(width, _HEIGHT, parts, label=said)


def bars(values: Sequence[tuple[str, float]], what: str, *, narrow: bool = False, share: bool = True) -> Markup:
    """Names with their counts; beyond a dozen the smallest are one bar."""
    shown = list(values[:_MOST_BARS])
    if len(values) > _MOST_BARS:
        shown[-1:] = [(f"{len(values) - _MOST_BARS + 1} others", sum(n for _, n in values[_MOST_BARS - 1 :]))]
    width = NARROW if narrow else WIDE
    total = sum(n for _, n in values) or 1
    left = min(170.0 if not narrow else 120.0, 14 + max(text_width(name, 12.5) for name, _ in shown))
    counts = [f"{n:,.0f}" + (f" · {n / total:.1%}" if share else "") for _, n in shown]
    right = width - 10 - max(text_width(count, 12) for count in counts)
    scale = Scale(0, max(n for _, n in shown) or 1, left, right)
    parts: list[Markup] = []
    for place, ((name, n), count) in enumerate(zip(shown, counts, strict=True)):
        y = place * _ROW + 6
        parts.append(text(0, y + 12, name, "label", fit=left - 8, size=12.5))
        parts.append(
            element(
                "rect",
                title(f"{name}: {count}"),
                x=left,
                y=y + 1,
                width=max(scale.at(n) - left, 1.5),
                height=14,
                rx=2,
                class_="bar fill",
            )
        )
        parts.append(text(max(scale.at(n), left + 1.5) + 7, y + 12, count, "tick", size=12))
    said = "; ".join(f"{name} {count}" for (name, _), count in zip(shown, counts, strict=True))
    return drawing(width, len(shown) * _ROW + 4, parts, label=f"{what}: {said}")


def by_severity(issues: Sequence[Issue], *, narrow: bool = False) -> Markup:
    """Every issue as a bar of its share of rows, on a scale of logarithms: one row in ten thousand is seen too."""
    width = NARROW if narrow else 2 * WIDE
    row = 40.0 if narrow else 26.0
    left = 4.0 if narrow else 190.0
    scale = Scale(-4, 0, left, width - 92)
    bottom = len(issues) * row + 8
    parts: list[Markup] = []
    for power, name in ((-4, "0.01 %"), (-3, "0.1 %"), (-2, "1 %"), (-1, "10 %"), (0, "100 %")):
        parts.append(line(scale.at(power), 4, scale.at(power), bottom, "grid"))
        anchor = "start" if narrow and power == -4 else "middle"
        parts.append(text(scale.at(power), bottom + 15, name, "tick", anchor=anchor, size=11))
    for place, issue in enumerate(issues):
        y = place * row + (24 if narrow else 8)
        parts.append(text(0, y - 5 if narrow else y + 12, str(issue.kind), "label", size=12.5))
        end = scale.at(log10(issue.share)) if issue.share > 0 else left
        count = f"{issue.rows:,}"
        tip = title(f"{issue.what} ({percent(issue.share)})")
        parts.append(
            element(
                "rect", tip, x=left, y=y + 1, width=max(end - left, 2), height=14, rx=2, class_=f"bar {issue.severity}"
            )
        )
        parts.append(text(max(end, left + 2) + 7, y + 12, count, "tick", size=12))
    said = "; ".join(f"{issue.kind}, {issue.severity}: {issue.rows:,} rows" for issue in issues)
    return drawing(width, bottom + 22, parts, label=f"Issues by the share of rows: {said}")


def dial(score: int) -> Markup:
    """The score as a ring."""
    radius, size = 50.0, 128.0
    around = 2 * 3.14159265 * radius
    ring = {"cx": size / 2, "cy": size / 2, "r": radius, "fill": "none", "stroke_width": 11}
    return drawing(
        size,
        size,
        [
            element("circle", class_="ring", **ring),
            element(
                "circle",
                class_="ring scored",
                stroke_dasharray=f"{around * score / 100:.1f} {around:.1f}",
                stroke_linecap="round" if score else None,
                transform=f"rotate(-90 {size / 2:g} {size / 2:g})",
                **ring,
            ),
            text(size / 2, size / 2 + 10, str(score), "score", anchor="middle", size=34),
            text(size / 2, size / 2 + 27, "of 100", "tick", anchor="middle", size=11),
        ],
        label=f"Score {score} of 100",
    )


def figure(number: float) -> str:
    """A number on an axis."""
    if number >= 1e6:
        return f"{number / 1e6:g} M"
    return f"{number / 1e3:g} k" if number >= 1e4 else f"{number:g}"


def percent(share: float) -> str:
    """A share with as many digits as it needs."""
    if share and share < 0.0005:
        return "<\u202f0.1 %"
    return f"{share:.1%}".replace("%", " %").replace(".0 ", " ")
