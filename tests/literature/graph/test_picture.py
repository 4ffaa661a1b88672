"""The picture is one page that asks nobody for anything, and in which no title becomes markup."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser
from tests.literature.graph.worlds import paper

from labwright.contracts.literature import Paper, PaperIds
from labwright.literature.graph import Edge, Graph, Survey, picture, surveyed

EVIL = (
    "</script><script>document.body.dataset.pwned=1</script><img src=x onerror='document.body.dataset.pwned=1'>\u2028"
)


def around(papers: list[Paper], edges: list[Edge], seeds: int = 1) -> Survey:
    return surveyed(Graph(tuple(papers), (0,) * len(papers), seeds, tuple(edges), asked=1), 2026)


@pytest.fixture
def hostile() -> Survey:
    evil = replace(
        paper("evil", 2021, title=EVIL),
        authors=(EVIL, "half of a pair \ud800"),
        abstract=EVIL,
        venue=EVIL,
        url="javascript:alert(1)",
    )
    papers = [paper("seed", 2023, title=f"Seed {EVIL}"), evil, paper("plain", None, None)]
    return around(papers, [Edge(0, 1, (EVIL,), ("result",), True), Edge(2, 0)])


def data_of(page: str) -> dict[str, list[dict[str, object]]]:
    element = LexborHTMLParser(page).css_first("#data")
    assert element is not None
    found = json.loads(element.text())
    assert isinstance(found, dict)
    return found


def test_a_hostile_title_stays_text_everywhere(hostile: Survey) -> None:
    page = picture(hostile)
    tree = LexborHTMLParser(page)
    assert len(tree.css("script")) == 2 and tree.css("img") == []
    assert tree.css_first("#ranking .row .title") is not None
    assert any("onerror" in each.text() for each in tree.css(".title"))
    assert "\u2028" not in page and page.encode()
    assert any("onerror" in str(each["title"]) for each in data_of(page)["papers"])


def test_the_page_allows_its_own_script_and_style_only_and_names_no_other_address(hostile: Survey) -> None:
    page = picture(hostile)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy and "default-src 'none'" in policy[1] and "unsafe" not in policy[1]
    tree = LexborHTMLParser(page)
    assert tree.css("[src], link, iframe, [style], [onclick]") == []
    addresses = set(re.findall(r"https?://[^\s\"'<>\\]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_only_addresses_of_the_web_become_links() -> None:
    papers = [
        Paper(PaperIds(arxiv="2305.18290"), "One", url="javascript:1"),
        Paper(PaperIds(doi="10.1/x"), "Two"),
        Paper(PaperIds(s2="1" * 40), "Three", url="https://example.org/3"),
        Paper(PaperIds(s2="2" * 40), "Four", url="data:text/html,x"),
        Paper(PaperIds(s2="3" * 40), "Five", url="http://[broken"),
    ]
    urls = {str(each["title"]): each["url"] for each in data_of(picture(around(papers, [])))["papers"]}
    assert urls == {
        "One": "https://arxiv.org/abs/2305.18290",
        "Two": "https://doi.org/10.1/x",
        "Three": "https://example.org/3",
        "Four": "",
        "Five": "",
    }


def test_the_best_are_drawn_and_the_page_says_of_how_many() -> None:
    crowd = [paper(f"p{n}", 2000 + n % 20, n) for n in range(60)]
    survey = around([*crowd, paper("late", 2020)], [Edge(n, 0) for n in range(1, 60)], seeds=2)
    page = picture(survey, most=20)
    shown = data_of(page)
    assert len(shown["papers"]) == 20 and "the 20 best of 61 papers" in page
    assert sum(bool(each["begin"]) for each in shown["papers"]) == 2
    ends = [end for link in json.loads(json.dumps(shown["links"])) for end in link[:2]]
    assert max(ends) < 20
    assert len(LexborHTMLParser(page).css("#ranking .row")) == 20


def test_a_day_of_another_year_does_not_move_a_paper() -> None:
    days = [("2023-07-01", 0.5), ("2022-07-01", None), ("2023", None), ("", None)]
    papers = [paper(f"p{n}", 2023, day=day) for n, (day, _) in enumerate(days)]
    parts = {str(each["id"]): each["part"] for each in data_of(picture(around(papers, [])))["papers"]}
    assert [parts[each.ids.key] for each in papers] == [part for _, part in days]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium on this machine")
def test_in_a_browser_the_page_draws_itself_and_runs_nothing_of_a_title(hostile: Survey, tmp_path: Path) -> None:
    file = tmp_path / "graph.html"
    file.write_text(picture(hostile), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run --disable-sync"
    flags += " --window-size=1280,800"
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = ["chromium", *flags.split(), profile, "--virtual-time-budget=2000", "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    body = LexborHTMLParser(done.stdout).css_first("body")
    assert body is not None and body.attributes.get("data-ready") == "3", done.stderr[-2000:]
    assert "data-pwned" not in body.attributes
    canvas = LexborHTMLParser(done.stdout).css_first("#canvas")
    assert canvas is not None and int(canvas.attributes.get("width") or 0) > 300
