"""One picture of a running study, as a rich renderable that fits the terminal's width and height."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from labwright.contracts.progress import Activity
from labwright.contracts.research import BASE, Evaluation, RunPurpose
from labwright.contracts.views import StudyView
from labwright.study.report import numbers
from labwright.study.report.facts import boundary_of, outcome_of, rungs_of
from labwright.study.report.tree import OUTCOME_WORDS

PHASES = ("prepare", "controls", "gate", "preflight", "search", "promotion", "test", "report")
_BARS = "▁▂▃▄▅▆▇█"
_STYLES = {
    "promote": "bold green",
    "keep": "green",
    "discard": "dim",
    "reject": "bold red",
    "failed": "red",
    "cancelled": "yellow",
    "running": "cyan",
    "open": "dim",
}
_FIXED_LINES = 16  # everything but the trials' rows


def screen(view: StudyView, activity: Activity, *, now: float, width: int, height: int) -> RenderableType:
    """The whole picture. `now` is in seconds since the epoch."""
    inner = max(20, width - 4)
    parts: list[RenderableType] = [
        _cut(Text(view.spec.goal, style="bold"), inner),
        _phases(view, inner),
        Text(),
        *_trials(view, inner, max(3, height - _FIXED_LINES)),
        *_activity(activity, now, inner),
        Text(),
        _budget(view, inner),
        _standing(view, inner),
    ]
    title = Text(f" {view.id} ", style="bold")
    return Panel(Group(*parts), title=title, title_align="left", box=box.ROUNDED, border_style="dim", width=width)


def sparkline(values: Sequence[float], width: int) -> str:
    """The latest values as bars of eighths, lowest to highest; the mean of each bucket where there are too many."""
    finite = [v for v in values if v == v and abs(v) != float("inf")]
    if not finite or width <= 0:
        return ""
    if len(finite) > width:
        edges = [round(i * len(finite) / width) for i in range(width + 1)]
        finite = [sum(finite[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    return "".join(_BARS[min(7, int((v - low) / span * 8))] for v in finite)


def bar(share: float, width: int, style: str = "cyan") -> Text:
    """A progress bar of this many columns."""
    share = min(1.0, max(0.0, share))
    full = round(share * width)
    return Text("━" * full, style=style) + Text("━" * (width - full), style="bright_black")


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text


def _phases(view: StudyView, width: int) -> Text:
    """A strip: what is done, where it is, what is to come; only the present one is named where room is short."""
    here = PHASES.index(view.phase) if view.phase in PHASES else -1
    roomy = sum(len(name) + 3 for name in PHASES) <= width
    strip = Text()
    for i, name in enumerate(PHASES):
        mark, style = ("✓", "green") if i < here else ("●", "bold cyan") if i == here else ("○", "bright_black")
        strip.append(f"{mark} {name} " if roomy or i == here else f"{mark} ", style)
    strip.rstrip()
    return _cut(strip, width)


def _trials(view: StudyView, width: int, most: int) -> list[RenderableType]:
    planned = max(view.spec.search.trials, len(view.trials))
    done = sum(outcome_of(view, t.id) not in ("open", "running") for t in view.trials)
    head = _cut(
        Text.assemble(("trials ", "bold"), f"{done}/{planned}", (f"  rungs {list(view.spec.search.rungs)}", "dim")),
        width,
    )
    if not view.trials:
        return [head, Text("none drafted yet", style="dim"), Text()]
    rungs = sorted({*view.spec.search.rungs, *(r.max_steps for r in view.runs if r.purpose is RunPurpose.SEARCH)})
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim", width=width)
    table.add_column("trial", no_wrap=True)
    table.add_column("change", no_wrap=True, overflow="ellipsis", ratio=1)
    for steps in rungs[:4]:
        table.add_column(f"@{steps}", justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    shown = view.trials[-most:] if len(view.trials) > most else view.trials
    for trial in shown:
        outcome = outcome_of(view, trial.id)
        reached = {r.run.max_steps: r.evaluation for r in rungs_of(view, trial.id)}
        ids = {r.id for r in view.runs_of(trial.id)}
        alerts = sum(a.run_id in ids for a in view.alerts)
        name = Text(numbers.short_id(trial.id), style="bold" if view.best and view.best.subject in ids else "")
        cells = [_rung(reached.get(steps)) for steps in rungs[:4]]
        word = Text(OUTCOME_WORDS[outcome], style=_STYLES[outcome])
        table.add_row(name, Text(trial.change), *cells, word.append(f" ▲{alerts}", "yellow") if alerts else word)
    hidden = len(view.trials) - len(shown)
    more = [Text(f"{hidden} earlier trials not shown", style="dim")] if hidden else []
    return [head, table, *more, Text()]


def _rung(evaluation: Evaluation | None) -> Text:
    return Text(numbers.percent(evaluation.score.estimate)) if evaluation is not None else Text("·", style="dim")


def _activity(activity: Activity, now: float, width: int) -> list[RenderableType]:
    """What is going on, how far it is, and when it should be done."""
    done, total = (activity.step, activity.max_steps) if activity.max_steps else (activity.done, activity.total)
    head = Text.assemble(("▶ ", "cyan"), (activity.label or "waiting", "bold"))
    elapsed = max(0.0, now - activity.started_at) if activity.started_at is not None else None
    if done is None or not total:
        if elapsed is not None:
            head.append(f"  {numbers.clock(elapsed)}", "dim")
        return [_cut(head, width), Text()]
    facts = f" {'step' if activity.max_steps else 'item'} {done}/{total}"
    if elapsed is not None:
        facts += f"  {numbers.clock(elapsed)}"
        if 0 < done < total and elapsed > 1:
            facts += f", {numbers.clock(elapsed / done * (total - done))} left"
    room = max(8, min(40, width - len(facts) - 1))
    lines: list[RenderableType] = [_cut(head, width), _cut(bar(done / total, room) + Text(facts), width)]
    if activity.losses:
        now_at = f"loss {activity.losses[-1] if activity.loss is None else activity.loss:.3g} "
        lines.append(_cut(Text.assemble(now_at, (sparkline(activity.losses, width - len(now_at)), "magenta")), width))
    else:
        lines.append(Text())
    return lines


def _budget(view: StudyView, width: int) -> Text:
    b = view.budget
    used = b.used_wall_clock_s / b.wall_clock_s if b.wall_clock_s else 0.0
    spent, given, left = (numbers.clock(s) for s in (b.used_wall_clock_s, b.wall_clock_s, b.left_wall_clock_s))
    facts = f" {spent} of {given}, {left} left  runs {b.used_runs}/{b.runs}"
    facts += f"  ${b.used_usd:.2f}/${b.usd:.2f}" if b.usd or b.used_usd else ""
    style = "red" if used > 0.9 else "yellow" if used > 0.75 else "cyan"
    return _cut(
        Text.assemble(("time ", "bold"), bar(used, max(6, min(40, width - len(facts) - 5)), style), facts), width
    )


def _standing(view: StudyView, width: int) -> Text:
    """The best so far against the few-shot base, on dev."""
    few = view.evaluation(BASE, "few_shot", "dev") or view.evaluation(BASE, "zero_shot", "dev")
    line = Text.assemble(("best ", "bold"))
    best = view.best
    found = next((e for e in view.evaluations if best is not None and e.id == best.evaluation_id), None)
    if best is None or found is None:
        line.append("no score yet", "dim")
    elif best.subject == BASE:
        line.append(f"{found.style.replace('_', '-')} base {numbers.scored(found.score)} on dev", "default")
    else:
        line.append(f"{numbers.short_id(best.subject)} {numbers.scored(found.score)}", "bold green")
        if few is not None:
            line.append(f" against {few.style.replace('_', '-')} {numbers.scored(few.score)} on dev")
    if view.runs and boundary_of(view) != "enforced":
        line.append("  boundary: not enforced", "yellow")
    return _cut(line, width)
