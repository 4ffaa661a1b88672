"""The report's plots: forest, learning curves, timeline. Each returns one inline SVG.

Plots that must be read on a phone take `narrow`: the page holds both drawings and shows the one that fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

from markupsafe import Markup

from labwright.contracts.research import Run, RunPurpose, RunState
from labwright.contracts.views import Curve, CurvePoint, StudyView
from labwright.pages.svg import Scale, drawing, element, line, path, score_domain, text, text_width, title
from labwright.study.report import numbers
from labwright.study.report.facts import Facts, ScoreRow, TrialRow

WIDE = 1000.0
NARROW = 358.0
PANEL = (320.0, 196.0)
MOST_POINTS = 240  # of a curve in the page: more than its pixels


def forest(facts: Facts, *, narrow: bool = False) -> Markup:
    """Every control and the best model on both splits, each with its 95 % interval."""
    width, row = (NARROW, 46.0) if narrow else (WIDE, 36.0)
    left, right = (4.0, width - 8.0) if narrow else (262.0, width - 190.0)
    low, high = score_domain([n for s in facts.scores for n in (s.score.low, s.score.high)])
    scale = Scale(low, high, left, right)
    parts: list[Markup] = []
    y = 8.0
    marks: list[Markup] = []
    for split in ("dev", "test"):
        rows = [s for s in facts.scores if s.split == split]
        if not rows:
            continue
        name = "sealed test" if split == "test" else "dev"
        marks.append(text(0, y + 14, f"{name} · {numbers.count_of(rows[0].evaluation.items, 'item')}", "split"))
        y += 24
        for one in rows:
            marks.append(_forest_row(one, y, scale, narrow, width))
            y += row
        y += 10
    grid = [line(scale.at(t), 26, scale.at(t), y - 4, "grid") for t in scale.ticks(4 if narrow else 8)]
    few = [facts.score(split, "few-shot") for split in ("dev", "test")]
    base = next((f for f in reversed(few) if f is not None), None)
    if base is not None:
        parts.append(line(scale.at(base.score.estimate), 26, scale.at(base.score.estimate), y - 4, "baseline"))
    axis = [
        text(scale.at(t), y + 12, f"{100 * t:g} %", "tick", anchor="middle", size=11)
        for t in _inner(scale, 4 if narrow else 8)
    ]
    said = "; ".join(f"{s.split} {s.label} {numbers.scored(s.score)}" for s in facts.scores)
    return drawing(width, y + 20, [*grid, *parts, *marks, *axis], label=f"Scores with 95 % intervals: {said}")


def _inner(scale: Scale, about: int) -> tuple[float, ...]:
    """Ticks whose labels do not hang over the edge of a narrow drawing."""
    ticks = scale.ticks(about)
    return ticks if scale.start > 20 else tuple(t for t in ticks if scale.start + 14 <= scale.at(t) <= scale.end - 12)


def _forest_row(one: ScoreRow, top: float, scale: Scale, narrow: bool, width: float) -> Markup:
    kind = f"role-{one.role}"
    y = top + (31 if narrow else 17)
    x = scale.at(one.score.estimate)
    figures = f"{numbers.percent(one.score.estimate)}  {numbers.bracket(one.score)}"
    attested = "" if one.evaluation.attestation != "unattested" else " · unattested"
    tip = f"{one.label} on {one.split}: {numbers.scored(one.score)}, {one.evaluation.items} items{attested}"
    label_y = top + 15 if narrow else y + 4
    strong = " strong" if one.role == "best" else ""
    figures_width = text_width(figures, 12.5)
    parts = [
        title(tip),
        text(
            0,
            label_y,
            one.label + attested,
            f"label{strong}",
            fit=(width - figures_width - 12) if narrow else 250,
            size=13,
        ),
        text(width, label_y, figures, f"figure{strong}", anchor="end", size=12.5),
        line(scale.at(one.score.low), y, scale.at(one.score.high), y, f"whisker {kind}"),
        *(
            line(scale.at(end), y - 4, scale.at(end), y + 4, f"whisker {kind}")
            for end in (one.score.low, one.score.high)
        ),
        marker(x, y, one.role),
    ]
    return element("g", *parts, class_="row")


def marker(x: float, y: float, role: str) -> Markup:
    """A shape for a role, so that colour alone never tells."""
    if role == "best":
        return path([(x, y - 7.5), (x + 7.5, y), (x, y + 7.5), (x - 7.5, y)], "mark role-best", closed=True)
    if role == "incumbent":
        return element("rect", x=x - 5, y=y - 5, width=10, height=10, class_="mark role-incumbent")
    return element("circle", cx=x, cy=y, r=5.0, class_=f"mark role-{role}")


def curve_ceiling(rows: Iterable[TrialRow]) -> float:
    """One loss ceiling for all panels: a diverged run must not flatten the others."""
    tops = sorted(top for row in rows if (top := _peak(row)) > 0)
    usual = [top for top in tops if top <= 3 * tops[len(tops) // 2]]
    return 1.08 * max(usual) if usual else 1.0


def _peak(row: TrialRow) -> float:
    """The highest finite loss of a trial."""
    losses = (p.mean for c in row.curves if c.metric == "loss" for p in c.points)
    return max((x for x in losses if isfinite(x)), default=0.0)


def learning_curves(row: TrialRow, last_step: int, ceiling: float) -> Markup:
    """A trial's loss (with its spread) and eval_loss, rung boundaries and alerts marked."""
    width, height = PANEL
    x = Scale(0, max(1, last_step), 34, width - 8)
    y = Scale(0, ceiling, height - 26, 12)
    parts = [line(34, y.at(t), width - 8, y.at(t), "grid") for t in y.ticks(4)]
    parts += [text(29, y.at(t) + 4, f"{t:g}", "tick", anchor="end", size=10.5) for t in y.ticks(4)]
    parts += [text(x.at(t), height - 10, f"{t:g}", "tick", anchor="middle", size=10.5) for t in x.ticks(5)]
    parts.append(text(width - 8, height - 27, "step", "tick", anchor="end", size=10))
    for steps in dict.fromkeys(r.run.max_steps for r in row.rungs):
        if steps < last_step:
            parts.append(line(x.at(steps), 12, x.at(steps), height - 26, "rung-line"))
    retrained = {r.run.id for r in row.retrains}
    for curve in row.curves:
        if curve.metric in ("loss", "eval_loss") and curve.points:
            parts += _curve(curve, x, y, again=curve.run_id in retrained)
    peak = _peak(row)
    if peak > ceiling:
        where = next(p.last for c in row.curves for p in c.points if p.mean == peak)
        parts.append(text(x.at(where) + 6, 22, f"↑ to {peak:.3g}", "warn", size=11))
    for alert in row.alerts:
        parts.append(
            element(
                "g",
                title(f"{alert.rule} at step {alert.step}: {alert.message}"),
                path(
                    [
                        (x.at(alert.step), height - 38),
                        (x.at(alert.step) + 6, height - 27),
                        (x.at(alert.step) - 6, height - 27),
                    ],
                    f"alert {alert.severity}",
                    closed=True,
                ),
            )
        )
    return drawing(width, height, parts, label=f"Learning curves of {row.short}", class_="plot panel")


