"""An audit as one HTML page that can be sent to somebody: verdict first, then the issues with rows that show them and
commands that mend them. No network, no script needed; whatever stands in the data is escaped, and masked once more."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from labwright import __version__
from labwright.contracts.data import AuditReport, Issue
from labwright.contracts.errors import StorageError
from labwright.data.audit import charts
from labwright.data.audit.safety import masked
from labwright.pages import house_style

_HISTOGRAMS = frozenset({"lengths"})
_TITLES = {
    "lengths": "Length, in characters",
    "tokens": "Tokens (a sample)",
    "languages": "Languages",
    "classes": "Classes",
}
_GROUPS = (
    ("error", "Errors", "What has to be mended before training."),
    ("warning", "Warnings", "What is worth mending, or at least a look."),
    ("info", "For information", "What you should know; it costs no points."),
)


def page(report: AuditReport) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("labwright.data.audit", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    environment.filters["percent"] = charts.percent
    environment.filters["bytes"] = _bytes
    rendered = environment.get_template("audit.html.j2").render(
        report=report,
        tone={"fit": "good", "fit after these fixes": "warn", "unfit": "bad"}[report.fitness],
        groups=[(key, name, said, _of(report, key)) for key, name, said in _GROUPS if _of(report, key)],
        counts={name: len(_of(report, key)) for key, name in charts.SEVERITIES.items()},
        dial=charts.dial(report.score),
        drawings=_drawings(report),
        overview=_overview(report),
        style=Markup(house_style() + environment.get_template("audit.css").render()),
        version=__version__,
    )
    return rendered.strip() + "\n"


def write_page(report: AuditReport, path: Path) -> None:
    """Write the page, whole or not at all. Raises StorageError."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(page(report), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StorageError.of(error, str(path)) or StorageError(
            f"the report cannot be written: {error.strerror}", where=str(path), cure="choose another place"
        ) from error


def shown(text: object) -> str:
    """Text of the data as the page may show it: masked, and what cannot be seen made visible."""
    visible = masked(str(text))
    return "".join(c if c.isprintable() or c in "\n\t " else f"\\x{ord(c):02x}" for c in visible)


def _of(report: AuditReport, severity: str) -> list[Issue]:
    return [issue for issue in report.issues if issue.severity == severity]


def _overview(report: AuditReport) -> tuple[Markup, Markup] | None:
    """Errors and warnings at a glance."""
    issues = [i for i in report.issues if i.severity != "info" and i.rows]
    if not issues:
        return None
    return charts.by_severity(issues), charts.by_severity(issues, narrow=True)


def _drawings(report: AuditReport) -> list[tuple[str, Markup, Markup]]:
    """Title, and each drawing twice: for a desktop and for a phone."""
    made: list[tuple[str, Markup, Markup]] = []
    for name, values in report.charts.items():
        heading = _TITLES.get(name, name.capitalize())
        pairs = [(shown(label), value) for label, value in values]
        if not pairs:
            continue
        if name in _HISTOGRAMS and len(pairs) > 1:
            made.append((heading, charts.histogram(pairs, heading), charts.histogram(pairs, heading, narrow=True)))
        else:
            share = name != "tokens"  # these are sums from the left
            made.append(
                (
                    heading,
                    charts.bars(pairs, heading, share=share),
                    charts.bars(pairs, heading, narrow=True, share=share),
                )
            )
    return made


def _bytes(size: int) -> str:
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.3g} {units[0]}"
