"""The ranking puts first what is built on, what found something and what is new; suggestions say why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.literature.graph.worlds import named, paper

from labwright.contracts.literature import Direction, Failure, Paper, PaperIds
from labwright.literature.graph import Edge, Graph, Rank, Side, Trouble, gaps, markdown, rank, recommend, surveyed
from labwright.literature.graph.ranking import pagerank
from labwright.literature.graph.recommending import Reasons, short


def graph(papers: list[Paper], edges: list[Edge], seeds: int = 1) -> Graph:
    return Graph(tuple(papers), (0,) * len(papers), seeds, tuple(edges), asked=1)


def order(of: Graph, ranks: tuple[Rank, ...]) -> list[str]:
    return named(of.papers[each.paper] for each in ranks)


def test_pagerank_agrees_with_its_equation_on_a_small_graph() -> None:
    small = graph([paper(n) for n in "abc"], [Edge(0, 2), Edge(1, 2), Edge(1, 0)])
    share = pagerank(small)
    a, b, c = share
    assert np.isclose(sum(share), 1)
    assert np.isclose(b, 0.05 + 0.85 * c / 3)
    assert np.isclose(a, 0.05 + 0.85 * (b / 2 + c / 3))
    assert np.isclose(c, 0.05 + 0.85 * (a + b / 2 + c / 3))


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=60))
def test_every_graph_has_a_ranking_with_parts_between_zero_and_one(ends: list[tuple[int, int]]) -> None:
    papers = [paper(f"p{n}", 2000 + n if n % 3 else None, n**3 if n % 4 else None) for n in range(12)]
    some = graph(papers, [Edge(a, b) for a, b in dict.fromkeys(ends) if a != b])
    assert np.isclose(sum(pagerank(some)), 1)
    ranks = rank(some, 2026)
    assert sorted(each.paper for each in ranks) == list(range(12))
    assert all(0 <= part <= 1 for each in ranks for part in (each.score, each.influence, each.result, each.recency))
    assert list(ranks) == sorted(ranks, key=lambda each: -each.score)


def test_influence_result_and_recency_each_lift_a_paper() -> None:
    papers = [paper("seed", 2015), paper("cited", 2015), paper("tells", 2015), paper("new", 2026), paper("old", 2015)]
    edges = [Edge(0, n) for n in (1, 3, 4)] + [Edge(2, 1), Edge(3, 1)]
    edges.append(Edge(0, 2, intents=("result",)))
    ranks = {named([papers[each.paper]])[0]: each for each in rank(graph(papers, edges), 2026)}
    for better in ("cited", "tells", "new"):
        assert ranks[better].score > ranks["old"].score, better
    assert ranks["new"].recency == 1 and ranks["old"].recency < 0.05
    recipes = {ranks_.paper: ranks_ for ranks_ in rank(graph(papers, edges), 2026, {papers[4].id: 3})}
    assert recipes[4].result > ranks["old"].result


def test_a_year_in_the_future_or_unknown_earns_nothing() -> None:
    ranks = {each.paper: each for each in rank(graph([paper("a", 2999), paper("b", None), paper("c", 2026)], []), 2026)}
    assert ranks[0].recency == ranks[2].recency == 1 and ranks[1].recency == 0


def test_a_graph_of_one_paper_is_ranked() -> None:
    (only,) = rank(graph([paper("a", citations=None)], []), 2026)
    assert only.influence == 0 and only.result == 0


def test_what_was_read_or_begun_with_is_not_suggested() -> None:
    papers = [paper("seed"), paper("read"), paper("unread"), Paper(PaperIds(), "Nobody can look this up")]
    some = graph(papers, [Edge(0, 1), Edge(0, 2), Edge(0, 3)])
    found = recommend(some, rank(some, 2026), lambda each: each.ids.local == "read")
    assert order(some, tuple(each.rank for each in found)) == ["unread"]


def test_suggestions_hold_foundations_and_what_follows_from_them() -> None:
    older = [paper(f"old{n}", 2010, 5000) for n in range(20)]
    newer = [paper(f"new{n}", 2012, 0) for n in range(20)]
    papers = [paper("seed"), *older, *newer]
    some = graph(papers, [Edge(0, n) for n in range(1, 21)] + [Edge(n, 0) for n in range(21, 41)])
    kinds = [each.kind for each in recommend(some, rank(some, 2026), limit=6)]
    assert kinds.count("foundation") == 4 and kinds.count("follow-up") == 2
    alone = graph(papers[:21], [Edge(0, n) for n in range(1, 21)])
    assert len(recommend(alone, rank(alone, 2026), limit=6)) == 6


def test_the_reasons_are_what_was_measured() -> None:
    seed = replace(paper("seed", 2023), authors=("Rafael Rafailov", "Archit Sharma"))
    papers = [seed, paper("base", 2017, 21000), paper("more", 2024)]
    edges = [Edge(0, 1, ("We use base.",), ("methodology",)), Edge(2, 1, ("See base.",)), Edge(2, 0)]
    reasons = Reasons(graph(papers, edges), {papers[1].id: 1})
    assert reasons.why(1) == (
        "2 papers here cite it, among them Rafailov et al. 2023, 1 time for what it does or found; "
        "1 recipe was read out of it; 21,000 citations in all; from 2017."
    )
    assert reasons.quote(1) == "We use base."
    assert reasons.why(2) == "It cites 2 papers here, among them Rafailov et al. 2023; 10 citations in all; from 2024."
    assert (reasons.kind(1), reasons.kind(2)) == ("foundation", "follow-up")


def test_a_paper_without_authors_is_called_by_its_title_or_id() -> None:
    assert short(Paper(PaperIds(doi="10.1/x"), "")) == "doi:10.1/x"
    assert len(short(Paper(PaperIds(), "word " * 40))) == 40
    assert short(Paper(PaperIds(), "t", ("Rafailov, Rafael",), 2023)) == "Rafailov 2023"


def test_what_is_missing_is_said_in_sentences() -> None:
    some = replace(
        graph([paper("a"), paper("b")], []),
        unfollowed=(Side(1, Direction.CITATIONS), Side(1, Direction.REFERENCES)),
        partial=(Side(0, Direction.CITATIONS),),
        troubles=(
            Trouble(Side(0, Direction.REFERENCES), Failure("", "gone"), answered=False),
            Trouble(Side(0, Direction.CITATIONS), Failure("s2", "busy"), answered=True),
        ),
    )
    said = "\n".join(gaps(some))
    assert "1 of 2 papers not followed, or one way only: the budget of 1 question is spent" in said
    assert "in part: 1 list of citations" in said and "had; the first: gone" in said
    assert "s2 did not answer 1 time, and another source did; the first: busy" in said


def test_the_list_is_markdown_that_no_title_can_break() -> None:
    evil = paper("evil", title="a | b\n# <script>*x*</script> [link](javascript:1)")
    text = markdown(surveyed(graph([paper("seed", 2023), evil], [Edge(0, 1)]), 2026))
    row = next(line for line in text.splitlines() if line.startswith("| ") and "javascript" in line)
    assert row.replace("\\|", "").count("|") == 9
    assert "<script" not in text.replace("\\<script", "") and "\n# <" not in text
    assert "## Read next" in text and "- 2023: 1, such as Seed 2023" in text