def _curve(curve: Curve, x: Scale, y: Scale, *, again: bool) -> list[Markup]:
    pts = thinned(curve.points)
    kind = ("eval" if curve.metric == "eval_loss" else "loss") + (" again" if again else "")
    corners = [(x.at((p.first + p.last) / 2), y.at(p.mean)) for p in pts]
    last = pts[-1]
    tip = title(f"{numbers.short_id(curve.run_id)} {curve.metric}: {last.mean:.3g} at step {last.last}")
    parts = []
    if curve.metric == "loss" and any(p.high > p.low for p in pts):
        band = [(x.at((p.first + p.last) / 2), y.at(p.high)) for p in pts]
        band += [(x.at((p.first + p.last) / 2), y.at(p.low)) for p in reversed(pts)]
        parts.append(path(band, f"band {kind}", closed=True))
    parts.append(element("g", tip, path(corners, f"curve {kind}")))
    if curve.metric == "eval_loss" and len(pts) < 40:
        parts += [element("circle", cx=cx, cy=cy, r=2.2, class_=f"dot {kind}") for cx, cy in corners]
    return parts


def thinned(points: Sequence[CurvePoint], most: int = MOST_POINTS) -> tuple[CurvePoint, ...]:
    """At most this many buckets: neighbours are merged, so peaks stay in `low` and `high`."""
    if len(points) <= most:
        return tuple(points)
    size = -(-len(points) // most)
    return tuple(_merged(points[i : i + size]) for i in range(0, len(points), size))


def _merged(points: Sequence[CurvePoint]) -> CurvePoint:
    count = sum(p.count for p in points)
    mean = sum(p.mean * p.count for p in points) / count
    return CurvePoint(
        points[0].first, points[-1].last, count, mean, min(p.low for p in points), max(p.high for p in points)
    )


def timeline(facts: Facts, *, narrow: bool = False) -> Markup:
    """What ran when: phases, every trial's runs, the referee's evaluations."""
    view = facts.view
    width = NARROW if narrow else WIDE
    left = 44.0 if narrow else 96.0
    minutes = max(view.wall_clock_s, *[(r.ended_at or 0) - view.created_at for r in view.runs], 1.0) / 60
    x = Scale(0, minutes, left, width - 6)
    parts: list[Markup] = []
    y = 4.0
    if view.phases:
        parts += _phases(view, x, y, minutes)
        y += 30
    for row in facts.trials:
        done = [r for r in view.runs_of(row.trial.id) if r.started_at is not None]
        if done:
            parts.append(text(0, y + 14, row.short, "label", size=12))
            parts += [
                _bar(r.started_at, r.ended_at, view, x, y, _run_class(r.purpose, r.state), _run_tip(r)) for r in done
            ]
            y += 24
    timed = [e for e in view.evaluations if e.id in view.evaluated_at]
    if timed:
        parts.append(text(0, y + 14, "eval" if narrow else "evaluations", "label", size=12))
        for e in timed:
            ended = view.evaluated_at[e.id]
            who = f"{numbers.short_id(e.subject)} {e.style.replace('_', '-')}"
            tip = f"{who} on {e.split}: {numbers.duration(e.duration_s)}"
            parts.append(_bar(ended - e.duration_s, ended, view, x, y, f"evaluation {e.split}", tip))
        y += 24
    ticks = x.ticks(4 if narrow else 8)
    grid = [line(x.at(t), 4, x.at(t), y, "grid") for t in ticks]
    unit = [
        text(
            x.at(t),
            y + 15,
            f"{t:g} min" if t else "0",
            "tick",
            anchor="end" if x.at(t) > width - 22 else "middle",
            size=11,
        )
        for t in ticks
    ]
    return drawing(width, y + 22, [*grid, *parts, *unit], label="Timeline of phases, runs and evaluations")


def _phases(view: StudyView, x: Scale, y: float, minutes: float) -> list[Markup]:
    ends = [p.at for p in view.phases[1:]] + [view.created_at + 60 * minutes]
    parts = []
    for i, (mark, end) in enumerate(zip(view.phases, ends, strict=True)):
        a, b = x.at((mark.at - view.created_at) / 60), x.at((end - view.created_at) / 60)
        tip = title(f"{mark.phase}: {numbers.duration(end - mark.at)}")
        box = element(
            "rect", x=a, y=y, width=max(1.0, b - a - 1), height=20, class_=f"phase {'odd' if i % 2 else 'even'}"
        )
        fits = b - a > text_width(mark.phase, 11) + 8
        name = (text((a + b) / 2, y + 14, mark.phase, "phase-name", anchor="middle", size=11),) if fits else ()
        parts.append(element("g", tip, box, *name))
    return parts


def _bar(start: float | None, end: float | None, view: StudyView, x: Scale, y: float, class_: str, tip: str) -> Markup:
    begun = (start or view.created_at) - view.created_at
    ended = (end - view.created_at) if end is not None else view.wall_clock_s
    a, b = x.at(begun / 60), x.at(ended / 60)
    return element(
        "g",
        title(tip),
        element("rect", x=a, y=y + 3, width=max(2.0, b - a - 0.5), height=14, rx=2, class_=f"bar {class_}"),
    )


def _run_class(purpose: RunPurpose, state: RunState) -> str:
    broken = " broken" if state in (RunState.FAILED, RunState.LOST, RunState.CANCELLED) else ""
    return f"run {purpose.value}{broken}"


def _run_tip(run: Run) -> str:
    took = numbers.duration((run.ended_at or run.started_at or 0) - (run.started_at or 0))
    what = f"{numbers.short_id(run.id)}: {run.purpose.value}, to step {run.max_steps}, seed {run.seed}"
    return f"{what}, {run.state.value}, {took}"
