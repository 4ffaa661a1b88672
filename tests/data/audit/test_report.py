"""The audit's page: self-contained, escaped, masked, and for every way an audit ends."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from labwright.contracts.data import AuditReport, Evidence, Fitness, Issue, IssueClass, Location
from labwright.contracts.errors import StorageError
from labwright.data.audit.charts import bars, by_severity, histogram, percent
from labwright.data.audit.report import page, shown, write_page

HOSTILE = "</blockquote><script>alert(1)</script><img src=https://evil.test/x.png onerror=alert(1)>\x1b[31m\u202egnp"
REPORT = AuditReport(
    name="train.jsonl",
    origin="data/train.jsonl",
    digest="ab" * 32,
    purpose="sft",
    rows=1200,
    sampled=None,
    bytes=812_345,
    duration_s=1.25,
    issues=(
        Issue(
            IssueClass.EMPTY, "error", "'completion' is empty in 24 rows", 24, 1200,
            (Evidence(Location("data/<b>train</b>.jsonl", 7), HOSTILE, "completion", "note & bob.smith@gmail.com"),),
            "labwright data filter data/train.jsonl OUT.jsonl --where 'x <> 1'",
        ),
        Issue(IssueClass.MARKUP, "warning", "3 rows have tags", 3, 1000, fix="strip them", exact=False),
        Issue(IssueClass.LICENCE, "info", "nobody said", 1200, 1200),
    ),
    score=71,
    parts={"empty": 7.7, "markup": 0.3},
    fitness="fit after these fixes",
    why="mend empty first",
    charts={
        "lengths": tuple((f"{10 * 2**n}", float(n * 7 % 23)) for n in range(12)),
        "languages": (("English", 1100.0), ("German", 60.0), ("cannot be told", 40.0)),
        "classes": tuple((f"class {n} <i>", float(50 - n)) for n in range(30)),
        "tokens": (("up to 12", 5.0), ("up to 80", 95.0)),
    },
    remarks=("Only some rows were loaded.",),
)  # fmt: skip
_VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})


class Checker(HTMLParser):
    """Collects what a browser would fetch or run, and whether tags are balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "action", "data") and not str(value).startswith(("#", "data:")):
                self.fetched.append(str(value))
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    return checker


def test_the_page_is_self_contained_and_hostile_cells_are_only_text() -> None:
    html = page(REPORT)
    found = checked(html)
    assert (found.fetched, found.handlers) == ([], [])
    assert not found.tags & {"script", "img", "iframe", "object"}
    assert "&lt;script&gt;alert(1)" in html and "\\x1b[31m" in html and "\u202e" not in html
    assert "url(" not in html and "@import" not in html


def test_the_page_masks_what_others_forgot_to_mask() -> None:
    html = page(REPORT)
    assert "bob.smith" not in html and "[masked: e-mail address]" in html


def test_verdict_counts_fixes_and_exactness_are_told() -> None:
    text = re.sub(r"<[^>]+>", " ", page(REPORT))
    for said in (
        "fit after these fixes",
        "mend empty first",
        "71",
        "1 200",
        "labwright data filter",
        "exact",
        "sampled",
        "Only some rows",
    ):
        assert said.replace("1 200", "1,200") in text, said
    assert "2 %" in text and "0.3 %" in text


@pytest.mark.parametrize("fitness", ["fit", "fit after these fixes", "unfit"])
def test_every_verdict_renders_even_without_issues_or_charts(fitness: Fitness) -> None:
    bare = replace(
        REPORT, fitness=fitness, issues=(), parts={}, charts={}, remarks=(), purpose=None, score=100, bytes=0
    )
    html = page(bare)
    checked(html)
    assert "Nothing was found" in html and fitness in html


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report.html"
    write_page(REPORT, target)
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [file.name for file in target.parent.iterdir()] == ["report.html"]
    with pytest.raises(StorageError, match="cannot be written"):
        write_page(REPORT, tmp_path / "deep" / "report.html" / "below.html")


def test_drawings_bear_odd_figures() -> None:
    for narrow in (False, True):
        for drawn in (
            histogram([("1", 0.0), ("2", 0.0)], "x", narrow=narrow),
            histogram([("1", 5e7)], "x", narrow=narrow),
            bars([("a" * 300, 0.0)], "x", narrow=narrow),
            by_severity([replace(REPORT.issues[0], rows=0), replace(REPORT.issues[0], rows=1200)], narrow=narrow),
        ):
            checked(str(drawn))
            assert "nan" not in drawn and "inf" not in drawn


def test_shares_have_as_many_digits_as_they_need() -> None:
    assert [percent(s) for s in (0.0, 0.00001, 0.004, 0.12, 1.0)] == ["0 %", "<\u202f0.1 %", "0.4 %", "12 %", "100 %"]
    assert shown("a\x00b\u200bc") == "a\\x00b\\x200bc"
