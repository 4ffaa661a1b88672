"""The report as one HTML page: no network, no fonts to fetch, no script needed."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from labwright import __version__
from labwright.pages import house_style
from labwright.study.report import numbers, plots
from labwright.study.report.facts import Facts
from labwright.study.report.tree import OUTCOME_WORDS, trial_tree


def page(facts: Facts) -> str:
    """The whole page. Everything that comes from the study is escaped by Jinja or markupsafe."""
    loader = PackageLoader("labwright.study.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["tied"] = tied
    style = Markup(house_style() + environment.get_template("style.css").render())
    rendered = environment.get_template("report.html.j2").render(
        facts=facts,
        view=facts.view,
        n=numbers,
        outcomes=OUTCOME_WORDS,
        style=style,
        drawings=_drawings(facts),
        panels=_panels(facts),
        version=__version__,
    )
    return rendered.strip() + "\n"


def tied(text: str) -> str:
    """Numbers do not part from their units at a line's end."""
    return text.replace(" %", "\u00a0%").replace(" × 10", "\u00a0×\u00a010").replace("p = ", "p\u00a0=\u00a0")


def _drawings(facts: Facts) -> dict[str, tuple[Markup, Markup]]:
    """Each plot twice: for a desktop and for a phone."""
    made = {"forest": (plots.forest(facts), plots.forest(facts, narrow=True))} if facts.scores else {}
    if facts.trials:
        made["tree"] = (trial_tree(facts), trial_tree(facts, narrow=True))
    if any(r.started_at for r in facts.view.runs) or facts.view.phases:
        made["timeline"] = (plots.timeline(facts), plots.timeline(facts, narrow=True))
    return made


def _panels(facts: Facts) -> list[tuple[str, str, str, Markup]]:
    """Short id, label, outcome and learning curves of every trial that has some."""
    rows = [r for r in facts.trials if any(c.points for c in r.curves)]
    last = max((p.last for r in rows for c in r.curves for p in c.points), default=1)
    ceiling = plots.curve_ceiling(rows)
    return [(r.short, r.label, r.outcome, plots.learning_curves(r, last, ceiling)) for r in rows]
