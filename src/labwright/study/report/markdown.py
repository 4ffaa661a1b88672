"""The report as Markdown: for terminals, pull requests and readers that are programs."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined

from labwright.study.report import numbers
from labwright.study.report.facts import Facts
from labwright.study.report.tree import OUTCOME_WORDS

_SPECIAL = re.compile(r"([\\`*\[\]|]|(?<!\w)_|_(?!\w))")  # an underscore inside a word is no emphasis


def markdown(facts: Facts) -> str:
    """The whole report as Markdown."""
    loader = PackageLoader("labwright.study.report", "templates")
    # no HTML autoescape: `plain` below escapes for Markdown, where a backslash does the work
    environment = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(plain=plain, code=code)
    rendered = environment.get_template("report.md.j2").render(
        facts=facts, view=facts.view, n=numbers, outcomes=OUTCOME_WORDS
    )
    return re.sub(r"\n{3,}", "\n\n", rendered).strip() + "\n"


def plain(text: object) -> str:
    """Text from a study as text in Markdown: one line, no markup, no table breaks, no HTML."""
    line = " ".join(str(text).split())
    return _SPECIAL.sub(r"\\\1", line).replace("<", "&lt;").replace(">", "&gt;")


def code(text: object) -> str:
    """Text from a study as a code span that may stand in a table."""
    line = " ".join(str(text).split()).replace("|", "¦")
    fence = "``" if "`" in line else "`"
    pad = " " if "`" in line else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""
