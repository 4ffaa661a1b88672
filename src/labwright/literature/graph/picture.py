"""The graph as one HTML page: a timeline to look around in and a list to read. It asks nobody for anything.

Everything in it was written by strangers, so nothing of it becomes markup: Jinja escapes the list, the data travel as
JSON in which no `<` is left, the script writes text only, and the page's own policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from labwright import __version__
from labwright.contracts.literature import Paper
from labwright.literature.graph.gathering import tells
from labwright.literature.graph.ranking import Rank
from labwright.literature.graph.recommending import Reasons, short
from labwright.literature.graph.survey import Survey

MOST = 500  # papers that are drawn: what stays fluid, and more than anyone looks at
_ABSTRACT = 900
_TITLE = 300
_WHY = 600
_SCRIPTS = ("layout.js", "canvas.js", "page.js")


@dataclass(frozen=True, slots=True)
class _Row:
    """A paper as the list shows it."""

    number: int  # its place among the papers of the page
    title: str
    by: str
    facts: str
    percent: int
    why: str
    begin: bool


def picture(survey: Survey, most: int = MOST) -> str:
    """The page, with the best papers of a survey and the citations among them."""
    shown = _shown(survey, most)
    places = {each.paper: number for number, each in enumerate(shown)}
    reasons = Reasons(survey.graph)
    suggested = {each.rank.paper: each.why for each in survey.suggestions}
    whys = [suggested.get(each.paper) or reasons.why(each.paper) for each in shown]
    rows = [_row(survey, each, number, whys[number]) for number, each in enumerate(shown)]
    environment = Environment(
        loader=PackageLoader("labwright.literature.graph", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = _part(environment, "graph.css")
    script = "\n".join(_part(environment, name) for name in _SCRIPTS)
    page = environment.get_template("graph.html.j2").render(
        rows=rows,
        next=[rows[places[each.rank.paper]] for each in survey.suggestions if each.rank.paper in places],
        seeds=[_clipped(_called(paper), _TITLE) for paper in survey.graph.papers[: survey.graph.seeds]],
        counted=_counted(survey, len(shown)),
        remarks=[_clipped(remark, _WHY) for remark in survey.remarks],
        data=_embedded(_data(survey, shown, places, whys)),
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        version=__version__,
    )
    return page.strip().encode("utf-8", "replace").decode() + "\n"  # half a character of UTF-16 is no text


def _shown(survey: Survey, most: int) -> list[Rank]:
    """The papers begun with, what is suggested and the best of the others, the best first."""
    wanted = {each.rank.paper for each in survey.suggestions} | set(range(survey.graph.seeds))
    room = max(0, most - len(wanted))
    for each in survey.ranks:
        if room and each.paper not in wanted:
            wanted.add(each.paper)
            room -= 1
    return [each for each in survey.ranks if each.paper in wanted]


def _counted(survey: Survey, shown: int) -> str:
    graph = survey.graph
    papers = f"{len(graph.papers):,} papers" if len(graph.papers) != 1 else "1 paper"
    of = f"the {shown:,} best of {papers}" if shown < len(graph.papers) else papers
    return f"{of} · {len(graph.edges):,} citations among them"


def _row(survey: Survey, each: Rank, number: int, why: str) -> _Row:
    paper = survey.paper(each)
    facts = [str(paper.year) if paper.year else "", f"{paper.citations:,} citations" if paper.citations else ""]
    return _Row(
        number,
        _clipped(_called(paper), _TITLE),
        _authors(paper),
        " · ".join(fact for fact in facts if fact),
        round(100 * each.score),
        _clipped(why, _WHY),
        each.paper < survey.graph.seeds,
    )


def _data(survey: Survey, shown: list[Rank], places: dict[int, int], whys: list[str]) -> dict[str, object]:
    """What the script draws, by the page's own numbers."""
    suggested = {each.rank.paper: each for each in survey.suggestions}
    papers = []
    for each, why in zip(shown, whys, strict=True):
        paper = survey.paper(each)
        suggestion = suggested.get(each.paper)
        papers.append(
            {
                "title": _clipped(_called(paper), _TITLE),
                "label": _clipped(short(paper), 32),
                "by": _authors(paper),
                "id": paper.ids.key,
                "year": paper.year,
                "part": _part_of_year(paper),
                "venue": _clipped(paper.venue, 80),
                "citations": paper.citations,
                "score": round(each.score, 3),
                "parts": [round(part, 2) for part in (each.influence, each.result, each.recency)],
                "begin": each.paper < survey.graph.seeds,
                "next": suggestion is not None,
                "why": _clipped(why, _WHY),
                "quote": _clipped(suggestion.quote, _WHY) if suggestion else "",
                "about": _clipped(paper.summary or paper.abstract, _ABSTRACT),
                "url": _address(paper),
            }
        )
    links = [
        [places[edge.citing], places[edge.cited], int(edge.influential or tells(edge.intents))]
        for edge in survey.graph.edges
        if edge.citing in places and edge.cited in places
    ]
    return {"papers": papers, "links": links}


def _called(paper: Paper) -> str:
    return paper.title or paper.ids.key or "a paper without a title"


def _authors(paper: Paper) -> str:
    names = ", ".join(paper.authors[:3]) + (f" and {len(paper.authors) - 3} more" if len(paper.authors) > 3 else "")
    return _clipped(names, 160)


def _part_of_year(paper: Paper) -> float | None:
    """How much of the year had passed, where the day is known and of this year."""
    parts = (paper.published or "").split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts) or int(parts[0]) != paper.year:
        return None
    return round(min(1.0, (int(parts[1]) - 1) / 12 + (int(parts[2]) - 1) / 372), 3)


def _address(paper: Paper) -> str:
    """A page about it: at arXiv, at its DOI, else what a source says, if that is an address of the web."""
    if paper.ids.arxiv:
        return f"https://arxiv.org/abs/{paper.ids.arxiv}"
    url = f"https://doi.org/{paper.ids.doi}" if paper.ids.doi else paper.url
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def _clipped(text: str, most: int) -> str:
    line = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _part(environment: Environment, name: str) -> str:
    loader = environment.loader
    assert loader is not None
    return loader.get_source(environment, name)[0].strip()  # as it is: nothing in it is a template


def _hash(text: str) -> str:
    """As the page's policy names what may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embedded(data: object) -> Markup:
    """JSON inside a script element, which ends at the first `</`, whoever wrote it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
