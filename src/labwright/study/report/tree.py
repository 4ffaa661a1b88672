"""The trial tree as one drawing: who came from whom on the left, the score at each rung on one axis on the right."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from labwright.pages.svg import Scale, drawing, element, line, path, score_domain, text, text_width, title
from labwright.study.report import numbers
from labwright.study.report.facts import Facts, RungScore, ScoreRow, TrialRow
from labwright.study.report.plots import NARROW, WIDE

OUTCOME_WORDS = {
    "promote": "promoted",
    "keep": "kept",
    "discard": "discarded",
    "reject": "rejected",
    "failed": "failed",
    "cancelled": "stopped",
    "running": "running",
    "open": "open",
}
_MARKS = {"promote": "✓", "reject": "✕", "failed": "!", "cancelled": "!"}
_INDENT = 22.0


@dataclass(frozen=True, slots=True)
class _Layout:
    narrow: bool
    width: float
    row: float
    scale: Scale

    @property
    def text_room(self) -> float:
        """Pixels from the left edge that titles may take."""
        return self.width if self.narrow else self.scale.start - 30


def trial_tree(facts: Facts, *, narrow: bool = False) -> Markup:
    """Every trial with kind, change, alerts, scores by rung and outcome."""
    width = NARROW if narrow else WIDE
    scores = [s for row in facts.trials for r in (*row.rungs, *row.retrains) if r.evaluation for s in _ends(r)]
    base = facts.score("dev", "few-shot") or facts.score("dev", "zero-shot")
    scores += [base.score.low, base.score.high] if base else []
    start, end = (34.0, width - 62.0) if narrow else (440.0, width - 150.0)
    layout = _Layout(narrow, width, 88.0 if narrow else 58.0, Scale(*score_domain(scores), start, end))
    top, scale = 30.0, layout.scale
    first = top + (layout.row - 12 if base else 0)
    height = first + layout.row * len(facts.trials)
    ticks = scale.ticks(4 if narrow else 6)
    parts = [line(scale.at(t), top - 8, scale.at(t), height, "grid") for t in ticks]
    parts += [text(scale.at(t), top - 14, f"{100 * t:g} %", "tick", anchor="middle", size=11) for t in ticks]
    if base is not None:
        x = scale.at(base.score.estimate)
        parts.append(line(x, top - 8, x, height, "baseline"))
        parts += _connectors(facts.trials, first, layout.row, root=top + 17)
        parts.append(_base(base, facts, top, layout))
    else:
        parts += _connectors(facts.trials, first, layout.row, root=None)
    parts += [_node(row, first + i * layout.row, layout) for i, row in enumerate(facts.trials)]
    return drawing(width, height + 4, parts, label=f"Tree of {numbers.count_of(len(facts.trials), 'trial')}")


def _ends(rung: RungScore) -> tuple[float, float]:
    assert rung.evaluation is not None  # the caller looked
    return rung.evaluation.score.low, rung.evaluation.score.high


def _x(depth: int) -> float:
    return 11 + (depth + 1) * _INDENT


def _connectors(rows: tuple[TrialRow, ...], top: float, row: float, *, root: float | None) -> list[Markup]:
    """An elbow from each child up to its parent; drafts hang on the trunk of the untrained base."""
    parts: list[Markup] = []
    place = {r.trial.id: i for i, r in enumerate(rows)}
    for i, one in enumerate(rows):
        y = top + i * row + 17
        parent = place.get(one.trial.parent_id or "")
        if parent is None:
            if root is not None:
                parts.append(path([(_x(-1), root + 8), (_x(-1), y), (_x(0), y)], "branch"))
            continue
        above = top + parent * row + 17
        parts.append(
            path([(_x(rows[parent].depth), above + 8), (_x(rows[parent].depth), y), (_x(one.depth), y)], "branch")
        )
    return parts


def _base(base: ScoreRow, facts: Facts, y: float, layout: _Layout) -> Markup:
    """The root: the untrained base with its better prompt, the score to beat."""
    x, left, middle = _x(-1), _x(-1) + 17, y + 17
    name = facts.view.base.name if facts.view.base else facts.view.spec.base_model
    axis = y + (46 if layout.narrow else 21)
    score = base.score
    parts = [
        title(f"{base.label} on dev: {numbers.scored(score)}"),
        element("circle", cx=x, cy=middle, r=9.0, class_="node root"),
        text(left, y + 15, base.label, "strong", size=12.5),
        text(left, y + 32, name, "muted", fit=layout.text_room - left, size=12),
        line(layout.scale.at(score.low), axis, layout.scale.at(score.high), axis, "whisker"),
        element("circle", cx=layout.scale.at(score.estimate), cy=axis, r=5.5, class_="mark role-few-shot"),
        text(
            layout.scale.at(score.high) + 8,
            axis + 4,
            f"{numbers.percent(score.estimate)}, the score to beat",
            "figure",
            size=12,
        ),
    ]
    return element("g", *parts, class_="trial root")


def _node(row: TrialRow, y: float, layout: _Layout) -> Markup:
    x = _x(row.depth)
    left = x + 17
    middle = y + 17
    outcome = OUTCOME_WORDS[row.outcome]
    parts = [
        title(f"{row.short}: {row.trial.hypothesis.statement} {outcome}: {row.reason}"),
        element("circle", cx=x, cy=middle, r=9.0, class_=f"node {row.outcome}"),
        text(x, middle + 4, _MARKS.get(row.outcome, ""), "node-mark", anchor="middle", size=11),
    ]
    head = f"{row.short} {row.trial.kind.value}"
    pill = 23 + text_width(outcome, 11.5)
    room = layout.text_room - left - (pill + 6 if layout.narrow else 0)
    badge = f"▲ {len(row.alerts)}" if row.alerts else ""
    taken = text_width(head, 12.5) + 10
    parts.append(
        element(
            "text",
            element("tspan", row.short, class_="strong"),
            element("tspan", row.trial.kind.value, class_="kind", dx=6),
            x=left,
            y=y + 15,
            font_size=12.5,
        )
    )
    if badge:
        shown = title("; ".join(f"{a.rule}: {a.message}" for a in row.alerts))
        parts.append(element("g", shown, text(left + taken + 4, y + 15, badge, "warn strong", size=11.5)))
    parts.append(
        text(
            left,
            y + 32,
            row.trial.change,
            "muted",
            fit=max(60.0, room if not layout.narrow else layout.text_room - left),
            size=12,
        )
    )
    parts += _pill(row, y, layout, pill)
    parts += _scores(row, y + (53 if layout.narrow else 21), layout)
    return element("g", *parts, class_=f"trial {row.outcome}")


def _pill(row: TrialRow, y: float, layout: _Layout, width: float) -> list[Markup]:
    x = layout.width - width
    box = element("rect", x=x, y=y + 4, width=width, height=20, rx=10, class_=f"pill {row.outcome}")
    return [
        box,
        text(x + width / 2, y + 18, OUTCOME_WORDS[row.outcome], f"pill-text {row.outcome}", anchor="middle", size=11.5),
    ]


def _scores(row: TrialRow, y: float, layout: _Layout) -> list[Markup]:
    scale = layout.scale
    parts = [line(scale.start, y, scale.end, y, "track")]
    reached = [r for r in row.rungs if r.evaluation is not None]
    if not reached:
        word = {"running": "training", "open": "not trained yet"}.get(
            row.outcome, f"no score: {row.reason or row.outcome}"
        )
        room = layout.width - scale.start - (0 if layout.narrow else 120)
        return [*parts, text(scale.start, y + 4, word, "tick", fit=room, size=11)]
    dots = [(scale.at(r.evaluation.score.estimate), r) for r in reached if r.evaluation is not None]
    if len(dots) > 1:
        parts.append(path([(x, y) for x, _ in dots], "climb"))
    last = row.last_score
    assert last is not None  # reached is not empty
    parts.append(line(scale.at(last.low), y, scale.at(last.high), y, f"whisker {row.outcome}"))
    for place, (x, rung) in enumerate(dots):
        assert rung.evaluation is not None  # dots hold scored rungs
        tip = title(f"rung {rung.run.max_steps} steps: {numbers.scored(rung.evaluation.score)}")
        final = place == len(dots) - 1
        parts.append(
            element(
                "g",
                tip,
                element(
                    "circle",
                    cx=x,
                    cy=y,
                    r=5.5 if final else 4.0,
                    class_=f"rung {row.outcome}{' last' if final else ''}",
                ),
            )
        )
        if not final or len(dots) == 1 or x - dots[place - 1][0] > 34:
            parts.append(text(x, y + 17, f"{rung.run.max_steps}", "tick", anchor="middle", size=10))
    for again in row.retrains:
        if again.evaluation is not None:
            x = scale.at(again.evaluation.score.estimate)
            tip = title(f"retrained with seed {again.run.seed}: {numbers.scored(again.evaluation.score)}")
            parts.append(
                element("g", tip, path([(x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y)], "retrain", closed=True))
            )
    label_x = max(scale.at(last.high), dots[-1][0]) + 8
    parts.append(text(label_x, y + 4, numbers.percent(last.estimate), "figure strong", size=12))
    return parts
